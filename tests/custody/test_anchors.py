"""Anchors: who rewrites a copy of the log without the key is found, whatever they did to it and however well."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from forging import Forger
from recorded_log import TRANSCRIPT
from support import DataDirectory

from streams.merkle import leaf_hash, path_to, root_by, root_of
from streams.signing import SigningKey
from tests.calls.commands import Ran, failed, ledgerline


@pytest.fixture
def anchors(data: Path, tmp_path: Path) -> Path:
    path = tmp_path / "elsewhere" / "anchors.jsonl"
    path.parent.mkdir()
    told = ledgerline("anchor", path, "--data", data, "--json").json
    assert (told["number"], told["heads"]) == (1, 2)
    return path


def checked(data: Path, anchors: Path, *more: str) -> Ran:
    return ledgerline("verify", "--against", anchors, *more, "--data", data, "--json")


def test_anchors_that_cant_be_read_are_a_mistake_of_whoever_named_them(data: Path, tmp_path: Path) -> None:
    failed(checked(data, tmp_path / "nowhere"), 2, "--against", "nowhere: can't be read")


def kinds(ran: Ran) -> set[str]:
    return {problem["kind"] for problem in ran.json["problems"]}


def test_an_untouched_log_holds_what_was_anchored_and_may_grow(data: Path, anchors: Path) -> None:
    ran = checked(data, anchors)
    assert (ran.code, ran.json["problems"], ran.json["anchored"]["heads"]) == (0, [], 2)
    ledgerline("hold", "place", "somebody", "--reference", "CASE-1", "--by", "legal", "--data", data)
    assert checked(data, anchors).code == 0
    assert ledgerline("anchor", anchors, "--data", data, "--json").json["changed"] == 1
    assert ledgerline("anchor", anchors, "--data", data, "--json").json["number"] is None
    assert checked(data, anchors).json["anchored"] == checked(data, anchors).json["anchored"] | {
        "anchors": 2,
        "heads": 3,
    }


def test_what_was_forgotten_still_holds_what_was_anchored(data: Path, anchors: Path) -> None:
    ledgerline("forget", "customer-9", "--reference", "DSR-1", "--by", "dpo", "--data", data)
    assert checked(data, anchors).json["problems"] == []


def forged(data: Path) -> tuple[Forger, DataDirectory]:
    """Whoever has the database and the sealing keys, and not the key that signs."""
    (data / "ledger.db").rename(data / "log.db")
    opened = DataDirectory(data)
    return Forger(opened), opened


def closed(opened: DataDirectory) -> None:
    opened.close()
    (opened.path / "log.db").rename(opened.path / "ledger.db")


@pytest.mark.parametrize(
    ("crime", "kind"),
    [("change", "rewritten"), ("truncate", "cut_off"), ("remove", "removed"), ("reorder", "rewritten")],
)
def test_a_copy_rewritten_with_every_hash_made_good_is_found(data: Path, anchors: Path, crime: str, kind: str) -> None:
    forger, opened = forged(data)
    (imported,) = {
        name
        for (name,) in opened.store.db.execute("select distinct conversation_id from log")
        if name.startswith("call-2024")
    }
    offsets = forger.offsets(imported)
    if crime == "change":
        forger.rewrite(offsets[1], lambda event: _said_otherwise(event))
    elif crime == "truncate":
        forger.cut(offsets[-1])
    elif crime == "remove":
        forger.cut(*offsets)
    else:
        _swap(forger, offsets[1], offsets[2])
    closed(opened)
    plain = ledgerline("verify", "--data", data, "--json").json["problems"]
    assert {p["kind"] for p in plain if p["conversation_id"] == imported} <= {
        "offset"
    }  # without anchors it might have been
    found = checked(data, anchors)
    assert found.code == 1
    assert [
        p["kind"] for p in found.json["problems"] if p["conversation_id"] == imported and p["kind"] != "offset"
    ] == [kind]


def _said_otherwise(event):  # type: ignore[no-untyped-def]
    from msgspec.structs import replace

    return replace(event, payload=replace(event.payload, text="It was never there"))


def _swap(forger: Forger, first: int, second: int) -> None:
    """The two events change places, each with the other's number, and all hashes behind them are made good."""
    from msgspec.structs import replace

    a, b = forger.read(first), forger.read(second)
    forger.rewrite(first, lambda event: replace(b, seq=a.seq, prev_hash=a.prev_hash))
    forger.rewrite(second, lambda event: replace(a, seq=b.seq, prev_hash=forger.read(first).hash))


def test_a_conversation_slipped_in_under_an_old_date_is_found(data: Path, anchors: Path) -> None:
    forger, opened = forged(data)
    last = forger.offsets("call-1")[-1]
    event = forger.read(forger.offsets("call-1")[0])
    from msgspec.structs import replace

    body, _ = opened.codec.encode(
        replace(event, conversation_id="call-0", event_id="e-0", step_id="e-0", step_size=1, sealed={}, key_id=None)
    )
    row = (0, last + 50, "call-0", body.type, body.version, None, body.data)
    opened.store.db.execute(
        "insert into log (partition, offset, conversation_id, type, version, imported_under, data) values (?,?,?,?,?,?,?)",
        row,
    )
    closed(opened)
    assert "call-0" in {p["conversation_id"] for p in checked(data, anchors).json["problems"]}


def test_what_no_anchor_covers_is_counted_a_copied_call_under_an_old_date_too(data: Path, anchors: Path) -> None:
    whole = checked(data, anchors)
    assert (whole.json["anchored"]["events_since"], whole.json["anchored"]["conversations_since"]) == (0, 0)
    ledgerline("hold", "place", "somebody", "--reference", "CASE-1", "--by", "legal", "--data", data)
    since = checked(data, anchors).json["anchored"]
    assert (since["events_since"], since["conversations_since"]) == (1, 1)
    transcript = data / "transcripts.jsonl"
    transcript.write_text(json.dumps({**TRANSCRIPT, "id": "desk-2"}))
    ledgerline("import", "--from", "transcripts", transcript, "--data", data)
    told = ledgerline("verify", "--against", anchors, "--data", data)
    assert told.code == 0
    assert re.search(r"not covered: \d+ events in 2 conversations that no anchor knows yet", told.out)


@pytest.mark.parametrize("crime", ["byte", "line gone", "another key"])
def test_anchors_that_nobody_with_the_key_wrote_are_refused(
    data: Path, anchors: Path, tmp_path: Path, crime: str
) -> None:
    ledgerline("hold", "place", "somebody", "--reference", "CASE-1", "--by", "legal", "--data", data)
    ledgerline("anchor", anchors, "--data", data)
    lines = anchors.read_text().splitlines()
    key = json.loads(lines[0])["key"]
    if crime == "byte":
        anchors.write_text(lines[0].replace('"heads":2', '"heads":3') + "\n" + lines[1] + "\n")
    elif crime == "line gone":
        anchors.write_text(lines[1] + "\n")
    else:
        anchors.unlink()
        ledgerline("anchor", anchors, "--signing-key", tmp_path / "forger.pem", "--data", data)
        assert checked(data, anchors).code == 0  # who pins no key believes any
    failed(checked(data, anchors, "--public-key", key), 1, f"{anchors}:1")


def test_lines_of_two_files_that_the_same_key_signed_make_no_third(data: Path, anchors: Path, tmp_path: Path) -> None:
    """Each is numbered rightly, and the last root holds: but what one file says between them never stood in the other."""
    copy = tmp_path / "copy.jsonl"

    def grow() -> None:
        ledgerline("hold", "place", "somebody", "--reference", "CASE-1", "--by", "legal", "--data", data)

    grow()
    copy.write_bytes(anchors.read_bytes())
    ledgerline("anchor", anchors, "--data", data)
    grow()
    ledgerline("anchor", copy, "--data", data)
    grow()
    ledgerline("anchor", copy, "--data", data)
    spliced = [*anchors.read_text().splitlines(), copy.read_text().splitlines()[2]]
    anchors.write_text("".join(f"{line}\n" for line in spliced))
    failed(checked(data, anchors), 1, f"{anchors}:3", "does not follow the line before it")


def test_a_rotation_hands_over_and_the_chain_of_keys_holds(data: Path, anchors: Path) -> None:
    first = json.loads(anchors.read_text())["key"]
    rotated = ledgerline("anchor", anchors, "--rotate", "--data", data, "--json").json
    assert rotated["key"] != first
    ledgerline("hold", "place", "somebody", "--reference", "CASE-1", "--by", "legal", "--data", data)
    assert ledgerline("anchor", anchors, "--data", data, "--json").json["number"] == 3
    assert json.loads(anchors.read_text().splitlines()[-1])["key"] == rotated["key"]
    assert checked(data, anchors, "--public-key", first).code == 0
    former = next((data / "keys").glob("signing.key.*"))
    failed(ledgerline("anchor", anchors, "--signing-key", former, "--data", data), 1, "go on under the key")


def test_a_line_that_was_broken_off_is_none_and_the_next_anchor_takes_its_place(data: Path, anchors: Path) -> None:
    with anchors.open("a") as file:
        file.write('{"anchor":1,"num')
    assert checked(data, anchors).code == 0
    ledgerline("hold", "place", "somebody", "--reference", "CASE-1", "--by", "legal", "--data", data)
    assert ledgerline("anchor", anchors, "--data", data, "--json").json["number"] == 2
    assert checked(data, anchors).json["anchored"]["heads"] == 3


def test_the_key_is_readable_by_its_owner_alone_and_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing.key"
    assert SigningKey.at(path).public == SigningKey.at(path).public
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("leaves", [1, 2, 3, 5, 8, 13])
def test_every_leaf_of_a_tree_proves_that_it_is_in_it(leaves: int) -> None:
    hashes = [leaf_hash(bytes([n])) for n in range(leaves)]
    root = root_of(hashes)
    for n, leaf in enumerate(hashes):
        assert root_by(leaf, path_to(hashes, n)) == root
        assert root_by(leaf_hash(b"another"), path_to(hashes, n)) != root


def test_the_tree_is_that_of_rfc_6962() -> None:
    # The certificate transparency project's test vectors for leaves "" and 00.
    leaves = [leaf_hash(b""), leaf_hash(b"\x00")]
    assert root_of(leaves[:1]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert root_of(leaves).hex() == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
