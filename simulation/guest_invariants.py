"""Invariants of guests: a verdict rests on what its guest posted about these very words, or on its silence; each counts
once; and what a guest posted in time is heard.

The checker keeps its own account of what each guest may judge, from the records alone.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent_core.behaviour import Behaviour, GuardrailSetting
from simulation.durable import Durable
from simulation.raw_log import RawLog, Rec
from simulation.violation import Violation


@dataclass
class _Open:
    """A candidate that may be judged. ``formed_at_us``: accepted_at of its step."""

    text: str
    guests: frozenset[str]
    formed_at_us: int
    judged: set[str] = field(default_factory=set)


@dataclass
class _Call:
    """Candidates of the open turn's present speculation that nothing has dropped."""

    open: dict[str, _Open] = field(default_factory=dict)
    judged: set[tuple[str, str]] = field(default_factory=set)
    chosen: str | None = None
    take: int = 0


def guests_for(behaviour: Behaviour, origin: str) -> tuple[GuardrailSetting, ...]:
    found = (g for g in behaviour.guardrails if g.means == "guest")
    return tuple(g for g in found if g.judges == "everything" or origin == "model")


def guests(log: RawLog, durable: Durable, behaviour: Behaviour) -> Iterator[Violation]:
    settings = {g.name: g for g in behaviour.guardrails if g.means == "guest"}
    calls: dict[str, _Call] = {}
    for step in log.steps:
        call = calls.setdefault(step[0].conversation_id, _Call())
        where = f"{step[0].conversation_id} seq {step[0].seq} {step[0].type}"
        if step[0].type == "GuestVerdictPosted":
            for message in _posted(call, step, durable):
                yield Violation("guests_judge_their_own", f"{where}: {message}")
        for message in _never_waited_out(step):
            yield Violation("silence_ends", f"{where}: {message}")
        for rec in step:
            for invariant, message in _take(call, step[0], rec, settings):
                yield Violation(invariant, f"{where}: {message}")
            _remember(call, rec, behaviour)


def _posted(call: _Call, step: list[Rec], durable: Durable) -> Iterator[str]:
    """What it says decides on its own candidate, if it may; nothing follows from any other."""
    posted = step[0].payload
    candidate = call.open.get(posted["candidate_id"])
    key = durable.keys.get(step[0].conversation_id)
    counts = (
        candidate is not None
        and key is not None
        and posted["guardrail"] in candidate.guests - candidate.judged
        and posted["text_digest"] == hmac.new(key.digest_key, candidate.text.encode(), hashlib.sha256).hexdigest()
    )
    if not counts:
        if len(step) > 1:
            yield f"{step[1].type} follows from a verdict that doesn't count"
        return
    issued = [rec.payload for rec in step if rec.type == "VerdictIssued"]
    told = [(v["guardrail"], v["candidate_id"], v["passed"]) for v in issued]
    if told[:1] != [(posted["guardrail"], posted["candidate_id"], posted["passed"])]:
        yield f"a verdict in time led to {told}"


def _never_waited_out(step: list[Rec]) -> Iterator[str]:
    """A required guest that is asked has a deadline, set in the very same step."""
    due = {rec.payload["timer_id"]: rec.payload["due_at_us"] for rec in step if rec.type == "TimerSet"}
    for rec in step:
        if rec.type == "GuestAsked" and rec.payload["required"]:
            asked = rec.payload
            found = due.get(f"{asked['candidate_id']}.guest.{asked['guardrail']}")
            if found != rec.env["accepted_at_us"] + asked["budget_ms"] * 1000:
                yield f"{asked['guardrail']} may take for ever over {asked['candidate_id']}"


def _take(call: _Call, fact: Rec, rec: Rec, settings: dict[str, GuardrailSetting]) -> Iterator[tuple[str, str]]:
    if rec.type != "VerdictIssued" or rec.payload["guardrail"] not in settings:
        return
    payload, guest = rec.payload, settings[rec.payload["guardrail"]]
    name = (guest.name, payload["candidate_id"])
    if name in call.judged:
        yield "guests_count_once", f"{name} was judged before"
    call.judged.add(name)
    if not all(re.fullmatch("[a-z0-9_]{1,64}", reason) for reason in payload["reasons"]):
        yield "guests_give_names", f"{name}: its reasons are no names"
    candidate = call.open.get(payload["candidate_id"])
    if candidate is None or guest.name not in candidate.guests or payload["required"] != guest.required:
        yield "guests_judge_their_own", f"{name}: behaviour gives it no such candidate"
        return
    candidate.judged.add(guest.name)
    if fact.type == "TimerFired":
        waited_us = rec.env["accepted_at_us"] - candidate.formed_at_us
        if (
            not guest.required
            or payload["passed"] != (guest.silence == "pass")
            or payload["reasons"] != ["guest_silent"]
        ):
            yield "silence_as_behaviour_says", f"{name}: {payload['passed']} for {payload['reasons']}"
        if waited_us < (guest.budget_ms or 0) * 1000:
            yield "silence_as_behaviour_says", f"{name}: after {waited_us} us"
    elif fact.type != "GuestVerdictPosted":
        yield "guests_judge_their_own", f"{name}: it rests on {fact.type}"


def _remember(call: _Call, rec: Rec, behaviour: Behaviour) -> None:
    payload = rec.payload
    if rec.type == "CandidateFormed":
        names = frozenset(guest.name for guest in guests_for(behaviour, payload["origin"]))
        call.open[payload["candidate_id"]] = _Open(payload["text"], names, rec.env["accepted_at_us"])
    elif rec.type in ("ReplyChosen", "EscalationChosen", "CloseChosen"):
        call.chosen = payload["candidate_id"]
    elif rec.type == "CallTaken":
        call.take = max(call.take, payload["take"])
    elif rec.type == "CandidateDropped" or (
        rec.type == "SpeechFailed" and (payload["candidate_id"], payload["take"]) == (call.chosen, call.take)
    ):
        call.open.pop(payload["candidate_id"], None)
    elif rec.type in ("TurnOpened", "TurnEnded", "SpeculationOpened", "SpeculationDropped", "ConversationClosed"):
        call.open = {}
