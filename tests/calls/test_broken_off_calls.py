"""Calls that don't end as calls do: killed, stopped, out of disk, doubly owned. The log stays sound, and the next call works."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from agent_core.wav import load_wav
from console.call import make_call
from console.workspace import SqliteWorkspace
from schemas import facts as f
from schemas.event import Event
from simulation.virtual_loop import run_virtual
from streams.codec import Body
from tests.calls import answered
from tests.calls.answered import DEMO, LOST_CARD, hold, local_parts, says, started_before
from tests.calls.commands import Ran, failed, finished, forget_settings, ledgerline, start, until_event

KILLED_AFTER_COMMITS = """
import os, streams.sqlite as store
commit, done = store.SqliteLedger._commit, []
def counted(self):
    commit(self)
    done.append(1)
    if len(done) == {commits}:
        os.kill(os.getpid(), 9)
store.SqliteLedger._commit = counted
"""
PUTS_NOTED = """
import streams.fact_writer as facts
put = facts.FactWriter.put
async def noted(self, fact):
    await put(self, fact)
    with open("acknowledged", "a") as file:
        file.write(fact.event_id + chr(10))
facts.FactWriter.put = noted
"""
STANDS_STILL = """
import os, time, streams.sqlite as store
commit = store.SqliteLedger._commit
def stopped(self):
    commit(self)
    while not os.path.exists("go-on") and self._store.db.execute("select 1 from log where type = 'CallAnswered'").fetchone():
        time.sleep(0.02)
store.SqliteLedger._commit = stopped
"""
FULL_AFTER_COMMITS = """
import streams.sqlite as store
commit, done = store.SqliteLedger._commit, []
def counted(self):
    commit(self)
    done.append(1)
    if len(done) == {commits}:
        self._store.db.execute("pragma wal_checkpoint(truncate)")
        self._store.db.execute("pragma max_page_count=1")
store.SqliteLedger._commit = counted
"""


@pytest.fixture(autouse=True)
def nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_settings(monkeypatch, tmp_path)


def call(folder: Path, *, prelude: str = "", speed: str = "max") -> Ran:
    return finished(
        start(
            *("call", "--wav", LOST_CARD, "--speed", speed, "--json", "--data", started_before(folder / "data")),
            folder=folder,
            prelude=prelude,
        )
    )


@pytest.mark.parametrize("commits", [3, 12, 25])
def test_what_was_acknowledged_survives_a_kill_and_the_next_call_works(commits: int, tmp_path: Path) -> None:
    """The process dies right after the so-many-th append, by its own hand: the moment is the same in every run."""
    data = tmp_path / "data"
    killed = call(tmp_path, prelude=PUTS_NOTED + KILLED_AFTER_COMMITS.format(commits=commits))
    assert (killed.code, killed.out) == (-signal.SIGKILL, "")
    acknowledged = (tmp_path / "acknowledged").read_text().split()
    assert acknowledged
    answered.assert_sound(data)
    held = hold(data, says(LOST_CARD))
    assert [turn.outcome for turn in held.report.turns] == ["reply"]
    answered.assert_sound(data)
    assert set(acknowledged) <= event_ids(data)
    assert len(ledgerline("calls", "--json", "--data", data).json) == 2


def event_ids(data: Path) -> set[str]:
    """Of every event on the log that counts."""
    workspace = SqliteWorkspace(data, create=False)

    async def read() -> set[str]:
        records = await workspace.ledger.read(0, 0, 10_000)
        return {workspace.codec.decode(record.body).event_id for record in records}

    try:
        return asyncio.run(read())
    finally:
        workspace.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_call_is_closed_on_the_log_and_its_recording_is_whole(number: signal.Signals, tmp_path: Path) -> None:
    data = started_before(tmp_path / "data")
    process = start("call", "--wav", LOST_CARD, "--json", "--data", data, folder=tmp_path)
    until_event(data, "SpeechStarted", process)
    process.send_signal(number)
    failed(finished(process), 1, f"stopped by {number.name}")
    (listed,) = ledgerline("calls", "--json", "--data", data).json
    shown = ledgerline("show", "last", "--json", "--data", data).json
    assert (listed["status"], shown["ended"]) == ("ended", "gateway_stopped")
    recording = load_wav(Path(shown["recording"]))
    assert recording.warnings == ()
    assert recording.pcm
    answered.assert_sound(data)


def test_a_second_owner_is_refused_by_name_and_the_first_call_goes_on(tmp_path: Path) -> None:
    data = started_before(tmp_path / "data")
    says_goodbye = f"caller:\n  - wav: {DEMO / '5-goodbye.wav'}\n    after: agent_started\n    pause_ms: 500\n"
    script = answered.write_script(tmp_path, says_goodbye)
    first = start(
        *("call", "--script", script, "--speed", "max", "--json", "--data", data), folder=tmp_path, prelude=STANDS_STILL
    )
    until_event(data, "CallAnswered", first)
    second = ledgerline("call", "--wav", LOST_CARD, "--speed", "max", "--json", "--data", data)
    failed(second, 1, f"pid {first.pid}", "--data")
    (tmp_path / "go-on").touch()
    ran = finished(first)
    assert ran.code == 0
    assert [turn["outcome"] for turn in ran.json["turns"]] == ["close"]
    answered.assert_sound(data)


def test_on_a_full_disk_the_caller_hears_holds_and_the_closing_line(tmp_path: Path) -> None:
    heard: list[str] = []
    workspace = SqliteWorkspace(tmp_path)

    def fill(event: Event) -> None:
        """From the caller's first word on, nothing more can be written."""
        heard.append(event.type)
        if event.type == "CallerSpeechStarted":
            workspace.store.db.execute("pragma wal_checkpoint(truncate)")
            workspace.store.db.execute("pragma max_page_count=1")

    parts = local_parts()._replace(behaviour_seq=workspace.record(local_parts().behaviour))

    async def scene() -> tuple[str | None, list[str]]:
        make_media = await says(LOST_CARD).prepare(parts.speech.voice)
        made = await make_call(workspace, parts, make_media, on_event=fill)
        return made.log_failure, [sound.value for _, sound, _ in made.heard.sounds]

    try:
        why, sounds = run_virtual(scene())
    finally:
        workspace.close()
    assert why is not None
    assert "full" in why
    assert sounds[:2] == ["reply", "hold"]
    assert "closing" in sounds
    assert "UtteranceHeard" not in heard
    answered.assert_sound(tmp_path)


@pytest.mark.parametrize("commits", [1, 12])
def test_a_full_disk_is_told_with_exit_code_1_and_leaves_a_sound_log(commits: int, tmp_path: Path) -> None:
    ran = call(tmp_path, prelude=FULL_AFTER_COMMITS.format(commits=commits))
    assert ran.code == 1
    assert "ledgerline: " in ran.err
    assert "full" in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == "" or ran.json["call_id"]
    answered.assert_sound(tmp_path / "data")
    assert hold(tmp_path / "data", says(LOST_CARD)).report.turns[0].outcome == "reply"


def test_a_fact_of_an_unknown_schema_goes_to_the_dead_letters_and_the_call_goes_on(tmp_path: Path) -> None:
    workspace = SqliteWorkspace(tmp_path)
    putting: list[asyncio.Task[None]] = []

    def poison(event: Event) -> None:
        if event.type == "CallAnswered":
            strange = Body("FromTheFuture", 99, b"\x00\x01\x02")
            put = workspace.inbox.put(event.conversation_id, "strange", strange)
            putting.append(asyncio.ensure_future(put))

    parts = local_parts()._replace(behaviour_seq=workspace.record(local_parts().behaviour))

    async def scene() -> str:
        make_media = await says(LOST_CARD).prepare(parts.speech.voice)
        made = await make_call(workspace, parts, make_media, on_event=poison)
        letters = await workspace.dead_letters.read()
        assert [(letter.body.type, letter.body.data) for letter in letters] == [("FromTheFuture", b"\x00\x01\x02")]
        return made.call_id

    try:
        call_id = run_virtual(scene())
    finally:
        workspace.close()
    shown = ledgerline("show", call_id, "--json", "--data", tmp_path).json
    assert [turn["outcome"] for turn in shown["turns"]] == ["reply"]
    assert f.FactDropped.__name__ in ledgerline("show", call_id, "--events", "--data", tmp_path).out
    answered.assert_sound(tmp_path)
