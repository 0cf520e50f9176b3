"""A gateway's part of a call without its sound: it puts what callers do, and reads what was decided."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact
from schemas.event import Event
from streams.codec import Codec
from streams.fact_writer import FactWriter, fact_event
from streams.owner import Stores
from streams.tail import ConversationTail

QUESTION = "how long until my new card comes"


class Talk:
    """``open`` it, let it take ``turn`` after turn, ``close`` it."""

    def __init__(self, stores: Stores, codec: Codec, call_id: str) -> None:
        self.call_id = call_id
        self._writer = FactWriter(stores.inbox, codec)
        self._tail = ConversationTail(stores.ledger, codec, call_id, states=stores.states)
        self._events: AsyncIterator[Event] = self._tail.events()
        self._turns = 0

    async def open(self, behaviour_seq: int, behaviour_hash: str) -> None:
        """Rings, is greeted, and waits for the caller's words."""
        await self._tail.begin(is_new=True)
        await self.put(f.CallArrived(channel="voice", behaviour_seq=behaviour_seq, behaviour_hash=behaviour_hash))
        await self.put(f.CallTaken(take=1, gateway_id="bench"))
        await self.put(f.CallAnswered(take=1))
        await self._speak(await self._until(d.ReplyChosen))

    async def turn(self) -> float:
        """ms from the put of the caller's words to the reading of the reply. Returns when the reply was spoken."""
        began = time.perf_counter()
        await self.put(self.heard())
        chosen = await self._until(d.Spoken)
        taken_ms = (time.perf_counter() - began) * 1000
        await self._speak(chosen)
        return taken_ms

    def heard(self) -> f.UtteranceHeard:
        self._turns += 1
        return f.UtteranceHeard(
            utterance_id=f"u1.{self._turns}", text=QUESTION, final=True, confidence=0.9, since_speech_end_ms=200.0
        )

    async def close(self) -> None:
        await self.put(f.CallEnded(reason="caller_hung_up"))
        await self._until(d.ConversationClosed)
        await self.leave()

    async def leave(self) -> None:
        """Reads no more of it."""
        await self._events.aclose()  # type: ignore[attr-defined]

    async def put(self, payload: Fact) -> None:
        await self._writer.put(fact_event(self.call_id, payload))

    async def _speak(self, chosen: Event) -> None:
        spoken = chosen.payload
        assert isinstance(spoken, d.Spoken)
        await self.put(f.SpeechStarted(candidate_id=spoken.candidate_id, take=1))
        await self.put(f.SpeechCompleted(candidate_id=spoken.candidate_id, spoken=spoken.text))
        await self._until(d.TurnEnded)

    async def _until(self, decision: type) -> Event:
        async for event in self._events:
            if isinstance(event.payload, decision):
                return event
        raise RuntimeError("the tail ended")
