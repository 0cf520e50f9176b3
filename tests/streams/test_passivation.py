"""Idle conversations leave an owner's memory, and come back with their next fact or deadline as if they had stayed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from owning import Inbox, until
from support import TIMER_MS, DataDirectory, NoEffects, TallyMind, eventually, run

from schemas import facts as f
from schemas.base import Kind
from schemas.event import Event, derived_id
from streams.owner import Owner
from streams.ports import Held, Snapshot

ARRIVED = f.CallArrived(channel="voice", behaviour_seq=1, behaviour_hash="none")
ENDED = f.CallEnded(reason="caller_hung_up")
PRESSED = f.KeyPressed(key="2")
SETS_A_TIMER = f.KeyPressed(key="#")
SOON_S = 0.05
NEVER_S = 1000.0


@asynccontextmanager
async def owner(
    data: DataDirectory, *, passivate_after_s: float = SOON_S, snapshot_every: int = 1000, mind: TallyMind | None = None
) -> AsyncIterator[Owner]:
    reigning = Owner(
        0,
        data.stores,
        data.codec,
        mind or TallyMind(),
        NoEffects(),
        owner_id="test",
        passivate_after_s=passivate_after_s,
        snapshot_every=snapshot_every,
    )
    ready = asyncio.Event()
    task = asyncio.create_task(reigning.run(ready.set))
    await ready.wait()
    try:
        yield reigning
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def left(reigning: Owner, conversation_id: str = "c1") -> None:
    async def gone() -> bool:
        return conversation_id not in reigning._known.memory

    await eventually(gone)


def facts(events: list[Event]) -> list[str]:
    return [event.event_id for event in events if event.kind is Kind.FACT]


def chained(events: list[Event]) -> bool:
    seqs = [event.seq for event in events]
    hashes = [event.prev_hash for event in events[1:]]
    return seqs == list(range(1, len(events) + 1)) and hashes == [event.hash for event in events[:-1]]


def test_an_idle_conversation_leaves_memory_and_its_next_fact_goes_on_its_chain(data: DataDirectory) -> None:
    async def scenario() -> tuple[list[Event], Snapshot | None]:
        inbox = Inbox(data)
        async with owner(data) as reigning:
            await inbox.put(ARRIVED, "f0")
            await inbox.put(PRESSED, "f1")
            await until(data, "f1")
            await left(reigning)

            async def saved() -> Snapshot | None:
                return await data.snapshots.load(0, "c1")

            snapshot = await eventually(saved)
            await inbox.put(PRESSED, "f1")
            await inbox.put(PRESSED, "f2")
            return await until(data, "f2"), snapshot

    events, snapshot = run(scenario())
    assert facts(events) == ["f0", "f1", "f2"]
    assert chained(events)
    assert snapshot is not None
    last = events[snapshot.seq - 1]
    assert (snapshot.first, snapshot.seq, snapshot.hash) == (1, 5, last.hash)


def test_a_deadline_of_a_conversation_that_left_memory_is_met(data: DataDirectory) -> None:
    fired = derived_id("c1", "timer", "t1")

    async def scenario() -> tuple[bool, list[Event]]:
        inbox = Inbox(data)
        async with owner(data) as reigning:
            await inbox.put(ARRIVED, "f0")
            await inbox.put(SETS_A_TIMER, "f1")
            await until(data, "f1")
            await left(reigning)
            was_waiting = "c1" in reigning._known.passive
            return was_waiting, await until(data, fired)

    was_waiting, events = run(scenario())
    assert was_waiting
    assert facts(events) == ["f0", "f1", fired]
    taken = {event.event_id: event.accepted_at_us for event in events}
    assert taken[fired] - taken["f1"] >= TIMER_MS * 1000
    assert chained(events)


async def _passive_and_its_owner_gone(data: DataDirectory, payload: f.KeyPressed) -> Held:
    inbox = Inbox(data)
    async with owner(data) as reigning:
        await inbox.put(ARRIVED, "f0")
        await inbox.put(payload, "f1")
        await until(data, "f1")
        await left(reigning)

        async def held_without_it() -> Held | None:
            held = await data.states.load(0)
            return held if held and held.inbox_mark == 1 and not held.open_conversations else None

        return await eventually(held_without_it)


def test_a_new_owner_reads_nothing_of_passive_conversations_and_meets_their_deadlines(data: DataDirectory) -> None:
    fired = derived_id("c1", "timer", "t1")

    async def scenario() -> tuple[Held, int, list[Event]]:
        held = await _passive_and_its_owner_gone(data, SETS_A_TIMER)
        async with owner(data) as reigning:
            in_memory = len(reigning._known.memory)
            return held, in_memory, await until(data, fired)

    held, in_memory, events = run(scenario())
    assert set(held.passive) == {"c1"}
    assert held.passive["c1"].first == 1
    assert in_memory == 0
    assert facts(events) == ["f0", "f1", fired]
    assert events[-1].epoch == 2
    assert chained(events)


def test_a_conversation_that_waits_for_nothing_but_its_next_fact_is_not_held(data: DataDirectory) -> None:
    async def scenario() -> tuple[Held, list[Event]]:
        held = await _passive_and_its_owner_gone(data, PRESSED)
        inbox = Inbox(data)
        async with owner(data):
            await inbox.put(PRESSED, "f1")
            await inbox.put(PRESSED, "f2")
            return held, await until(data, "f2")

    held, events = run(scenario())
    assert (dict(held.open_conversations), dict(held.passive)) == ({}, {})
    assert facts(events) == ["f0", "f1", "f2"]
    assert chained(events)


def test_who_leaves_memory_is_held_no_longer_though_nothing_was_appended(data: DataDirectory) -> None:
    async def scenario() -> None:
        async with owner(data, passivate_after_s=1.2):
            await Inbox(data).put(ARRIVED, "f0")
            events = await until(data, "f0")

            async def held() -> list[str] | None:
                found = await data.states.load(0)
                return [*found.open_conversations, "at the end"] if found and found.inbox_mark == 0 else None

            assert await eventually(held) == ["c1", "at the end"]

            async def held_no_longer() -> bool:
                return await held() == ["at the end"]

            await eventually(held_no_longer)
            assert await data.ledger.end(0) == 1 + len(events)

    run(scenario())


def test_a_fact_that_comes_again_to_a_passive_conversation_changes_nothing_and_its_deadline_stays(
    data: DataDirectory,
) -> None:
    async def scenario() -> list[Event]:
        inbox = Inbox(data)
        async with owner(data) as reigning:
            await inbox.put(SETS_A_TIMER, "f0")
            events = await until(data, "f0")
            await left(reigning)
            await data.inbox.put("c1", "again", data.codec.encode(events[0])[0])
            await inbox.put(PRESSED, "other", "c2")
            await until(data, "other")
            return await until(data, derived_id("c1", "timer", "t0"))

    events = [event for event in run(scenario()) if event.conversation_id == "c1"]
    assert facts(events) == ["f0", derived_id("c1", "timer", "t0")]
    assert chained(events)


def test_a_snapshot_is_taken_as_often_as_told_and_gone_once_the_conversation_is_closed(data: DataDirectory) -> None:
    async def scenario() -> tuple[Snapshot, bool, list[Event]]:
        inbox = Inbox(data)
        async with owner(data, passivate_after_s=NEVER_S, snapshot_every=10):
            for number in range(12):
                await inbox.put(PRESSED, f"f{number}")
                await until(data, f"f{number}")
            kept = await data.snapshots.load(0, "c1")
            await inbox.put(ENDED, "last")
            events = await until(data, "last")

            async def dropped() -> bool:
                return await data.snapshots.load(0, "c1") is None

            assert kept is not None
            return kept, await eventually(dropped), events

    kept, dropped, events = run(scenario())
    assert kept.seq in (24, 36)
    assert kept.hash == events[kept.seq - 1].hash
    assert dropped


class Later(TallyMind):
    """The next version of the deciders."""

    version = "tally-2"


@pytest.mark.parametrize("mind", [TallyMind(), Later()], ids=["same version", "another version"])
def test_a_new_owner_goes_on_from_a_snapshot_or_from_the_log_with_the_same_outcome(
    data: DataDirectory, mind: TallyMind
) -> None:
    async def scenario() -> list[Event]:
        inbox = Inbox(data)
        async with owner(data, passivate_after_s=NEVER_S, snapshot_every=10):
            for number in range(7):
                await inbox.put(PRESSED, f"f{number}")
                await until(data, f"f{number}")
        async with owner(data, mind=mind):
            await inbox.put(PRESSED, "f3")
            await inbox.put(PRESSED, "f7")
            return await until(data, "f7")

    events = run(scenario())
    assert facts(events) == [f"f{number}" for number in range(8)]
    assert chained(events)
    assert events[-1].payload.candidate_id == "c7.1"  # type: ignore[attr-defined]


def test_an_owner_is_as_small_after_ten_thousand_finished_conversations_as_before(data: DataDirectory) -> None:
    async def scenario() -> list[int]:
        inbox = Inbox(data)
        sizes = []
        async with owner(data, passivate_after_s=NEVER_S) as reigning:
            for batch in range(2):
                for number in range(5_000):
                    name = f"c{batch}.{number}"
                    await inbox.put(ARRIVED, f"{name}.0", name)
                    await inbox.put(ENDED, f"{name}.1", name)
                    if number % 100 == 0:
                        await asyncio.sleep(0)

                async def all_taken(batch: int = batch) -> bool:
                    return reigning.inbox_mark == 10_000 * (batch + 1) - 1 and not reigning._appended

                await eventually(all_taken)
                known = reigning._known
                held = [known.memory, known.live, known.passive, reigning._timers._armed, reigning._snapshots._waiting]
                sizes.append(sum(map(len, held)) + reigning._queue.qsize())
        return sizes

    assert run(scenario()) == [0, 0]
