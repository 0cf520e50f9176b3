"""Forgetting: what a subject said is nowhere any more, the log stays whole, and whoever must be kept is kept."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from recorded_log import CALLER, CUSTOMER, SAID, THEIRS
from searching import files_with, found_in
from support import run

from agent_core.conversation import Status
from console import custody
from console.commands import forget as forget_command
from console.custody import CustodyRecord
from console.settings import load_settings
from console.workspace import open_workspace
from projections.custody import Custody, Retention
from projections.forgetting import Refused, refusal
from projections.subjects import Standing
from schemas.base import Fact
from schemas.custody import ConversationForgotten, ForgettingRefused, HoldPlaced, RetentionSet, SubjectForgotten
from streams.codec import Body
from streams.intake import Received
from streams.keys import SqliteKeyStore
from streams.pseudonyms import Pseudonyms
from streams.sqlite import SqliteInbox
from streams.sqlite_store import SqliteStore
from tests.calls.commands import Ran, failed, ledgerline

ORDER = ("--reference", "DSR-1", "--by", "dpo")
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
SMS = Received("sms", "1", FORM, b"From=%2B442079460000&Body=Is+my+card+there%3F")
MAIL = Received("mail", "<2@example.org>", (("Subject", "About call-1"),), b"I called you before.")
THEIR_MAIL = Received("mail", "<3@example.org>", (), b"I am customer-9, and I lost it.")
IN_THE_CLEAR = "a letter that nobody could read said Persephone"


def forget(data: Path, subject: str) -> Ran:
    return ledgerline("forget", subject, *ORDER, "--data", data, "--json")


def wrapped_key(data: Path, conversation_id: str) -> bytes:
    with sqlite3.connect(data / "keys" / "keys.db") as db:
        (wrapped,) = db.execute("select wrapped from data_key where conversation_id = ?", (conversation_id,)).fetchone()
    db.close()
    return bytes(wrapped)


def put_poison(data: Path) -> None:
    """A record that nobody can read, written in the clear: its owner puts it to the dead letters."""
    store = SqliteStore(data / "ledger.db")
    run(SqliteInbox(store).put("call-1", "poison", Body("Nonsense", 1, IN_THE_CLEAR.encode())))
    store.close()
    ledgerline("retention", "0", *ORDER, "--data", data)  # this command owns the log while it notes something


def take_in(data: Path, *messages: Received) -> None:
    async def put() -> None:
        async with open_workspace(load_settings(data), create=False) as workspace, workspace.intake() as intake:
            for message in messages:
                await intake.put(message)

    run(put())


def read_intake(data: Path) -> dict[str, Received | None]:
    async def read() -> dict[str, Received | None]:
        async with open_workspace(load_settings(data), create=False) as workspace, workspace.intake() as intake:
            return {taken.id: taken.message async for batch in intake.read() for taken in batch}

    return run(read())


def test_nothing_that_was_said_is_left_in_any_file(data: Path, tmp_path: Path) -> None:
    (data / "recordings").mkdir()
    (data / "recordings" / "call-1.wav").write_bytes(SAID.encode() * 100)
    put_poison(data)
    assert ledgerline("project", "--data", data).code == 0
    assert ledgerline("export", "--parquet", data / "parquet", "--data", data).code == 0
    wrapped = wrapped_key(data, "call-1")
    assert files_with(data, SAID)
    assert files_with(data, IN_THE_CLEAR)
    assert files_with(data, wrapped)
    told = forget(data, CALLER).json
    assert (told["conversations"], told["erased"]["keys"]) == (["call-1"], 1)
    assert (told["erased"]["recordings"], told["erased"]["dead_letters"]) == (1, 1)
    assert "turns" in told["erased"]["read_models"]
    for words in (SAID, CALLER, IN_THE_CLEAR, wrapped):
        assert files_with(data, words) == []


def test_the_recording_of_a_call_whose_id_begins_alike_stays(data: Path) -> None:
    (data / "recordings").mkdir()
    for name in ("call-1.wav", "call-1.part.wav", "call-10.wav", "call-1-2.wav"):
        (data / "recordings" / name).write_bytes(b"RIFF")
    assert forget(data, CALLER).json["erased"]["recordings"] == 2
    assert {path.name for path in (data / "recordings").iterdir()} == {"call-10.wav", "call-1-2.wav"}


def test_the_log_still_verifies_and_replays_and_says_that_it_was_forgotten(data: Path) -> None:
    forget(data, CALLER)
    verified = ledgerline("verify", "--data", data, "--json").json
    assert (verified["problems"], verified["forgotten"]) == ([], 1)
    assert ledgerline("replay", "call-1", "--data", data, "--json").json["identical"] is None
    shown = ledgerline("show", "call-1", "--data", data, "--json").json
    assert shown["turns"][0]["heard"] == "[forgotten]"
    heard = ledgerline("sql", "select heard from turns where conversation_id = 'call-1'", "--data", data, "--json").json
    assert {row["heard"] for row in heard} == {None}
    theirs = ledgerline("show", "call-2024", "--data", data, "--json").json
    assert theirs["turns"][0]["heard"] == THEIRS


def test_no_key_that_is_left_opens_what_was_sealed(data: Path) -> None:
    keys = SqliteKeyStore(data / "keys")
    former = keys.get("call-1")
    keys.close()
    assert former is not None
    forget(data, CALLER)
    assert files_with(data, former.secret) == []
    keys = SqliteKeyStore(data / "keys")
    assert keys.get("call-1") is None
    keys.close()


def test_a_subject_of_imported_history_is_forgotten_and_stays_so(data: Path, tmp_path: Path) -> None:
    told = forget(data, CUSTOMER).json
    (conversation_id,) = told["conversations"]
    assert conversation_id.startswith("call-20240301-090000")
    assert ledgerline("show", conversation_id, "--data", data, "--json").json["turns"][0]["heard"] == "[forgotten]"
    assert ledgerline("show", "call-1", "--data", data, "--json").json["turns"][0]["heard"] == SAID


def test_forgetting_again_does_what_was_left_and_adds_nothing(data: Path) -> None:
    keys = SqliteKeyStore(data / "keys")
    secret = keys.create("call-1")
    forget(data, CALLER)
    keys.close()
    events = ledgerline("verify", "--data", data, "--json").json["events"]
    again = forget(data, "call:call-1").json
    assert (again["conversations"], again["erased"]["keys"]) == (["call-1"], 0)
    assert secret is not None
    by_number = forget(data, CALLER)  # nothing names them any more but the pseudonym
    assert by_number.json["conversations"] == ["call-1"]
    assert ledgerline("verify", "--data", data, "--json").json["events"] <= events + 3


def test_a_hold_is_in_the_way_until_it_is_lifted_and_leaves_a_trail(data: Path) -> None:
    placed = ledgerline("hold", "place", CALLER, "--reference", "CASE-17", "--by", "legal", "--data", data, "--json")
    (hold,) = placed.json["holds"]
    refused = forget(data, CALLER)
    failed(refused, 1, "nothing was forgotten", hold["hold_id"], "CASE-17")
    assert CALLER not in refused.err
    for words in (CALLER, "7946 0000", "79460000"):  # four digits alone stand in many a random id
        assert not found_in((data / "ledger.db").read_bytes(), words)
    assert ledgerline("show", "call-1", "--data", data, "--json").json["turns"][0]["heard"] == SAID
    lifted = ledgerline(
        "hold", "lift", hold["hold_id"], "--reference", "CASE-17", "--by", "court", "--data", data, "--json"
    )
    assert lifted.json["holds"][0]["lifted_by"] == "court"
    assert forget(data, CALLER).code == 0
    trail = ledgerline("hold", "list", "--data", data, "--json").json
    assert [refusal["reason"] for refusal in trail["refused"]] == ["hold"]
    assert [(f["conversations"], f["by"]) for f in trail["forgotten"]] == [(["call-1"], "dpo")]
    assert ledgerline("verify", "--data", data, "--json").json["problems"] == []


def orders_beside(monkeypatch: pytest.MonkeyPatch, fact: Fact, *, behind: bool) -> None:
    """Somebody else's order becomes effective just before, or just ``behind``, the ``SubjectForgotten`` of a command."""
    note = CustodyRecord.note

    async def noting(self: CustodyRecord, noted: Fact, *place: Any, **named: Any) -> None:
        if isinstance(noted, SubjectForgotten) and not behind:
            await note(self, fact)
        await note(self, noted, *place, **named)
        if isinstance(noted, SubjectForgotten) and behind:
            await note(self, fact)

    monkeypatch.setattr(CustodyRecord, "note", noting)


def hold_on(data: Path, subject: str) -> HoldPlaced:
    keys = SqliteKeyStore(data / "keys")
    pseudonym = run(Pseudonyms.of_log(keys)).of("subject", subject)
    keys.close()
    return HoldPlaced(hold_id="hold-1", subject=pseudonym, reference="CASE-20", by="legal")


@pytest.mark.parametrize("order", ["hold", "hold on the call", "retention"])
def test_what_is_ordered_while_a_forgetting_begins_and_stands_before_it_refuses_it(
    data: Path, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    held = hold_on(data, CALLER if order == "hold" else "call:call-1")
    retention = RetentionSet(days=365, reference="policy-7", by="compliance")
    with monkeypatch.context() as patch:
        orders_beside(patch, retention if order == "retention" else held, behind=False)
        failed(forget(data, CALLER), 1, "nothing was forgotten", "policy-7" if order == "retention" else "CASE-20")
    assert ledgerline("show", "call-1", "--data", data, "--json").json["turns"][0]["heard"] == SAID
    trail = ledgerline("hold", "list", "--data", data, "--json").json
    assert ([refusal["reason"] for refusal in trail["refused"]], trail["forgotten"]) == ([order.split()[0]], [])
    assert ledgerline("verify", "--data", data, "--json").json["forgotten"] == 0
    if order == "retention":
        ledgerline("retention", "0", *ORDER, "--data", data)
    else:
        ledgerline("hold", "lift", "hold-1", *ORDER, "--data", data)
    assert forget(data, CALLER).json["erased"]["keys"] == 1
    (trail,) = ledgerline("hold", "list", "--data", data, "--json").json["forgotten"]
    assert trail["conversations"] == ["call-1"]


def test_a_hold_behind_a_forgetting_that_is_under_way_comes_too_late_and_is_told_so(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        orders_beside(patch, hold_on(data, CALLER), behind=True)
        assert forget(data, CALLER).json["erased"]["keys"] == 1
    late = ledgerline("hold", "place", CALLER, "--reference", "CASE-21", "--by", "legal", "--data", data)
    assert (late.code, "DSR-1, by dpo): the hold comes too late" in late.err) == (0, True)


class DiedError(Exception):
    pass


def dies_before(monkeypatch: pytest.MonkeyPatch, kind: type[Fact]) -> None:
    note = CustodyRecord.note

    async def noting(self: CustodyRecord, noted: Fact, *place: Any, **named: Any) -> None:
        if isinstance(noted, kind):
            raise DiedError
        await note(self, noted, *place, **named)

    monkeypatch.setattr(CustodyRecord, "note", noting)


@pytest.mark.parametrize("is_lifted", [False, True], ids=["the hold stands", "the hold was lifted"])
def test_a_forgetting_that_a_hold_stood_before_and_that_died_before_it_said_so_is_refused_by_the_next(
    data: Path, monkeypatch: pytest.MonkeyPatch, is_lifted: bool
) -> None:
    with monkeypatch.context() as patch:
        dies_before(patch, ForgettingRefused)
        orders_beside(patch, hold_on(data, CALLER), behind=False)
        with pytest.raises(DiedError):
            forget(data, CALLER)
    (begun,) = ledgerline("hold", "list", "--data", data, "--json").json["forgotten"]
    if is_lifted:
        ledgerline("hold", "lift", "hold-1", *ORDER, "--data", data)
        assert forget(data, CALLER).json["erased"]["keys"] == 1
    else:
        failed(forget(data, CALLER), 1, "nothing was forgotten", "CASE-20")
        failed(forget(data, CALLER), 1, "nothing was forgotten", "CASE-20")
    trail = ledgerline("hold", "list", "--data", data, "--json").json
    assert begun["event_id"] not in {each["event_id"] for each in trail["forgotten"]}
    assert len(trail["forgotten"]) == is_lifted
    assert [each["reason"] for each in trail["refused"]] == (["hold"] if is_lifted else ["hold"] * 3)
    assert ledgerline("verify", "--data", data, "--json").json["problems"] == []


@pytest.mark.parametrize("broken_off_before", ["its word in the call", "its keys go"])
def test_a_forgetting_that_was_broken_off_goes_on_though_a_hold_was_placed_behind_it(
    data: Path, monkeypatch: pytest.MonkeyPatch, broken_off_before: str
) -> None:
    with monkeypatch.context() as patch:
        if broken_off_before == "its keys go":
            patch.setattr(forget_command, "erase", dies)
        else:
            dies_before(patch, ConversationForgotten)
        with pytest.raises(DiedError):
            forget(data, CALLER)
    late = ledgerline("hold", "place", CALLER, "--reference", "CASE-21", "--by", "legal", "--data", data)
    assert "the hold comes too late" in late.err
    assert forget(data, CALLER).json["erased"]["keys"] == 1
    trail = ledgerline("hold", "list", "--data", data, "--json").json
    assert (len(trail["forgotten"]), trail["refused"]) == (1, [])
    verified = ledgerline("verify", "--data", data, "--json").json
    assert (verified["problems"], verified["forgotten"], verified["without_key"]) == ([], 1, 0)


async def dies(*_: object) -> None:
    raise DiedError


def test_a_hold_on_one_call_holds_it_for_everybody_in_it(data: Path) -> None:
    ledgerline("hold", "place", "call:call-1", "--reference", "CASE-18", "--by", "legal", "--data", data)
    failed(forget(data, CALLER), 1, "CASE-18")
    assert forget(data, CUSTOMER).code == 0


def test_retention_is_in_the_way_of_what_is_younger_alone(data: Path) -> None:
    ledgerline("retention", "365", "--reference", "policy-7", "--by", "compliance", "--data", data)
    failed(forget(data, CALLER), 1, "is kept until", "policy-7")
    assert forget(data, CUSTOMER).code == 0  # of 2024
    shown = ledgerline("retention", "--data", data, "--json").json
    assert [(each["days"], each["by"]) for each in shown] == [(365, "compliance")]
    ledgerline("retention", "0", "--reference", "policy-8", "--by", "compliance", "--data", data)
    assert forget(data, CALLER).code == 0


def test_a_retention_that_no_calendar_holds_is_refused_and_one_that_stands_is_in_the_way() -> None:
    too_long = ledgerline("retention", "99999999999999", *ORDER)
    assert (too_long.code, "365000" in too_long.err) == (2, True)
    forever = Retention(days=99_999_999_999_999, reference="policy-7", by="compliance", set_at="2026-11-22T12:00:00Z")
    standing = Standing(1_795_000_000_000_000, Status.CLOSED, is_forgotten=False)
    no = refusal({"call-1": standing}, {}, Custody(retention=(forever,)), 1_795_000_000_000_001)
    assert no is not None
    assert (no.reason, "kept until 9999-12-31" in no.message) == (Refused.RETENTION, True)


def test_a_hold_on_a_name_that_nobody_has_says_so_and_one_on_no_name_is_refused(data: Path) -> None:
    for nobody in ("", "  "):
        failed(ledgerline("hold", "place", nobody, *ORDER, "--data", data), 2, "the name is empty")
    failed(ledgerline("hold", "place", CALLER, "--reference", " ", "--by", "legal", "--data", data), 2, "not empty")
    misspelt = ledgerline("hold", "place", CALLER.replace(" ", ""), *ORDER, "--data", data)
    assert (misspelt.code, "nobody on this log is known by that name" in misspelt.err) == (0, True)
    assert ledgerline("hold", "place", CALLER, *ORDER, "--data", data).err == ""


def test_who_is_unknown_and_who_orders_nothing_is_told_so(data: Path) -> None:
    failed(forget(data, "nobody-here"), 2, "nobody on this log")
    failed(ledgerline("forget", CALLER, "--by", "dpo", "--data", data), 2, "--reference")
    failed(ledgerline("hold", "lift", "hold-x", *ORDER, "--data", data), 2, "no hold of that name")


def test_damage_in_a_call_is_told_of_once_however_long_its_owner_is_waited_for(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newer code wrote one of its events: this owner takes nothing more of it."""
    with closing(sqlite3.connect(data / "ledger.db")) as db, db:
        one = "(select offset from log where conversation_id = 'call-1' order by offset limit 1 offset 50)"
        db.execute(f"update log set type = 'Newer' where offset = {one}")
    monkeypatch.setattr(custody, "TAKEN_WITHIN_S", 0.3)
    ran = forget(data, CALLER)
    assert ran.err.count("unknown schema Newer") == 1, ran


def test_an_empty_name_is_not_the_beginning_of_a_call(data: Path) -> None:
    """Where there is one call alone it would have been that one."""
    failed(forget(data, "call:"), 2, "which call?")
    assert wrapped_key(data, "call-1")


def test_the_custody_record_is_no_call(data: Path) -> None:
    ledgerline("hold", "place", CALLER, "--reference", "CASE-17", "--by", "legal", "--data", data)
    assert {call["call_id"][:6] for call in ledgerline("calls", "--data", data, "--json").json} == {"call-1", "call-2"}
    rows = ledgerline("sql", "select conversation_id from conversations", "--data", data, "--json").json
    assert "custody" not in {row["conversation_id"] for row in rows}


def test_messages_of_the_intake_that_name_who_is_forgotten_or_the_call_are_forgotten(data: Path) -> None:
    take_in(data, SMS, MAIL, THEIR_MAIL)
    assert forget(data, CALLER).json["erased"]["messages"] == 2
    assert read_intake(data) == {"1": None, "<2@example.org>": None, "<3@example.org>": THEIR_MAIL}
    assert files_with(data, "Is my card there?") == []
    assert forget(data, CALLER).json["erased"]["messages"] == 0
    (trail,) = ledgerline("hold", "list", "--data", data, "--json").json["forgotten"]
    assert len(trail["messages"]) == 2
    assert ledgerline("verify", "--data", data, "--json").json["problems"] == []


def test_who_wrote_and_never_called_is_forgotten_too(data: Path) -> None:
    stranger = Received("mail", "<4@example.org>", (("From", "Ottoline <otto@example.org>"),), b"Hello?")
    take_in(data, stranger)
    told = forget(data, "otto@example.org").json
    assert (told["conversations"], told["erased"]["messages"]) == ([], 1)
    assert read_intake(data) == {"<4@example.org>": None}


def test_a_hold_on_anybody_whom_a_message_names_keeps_it(data: Path) -> None:
    take_in(data, Received("mail", "<5@example.org>", (), b"customer-9 says that +44 20 7946 0000 has the card."))
    ledgerline("hold", "place", CUSTOMER, "--reference", "CASE-19", "--by", "legal", "--data", data)
    failed(forget(data, CALLER), 1, "CASE-19")
    assert None not in read_intake(data).values()


def test_a_message_is_kept_as_long_as_a_conversation(data: Path) -> None:
    take_in(data, THEIR_MAIL)
    ledgerline("retention", "365", "--reference", "policy-7", "--by", "compliance", "--data", data)
    failed(forget(data, CUSTOMER), 1, "is kept until", "policy-7")  # the conversation is of 2024, the mail isn't


def test_keys_that_are_gone_without_a_word_are_a_problem_and_no_forgetting(data: Path) -> None:
    forget(data, CUSTOMER)
    assert ledgerline("verify", "--data", data, "--json").code == 0
    for file in (data / "keys").glob("keys.db*"):
        file.unlink()
    ran = ledgerline("verify", "--data", data, "--json")
    assert ran.code == 1
    assert {(problem["kind"], problem["conversation_id"]) for problem in ran.json["problems"]} == {("key", "call-1")}
    assert "restore the key store" in ran.json["problems"][0]["message"]
