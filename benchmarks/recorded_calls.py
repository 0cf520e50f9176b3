"""Calls as the production deciders record them, with outcomes made up by hand: a realistic mix of events, in no time.

Each call is greeted, asks its questions with an eager and a final end of turn, and hears its replies to the end.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from agent_core.behaviour import Behaviour
from agent_core.conversation import Ask, Conversation
from agent_core.found import write_passages
from agent_core.ports import Passage
from processors.mind import AgentMind
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact
from schemas.event import GENESIS, Event
from streams.codec import Body, Codec
from streams.fact_writer import fact_event

QUESTIONS = (
    "how long until my new card comes",
    "what does it cost to use my card abroad",
    "when are you open on saturday",
    "how do i cancel a direct debit",
)
_SCORES = (("card_delivery_time", 0.4), ("fees_abroad", 0.25), ("opening_hours", 0.2), ("direct_debit", 0.15))
_STEP_US = 40_000


class Recorder:
    """Records whole calls as one owner would write them, without a log underneath."""

    def __init__(self, mind: AgentMind, codec: Codec, behaviour: Behaviour, behaviour_seq: int) -> None:
        self._mind, self._codec, self._behaviour, self._behaviour_seq = mind, codec, behaviour, behaviour_seq

    def call(self, conversation_id: str) -> list[tuple[Body, Event]]:
        """All events of one call in order, with their bytes."""
        return list(_Call(self._mind, self._codec, conversation_id).run(self._behaviour, self._behaviour_seq))


class _Call:
    def __init__(self, mind: AgentMind, codec: Codec, conversation_id: str) -> None:
        self._mind, self._codec, self._id = mind, codec, conversation_id
        self._now_us = 1_750_000_000_000_000
        self._prev_hash = GENESIS
        codec.encode(fact_event(conversation_id, f.CallArrived(channel="voice", behaviour_seq=0, behaviour_hash="")))
        self._conversation: Conversation = mind.initial(conversation_id)

    def run(self, behaviour: Behaviour, behaviour_seq: int) -> Iterator[tuple[Body, Event]]:
        arrived = f.CallArrived(
            channel="voice",
            caller="+44 20 7946 0000",
            behaviour_seq=behaviour_seq,
            behaviour_hash=behaviour.content_hash,
            providers=("stt:flux", "tts:eleven", "llm:router"),
        )
        yield from self._take(arrived)
        yield from self._take(f.CallTaken(take=1, gateway_id="gateway-1"))
        yield from self._take(f.CallAnswered(take=1))
        yield from self._speak()
        for number, question in enumerate(QUESTIONS, 1):
            yield from self._ask(f"u1.{number}", question)
            yield from self._speak()
        yield from self._take(f.CallEnded(reason="caller_hung_up"))

    def _ask(self, utterance_id: str, text: str) -> Iterator[tuple[Body, Event]]:
        yield from self._take(f.CallerSpeechStarted(utterance_id=utterance_id))
        yield from self._take(_heard(utterance_id, text, final=False))
        yield from self._answer_asks(final_at=2, utterance_id=utterance_id, text=text)

    def _answer_asks(self, final_at: int, utterance_id: str, text: str) -> Iterator[tuple[Body, Event]]:
        """Every open ask has its outcome, the final end of turn comes after some; losers are cancelled."""
        outcomes = 0
        while ask := next((ask for ask in self._conversation.asks.values() if ask.open), None):
            outcomes += 1
            if outcomes == final_at:
                yield from self._take(_heard(utterance_id, text, final=True))
                continue
            attempt = len(ask.done)
            yield from self._take(outcome(ask, attempt), run_id=f"{ask.ask_id}#1.0.{attempt}")
        for ask in self._conversation.asks.values():
            for attempt in range(len(ask.done), ask.attempts):
                cancelled = f.EffectCancelled(ask_id=ask.ask_id, attempt=attempt, elapsed_ms=412.5)
                yield from self._take(cancelled, run_id=f"{ask.ask_id}#1.0.{attempt}")

    def _speak(self) -> Iterator[tuple[Body, Event]]:
        turn = self._conversation.turn
        if turn is None or turn.chosen is None:
            raise RuntimeError("a recorded turn chose nothing: the outcomes no longer fit the behaviour")
        text = turn.candidates[turn.chosen].text
        words = text.split()
        yield from self._take(f.SpeechStarted(candidate_id=turn.chosen, take=1, since_speech_end_ms=611.0))
        for part in (len(words) // 3, 2 * len(words) // 3):
            spoken = " ".join(words[:part])
            yield from self._take(f.SpeechProgressed(candidate_id=turn.chosen, spoken_so_far=spoken))
        yield from self._take(f.SpeechCompleted(candidate_id=turn.chosen, spoken=text))

    def _take(self, payload: Fact, run_id: str | None = None) -> Iterator[tuple[Body, Event]]:
        self._now_us += _STEP_US
        fact = fact_event(self._id, payload, run_id=run_id, occurred_at_us=self._now_us)
        self._conversation, events = self._mind.step(self._conversation, replace(fact, accepted_at_us=self._now_us))
        for event in events:
            stamped = replace(event, epoch=1, inbox_mark=event.seq, prev_hash=self._prev_hash)
            body, sealed = self._codec.encode(stamped)
            self._prev_hash = sealed.hash
            yield body, sealed


def _heard(utterance_id: str, text: str, *, final: bool) -> f.UtteranceHeard:
    since_ms = 210.0 if final else 105.0
    return f.UtteranceHeard(
        utterance_id=utterance_id, text=text, final=final, confidence=0.9, since_speech_end_ms=since_ms
    )


def outcome(ask: Ask, attempt: int) -> Fact:
    """Of whatever the race asks for."""
    asked = ask.payload
    if isinstance(asked, d.ClassificationAsked):
        scores = tuple(f.Score(name, value) for name, value in _SCORES)
        return f.ScoresReturned(ask_id=ask.ask_id, scores=scores, model="emulated", elapsed_ms=310.0)
    if isinstance(asked, d.GuardrailAsked):
        return f.ScoresReturned(ask_id=ask.ask_id, scores=(f.Score("violates", 0.02),), model="emulated")
    if isinstance(asked, d.PassagesAsked):
        passages = [Passage("card-delivery", "A new card takes three to five working days by post.", 0.03)]
        return f.PassagesFound(ask_id=ask.ask_id, passages=write_passages(passages), elapsed_ms=9.0)
    if isinstance(asked, d.CompletionAsked):
        return f.CompletionReturned(
            ask_id=ask.ask_id,
            attempt=attempt,
            text=asked.approved,
            provider="openai",
            model="emulated",
            input_tokens=412,
            cached_tokens=0,
            output_tokens=31,
            first_token_ms=304.2,
            total_ms=611.8,
        )
    raise TypeError(f"nobody answers {type(asked).__name__}")
