"""Invariants of tools: nothing of a customer is read, or told, unless they are the authenticated subject by then.

Judged by rules of its own over the raw log: which level a tool wants and whose a card is, as the bank knows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from schemas import facts as f
from simulation.customers import CUSTOMERS, REQUIRED
from simulation.durable import Durable
from simulation.history import Did, GatewayTrace
from simulation.raw_log import RawLog, Rec
from simulation.violation import Violation

_RANK = {"known": 1, "verified": 2, "stepped_up": 3}
_AUTH = {"not_authenticated", "level_too_low", "expired"}


@dataclass
class CallerLevel:
    """Who is authenticated, as far as the log was read. ``until_us``: level → when it ends, None: never."""

    subject: str | None = None
    until_us: dict[str, int | None] = field(default_factory=dict)

    def take(self, rec: Rec) -> None:
        payload = rec.payload
        if payload["subject_id"] != self.subject:
            self.subject, self.until_us = payload["subject_id"], {}
        lasts_ms = payload["expires_after_ms"]
        self.until_us[payload["level"]] = None if lasts_ms is None else rec.env["accepted_at_us"] + lasts_ms * 1000

    def prove(self, rec: Rec) -> None:
        lasts_ms = rec.payload["lasts_ms"]
        until_us = None if lasts_ms is None else rec.env["accepted_at_us"] + lasts_ms * 1000
        self.until_us[rec.payload["level"]] = until_us

    def holds(self, level: str, at_us: int) -> bool:
        good = (until for name, until in self.until_us.items() if _RANK[name] >= _RANK[level])
        return any(until is None or at_us < until for until in good)


class _Request(NamedTuple):
    """A request, or its repetition, that stands on the log from ``landed_s`` on."""

    landed_s: float
    tool: str
    arguments: str


def tools(log: RawLog, durable: Durable) -> Iterator[Violation]:
    """What is asked, refused and chosen; then what was really read."""
    callers: dict[str, CallerLevel] = {}
    requests: dict[tuple[str, str], list[_Request]] = {}
    kept: set[tuple[str, str]] = set()  # asked again whoever is there: see simulation/late_read_invariants
    for rec in log.records():
        caller = callers.setdefault(rec.conversation_id, CallerLevel())
        where = f"{rec.conversation_id} seq {rec.seq} {rec.type}"
        if rec.type == "SubjectAuthenticated":
            caller.take(rec)
        elif rec.type == "ProofAccepted":
            caller.prove(rec)
        elif rec.type == "ReadKept":
            kept.update((rec.conversation_id, ask_id) for ask_id in rec.payload["waits_for"])
        elif rec.type == "ToolRequested":
            request = _Request(rec.landed_s, rec.payload["tool"], rec.payload["arguments"])
            requests.setdefault((rec.conversation_id, rec.payload["ask_id"]), []).append(request)
            yield from _may(caller, rec.payload, rec, where)
        elif rec.type == "AskRepeated" and (rec.conversation_id, rec.payload["ask_id"]) in requests:
            key = rec.conversation_id, rec.payload["ask_id"]
            requests[key].append(requests[key][0]._replace(landed_s=rec.landed_s))
            again = {"tool": requests[key][0].tool, "arguments": requests[key][0].arguments}
            yield from _may(caller, again, rec, where) if key not in kept else ()
        elif rec.type == "ToolRefused":
            yield from _refused(caller, rec, where)
        elif rec.type in ("CandidateFormed", "ReplyChosen", "EscalationChosen", "CloseChosen"):
            yield from _tells(caller.subject, rec.payload["text"], where)
        elif rec.type == "CompletionAsked":  # what a model is shown, it may say
            yield from _tells(caller.subject, rec.payload["messages"], where)
    for read in durable.reads:
        if read.object_id == "mobile":  # a customer's own number, read to send them a code: see ``proofs``
            continue
        found = requests.get((read.conversation_id, read.ask_id), ())
        if ".write" in read.ask_id:  # the state of a proposal that stands on the log, read again before the change
            continue
        if not any(
            one.landed_s <= read.at_s and _names(one.arguments, read.customer_id, read.object_id) for one in found
        ):
            who = f"{read.process} read {read.object_id} of {read.customer_id} for {read.conversation_id} {read.ask_id}"
            yield Violation("tool_authorised", f"{who}, and no such request stood on the log")


def sounds_of_tools(log: RawLog, traces: list[GatewayTrace]) -> Iterator[Violation]:
    """No gateway starts what is another's than of the subject that it has read of last."""
    for trace in traces:
        subject = _subject_before(log, trace)
        for act in trace.acts:
            if act.did is Did.READ and act.event and isinstance(act.event.payload, f.SubjectAuthenticated):
                subject = act.event.payload.subject_id
            elif act.did is Did.SOUND_BEGAN and act.sound:
                yield from _tells(subject, act.sound.text, f"{trace.name} ({trace.call_id}) {act.sound.sound_id}")


def _subject_before(log: RawLog, trace: GatewayTrace) -> str | None:
    """Of the history that the gateway was given when it took the call."""
    first = next((act.event.seq for act in trace.acts if act.did is Did.READ and act.event), 0)
    before = [r for r in log.conversation(trace.call_id) if r.type == "SubjectAuthenticated" and r.seq < first]
    return before[-1].payload["subject_id"] if before else None


def _may(caller: CallerLevel, request: dict[str, Any], rec: Rec, where: str) -> Iterator[Violation]:
    level = REQUIRED[request["tool"]]
    if not caller.holds(level, rec.env["accepted_at_us"]):
        yield Violation("tool_authorised", f"{where}: {caller.subject} doesn't hold {level}")
    theirs = CUSTOMERS[caller.subject].cards if caller.subject else {}
    if not any(_names(request["arguments"], caller.subject or "", card) for card in theirs):
        yield Violation("tool_authorised", f"{where}: its arguments are not {caller.subject}'s")


def _refused(caller: CallerLevel, rec: Rec, where: str) -> Iterator[Violation]:
    """Nobody is sent away who may know."""
    held = caller.subject is not None and caller.holds(REQUIRED[rec.payload["tool"]], rec.env["accepted_at_us"])
    if held == (rec.payload["reason"] in _AUTH):
        yield Violation("refused_for_cause", f"{where}: {rec.payload['reason']}")


def _tells(subject: str | None, text: str, where: str) -> Iterator[Violation]:
    for name, customer in CUSTOMERS.items():
        if customer.due in text and name != subject:
            yield Violation("told_to_the_subject", f"{where}: what is {name}'s, while {subject or 'nobody'} is there")


def _names(arguments: str, customer_id: str, object_id: str) -> bool:
    return f'"{customer_id}"' in arguments and f'"{object_id}"' in arguments
