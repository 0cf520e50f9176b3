"""What was asked in a recorded call and what came of it, found again by what was asked, not by its name.

A completion is found by the digest of its request. Scores and passages depend on what they were computed from, so they are
found only where the intents, or the articles, are the same. Whatever else is asked is found by all that it says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from agent_core.behaviour import Behaviour
from agent_core.ports import FailureReason
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision, Fact
from schemas.event import Event

Key = tuple[Any, ...]
_HOW = ("ask_id", "candidate_id", "timeout_ms", "attempts", "subject_seq")  # how and when it is asked, not what


class RecordedAsk(NamedTuple):
    """``outcomes``: without what was cancelled, of which nothing is known. ``attempts``: that were asked. ``costs``: of what
    came of them; None where a model answered and didn't tell."""

    ask_id: str
    payload: Decision
    at_us: int
    outcomes: list[Event]
    costs: list[int | None]
    attempts: set[int]

    @property
    def cost_micros(self) -> int | None:
        return total(self.costs)


class RecordedOutcomes:
    """Of one call. ``behaviour``: that it pinned."""

    def __init__(self, steps: Iterable[Sequence[Event]], behaviour: Behaviour) -> None:
        self.by_id: dict[str, RecordedAsk] = {}
        self._by_key: dict[Key, RecordedAsk] = {}
        for step in steps:
            for event in step:
                ask_id = getattr(event.payload, "ask_id", "")
                known = self.by_id.get(ask_id)
                if known is not None:
                    _add(known, event)
                elif (
                    ask_id and isinstance(event.payload, Decision) and not isinstance(event.payload, d.CandidateFormed)
                ):
                    attempts = set(range(getattr(event.payload, "attempts", 1)))
                    ask = RecordedAsk(ask_id, event.payload, event.accepted_at_us, [], [], attempts)
                    self.by_id[ask_id] = ask
                    self._by_key.setdefault(key_of(event.payload, behaviour), ask)

    def of(self, asked: Decision, behaviour: Behaviour, *, by_name: bool = False) -> RecordedAsk | None:
        """The recorded ask for the same thing: its namesake where that is one. ``behaviour``: under which it is asked.

        ``by_name``: its namesake though it reads differently, since other code worded it; from then on, whoever asks so
        finds it.
        """
        key = key_of(asked, behaviour)
        found = self._by_key.get(key)
        namesake = self.by_id.get(getattr(asked, "ask_id", ""))
        if namesake is None or type(namesake.payload) is not type(asked):
            return found
        if found is None and by_name:
            self._by_key[key] = namesake
            return namesake
        return namesake if found is not None and said(namesake.payload) == said(asked) else found


def total(costs: Iterable[int | None]) -> int | None:
    """None where one of them isn't known: the sum of the others would pass for the whole."""
    each = list(costs)
    return None if None in each else sum(cost for cost in each if cost is not None)


def cost_of(outcome: object) -> int | None:
    """None where a model answered and nobody told what that cost. What no provider counted tokens of costs nothing."""
    told: int | None = getattr(outcome, "cost_micros", None)
    by_model = isinstance(outcome, f.CompletionReturned) or getattr(outcome, "input_tokens", None) is not None
    return told if told is not None or by_model else 0


def cost_today(outcome: Fact) -> int | None:
    """Of what was asked anew. What an answer would have cost that failed to come nobody knows."""
    if isinstance(outcome, f.EffectFailed) and outcome.cost_micros is None:
        return None
    return cost_of(outcome)


def as_now_asked(asked: Decision, found: RecordedAsk, event: Event) -> tuple[Fact | None, int]:
    """(the recorded outcome as it would have come to this ask, µs after it); None where that isn't known."""
    outcome, took_us = event.payload, event.accepted_at_us - found.at_us
    assert isinstance(outcome, Fact)
    renamed: Any = {"ask_id": getattr(asked, "ask_id", "")}
    outcome = replace(outcome, **renamed)
    if not isinstance(asked, d.CompletionAsked):
        return outcome, took_us
    attempt: int = getattr(outcome, "attempt", 0)
    late = FailureReason.TIMED_OUT.value
    if took_us > asked.timeout_ms * 1000:
        return f.EffectFailed(ask_id=asked.ask_id, attempt=attempt, reason=late), asked.timeout_ms * 1000
    was_late = isinstance(outcome, f.EffectFailed) and outcome.reason == late
    return (None, 0) if was_late and asked.timeout_ms > (timeout_of(found.payload) or 0) else (outcome, took_us)


def timeout_of(asked: Decision) -> int | None:
    return getattr(asked, "timeout_ms", None)


def key_of(asked: Decision, behaviour: Behaviour) -> Key:
    """What is asked, with all that its outcome depends on."""
    if isinstance(asked, d.ClassificationAsked):
        return (said(asked), _intents(behaviour))
    if isinstance(asked, d.PassagesAsked):
        return (said(asked), _knowledge(behaviour))
    return (said(asked),)


def said(asked: Decision) -> Key:
    if isinstance(asked, d.CompletionAsked):
        return (type(asked), asked.purpose, asked.request_digest)
    about_caller = isinstance(asked, d.GuardrailAsked) and not asked.candidate_id
    fields = tuple(getattr(asked, name) for name in asked.__struct_fields__ if name not in _HOW)
    return (type(asked), about_caller, *fields)


def _add(ask: RecordedAsk, event: Event) -> None:
    payload = event.payload
    if isinstance(payload, Decision):
        if (attempt := getattr(payload, "attempt", None)) is not None:
            ask.attempts.add(attempt)
        return
    ask.costs.append(cost_of(payload))
    if not isinstance(payload, f.EffectCancelled):
        ask.outcomes.append(event)


@lru_cache(maxsize=64)
def _intents(behaviour: Behaviour) -> Key:
    """What a classification depends on."""
    intents = tuple((intent.name, intent.description, intent.examples) for intent in behaviour.intents)
    return (behaviour.routing.classifier, intents)


@lru_cache(maxsize=64)
def _knowledge(behaviour: Behaviour) -> str:
    """What a search depends on."""
    articles = [article.model_dump(mode="json") for article in behaviour.articles]
    return hashlib.sha256(msgspec.json.encode(articles, order="sorted")).hexdigest()
