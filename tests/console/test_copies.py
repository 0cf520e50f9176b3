"""``ledgerline export`` and ``import``: a log goes from SQLite to Kafka and back, and is the same log."""

from __future__ import annotations

from pathlib import Path

import pytest
from broker import bootstrap, topics_for
from recorded_calls import record_call
from support import DataDirectory, run

from schemas.event import Event
from streams.owner_lock import OwnerLock
from streams.transfer_file import Item, TransferReader
from tests.calls.commands import Ran, failed, forget_settings, ledgerline

PASSPHRASE = "a phrase that nobody guesses"


@pytest.fixture(autouse=True)
def unconfigured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget_settings(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Event]]:
    """The data directory of an embedded log with one call on it."""
    path = tmp_path_factory.mktemp("recorded")
    data = DataDirectory(path)
    events = run(record_call(data))
    data.close()
    (path / "log.db").rename(path / "ledger.db")
    return path, events


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.write_text(f"{PASSPHRASE}\n")
    return path


@pytest.fixture
def on_kafka(tmp_path: Path) -> tuple[object, ...]:
    return ("--log", f"kafka://{bootstrap()}/{topics_for(tmp_path, 8).prefix[:-1]}", "--data", tmp_path / "on-kafka")


def export(file: Path, secret: Path, *where: object) -> Ran:
    keys = ("--with-keys", file.with_suffix(".keys"), "--passphrase-file", secret)
    ran = ledgerline("export", file, *keys, *where, "--json")
    assert ran.code == 0, ran
    return ran


def take(file: Path, secret: Path, *where: object) -> Ran:
    keys = ("--with-keys", file.with_suffix(".keys"), "--passphrase-file", secret)
    return ledgerline("import", file, *keys, *where, "--json")


def items(file: Path) -> list[Item]:
    with TransferReader(file) as reader:
        return list(reader.items())


def test_a_log_goes_to_kafka_and_back_with_every_event_as_it_was(
    recorded: tuple[Path, list[Event]], on_kafka: tuple[object, ...], secret: Path, tmp_path: Path
) -> None:
    origin, events = recorded
    first, second = tmp_path / "first.ledger", tmp_path / "second.ledger"
    told = export(first, secret, "--data", origin).json
    assert (told["events"], told["conversations"], told["keys"]) == (len(events), 1, 1)
    assert take(first, secret, *on_kafka).json["added"] == len(events)
    export(second, secret, *on_kafka)
    assert items(second) == items(first)
    back = ("--data", tmp_path / "back")
    assert take(second, secret, *back).json["added"] == len(events)
    for where in (on_kafka, back):
        verified = ledgerline("verify", *where, "--json")
        assert (verified.code, verified.json["problems"]) == (0, []), verified
        replayed = ledgerline("replay", "last", *where, "--json").json
        assert (replayed["identical"], replayed["not_recomputable"], replayed["events"]) == (True, 0, len(events))
    shown = [ledgerline("show", "last", *where, "--json").json for where in (("--data", origin), on_kafka, back)]
    assert shown[0] == shown[1] == shown[2]


def test_a_log_is_taken_straight_from_another_and_only_once(
    recorded: tuple[Path, list[Event]], on_kafka: tuple[object, ...]
) -> None:
    origin, events = recorded
    first = ledgerline("import", "--from", origin, *on_kafka, "--json").json
    again = ledgerline("import", "--from", origin, *on_kafka, "--json").json
    assert (first["added"], first["without_key"], again["added"]) == (len(events), 1, 0)
    assert ledgerline("verify", *on_kafka, "--json").code == 0  # the chain needs no key


def test_a_log_that_somebody_owns_takes_no_copy(
    recorded: tuple[Path, list[Event]], secret: Path, tmp_path: Path
) -> None:
    file, target = tmp_path / "copy.ledger", tmp_path / "target"
    export(file, secret, "--data", recorded[0])
    target.mkdir()
    lock = OwnerLock(target / "owner.lock")
    lock.acquire()
    failed(take(file, secret, "--data", target), 1)
    lock.release()
    assert take(file, secret, "--data", target).code == 0


def test_files_that_are_not_what_they_should_be_are_refused_by_name(
    recorded: tuple[Path, list[Event]], secret: Path, tmp_path: Path
) -> None:
    file, target = tmp_path / "copy.ledger", ("--data", tmp_path / "target")
    export(file, secret, "--data", recorded[0])
    there = ledgerline("export", file, "--data", recorded[0])
    assert (there.code, there.out) != (0, "")
    wrong = tmp_path / "wrong"
    wrong.write_text("another phrase altogether\n")
    failed(take(file, wrong, *target), 1)
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    failed(take(file, secret, *target), 1)
    file.write_bytes(b"nothing of ours")
    failed(take(file, secret, *target), 1)
    file.write_bytes(whole)
    assert take(file, secret, *target).json["events"] == len(recorded[1])
    failed(ledgerline("import", *target), 2, "name a file")
    failed(ledgerline("import", "--from", target[1], *target), 2, "this very log")
