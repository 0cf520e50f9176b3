"""What a lane decided otherwise than production: the first decision of each conversation, and nothing that isn't one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace
from recorded_calls import record_call
from support import DataDirectory, NoEffects, eventually, run

from agent_core.conversation import Conversation
from processors.cascade import Cascade, Decider
from processors.deciders import DECIDERS
from processors.mind import AgentMind
from projections.lane_diff import LaneComparison, LaneDiff
from projections.recorded_behaviour import recorded_behaviours
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision, Kind
from schemas.event import Event
from streams.behaviours import SqliteBehaviours
from streams.effective_records import Effective, EffectiveRecords
from streams.fact_writer import FactWriter, fact_event
from streams.lanes import LateTimers
from streams.owner import Owner
from streams.transfer import stretch

CALLS = ("call-1", "call-2")


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataDirectory]:
    data = DataDirectory(tmp_path_factory.mktemp("production"))
    for call in CALLS:
        run(record_call(data, call))
    yield data
    data.close()


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[DataDirectory]:
    directory = DataDirectory(tmp_path / "lane")
    yield directory
    directory.close()


async def facts(production: DataDirectory) -> list[Effective]:
    records, found = EffectiveRecords(production.codec), list[Effective]()
    async for record in stretch(production.ledger, 0, 0, await production.ledger.end(0)):
        found += [each for each in records.take(record) if each.event.kind is Kind.FACT]
    return found


def decided_by(
    deciders: Sequence[Decider], production: DataDirectory, lane: DataDirectory, only: Sequence[str] = CALLS
) -> LaneDiff:
    behaviour_of = recorded_behaviours(SqliteBehaviours(production.store))
    mind = LateTimers(AgentMind(Cascade(deciders, "lane"), behaviour_of, production.keys))

    async def scenario() -> LaneDiff:
        fed = await facts(production)
        for fact, at in fed:
            await lane.inbox.put(fact.conversation_id, fact.event_id, at.body)
        owner = Owner(0, lane.stores, production.codec, mind, NoEffects(), owner_id="lane")
        reign = asyncio.create_task(owner.run())

        async def all_taken() -> bool:
            held = await lane.ledger.read_conversation(fed[-1].event.conversation_id)
            return any(production.codec.decode(record.body).event_id == fed[-1].event.event_id for record in held)

        await eventually(all_taken)
        reign.cancel()
        await asyncio.gather(reign, return_exceptions=True)
        return await compared(production, lane, only)

    return run(scenario())


async def compared(production: DataDirectory, lane: DataDirectory, only: Sequence[str] = CALLS) -> LaneDiff:
    comparison = LaneComparison(production.ledger, lane.ledger, production.codec, lambda damage: None)
    for call in only:
        await comparison.take(call)
    return comparison.told("pr-1")


def changed(name: str, change: object) -> list[Decider]:
    """The deciders, one of which decides something else."""

    def of(decider: Decider) -> Decider:
        def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
            for decision in decider.decide(conversation, event):
                yield change(decision)  # type: ignore[operator]

        return decider._replace(decide=decide)

    return [of(decider) if decider.name == name else decider for decider in DECIDERS]


def test_a_lane_of_the_same_code_decides_alike(production: DataDirectory, lane: DataDirectory) -> None:
    found = decided_by(DECIDERS, production, lane)
    assert (found.identical, found.differences) == (True, ())
    assert (found.conversations, found.only_production, found.only_lane) == (2, 0, 0)
    assert found.decisions > 160
    assert found.steps == len(run(facts(production)))


def test_the_first_decision_that_differs_is_told_for_each_conversation(
    production: DataDirectory, lane: DataDirectory
) -> None:
    def shorter(decision: Decision) -> Decision:
        return replace(decision, give_up_ms=1_000) if isinstance(decision, d.TurnOpened) else decision

    found = decided_by(changed("turn_taking", shorter), production, lane)
    assert found.identical is False
    assert [each.conversation_id for each in found.differences] == list(CALLS)
    for each in found.differences:
        difference = each.difference
        assert difference.reason == "payload: give_up_ms"
        assert difference.expected is not None
        assert difference.found is not None
        assert (difference.expected.payload["give_up_ms"], each.owner_changed) == (1_000, False)
        assert difference.found.payload["give_up_ms"] > 1_000


def test_what_only_one_of_them_decides_is_a_difference(production: DataDirectory, lane: DataDirectory) -> None:
    found = decided_by([each for each in DECIDERS if each.name != "silence"], production, lane)
    (first, _) = found.differences
    assert first.difference.expected is None
    assert first.difference.found is not None
    assert first.difference.found.type == "TimerSet"


@pytest.mark.parametrize(("later_ms", "identical"), [(400, True), (3_000, False)])
def test_times_are_alike_as_far_as_two_clocks_can_say(
    production: DataDirectory, lane: DataDirectory, later_ms: int, identical: bool
) -> None:
    def later(decision: Decision) -> Decision:
        if not isinstance(decision, d.TimerSet):
            return decision
        return replace(decision, due_at_us=decision.due_at_us + later_ms * 1000)

    found = decided_by(changed("silence", later), production, lane)
    assert found.identical is identical
    assert {each.difference.reason for each in found.differences} <= {"payload: due_at_us"}


def test_facts_that_one_of_them_lacks_are_counted_and_compared_with_nothing(
    production: DataDirectory, lane: DataDirectory
) -> None:
    decided_by(DECIDERS, production, lane)

    async def more() -> LaneDiff:
        behaviour_of = recorded_behaviours(SqliteBehaviours(production.store))
        mind = LateTimers(AgentMind(Cascade(DECIDERS, "lane"), behaviour_of, production.keys))
        reign = asyncio.create_task(Owner(0, lane.stores, production.codec, mind, NoEffects(), owner_id="l").run())
        late = fact_event("call-1", f.OwnerChanged(epoch=9), event_id="only-here")
        await FactWriter(lane.inbox, production.codec).put(late)

        async def taken() -> bool:
            held = await lane.ledger.read_conversation("call-1")
            return any(production.codec.decode(record.body).event_id == "only-here" for record in held)

        await eventually(taken)
        reign.cancel()
        await asyncio.gather(reign, return_exceptions=True)
        return await compared(production, lane)

    found = run(more())
    assert (found.identical, found.only_lane, found.only_production) == (True, 1, 0)
    backwards = run(compared(lane, production))
    assert (backwards.only_lane, backwards.only_production) == (0, 1)


def test_a_change_of_owner_is_told_beside_the_difference(production: DataDirectory, lane: DataDirectory) -> None:
    async def alter() -> None:
        changed_owner = fact_event("call-1", f.OwnerChanged(epoch=9), event_id="only-here")
        await FactWriter(lane.inbox, production.codec).put(changed_owner)

    run(alter())
    found = decided_by([each for each in DECIDERS if each.name != "silence"], production, lane)
    assert [each.owner_changed for each in found.differences] == [True, False]


def test_nothing_is_claimed_where_nothing_was_compared(production: DataDirectory, lane: DataDirectory) -> None:
    assert run(compared(production, lane, only=("nobody",))).identical is None
