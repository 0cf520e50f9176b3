"""Calls of the race as their gateway sees them: greeted, asked one question, closed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from agent_core.behaviour import Behaviour
from benchmarks.race_side import Decided
from console.workspace import Workspace
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact
from schemas.event import Event
from streams.fact_writer import FactWriter, fact_event
from streams.tail import ConversationTail


class Calls:
    def __init__(self, workspace: Workspace, behaviour: Behaviour) -> None:
        self._workspace, self._behaviour = workspace, behaviour
        self._seq = workspace.record(behaviour)
        self._writer = FactWriter(workspace.stores.inbox, workspace.codec)

    async def opened(self, call_id: str) -> OpenCall:
        """A call that was greeted and waits for the caller's words."""
        tail = ConversationTail(self._workspace.stores.ledger, self._workspace.codec, call_id)
        await tail.begin()
        call = OpenCall(call_id, tail.events(), self._writer)
        arrived = f.CallArrived(channel="voice", behaviour_seq=self._seq, behaviour_hash=self._behaviour.content_hash)
        for fact in (arrived, f.CallTaken(take=1, gateway_id="bench"), f.CallAnswered(take=1)):
            await call.put(fact)
        greeting = await call.until(d.ReplyChosen)
        assert isinstance(greeting.payload, d.ReplyChosen)
        candidate, text = greeting.payload.candidate_id, greeting.payload.text
        await call.put(f.SpeechStarted(candidate_id=candidate, take=1))
        await call.put(f.SpeechCompleted(candidate_id=candidate, spoken=text))
        await call.until(d.TurnEnded)
        return call


class OpenCall:
    def __init__(self, call_id: str, events: AsyncIterator[Event], writer: FactWriter) -> None:
        self._call_id, self._events, self._writer = call_id, events, writer

    async def put(self, payload: Fact) -> None:
        await self._writer.put(fact_event(self._call_id, payload))

    async def until(self, decision: type) -> Event:
        async for event in self._events:
            if isinstance(event.payload, decision):
                return event
        raise RuntimeError("the tail ended")

    async def decide(self, question: str) -> Decided:
        """From the fact's put to the reading of what was chosen."""
        began_s = time.perf_counter()
        await self.put(
            f.UtteranceHeard(utterance_id="u1.1", text=question, final=True, confidence=0.9, since_speech_end_ms=200.0)
        )
        chosen = await self.until(d.Spoken)
        assert isinstance(chosen.payload, d.Spoken)
        return Decided(chosen.payload.text, time.perf_counter(), began_s)

    async def close(self) -> None:
        await self.put(f.CallEnded(reason="caller_hung_up"))
        await self.until(d.ConversationClosed)
        await self._events.aclose()  # type: ignore[attr-defined]
