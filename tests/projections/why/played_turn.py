"""One call as its deciders decide it: a greeting, one question, the reply; every outcome and its time told by a fault.

A caller, a gateway, models and an owner in one, on a clock that jumps. Nothing is written anywhere: steps come out as a
reader of the log would get them.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from itertools import count
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

from msgspec.structs import replace

from agent_core.behaviour import Behaviour
from agent_core.conversation import Ask
from agent_core.found import write_passages
from agent_core.ports import Passage
from processors.cascade import Cascade
from processors.mind import AgentMind
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact
from schemas.event import Event
from streams.fact_writer import fact_event
from streams.keys import DataKey, KeyStore

CALL = "call-fault"
BEGAN_US = 1_750_000_000_000_000
_SPEECH_ENDED_US = BEGAN_US + 10_000_000
_OVER_US = BEGAN_US + 60_000_000
_FRAME_US = 1_000


class OneKey:
    """A key store that has nothing to open: the steps are plaintext."""

    def __init__(self) -> None:
        self._key = cast(DataKey, SimpleNamespace(key_id="one", digest_key=b"of a played turn"))

    def create(self, conversation_id: str) -> DataKey:
        return self._key

    def get(self, conversation_id: str) -> DataKey | None:
        return self._key

    def destroy(self, conversation_id: str) -> None:
        raise NotImplementedError("nothing is forgotten here")


class Script(NamedTuple):
    """What happens outside. ``answers``: by attempt, {text, after_ms, provider} or {fails, after_ms, provider}; the last
    one stands for all further. ``scores`` of the classifier; ``guard_scores``: of every guardrail that asks for some."""

    says: str
    scores: Mapping[str, float]
    passages: Sequence[str]
    answers: Sequence[Mapping[str, Any]]
    guard_scores: Mapping[str, float]
    classified_after_ms: float
    found_after_ms: float
    judged_after_ms: float
    end_of_turn_ms: float
    voice_ms: float
    confidence: float


def played(behaviour: Behaviour, seq: int, cascade: Cascade, script: Script) -> list[tuple[Event, ...]]:
    keys: KeyStore = OneKey()
    return _Play(behaviour, seq, AgentMind(cascade, lambda _, __: behaviour, keys), script).steps()


class _Play:
    def __init__(self, behaviour: Behaviour, seq: int, mind: AgentMind, script: Script) -> None:
        self._behaviour, self._mind, self._script = behaviour, mind, script
        self._c = mind.initial(CALL)
        self._steps: list[tuple[Event, ...]] = []
        self._queue: list[tuple[int, int, Fact]] = []
        self._order = count()
        self._asked: set[tuple[str, int]] = set()
        self._put(BEGAN_US, f.CallArrived(channel="voice", behaviour_seq=seq, behaviour_hash=behaviour.content_hash))
        self._put(BEGAN_US + _FRAME_US, f.CallTaken(take=1, gateway_id="g1"))
        self._put(BEGAN_US + 2 * _FRAME_US, f.CallAnswered(take=1))
        self._put(_SPEECH_ENDED_US - 2_000_000, f.CallerSpeechStarted(utterance_id="u1"))
        self._put(_SPEECH_ENDED_US + 100_000, self._heard(100.0, final=False))
        self._put(self._after(script.end_of_turn_ms), self._heard(script.end_of_turn_ms, final=True))
        budget = behaviour.budget
        for mark in budget.hold_marks_ms:
            text = behaviour.holding[0].text
            phrase = behaviour.holding[0].id
            held = f.HoldingPlayed(
                phrase_id=phrase, utterance_id="u1", mark_ms=mark, since_speech_end_ms=mark + 4.0, text=text
            )
            self._put(self._after(mark + 5), held)
        closing = f.FallbackPlayed(
            phrase_id="closing",
            utterance_id="u1",
            since_speech_end_ms=budget.hard_ms + 4.0,
            text=behaviour.lines.closing,
        )
        self._put(self._after(budget.hard_ms + 5), closing)
        self._put(_OVER_US, f.CallEnded(reason="caller_hung_up"))

    def steps(self) -> list[tuple[Event, ...]]:
        while self._queue:
            timers = self._mind.open_work(self._c).timers.values()
            timer = min(timers, key=lambda t: (t.due_at_us, t.timer_id), default=None)
            if timer and timer.due_at_us < self._queue[0][0]:
                self._take(timer.due_at_us, f.TimerFired(timer_id=timer.timer_id, purpose=timer.purpose))
                continue
            at_us, _, fact = heapq.heappop(self._queue)
            if isinstance(fact, f.HoldingPlayed | f.FallbackPlayed) and self._is_decided():
                continue
            self._take(at_us, self._or_cancelled(fact))
        return self._steps

    def _take(self, at_us: int, fact: Fact) -> None:
        event = fact_event(CALL, fact, turn_id=self._c.turn.turn_id if self._c.turn else None, occurred_at_us=at_us)
        self._c, events = self._mind.step(self._c, replace(event, accepted_at_us=at_us))
        self._steps.append(tuple(replace(each, epoch=1) for each in events))
        for each in events:
            if isinstance(each.payload, d.Spoken):
                self._say(at_us, each.payload)
        for ask in self._c.asks.values():
            for attempt in range(ask.attempts):
                if ask.open and (ask.ask_id, attempt) not in self._asked:
                    self._asked.add((ask.ask_id, attempt))
                    after_ms, outcome = self._outcome(ask, attempt)
                    self._put(at_us + round(after_ms * 1000), outcome)

    def _say(self, at_us: int, spoken: d.Spoken) -> None:
        since_ms = (at_us - _SPEECH_ENDED_US) / 1000 + self._script.voice_ms if at_us > _SPEECH_ENDED_US else None
        began_us = at_us + round(self._script.voice_ms * 1000)
        started = f.SpeechStarted(candidate_id=spoken.candidate_id, take=1, since_speech_end_ms=since_ms)
        self._put(began_us, started)
        self._put(began_us + 3_000_000, f.SpeechCompleted(candidate_id=spoken.candidate_id, spoken=spoken.text))

    def _or_cancelled(self, fact: Fact) -> Fact:
        ask = self._c.asks.get(getattr(fact, "ask_id", ""))
        if not getattr(fact, "ask_id", "") or (ask and ask.open):
            return fact
        return f.EffectCancelled(ask_id=getattr(fact, "ask_id", ""), attempt=getattr(fact, "attempt", 0))

    def _outcome(self, ask: Ask, attempt: int) -> tuple[float, Fact]:
        script, asked = self._script, ask.payload
        if isinstance(asked, d.ClassificationAsked):
            scores = tuple(f.Score(name, value) for name, value in script.scores.items())
            return script.classified_after_ms, f.ScoresReturned(
                ask_id=ask.ask_id, scores=scores, model="local", elapsed_ms=9.0
            )
        if isinstance(asked, d.GuardrailAsked):
            scores = tuple(f.Score(name, value) for name, value in script.guard_scores.items())
            return script.judged_after_ms, f.ScoresReturned(ask_id=ask.ask_id, scores=scores, model=asked.guardrail)
        if isinstance(asked, d.PassagesAsked):
            articles = {article.id: article for article in self._behaviour.articles}
            found = [Passage(name, articles[name].public, 0.03) for name in script.passages if name in articles]
            return script.found_after_ms, f.PassagesFound(
                ask_id=ask.ask_id, passages=write_passages(found), elapsed_ms=9.0
            )
        if isinstance(asked, d.CompletionAsked):
            return self._answer(ask, asked, attempt)
        return 5.0, f.EffectFailed(ask_id=ask.ask_id, attempt=attempt, reason="missing", elapsed_ms=1.0)

    def _answer(self, ask: Ask, asked: d.CompletionAsked, attempt: int) -> tuple[float, Fact]:
        told = self._script.answers[min(attempt, len(self._script.answers) - 1)]
        after_ms, provider = float(told["after_ms"]), str(told.get("provider", "openai"))
        reason = told.get("fails")
        if after_ms > asked.timeout_ms:
            after_ms, reason = float(asked.timeout_ms), "timed_out"
        if reason:
            return after_ms, f.EffectFailed(
                ask_id=ask.ask_id, attempt=attempt, reason=reason, provider=provider, elapsed_ms=after_ms
            )
        return after_ms, f.CompletionReturned(
            ask_id=ask.ask_id,
            attempt=attempt,
            text=told.get("text") or asked.approved,
            provider=provider,
            model="small",
            first_token_ms=after_ms / 2,
            total_ms=after_ms,
        )

    def _heard(self, since_ms: float, *, final: bool) -> f.UtteranceHeard:
        says, confidence = self._script.says, self._script.confidence
        return f.UtteranceHeard(
            utterance_id="u1", text=says, final=final, confidence=confidence, since_speech_end_ms=since_ms
        )

    def _is_decided(self) -> bool:
        turn = self._c.turn
        return turn is None or turn.utterance_id != "u1" or turn.chosen is not None

    def _after(self, ms: float) -> int:
        return _SPEECH_ENDED_US + round(ms * 1000)

    def _put(self, at_us: int, fact: Fact) -> None:
        heapq.heappush(self._queue, (at_us, next(self._order), fact))
