"""What the benchmark of owners measures with: calls without sound, counts of what stands on the log, paced turns."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from support import run

from benchmarks import owner_turns
from benchmarks.log_watch import watching
from benchmarks.owner_process import effects
from benchmarks.race_behaviour import CALLS_A_TURN, race_behaviour
from benchmarks.tails_decoded import CountingCodec
from benchmarks.talking import Talk
from benchmarks.temporary_log import temporary_log
from console.agent import make_mind
from console.workspace import Workspace
from projections.effective_log import conversation_events


@asynccontextmanager
async def owned() -> AsyncIterator[tuple[Workspace, int, str]]:
    """An embedded log whose owner has every outcome at once; the behaviour that calls pin."""
    behaviour = race_behaviour()
    with temporary_log() as workspace:
        seq = workspace.record(behaviour)
        async with workspace.host(make_mind(workspace.behaviour_of, workspace.keys), effects):
            yield workspace, seq, behaviour.content_hash


def test_a_call_without_sound_takes_turn_after_turn_and_is_counted_as_it_stands_on_the_log() -> None:
    async def scenario() -> None:
        async with owned() as (workspace, seq, content_hash), watching(workspace.stores.ledger) as watch:
            talk = Talk(workspace.stores, workspace.codec, "call-1")
            await talk.open(seq, content_hash)
            taken_ms = [await talk.turn() for _ in range(3)]
            await talk.close()
            await watch.until("ConversationClosed", 1)
            ledger = workspace.stores.ledger
            events = await conversation_events(ledger, workspace.codec, "call-1", lambda damage: None)
        assert all(ms > 0 for ms in taken_ms)
        assert watch.types == Counter(event.type for event in events)
        assert watch.types["TurnEnded"] == 4  # the greeting's too
        assert watch.types["UtteranceHeard"] == 3

    run(scenario())


def test_a_turn_asks_for_seventeen_calls() -> None:
    async def scenario() -> Counter[str]:
        async with owned() as (workspace, seq, content_hash):
            talk = Talk(workspace.stores, workspace.codec, "call-1")
            await talk.open(seq, content_hash)
            async with watching(workspace.stores.ledger) as watch:
                await talk.turn()
                await talk.close()
                await watch.until("ConversationClosed", 1)
            return watch.types

    asked = run(scenario())
    assert asked["ClassificationAsked"] + asked["GuardrailAsked"] + 3 * asked["CompletionAsked"] == CALLS_A_TURN


def test_a_gateway_that_decodes_anothers_events_is_found_out() -> None:
    async def scenario() -> Counter[str]:
        async with owned() as (workspace, seq, content_hash):
            codec = CountingCodec(workspace.keys)
            talk = Talk(workspace.stores, workspace.codec, "call-1")
            await talk.open(seq, content_hash)
            await talk.close()
            await conversation_events(workspace.stores.ledger, codec, "call-1", lambda damage: None)
            return codec.decoded

    assert run(scenario())["call-1"] > 10


def test_turns_are_spread_over_conversations_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner_turns, "TURNS_S", 2_000.0)
    taken: list[int] = []

    class Counted:
        def __init__(self, number: int) -> None:
            self._number = number

        async def turn(self) -> float:
            taken.append(self._number)
            await asyncio.sleep(0)
            return float(self._number)

    times = run(owner_turns._paced([Counted(number) for number in range(3)], 8))  # type: ignore[misc]
    assert Counter(taken) == {0: 3, 1: 3, 2: 2}
    assert sorted(times) == sorted(map(float, taken))
