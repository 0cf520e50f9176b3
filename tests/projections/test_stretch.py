"""Replay of a stretch of the log itself: whatever conversations lie in it, from the state in which each enters it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from forging import Forger, with_payload
from msgspec.structs import replace
from recorded_calls import recomputer, record_call
from support import DataDirectory, run

from processors.cascade import Cascade
from processors.deciders import DECIDERS
from projections.recompute import Recomputer
from projections.recorded_behaviour import recorded_behaviours
from projections.stretch import HISTORY_UNREADABLE, StretchReplay, place_of_time, replay_stretch
from schemas.base import Kind
from schemas.control import OwnerTook
from schemas.event import Event
from streams.behaviour_versions import SqliteVersions
from streams.behaviours import SqliteBehaviours
from streams.epochs import Place, place_of
from streams.ports import Entry
from streams.transfer import Importer, LogExport


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataDirectory]:
    data = DataDirectory(tmp_path_factory.mktemp("recorded"))
    run(record_call(data, "call-1"))
    run(record_call(data, "call-2"))
    yield data
    data.close()


@pytest.fixture
def forger(recorded: DataDirectory) -> Iterator[Forger]:
    forger = Forger(recorded)
    with forger.attempt():
        yield forger


def stretch(data: DataDirectory, start: int = 0, end: int | None = None, by: Recomputer | None = None) -> StretchReplay:
    async def replayed() -> StretchReplay:
        until = await data.ledger.end(0) if end is None else end
        place = await place_of(data.ledger, 0, start)
        return await replay_stretch(data.ledger, data.codec, by or recomputer(data), 0, place, until)

    return run(replayed())


def steps(data: DataDirectory, call: str) -> list[tuple[int, Event]]:
    """Offset and fact of each step of a call."""
    forger = Forger(data)
    read = [(offset, forger.read(offset)) for offset in forger.offsets(call)]
    return [(offset, event) for offset, event in read if event.kind is Kind.FACT]


def append(data: DataDirectory, events: Sequence[Event]) -> int:
    """Returns the offset of the first."""

    async def appended() -> int:
        entries = [Entry(event.conversation_id, data.codec.encode(event)[0]) for event in events]
        return (await data.ledger.append(0, entries)).first

    return run(appended())


def took(epoch: int) -> Event:
    return Event(
        event_id=f"took-{epoch}",
        type="OwnerTook",
        schema_version=1,
        conversation_id="",
        epoch=epoch,
        kind=Kind.CONTROL,
        payload=OwnerTook(epoch=epoch, owner_id="test"),
    )


def test_a_whole_partition_replays_identically(recorded: DataDirectory) -> None:
    found = stretch(recorded)
    assert (found.identical, found.differing, found.first_difference) == (True, 0, None)
    assert (found.conversations, found.void, found.unreadable, found.cut) == (2, 0, 0, 0)
    assert found.events == sum(len(Forger(recorded).offsets(call)) for call in ("call-1", "call-2"))
    assert found.decisions == found.events - found.steps > 160


def test_a_stretch_begins_in_the_state_that_its_calls_had_there(recorded: DataDirectory) -> None:
    """Without what stands before it, every decision in the middle of a call would differ."""
    in_the_middle = steps(recorded, "call-2")
    start, end = in_the_middle[10][0], in_the_middle[20][0]
    found = stretch(recorded, start, end)
    assert (found.identical, found.conversations, found.steps, found.cut) == (True, 1, 10, 0)
    assert found.events == end - start


def test_steps_that_the_ends_cut_are_counted_and_left_out(recorded: DataDirectory) -> None:
    offsets = [offset for offset, _ in steps(recorded, "call-1")]
    long = [i for i in range(1, len(offsets) - 1) if offsets[i + 1] - offsets[i] > 2]
    first, last = long[0], long[-1]
    found = stretch(recorded, offsets[first] + 1, offsets[last] + 1)
    assert (found.cut, found.steps, found.identical) == (2, last - first - 1, True)
    assert stretch(recorded, offsets[first], offsets[last]).cut == 0


def test_the_first_difference_is_told_with_its_call_and_its_place(recorded: DataDirectory, forger: Forger) -> None:
    chosen = next(o for o in forger.offsets("call-2") if forger.read(o).type == "ReplyChosen")
    at = max(offset for offset, _ in steps(recorded, "call-2") if offset < chosen)
    forger.rewrite(chosen, with_payload(text="Something else."))
    found = stretch(recorded)
    first = found.first_difference
    assert first is not None
    assert (first.conversation_id, first.offset, first.difference.reason) == ("call-2", at, "payload: text")
    assert (found.identical, found.differing) == (False, 1)
    assert stretch(recorded, end=at).identical is True
    assert stretch(recorded, chosen + 1).identical is True


def test_void_records_are_passed_over_wherever_the_stretch_begins(data: DataDirectory) -> None:
    """The epoch in force at a stretch's first offset was announced before it."""
    ended = run(record_call(data))[-1]
    append(data, [took(8)])
    start = append(data, [replace(ended, epoch=7, seq=ended.seq + 1, step_index=0, step_size=1)])
    whole, behind = stretch(data), stretch(data, start)
    assert (whole.void, whole.identical) == (1, True)
    assert (behind.void, behind.steps, behind.cut, behind.identical) == (1, 0, 0, None)


def test_half_a_step_of_an_owner_that_was_replaced_is_void_and_not_cut(data: DataDirectory) -> None:
    ended = run(record_call(data))[-1]
    append(data, [took(8), replace(ended, epoch=8, step_index=0, step_size=3), took(9)])
    found = stretch(data)
    assert (found.void, found.cut, found.identical) == (1, 0, True)


def test_a_time_is_the_first_step_that_was_accepted_then_or_later(recorded: DataDirectory) -> None:
    async def placed(at_us: int) -> Place:
        return await place_of_time(recorded.ledger, 0, at_us)

    offset, fact = steps(recorded, "call-2")[5]
    place = run(placed(fact.accepted_at_us))
    first = min(o for o, e in steps(recorded, "call-2") if e.accepted_at_us >= fact.accepted_at_us)
    assert place == Place(first, fact.epoch)
    assert place.offset <= offset
    assert run(placed(1)).offset == steps(recorded, "call-1")[0][0]
    assert run(placed(2**62)) == Place(run(recorded.ledger.end(0)), fact.epoch)


def test_other_deciders_are_told_apart_by_their_version_or_by_what_they_decide(recorded: DataDirectory) -> None:
    behaviour_of = recorded_behaviours(SqliteBehaviours(recorded.store))
    newer = Recomputer(Cascade(DECIDERS, "newer"), behaviour_of, recorded.keys)
    found = stretch(recorded, by=newer)
    assert (found.identical, found.not_recomputable) == (None, found.decisions)
    without = Cascade([each for each in DECIDERS if each.name != "silence"], recomputer(recorded).version)
    found = stretch(recorded, by=Recomputer(without, behaviour_of, recorded.keys))
    assert found.identical is False
    assert found.differing >= 6


def test_what_was_forgotten_is_counted_and_the_rest_is_replayed(data: DataDirectory) -> None:
    for call in ("call-1", "call-2"):
        run(record_call(data, call))
    data.keys.destroy("call-1")
    found = stretch(data)
    assert (found.identical, found.conversations) == (True, 2)
    assert 0 < found.not_recomputable < found.decisions


def test_a_call_whose_beginning_cannot_be_read_is_a_difference(recorded: DataDirectory, forger: Forger) -> None:
    facts = steps(recorded, "call-2")
    forger.set_column(facts[3][0], "type", "Nonsense")
    found = stretch(recorded, facts[10][0])
    assert found.first_difference is not None
    assert (found.differing, found.first_difference.difference.reason) == (1, HISTORY_UNREADABLE)
    whole = stretch(recorded)
    assert (whole.unreadable, whole.identical) == (1, False)


def test_a_copy_of_a_log_replays_as_the_log_does(recorded: DataDirectory, data: DataDirectory) -> None:
    """Its events stand one by one; their own fields say which of them are a step."""

    async def copied(start: int) -> StretchReplay:
        versions = SqliteVersions(data.store)
        importer = Importer(data.ledger, data.states, versions, importer_id="test", now_us=lambda: 1)
        await importer.take_all(LogExport(recorded.ledger, SqliteVersions(recorded.store)).items())
        end, place = await data.ledger.end(0), await place_of(data.ledger, 0, start)
        return await replay_stretch(data.ledger, recorded.codec, recomputer(recorded), 0, place, end)

    before, after = stretch(recorded), run(copied(0))
    assert (after.steps, after.events, after.decisions) == (before.steps, before.events, before.decisions)
    assert (after.identical, after.not_recomputable, after.cut) == (True, 0, 0)
    offsets = [offset for offset, _ in steps(recorded, "call-1")]
    long = next(i for i in range(1, len(offsets) - 1) if offsets[i + 1] - offsets[i] > 2)
    cut = run(copied(offsets[long] + 1))
    assert (cut.cut, cut.steps, cut.identical) == (1, before.steps - long - 1, True)
