"""Invariants of guardrails: each that is asked has its budget on the log, what nobody judged means what it should, and a
verdict that blocks shows what it rests on.

The checker keeps its own account of what was asked, from the records alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from agent_core.behaviour import Behaviour
from agent_core.guardrails import registry
from agent_core.guardrails.base import Guardrail, Input, OnFailure
from agent_core.judging import EARLIER_LINES
from simulation.raw_log import RawLog, Rec
from simulation.violation import Violation

_NOBODY_JUDGED = ("guardrail_failed", "not_judged")


@dataclass
class _Call:
    """Of the present speculation: what was asked, and the texts that verdicts may point into; and the caller's lines of the
    turns before it, as far as whoever speaks now said them."""

    asked: dict[str, tuple[str, str]] = field(default_factory=dict)  # ask -> guardrail, candidate
    judged: set[tuple[str, str]] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)  # candidate, or "" for the question
    timers: dict[str, str] = field(default_factory=dict)  # timer that counts -> ask
    lines: list[tuple[str | None, str]] = field(default_factory=list)  # turn, what the caller said
    subject: str | None = None

    def text_for(self, guardrail: Guardrail, rec: Rec) -> str | None:
        """What a verdict speaks of: one that reads the conversation points into all lines, the newest last."""
        text = self.texts.get(rec.payload["candidate_id"])
        if text is None or rec.payload["stage"] != "input" or Input.CONVERSATION not in guardrail.inputs:
            return text
        earlier = [line for turn, line in self.lines if turn != rec.turn_id]
        return "\n".join((*earlier[-EARLIER_LINES:], text))


def guardrails(log: RawLog, behaviour: Behaviour) -> Iterator[Violation]:
    calls: dict[str, _Call] = {}
    for step in log.steps:
        call = calls.setdefault(step[0].conversation_id, _Call())
        where = f"{step[0].conversation_id} seq {step[0].seq} {step[0].type}"
        for message in _without_budget(step, behaviour):
            yield Violation("guardrails_have_budgets", f"{where}: {message}")
        awaited = call.timers.pop(step[0].payload["timer_id"], None) if step[0].type == "TimerFired" else None
        late = call.asked.get(awaited or "")
        judged, dropped = call.judged, call.dropped  # of the turn that it is about: the step may open another one
        for rec in step:
            yield from _take(call, rec, behaviour, where)
        if late and late not in judged and late[1] not in dropped:
            yield Violation("late_is_failed", f"{where}: the budget of {late[0]} is over, and no verdict says so")


def _without_budget(step: list[Rec], behaviour: Behaviour) -> Iterator[str]:
    """A guardrail that is asked has a deadline, set in the very same step."""
    due = {rec.payload["timer_id"]: rec.payload["due_at_us"] for rec in step if rec.type == "TimerSet"}
    for rec in step:
        if rec.type == "GuardrailAsked":
            name = rec.payload["guardrail"]
            setting = behaviour.guardrail(name)
            own = (setting.budget_ms if setting else None) or registry.find(name).budget_ms
            most_ms = min(own, behaviour.budget.guardrail_timeout_ms)
            if due.get(f"{rec.payload['ask_id']}.guardrail.0") != rec.env["accepted_at_us"] + most_ms * 1000:
                yield f"{name} may take for ever over {rec.payload['ask_id']}"


def _take(call: _Call, rec: Rec, behaviour: Behaviour, where: str) -> Iterator[Violation]:
    payload = rec.payload
    if rec.type == "SpeculationOpened":
        call.asked, call.judged, call.dropped = {}, set(), set()
        call.texts, call.timers = {"": payload["question"]}, {}
    elif rec.type in ("SpeculationDropped", "TurnEnded", "ReplyChosen", "EscalationChosen", "CloseChosen"):
        call.timers = {}
    elif rec.type == "TurnCommitted":
        call.lines.append((rec.turn_id, call.texts[""]))
    elif rec.type == "SubjectAuthenticated":
        if call.subject not in (None, payload["subject_id"]):
            call.lines = []
        call.subject = payload["subject_id"]
    elif rec.type == "CandidateFormed":
        call.texts[payload["candidate_id"]] = payload["text"]
    elif rec.type == "CandidateDropped":
        call.dropped.add(payload["candidate_id"])
    elif rec.type == "GuardrailAsked":
        call.asked[payload["ask_id"]] = payload["guardrail"], payload["candidate_id"]
        call.timers[f"{payload['ask_id']}.guardrail.0"] = payload["ask_id"]
    elif rec.type == "AskRepeated" and payload["ask_id"] in call.asked:
        call.timers = {timer: ask for timer, ask in call.timers.items() if ask != payload["ask_id"]}
        call.timers[f"{payload['ask_id']}.guardrail.{payload['generation']}"] = payload["ask_id"]
    elif rec.type == "VerdictIssued":
        call.judged.add((payload["guardrail"], payload["candidate_id"]))
        for invariant, message in _verdict(call, rec, behaviour):
            yield Violation(invariant, f"{where}: {payload['guardrail']}: {message}")


def _verdict(call: _Call, rec: Rec, behaviour: Behaviour) -> Iterator[tuple[str, str]]:
    payload = rec.payload
    guardrail = registry.every().get(payload["guardrail"])
    if guardrail is None:
        return  # a guest's
    reasons = payload["reasons"]
    if any(reason.startswith(_NOBODY_JUDGED) for reason in reasons):
        setting = behaviour.guardrail(guardrail.name)
        means = (setting.on_failure if setting else None) or guardrail.on_failure.value
        if payload["passed"] != (means == OnFailure.OPEN.value):
            yield "failure_as_declared", f"{reasons} passed: {payload['passed']}"
        return
    text = call.text_for(guardrail, rec)
    spans = [(span["start"], span["end"]) for span in payload["evidence"]]
    if not payload["passed"] and not spans:
        yield "blocks_with_evidence", f"{reasons} rest on nothing"
    if text is not None and payload["stage"] != "arguments" and not all(0 <= a < b <= len(text) for a, b in spans):
        yield "blocks_with_evidence", f"{spans} lie outside what was judged"
