"""Guests of simulated calls: they follow the log of one call, void records and half steps too, and post verdicts.

An honest guest blocks what a model says that begins with ``DISLIKED``, and passes the rest. In play, a guest is late,
silent, contradicts itself, says everything twice, lies, judges what it wasn't asked, or words that it wasn't shown.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from msgspec.structs import replace

from agent_core.behaviour import Behaviour, GuardrailSetting
from schemas import decisions as d
from schemas import facts as f
from schemas.base import EvidenceSpan
from schemas.event import Event, derived_id
from schemas.text_digest import text_digest
from simulation.durable import Durable
from simulation.faults import Fault, Faults
from simulation.read_once import SimCodec
from streams.fact_writer import fact_event

DISLIKED = "Of course."
GUESTS = (
    GuardrailSetting(name="compliance", means="guest", budget_ms=250, silence="block", judges="models"),
    GuardrailSetting(name="conduct", means="guest", budget_ms=180, silence="pass", judges="everything"),
    GuardrailSetting(name="tone", means="guest", required=False, budget_ms=100, silence="pass", judges="everything"),
)
OURS = ("private_knowledge", "regulated_advice", "grounding")  # guardrails that no guest may speak for


class Post(NamedTuple):
    """``id_of``: what tells this posting from the guest's others on the same candidate."""

    after_s: float
    verdict: f.GuestVerdictPosted
    id_of: str = ""
    elsewhere: bool = False  # put for a conversation that the candidate isn't in


def with_guests(behaviour: Behaviour) -> Behaviour:
    guardrails = [setting.model_dump() for setting in (*behaviour.guardrails, *GUESTS)]
    return Behaviour.model_validate(behaviour.model_dump() | {"guardrails": guardrails})


class Guests:
    """All guests of one call."""

    def __init__(self, call_id: str, durable: Durable, faults: Faults) -> None:
        self._call_id, self._durable, self._faults = call_id, durable, faults
        self._draw = faults.rng(f"guests/{call_id}")
        self._codec = SimCodec(durable)

    async def run(self) -> None:
        formed: dict[str, Event] = {}  # the newest of each candidate, as it lies there
        seen = 0
        while True:
            new, seen = self._durable.log[seen:], len(self._durable.log)
            for record in new:
                if record.conversation_id != self._call_id:
                    continue
                if record.body.type == "CandidateFormed":
                    event = self._codec.decode(record.body)
                    formed[event.payload.candidate_id] = event  # type: ignore[attr-defined]
                elif record.body.type == "GuestAsked":
                    self._judge(self._codec.decode(record.body), formed)
            await self._durable.log_grew.wait()

    def _judge(self, event: Event, formed: dict[str, Event]) -> None:
        asked = event.payload
        assert isinstance(asked, d.GuestAsked)
        candidate = formed[asked.candidate_id]
        assert isinstance(candidate.payload, d.CandidateFormed)
        disliked = candidate.payload.origin == "model" and candidate.payload.text.startswith(DISLIKED)
        key = self._durable.keys.get(self._call_id)
        assert key is not None, "a simulated call is never forgotten"
        honest = f.GuestVerdictPosted(
            guardrail=asked.guardrail,
            candidate_id=asked.candidate_id,
            text_digest=text_digest(key.digest_key, candidate.payload.text),
            passed=not disliked,
            reasons=("disliked",) if disliked else (),
            evidence=(EvidenceSpan(0, len(DISLIKED)),) if disliked else (),
            guest_version="1",
        )
        soon_s = self._draw.uniform(0.002, 0.03)
        posts = [Post(soon_s, honest)]
        if self._faults.strikes(Fault.GUESTS_FAIL, self._draw, 0.5):
            posts = list(self._draw.choice(_FAILURES)(self._draw, honest, asked.budget_ms / 1000))
        for post in posts:
            self._post(candidate.event_id, post)

    def _post(self, about: str, post: Post) -> None:
        conversation_id = "c0.1" if post.elsewhere else self._call_id
        asyncio.get_running_loop().call_later(
            post.after_s, self._receive, conversation_id, about, post, context=self._durable.broker
        )

    def _receive(self, conversation_id: str, about: str, post: Post) -> None:
        event_id = derived_id(about, post.verdict.guardrail, self._call_id, post.id_of)
        now_us = round(asyncio.get_running_loop().time() * 1e6)
        body, _ = self._codec.encode(
            fact_event(conversation_id, post.verdict, event_id=event_id, occurred_at_us=now_us)
        )
        self._durable.receive(conversation_id, event_id, body)


# --- how guests fail: each (draw, the honest verdict, the budget in s) -> what is posted ------------------------------

_Failure = Callable[[random.Random, f.GuestVerdictPosted, float], Iterator[Post]]


def _silent(draw: random.Random, honest: f.GuestVerdictPosted, budget_s: float) -> Iterator[Post]:
    yield from ()


def _late(draw: random.Random, honest: f.GuestVerdictPosted, budget_s: float) -> Iterator[Post]:
    yield Post(budget_s * draw.choice((0.97, 1.0, 1.03, 3.0, 12.0)), honest)


def _twice(draw: random.Random, honest: f.GuestVerdictPosted, budget_s: float) -> Iterator[Post]:
    yield Post(0.005, honest)
    yield Post(draw.choice((0.005, 0.02, 1.0)), honest, draw.choice(("", "again")))


def _contradictory(draw: random.Random, honest: f.GuestVerdictPosted, budget_s: float) -> Iterator[Post]:
    first = replace(honest, passed=draw.random() < 0.5)
    yield Post(0.005, first)
    yield Post(draw.choice((0.005, 0.006, 0.05)), replace(first, passed=not first.passed), "contrary")


def _lying(draw: random.Random, honest: f.GuestVerdictPosted, budget_s: float) -> Iterator[Post]:
    yield Post(0.005, replace(honest, passed=not honest.passed, reasons=("I say so!", "x" * 100), guest_version="?"))


def _for_others(draw: random.Random, honest: f.GuestVerdictPosted, budget_s: float) -> Iterator[Post]:
    """In the name of a guardrail of ours, before its own."""
    for name in OURS:
        yield Post(0.002, replace(honest, guardrail=name, passed=draw.random() < 0.5), name)
    yield Post(0.01, honest)


def _on_other_words(draw: random.Random, honest: f.GuestVerdictPosted, budget_s: float) -> Iterator[Post]:
    """As of a copy of the candidate that is void and reads differently."""
    yield Post(0.002, replace(honest, text_digest="0" * 64, passed=not honest.passed), "other words")
    if draw.random() < 0.5:
        yield Post(0.01, honest)


def _on_what_is_not_there(draw: random.Random, honest: f.GuestVerdictPosted, budget_s: float) -> Iterator[Post]:
    yield Post(0.002, replace(honest, candidate_id=f"{honest.candidate_id}.7"), "unknown")
    yield Post(0.002, replace(honest, passed=False), "elsewhere", elsewhere=True)


_FAILURES: tuple[_Failure, ...] = (
    _silent,
    _late,
    _twice,
    _contradictory,
    _lying,
    _for_others,
    _on_other_words,
    _on_what_is_not_there,
)
