"""A lane takes production's facts as they come and decides for itself; production is only read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path

import pytest
from broker import bootstrap, topics_for
from msgspec.structs import replace
from owning import Inbox, effective, reigning, until
from support import PATIENCE_S, DataDirectory, NoEffects, Tally, TallyMind, eventually, run
from written import entry, took

from schemas import facts as f
from schemas.base import Fact, Kind
from schemas.event import Event
from streams import lane_feed
from streams.behaviour_versions import BehaviourNumbersDifferError, SqliteVersions
from streams.clock import wall_clock_us
from streams.codec import FORGOTTEN, Body, Codec
from streams.fact_writer import FactWriter, fact_event
from streams.kafka.connection import connected
from streams.kafka.log import opened
from streams.kafka.url import KafkaUrl, parse
from streams.lane_feed import Behaviours, FactFeed, Fed, Feeds, read_fed
from streams.lanes import LATE_US, HeldTimers, LaneNameError, LateTimers, lane_address
from streams.mind import Mind, OpenTimer, Outcome
from streams.owner import Owner, Stores
from streams.partitioner import partition_of
from streams.ports import InboxUnavailableError
from streams.working_set import WAKE

PRESSED = f.KeyPressed(key="2")
NOTHING = Fed(frozenset(), None)


class Reading:
    """Production's log without anything that writes."""

    def __init__(self, data: DataDirectory) -> None:
        ledger = data.ledger
        self.partitions, self.read, self.end = ledger.partitions, ledger.read, ledger.end
        self.follow, self.read_conversation = ledger.follow, ledger.read_conversation


class FailingInbox:
    """Takes nothing at first, as while brokers are away."""

    def __init__(self, data: DataDirectory, fails: int) -> None:
        self._inbox, self._fails, self.partitions = data.inbox, fails, 1

    async def put(self, conversation_id: str, event_id: str, body: Body) -> None:
        if self._fails:
            self._fails -= 1
            raise InboxUnavailableError("away")
        await self._inbox.put(conversation_id, event_id, body)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inbox, name)


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[DataDirectory]:
    directory = DataDirectory(tmp_path / "lane")
    yield directory
    directory.close()


@asynccontextmanager
async def feeding(
    production: DataDirectory,
    lane: DataDirectory,
    fed: Fed = NOTHING,
    *,
    with_outcomes: bool = True,
    fails: int = 0,
    behind: Callable[[bool], None] = lambda behind: None,
) -> AsyncIterator[asyncio.Task[None]]:
    """Entered once the feed follows."""
    behaviours = Behaviours(SqliteVersions(production.store), SqliteVersions(lane.store))
    inbox = FailingInbox(lane, fails)
    feed = FactFeed(0, Reading(production), production.states, inbox, behaviours, with_outcomes=with_outcomes)  # type: ignore[arg-type]
    ready = asyncio.Event()
    task = asyncio.create_task(feed.run(fed, ready.set, behind))
    await ready.wait()
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, BehaviourNumbersDifferError):
            await task


async def put(data: DataDirectory, event_id: str, call: str = "c1", payload: Fact = PRESSED) -> None:
    await Inbox(data).put(payload, event_id, call)


def arrived(behaviour_seq: int, behaviour_hash: str) -> f.CallArrived:
    return f.CallArrived(channel="voice", behaviour_seq=behaviour_seq, behaviour_hash=behaviour_hash)


async def inbox_ids(lane: DataDirectory) -> list[str]:
    """What the lane's inbox holds, in order."""
    rows = lane.store.db.execute("select event_id from inbox order by offset")
    return [row[0] for row in rows]


async def until_fed(lane: DataDirectory, event_id: str) -> list[str]:
    async def look() -> list[str] | None:
        ids = await inbox_ids(lane)
        return ids if event_id in ids else None

    return await eventually(look)


def decisions(events: list[Event]) -> list[tuple[str, str, str, object]]:
    return [(e.event_id, e.type, e.causation_id, e.payload) for e in events if e.kind is Kind.DECISION]


# --- facts -----------------------------------------------------------------------------------------------------------


def test_a_lane_decides_the_same_facts_by_itself(data: DataDirectory, lane: DataDirectory) -> None:
    async def scenario() -> None:
        async with reigning(data), feeding(data, lane), reigning(lane, codec=data.codec):
            for number in range(6):
                await put(data, f"press-{number}", f"c{number % 2}")
            theirs = await until(data, "press-5")
            ours = await until(lane, "press-5")
        assert decisions(ours) == decisions(theirs)
        assert [e.event_id for e in ours] == [e.event_id for e in theirs]
        assert {e.epoch for e in ours} == {1}
        for call in ("c0", "c1"):
            seqs = [e.seq for e in ours if e.conversation_id == call]
            assert seqs == list(range(1, len(seqs) + 1))

    run(scenario())


def test_a_lane_takes_what_counts_and_nothing_that_is_void(data: DataDirectory, lane: DataDirectory) -> None:
    async def scenario() -> None:
        async with feeding(data, lane):
            async with reigning(data):
                await put(data, "before")
                taken = await until(data, "before")
            await data.ledger.append(0, [entry(took(9, "newer"))])
            zombie = taken[0]
            body, _ = data.codec.encode(zombie)
            await data.ledger.append(0, [entry(zombie)])
            assert body.type == "KeyPressed"
            async with reigning(data):
                await put(data, "after")
                await until(data, "after")
            assert await until_fed(lane, "after") == ["before", "after"]

    run(scenario())


def test_private_words_pass_through_sealed_as_they_are(data: DataDirectory, lane: DataDirectory) -> None:
    heard = f.UtteranceHeard(
        utterance_id="u1", text="my name is Ada", final=True, confidence=0.9, since_speech_end_ms=300.0
    )

    async def scenario() -> None:
        async with reigning(data), feeding(data, lane), reigning(lane, codec=data.codec):
            await put(data, "heard", payload=heard)
            (theirs,) = await until(data, "heard")
            (ours,) = await until(lane, "heard")
        assert theirs.payload == heard
        assert ours.sealed == theirs.sealed != {}
        assert ours.payload == replace(heard, text=FORGOTTEN)  # to who hasn't production's keys
        assert lane.keys.get("c1") is None

    run(scenario())


def test_conversations_under_way_are_passed_over_and_those_that_begin_are_whole(
    data: DataDirectory, lane: DataDirectory
) -> None:
    async def scenario() -> None:
        async with reigning(data):
            await put(data, "old-1", "old")
            await until(data, "old-1")
            async with feeding(data, lane):
                await put(data, "old-2", "old")
                await put(data, "new-1", "new")
                await put(data, "new-2", "new")
                assert await until_fed(lane, "new-2") == ["new-1", "new-2"]

    run(scenario())


def test_what_an_owner_does_for_itself_is_left_to_the_lanes_owner(data: DataDirectory, lane: DataDirectory) -> None:
    async def scenario() -> None:
        async with reigning(data) as reign, feeding(data, lane):
            await put(data, "press")
            assert reign.effects.report is not None
            await until(data, "press")
            reign.effects.report(Outcome("c1", "changed", f.OwnerChanged(epoch=1)))
            await put(data, "decider-fails", payload=f.KeyPressed(key="!"))
            await put(data, "last")
            assert await until_fed(lane, "last") == ["press", "last"]

    run(scenario())


@pytest.mark.parametrize(
    ("with_outcomes", "expected"), [(True, ["press", "asked", "fired", "last"]), (False, ["press", "last"])]
)
def test_outcomes_are_taken_where_the_lane_asks_nobody(
    data: DataDirectory, lane: DataDirectory, with_outcomes: bool, expected: list[str]
) -> None:
    async def scenario() -> None:
        async with reigning(data) as reign, feeding(data, lane, with_outcomes=with_outcomes):
            await put(data, "press")
            await until(data, "press")
            assert reign.effects.report is not None
            scores = f.ScoresReturned(ask_id="a", scores=(), model="m")
            reign.effects.report(Outcome("c1", "asked", scores, run_id="a#1.0.0"))
            reign.effects.report(Outcome("c1", "fired", f.TimerFired(timer_id="t", purpose="idle")))
            await until(data, "fired")
            await put(data, "last")
            assert await until_fed(lane, "last") == expected

    run(scenario())


# --- going on --------------------------------------------------------------------------------------------------------


def test_a_feed_that_was_killed_goes_on_behind_its_last_fact(data: DataDirectory, lane: DataDirectory) -> None:
    async def scenario() -> None:
        async with reigning(data), reigning(lane, codec=data.codec):
            async with feeding(data, lane):
                for name in ("c1-a", "c2-a", "c1-b"):
                    await put(data, name, name[:2])
                await until_fed(lane, "c1-b")
            for name in ("c1-c", "c3-a", "c2-b"):  # while nobody feeds
                await put(data, name, name[:2])
            theirs = await until(data, "c2-b")
            async with feeding(data, lane, Fed(frozenset({"c1", "c2"}), ("c1", "c1-b"))):
                ours = await until(lane, "c2-b")
        assert [e.event_id for e in ours] == [e.event_id for e in theirs]

    run(scenario())


def test_where_a_feed_stands_is_what_the_lanes_inbox_ends_with(data: DataDirectory, tmp_path: Path) -> None:
    topics = topics_for(tmp_path, 2)
    at = {call: partition_of(call, 2) for call in ("c1", "c2", "c3", "c4", "c5")}

    async def scenario() -> None:
        async with opened(bootstrap(), topics) as stores, connected(bootstrap()) as connection:
            assert [await read_fed(connection, topics, partition) for partition in range(2)] == [NOTHING, NOTHING]
            writer = FactWriter(stores.inbox, data.codec)
            for number in range(2):
                for call in at:
                    await writer.put(fact_event(call, PRESSED, event_id=f"{call}-{number}"))
            for partition in range(2):
                here = [call for call in at if at[call] == partition]
                assert await read_fed(connection, topics, partition) == Fed(
                    frozenset(here), (here[-1], f"{here[-1]}-1")
                )

    assert set(at.values()) == {0, 1}
    run(scenario())


def test_two_feeds_of_one_partition_do_no_harm(data: DataDirectory, lane: DataDirectory) -> None:
    async def scenario() -> None:
        async with reigning(data), reigning(lane, codec=data.codec), feeding(data, lane), feeding(data, lane):
            for number in range(20):
                await put(data, f"press-{number}")
            theirs, ours = await until(data, "press-19"), await until(lane, "press-19")
        assert [e.event_id for e in ours] == [e.event_id for e in theirs]

    run(scenario())


def test_an_inbox_that_takes_nothing_for_a_while_loses_nothing(data: DataDirectory, lane: DataDirectory) -> None:
    async def scenario() -> None:
        async with reigning(data), feeding(data, lane, fails=3):
            for number in range(3):
                await put(data, f"press-{number}")
            assert await until_fed(lane, "press-2") == [f"press-{number}" for number in range(3)]

    run(scenario())


def test_partitions_are_fed_where_they_are_owned_and_a_feed_that_fails_is_told() -> None:
    started: list[int] = []
    ended: list[int] = []
    owned = {0, 1}

    def feed(partition: int, follows: Callable[[], None], behind: Callable[[bool], None]) -> asyncio.Task[None]:
        async def work() -> None:
            started.append(partition)
            follows()
            if partition == 1:
                behind(False)
            try:
                if partition == 2:
                    raise BehaviourNumbersDifferError("taken")
                await asyncio.Event().wait()
            finally:
                ended.append(partition)

        return asyncio.create_task(work())

    async def scenario() -> None:
        ready = asyncio.Event()
        caught_up: set[int] = set()
        running = asyncio.create_task(Feeds(feed, caught_up).run(lambda: frozenset(owned), ready.set))
        await ready.wait()
        assert sorted(started) == [0, 1]

        async def settled() -> bool:
            return caught_up == {1}

        await eventually(settled)
        owned.discard(0)

        async def stopped() -> bool:
            return ended == [0]

        await eventually(stopped)
        owned.add(2)
        with pytest.raises(BehaviourNumbersDifferError):
            await running
        assert sorted(ended) == [0, 1, 2]
        assert caught_up == set()

    run(scenario())


# --- behaviours ------------------------------------------------------------------------------------------------------


def test_the_behaviour_that_a_call_pins_is_there_before_the_call(data: DataDirectory, lane: DataDirectory) -> None:
    async def scenario() -> None:
        for name in ("first", "second"):
            SqliteVersions(data.store).record(name, name.encode())
        async with reigning(data), feeding(data, lane):
            await put(data, "arrived", payload=arrived(2, "second"))
            await until_fed(lane, "arrived")
        assert SqliteVersions(lane.store).get(2, "second") == b"second"

    run(scenario())


def test_a_lane_that_numbers_other_behaviours_is_not_fed(data: DataDirectory, lane: DataDirectory) -> None:
    async def scenario() -> None:
        SqliteVersions(data.store).record("theirs", b"theirs")
        SqliteVersions(lane.store).record("ours", b"ours")
        async with reigning(data), feeding(data, lane) as task:
            await put(data, "arrived", payload=arrived(1, "theirs"))
            with pytest.raises(BehaviourNumbersDifferError):
                await asyncio.wait_for(task, PATIENCE_S)
        assert await inbox_ids(lane) == []

    run(scenario())


# --- timers ----------------------------------------------------------------------------------------------------------


def test_a_timer_fires_by_productions_record_and_by_the_lane_only_where_there_is_none(
    data: DataDirectory, lane: DataDirectory
) -> None:
    async def scenario() -> None:
        mind, stores = LateTimers(TallyMind()), lane.stores
        async with feeding(data, lane), owner(stores, data.codec, mind):
            async with reigning(data):
                await put(data, "sets", payload=f.KeyPressed(key="#"))
                theirs = (await until(data, "sets"))[-1].payload
                ours = (await until(lane, "sets"))[-1].payload
                fired = await _fired(data)
            (taken,) = [e for e in await until(lane, fired.event_id) if isinstance(e.payload, f.TimerFired)]
            assert taken.inbox_mark > 0  # it came through the inbox, before the lane's own was due
            assert abs(ours.due_at_us - theirs.due_at_us) < LATE_US  # type: ignore[attr-defined]
            only_here = fact_event("c2", f.KeyPressed(key="#"), event_id="sets-too")
            await FactWriter(lane.inbox, data.codec).put(only_here)
            own = await _fired(lane, "c2")
            assert own.accepted_at_us - (await effective(lane))[-2].accepted_at_us >= LATE_US

    run(scenario())


def test_a_deadline_that_ran_out_while_nobody_fed_waits_for_what_production_made_of_it(
    data: DataDirectory, lane: DataDirectory
) -> None:
    told: list[bool] = []
    mind = HeldTimers(LateTimers(TallyMind()), lambda call: told != [True, False], wall_clock_us)

    async def scenario() -> None:
        async with reigning(data):
            async with feeding(data, lane), owner(lane.stores, data.codec, mind):
                await put(data, "sets", payload=f.KeyPressed(key="#"))
                await until(lane, "sets")
            await put(data, "said")  # while the lane is down
            fired = await _fired(data)
        ended = fired.accepted_at_us + 2 * LATE_US

        async def overdue() -> bool:
            return wall_clock_us() > ended

        await eventually(overdue)
        fed = Fed(frozenset({"c1"}), ("c1", "sets"))
        async with owner(lane.stores, data.codec, mind), feeding(data, lane, fed, behind=told.append):
            ours = await until(lane, fired.event_id)
            assert told == [True, False]
        facts = [event.event_id for event in ours if event.kind is Kind.FACT and event.type != "OwnerChanged"]
        assert facts == ["sets", "said", fired.event_id]

    run(scenario())


def test_a_feed_that_lags_says_so_until_it_has_caught_up(
    data: DataDirectory, lane: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lane on a busy machine: its own deadlines ran out before facts that production had seconds ago."""
    told: list[bool] = []

    async def scenario() -> None:
        async with reigning(data), feeding(data, lane, behind=told.append):
            await put(data, "in time")
            await until_fed(lane, "in time")
            assert told == [False]
            monkeypatch.setattr(lane_feed, "wall_clock_us", lambda: wall_clock_us() + LATE_US)
            await put(data, "late")
            await until_fed(lane, "late")

            async def has_caught_up() -> bool:
                return told == [False, True, False]

            await eventually(has_caught_up)

    run(scenario())


def test_a_deadline_of_the_lane_alone_fires_once_it_caught_up(data: DataDirectory, lane: DataDirectory) -> None:
    behind = [True]
    mind = HeldTimers(LateTimers(TallyMind()), lambda call: behind[0], wall_clock_us)

    async def scenario() -> None:
        async with owner(lane.stores, data.codec, mind):
            only_here = fact_event("c1", f.KeyPressed(key="#"), event_id="sets")
            await FactWriter(lane.inbox, data.codec).put(only_here)
            due_at_us = (await until(lane, "sets"))[-1].payload.due_at_us  # type: ignore[attr-defined]

            async def overdue() -> bool:
                return wall_clock_us() > due_at_us + 2 * LATE_US

            await eventually(overdue)
            assert not any(isinstance(event.payload, f.TimerFired) for event in await effective(lane))
            behind[0] = False
            assert (await _fired(lane)).accepted_at_us > due_at_us + 2 * LATE_US

    run(scenario())


def test_a_held_deadline_is_looked_at_again_by_the_clock_that_is_given() -> None:
    clock = [5_000_000]
    mind = HeldTimers(TallyMind(), lambda call: True, lambda: clock[0])
    waits = Tally("c1", timer=OpenTimer("t", "silence", 1, None))
    assert mind.open_work(waits).timers == {WAKE: OpenTimer(WAKE, WAKE, 5_000_000 + LATE_US, None)}
    clock[0] = 9_000_000
    assert mind.open_work(waits).timers[WAKE].due_at_us == 9_000_000 + LATE_US


@asynccontextmanager
async def owner(stores: Stores, codec: Codec, mind: Mind[Tally]) -> AsyncIterator[None]:
    ready = asyncio.Event()
    reign = asyncio.create_task(Owner(0, stores, codec, mind, NoEffects(), owner_id="lane").run(ready.set))
    await ready.wait()
    try:
        yield
    finally:
        reign.cancel()
        await asyncio.gather(reign, return_exceptions=True)


async def _fired(data: DataDirectory, call: str = "c1") -> Event:
    async def look() -> Event | None:
        events = [e for e in await effective(data) if e.conversation_id == call]
        return next((e for e in events if isinstance(e.payload, f.TimerFired)), None)

    return await eventually(look)


# --- names -----------------------------------------------------------------------------------------------------------


def test_a_lane_lies_under_a_prefix_that_no_other_lane_or_log_has() -> None:
    plain, bank = KafkaUrl("b:9092"), KafkaUrl("b:9092", "bank.", 4, 3)
    addresses = [lane_address(log, name) for log in (plain, bank) for name in ("a", "b", "a-b", "pr-123")]
    prefixes = [parsed.prefix for address in addresses if (parsed := parse(address))]
    assert len(set(prefixes)) == 8
    assert all(prefix.startswith("lane-") for prefix in prefixes)
    assert parse(lane_address(bank, "pr-123")) == KafkaUrl("b:9092", "lane-pr-123--bank.", 4, 3)
    topics = [KafkaUrl("", prefix).topics.log for prefix in (*prefixes, "", "bank.")]
    assert all(before != after for before, after in pairwise(sorted(topics)))


@pytest.mark.parametrize("name", ["", "pr_123", "pr.123", "pr--1", "-pr", "pr-", "a/b", "ü"])
def test_a_name_that_cannot_stand_in_a_topics_name_is_refused(name: str) -> None:
    with pytest.raises(LaneNameError):
        lane_address(KafkaUrl("b:9092"), name)
