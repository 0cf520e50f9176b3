"""A conversation comes into memory from its snapshot or from its first record, and is the same either way."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace
from support import DataDirectory, Tally, TallyMind, run
from written import CODEC, entry, pressed, took

from schemas.event import Event
from streams.codec import Body
from streams.loading import DamagedConversationError, Loader, Opened
from streams.ports import Entry, LogRecord, Snapshot

MIND = TallyMind()


def steps(conversation_id: str, count: int, epoch: int = 1) -> list[list[Event]]:
    """As an owner would append them: each step a fact and two decisions."""
    conversation, found = MIND.initial(conversation_id), []
    for number in range(count):
        conversation, events = MIND.step(conversation, pressed(conversation_id, f"{conversation_id}.{number}", "2"))
        found.append([replace(event, epoch=epoch) for event in events])
    return found


class CountingLedger:
    """Counts the records that are read, by conversation."""

    def __init__(self, data: DataDirectory) -> None:
        self._ledger = data.ledger
        self.reads: list[int] = []
        self.looked_up: list[str] = []

    async def read(self, partition: int, start: int, limit: int = 1000) -> list[LogRecord]:
        found = await self._ledger.read(partition, start, limit)
        self.reads += [record.offset for record in found]
        return found

    async def read_conversation(
        self, conversation_id: str, start: int = 0, until: int | None = None
    ) -> list[LogRecord]:
        self.looked_up.append(conversation_id)
        found = await self._ledger.read_conversation(conversation_id, start, until)
        self.reads += [record.offset for record in found]
        return found


class Log:
    """One owner's announcement, then the steps of some conversations in turn."""

    def __init__(self, data: DataDirectory, *conversation_ids: str, count: int = 4) -> None:
        self.data, self.ledger = data, CountingLedger(data)
        self.offsets: dict[str, list[int]] = {}
        self.events: dict[str, list[Event]] = {}
        run(self._write(conversation_ids, count))
        self.end = run(data.ledger.end(0))
        self.loader = Loader(0, self.ledger, data.snapshots, CODEC, MIND)  # type: ignore[arg-type]

    async def _write(self, conversation_ids: tuple[str, ...], count: int) -> None:
        await self.data.ledger.append(0, [entry(took(1))])
        for of_each in zip(*(steps(name, count) for name in conversation_ids), strict=True):
            for events in of_each:
                name = events[0].conversation_id
                receipt = await self.data.ledger.append(0, [entry(event) for event in events])
                self.offsets.setdefault(name, []).extend(range(receipt.first, receipt.last + 1))
                self.events.setdefault(name, []).extend(events)

    def load(self, conversation_id: str = "c1", until: int | None = None) -> Opened[Tally]:
        return run(self.loader.load(conversation_id, self.end if until is None else until))

    def load_all(self, firsts: Mapping[str, int | None]) -> dict[str, Opened[Tally] | DamagedConversationError]:
        return run(self.loader.load_all(firsts, self.end))

    def snapshot(self, conversation_id: str = "c1", after_steps: int = 2, **changes: object) -> Snapshot:
        """Saved, as it was after so many steps."""
        whole = Loader(0, self.data.ledger, None, CODEC, MIND)
        last = self.offsets[conversation_id][3 * after_steps - 1]
        opened = run(whole.load(conversation_id, last + 1))
        taken = Snapshot(
            0,
            conversation_id,
            self.offsets[conversation_id][0],
            last,
            opened.seq,
            opened.prev_hash,
            opened.seen.packed(),
            MIND.freeze(opened.conversation),
        )._replace(**changes)
        run(self.data.snapshots.save(taken))
        return taken


def same(one: Opened[Tally], other: Opened[Tally]) -> bool:
    def essence(opened: Opened[Tally]) -> tuple[object, ...]:
        seen = sorted(opened.seen.packed()[at : at + 8] for at in range(0, len(opened.seen.packed()), 8))
        return opened.conversation, opened.first, opened.last, opened.seq, opened.prev_hash, opened.pending, seen

    return essence(one) == essence(other)


def test_from_a_snapshot_only_what_lies_behind_it_is_read(data: DataDirectory) -> None:
    log = Log(data, "c1", "c2")
    whole = log.load()
    assert whole.seq == 12
    snapshot = log.snapshot(after_steps=3)
    log.ledger.reads.clear()
    assert same(log.load(), whole)
    assert sorted(log.ledger.reads) == [offset for offset in log.offsets["c1"] if offset >= snapshot.offset]
    assert "c1.0" in log.load().seen


@pytest.mark.parametrize(
    "changes",
    [
        {"hash": b"x" * 32},
        {"seq": 7},
        {"offset": 5},  # another conversation's record
        {"offset": 10_000},
        {"state": TallyMind().freeze(Tally("c1")).replace(b"tally-1", b"tally-0")},
        {"seq": 5, "offset": 8},  # in the middle of a step
    ],
    ids=["another hash", "another seq", "another record", "beyond the log", "another version", "half a step"],
)
@pytest.mark.parametrize("after_steps", [2, 4])
def test_a_snapshot_that_does_not_fit_the_log_changes_nothing(
    data: DataDirectory, changes: dict[str, object], after_steps: int
) -> None:
    log = Log(data, "c1", "c2")
    whole = log.load()
    log.snapshot(after_steps=after_steps, **changes)
    assert same(log.load(), whole)
    both = log.load_all({"c1": log.offsets["c1"][0]})
    assert isinstance(both["c1"], Opened)
    assert same(both["c1"], whole)


def test_nothing_at_or_behind_the_given_end_is_folded(data: DataDirectory) -> None:
    log = Log(data, "c1")
    log.snapshot(after_steps=4)
    assert log.load(until=7).seq == 6


def test_void_records_behind_a_snapshot_are_left_out(data: DataDirectory) -> None:
    log = Log(data, "c1", count=3)
    log.snapshot(after_steps=2)

    async def a_zombie_writes() -> None:
        await data.ledger.append(0, [entry(took(2))])
        await data.ledger.append(0, [entry(event) for event in steps("c1", 4)[3]])
        await data.ledger.append(0, [entry(event) for event in steps("c1", 4, epoch=2)[3][:2]])

    run(a_zombie_writes())
    log.end = run(data.ledger.end(0))
    assert (log.load().seq, log.load().last) == (9, 9)


def test_a_conversation_that_nobody_wrote_of_is_new(data: DataDirectory) -> None:
    opened = Log(data, "c1").load("c9")
    assert (opened.seq, opened.first, opened.last, len(opened.seen)) == (0, None, None, 0)


def test_bytes_of_no_conversation_that_are_no_event_damage_none(data: DataDirectory) -> None:
    log = Log(data, "c1", "c2")

    async def write() -> int:
        return (await data.ledger.append(0, [Entry("", Body("", 0, b"poison"))])).last + 1

    log.end = run(write())
    assert log.load("c1").seq == log.load("c2").seq == len(log.events["c1"])
    assert log.load("new").seq == 0
    firsts = {name: log.offsets[name][0] for name in ("c1", "c2")}
    assert all(isinstance(opened, Opened) for opened in log.load_all(firsts).values())


def test_a_record_that_is_missing_is_damage(data: DataDirectory) -> None:
    log = Log(data, "c1")
    data.store.db.execute("delete from log where offset between 4 and 6")  # a whole step
    with pytest.raises(DamagedConversationError, match="seq 7 does not follow 3"):
        log.load()


def test_a_snapshot_does_not_heal_what_is_damaged_behind_it(data: DataDirectory) -> None:
    log = Log(data, "c1")
    log.snapshot(after_steps=2)
    data.store.db.execute("update log set data = x'00' where offset = 10")
    with pytest.raises(DamagedConversationError, match="offset 10"):
        log.load()


def test_many_are_loaded_in_one_reading_that_begins_at_the_first_of_their_starts(data: DataDirectory) -> None:
    log = Log(data, "c1", "c2", "c3")
    alone = {name: log.load(name) for name in ("c1", "c2")}
    snapshot = log.snapshot("c1", after_steps=2)
    log.ledger.reads.clear()
    log.ledger.looked_up.clear()
    loaded = log.load_all({"c1": log.offsets["c1"][0], "c2": log.offsets["c2"][0]})
    for name, opened in loaded.items():
        assert isinstance(opened, Opened)
        assert same(opened, alone[name])
    assert log.ledger.looked_up == []
    assert log.ledger.reads == list(range(min(log.offsets["c2"][0], snapshot.offset), log.end))


def test_whose_beginning_is_unknown_or_wrong_is_looked_up(data: DataDirectory) -> None:
    log = Log(data, "c1", "c2", "c3")
    alone = {name: log.load(name) for name in ("c1", "c2", "c3")}
    log.ledger.looked_up.clear()
    loaded = log.load_all({"c1": None, "c2": log.offsets["c2"][3], "c3": log.offsets["c3"][0]})
    assert log.ledger.looked_up == ["c1", "c2"]
    for name, opened in loaded.items():
        assert isinstance(opened, Opened)
        assert same(opened, alone[name])


def test_one_that_is_damaged_keeps_none_of_the_others_away(data: DataDirectory) -> None:
    log = Log(data, "c1", "c2")
    data.store.db.execute("update log set data = x'00' where offset = ?", (log.offsets["c1"][5],))
    loaded = log.load_all({name: offsets[0] for name, offsets in log.offsets.items()})
    assert isinstance(loaded["c1"], DamagedConversationError)
    assert isinstance(loaded["c2"], Opened)
    assert loaded["c2"].seq == 12
    assert "c2.3" in loaded["c2"].seen
