"""Invariants of reads that come when their turn has gone on without them: what came of one is told in its call, once, as it
was found, to the subject for whom it was read while they hold the level; and it is told as soon as nobody speaks. An owner
who asks for one again finds nothing out while that subject isn't there.

The checker keeps its own account of each call, from the records alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from simulation.customers import REQUIRED
from simulation.durable import Durable
from simulation.heard import heard_to_its_end
from simulation.late_reads import FAILED, LATE
from simulation.raw_log import RawLog, Rec
from simulation.tool_invariants import CallerLevel
from simulation.violation import Violation

MOST_TELLINGS = 2  # who talks over it twice is left in peace
LONGEST_S = 8.0  # that a read takes here: at most 1.7 s, and its owner may stand still, or die, for a while
_TOOL = "card_status"  # the only one that is told late here
_NOBODY_HAS_MORE_TO_SAY = {"reply", "tool", "fallback", "superseded"}  # outcomes of a turn
_SPEAKS = {"CallerSpeechStarted": True, "UtteranceResumed": True, "CallerSpeechDismissed": False}


@dataclass
class _Read:
    subject: str | None
    arguments: str
    waits_for: set[str]
    asked_us: int  # last
    epoch: int  # whose owner did
    found: dict[str, str] = field(default_factory=dict)
    failed: bool = False
    told_by: list[str] = field(default_factory=list)
    done: bool = False  # heard to its end

    @property
    def over(self) -> bool:
        return self.failed or not self.waits_for


@dataclass
class _Barred:
    """It was asked for again by this process while its subject wasn't there, or had lost the level."""

    ask_id: str
    process: str
    from_s: float
    subject: str | None
    until_s: float = inf


@dataclass
class _Call:
    level: CallerLevel = field(default_factory=CallerLevel)
    take: int = 0
    answered: bool = False
    closed: bool = False
    speaks: bool = False
    in_turn: bool = False
    requested: dict[str, tuple[str | None, str]] = field(default_factory=dict)  # ask → the subject then, its arguments
    answers: dict[str, str] = field(default_factory=dict)  # candidate → arguments of the read that it tells of
    reads: dict[str, _Read] = field(default_factory=dict)
    barred: list[_Barred] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)  # candidate → what it says
    rests: set[str] = field(default_factory=set)  # candidates that go on with a reply that was cut off
    saying: str = ""  # the reply that is said, also while the rest of it is

    def may_know(self, subject: str | None, rec: Rec) -> bool:
        return subject == self.level.subject and self.level.holds(REQUIRED[_TOOL], rec.env["accepted_at_us"])


def late_reads(log: RawLog, durable: Durable) -> Iterator[Violation]:
    calls: dict[str, _Call] = {}
    for step in log.steps:
        call = calls.setdefault(step[0].conversation_id, _Call())
        for rec in step:
            for invariant, message in _take(call, rec, step):
                yield Violation(invariant, f"{rec.conversation_id} seq {rec.seq} {rec.type}: {message}")
            _bar(call, rec, durable)
        for read_id in _without_end(call, step[0]):
            yield Violation(
                "late_comes_to_an_end", f"{step[0].conversation_id} seq {step[0].seq}: {read_id} is still open"
            )
        for read_id in _left_untold(call, step):
            message = f"{step[0].conversation_id} seq {step[0].seq}: nobody speaks, and {read_id} isn't told"
            yield Violation("late_is_told", message)
    for read in durable.reads:
        for one in calls[read.conversation_id].barred if read.conversation_id in calls else ():
            is_it = (read.ask_id, read.process) == (one.ask_id, one.process)
            if is_it and one.from_s <= read.at_s < one.until_s:
                message = (
                    f"{read.process} reads {read.object_id} for {read.conversation_id}, and {one.subject} isn't there"
                )
                yield Violation("late_read_for_its_subject", message)


def _take(call: _Call, rec: Rec, step: list[Rec]) -> Iterator[tuple[str, str]]:
    payload = rec.payload
    _follow(call, rec)
    if rec.type == "ToolRequested":
        call.requested[payload["ask_id"]] = call.level.subject, payload["arguments"]
    elif rec.type == "ReadKept":
        subject, arguments = call.requested[payload["read_id"]]
        if subject != call.level.subject:
            yield "late_told_to_its_subject", f"kept for {call.level.subject}, and read for {subject}"
        asked = rec.env["accepted_at_us"], rec.env["epoch"]
        call.reads[payload["read_id"]] = _Read(subject, arguments, set(payload["waits_for"]), *asked)
    elif rec.type == "AskRepeated":
        for read in call.reads.values():
            if payload["ask_id"] in read.waits_for:
                read.asked_us, read.epoch = rec.env["accepted_at_us"], rec.env["epoch"]
    elif rec.type == "ReadTold":
        yield from _told(call, rec, step)
    elif rec.type in ("ToolReturned", "EffectFailed"):
        for read in call.reads.values():
            if payload["ask_id"] in read.waits_for:
                read.waits_for.discard(payload["ask_id"])
                read.failed |= rec.type == "EffectFailed"
                read.found |= json.loads(payload["result"]) if rec.type == "ToolReturned" else {}
    elif heard_to_its_end(rec, call.texts):
        heard = call.saying if payload["candidate_id"] in call.rests else payload["candidate_id"]
        for read in call.reads.values():
            read.done |= heard in read.told_by or call.answers.get(heard) == read.arguments


def _follow(call: _Call, rec: Rec) -> None:
    """Who is there, who speaks, and what."""
    payload = rec.payload
    if rec.type == "CandidateFormed":
        call.texts[payload["candidate_id"]] = payload["text"]
    if rec.type == "SubjectAuthenticated":
        call.level.take(rec)
    elif rec.type == "ProofAccepted":
        call.level.prove(rec)
    elif rec.type == "CallTaken" and payload["take"] > call.take:
        call.take, call.speaks = payload["take"], False
    elif rec.type == "CallAnswered":
        call.answered = True
    elif rec.type == "ConversationClosed":
        call.closed = True
    elif rec.type in _SPEAKS:
        call.speaks = _SPEAKS[rec.type]
    elif rec.type == "UtteranceHeard":
        call.speaks = not payload["final"]
    elif rec.type in ("TurnOpened", "TurnEnded"):
        call.in_turn = rec.type == "TurnOpened"
    elif rec.type == "CandidateFormed" and payload["action"] == "resume":
        call.rests.add(payload["candidate_id"])
    elif rec.type == "CandidateFormed" and payload["action"] == "tool" and payload["ask_id"] in call.requested:
        call.answers[payload["candidate_id"]] = call.requested[payload["ask_id"]][1]
    elif rec.type == "SpeechStarted" and payload["candidate_id"] not in call.rests:
        call.saying = payload["candidate_id"]


def _bar(call: _Call, rec: Rec, durable: Durable) -> None:
    if rec.type == "AskRepeated":
        for read in call.reads.values():
            if rec.payload["ask_id"] in read.waits_for and not call.may_know(read.subject, rec):
                process = durable.written_by[rec.offset]
                call.barred.append(_Barred(rec.payload["ask_id"], process, rec.landed_s, read.subject))
    elif rec.type in ("SubjectAuthenticated", "ProofAccepted"):
        for one in call.barred:
            if one.until_s == inf and call.may_know(one.subject, rec):
                one.until_s = rec.landed_s


def _told(call: _Call, rec: Rec, step: list[Rec]) -> Iterator[tuple[str, str]]:
    read = call.reads.get(rec.payload["read_id"])
    if read is None or call.closed:
        yield "late_told_in_its_call", "it wasn't kept, or the call is over"
        return
    candidate_id = rec.payload["candidate_id"]
    before = (other for other in step if other.type == "ReplyChosen" and other.seq < rec.seq)
    if any(other.payload["candidate_id"] == candidate_id for other in before):
        if call.answers.get(candidate_id) != read.arguments:
            yield "late_is_told", f"{candidate_id} tells of something else"
        read.told_by.append(candidate_id)  # who asked again has their answer, once they have heard it
        return
    if read.done or len(read.told_by) >= MOST_TELLINGS:
        yield "late_told_once", f"told by {read.told_by} before"
    if not call.may_know(read.subject, rec):
        yield "late_told_to_its_subject", f"read for {read.subject}; {call.level.subject} is there, or lost the level"
    wanted = FAILED if read.failed else LATE.format(**read.found) if read.over else None
    made = (other.payload for other in step if other.type == "CandidateFormed")
    formed = [other["text"] for other in made if other["candidate_id"] == candidate_id]
    if wanted is None or wanted not in formed:
        yield "late_told_as_found", f"{formed} for {wanted!r}"
    if call.speaks:
        yield "late_is_told", "while the caller speaks"
    read.told_by.append(candidate_id)
    if not read.failed:
        call.answers[candidate_id] = read.arguments


def _left_untold(call: _Call, step: list[Rec]) -> Iterator[str]:
    """Where this step left the line quiet, or brought what was waited for, or whom."""
    if call.closed or not call.answered or call.in_turn or call.speaks or not any(map(_may_be_told, step)):
        return
    for read_id, read in call.reads.items():
        to_be_told = read.over and not read.done and len(read.told_by) < MOST_TELLINGS
        if to_be_told and call.may_know(read.subject, step[0]):
            yield read_id


def _without_end(call: _Call, fact: Rec) -> Iterator[str]:
    """While one owner lives it is answered, or given up."""
    for read_id, read in call.reads.items():
        open_us = fact.env["accepted_at_us"] - read.asked_us
        if not call.closed and not read.over and fact.env["epoch"] == read.epoch and open_us > LONGEST_S * 1e6:
            yield read_id


def _may_be_told(rec: Rec) -> bool:
    if rec.type == "TurnEnded":
        return not rec.payload["interrupted"] and rec.payload["outcome"] in _NOBODY_HAS_MORE_TO_SAY
    return rec.type in ("ToolReturned", "EffectFailed", "CallerSpeechDismissed", "SubjectAuthenticated")
