"""Invariants of writes: what was changed was approved by the subject whom it is of, after they heard it; at most once.

Judged by rules of its own over the raw log and the bank's own journal.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from simulation.customers import CUSTOMERS, REQUIRED
from simulation.durable import BankWrite, Durable
from simulation.heard import heard_to_its_end
from simulation.raw_log import RawLog, Rec
from simulation.tool_invariants import CallerLevel
from simulation.violation import Violation

STEPS = {"block_card": ("block_card",), "replace_card": ("issue_card", "book_delivery")}  # as the bank wants them done
YES = {"yes", "yes please", "yes go ahead", "okay", "yeah"}
_SAID = {"please", "sorry"}  # what a simulated caller adds in doubt


@dataclass
class _Proposal:
    """As far as the log was read."""

    rec: Rec
    subject: str | None
    heard_seq: int = 0
    turns_since: int = 0  # caller's turns that were committed since it was heard
    approved: Rec | None = None
    ended: str = ""
    requests: dict[str, list[Rec]] = field(default_factory=dict)  # key → the request and its repetitions
    undoing: list[Rec] = field(default_factory=list)


@dataclass
class _Call:
    level: CallerLevel = field(default_factory=CallerLevel)
    proposals: dict[str, _Proposal] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)  # candidate → what it says
    rests: set[str] = field(default_factory=set)  # candidates that go on with a reply that was cut off
    saying: str = ""  # the reply that is said, also while the rest of it is
    last_words: str = ""
    committed: bool = False


def writes(log: RawLog, durable: Durable) -> Iterator[Violation]:
    calls: dict[str, _Call] = {}
    asked: dict[tuple[str, str], tuple[_Proposal, Rec]] = {}
    for rec in log.records():
        call = calls.setdefault(rec.conversation_id, _Call())
        where = f"{rec.conversation_id} seq {rec.seq} {rec.type}"
        for invariant, message in _take(call, rec, asked):
            yield Violation(invariant, f"{where}: {message}")
    for name, call in calls.items():
        for proposal_id, proposal in call.proposals.items():
            if proposal.approved and not proposal.ended:
                yield Violation("write_settled", f"{name}: {proposal_id} was approved, and neither done nor undone")
            yield from _stands(name, proposal_id, proposal, durable)
    yield from _effects(asked, durable)


def _take(call: _Call, rec: Rec, asked: dict[tuple[str, str], tuple[_Proposal, Rec]]) -> Iterator[tuple[str, str]]:
    payload = rec.payload
    if rec.type == "SubjectAuthenticated":
        call.level.take(rec)
    elif rec.type == "ProofAccepted":
        call.level.prove(rec)
    elif rec.type == "CandidateFormed":
        call.texts[payload["candidate_id"]] = payload["text"]
        call.rests |= {payload["candidate_id"]} if payload["action"] == "resume" else set()
    elif rec.type == "SpeechStarted":
        call.saying = call.saying if payload["candidate_id"] in call.rests else payload["candidate_id"]
    elif rec.type == "UtteranceHeard":
        call.last_words = payload["text"]
    elif rec.type == "TurnOpened":
        call.committed = payload["cause"] != "utterance"
    elif rec.type == "TurnCommitted":
        call.committed = True
        for proposal in call.proposals.values():
            if proposal.heard_seq:
                proposal.turns_since += 1
    elif rec.type == "WriteProposed":
        call.proposals[payload["proposal_id"]] = _Proposal(rec, call.level.subject)
    elif heard_to_its_end(rec, call.texts):
        heard = call.saying if payload["candidate_id"] in call.rests else payload["candidate_id"]
        for proposal in call.proposals.values():
            if proposal.rec.payload["candidate_id"] == heard:
                proposal.heard_seq = rec.seq
    elif rec.type == "WriteApproved":
        yield from _approved(call, rec)
    elif rec.type in ("WriteRequested", "UndoRequested"):
        yield from _requested(call, rec, asked)
    elif rec.type == "AskRepeated" and (rec.conversation_id, payload["ask_id"]) in asked:
        proposal, first = asked[rec.conversation_id, payload["ask_id"]]
        proposal.requests.setdefault(first.payload["idempotency_key"], []).append(rec)
    elif rec.type == "WriteEnded" and payload["proposal_id"] in call.proposals:
        call.proposals[payload["proposal_id"]].ended = payload["outcome"]


def _approved(call: _Call, rec: Rec) -> Iterator[tuple[str, str]]:
    proposal = call.proposals.get(rec.payload["proposal_id"])
    if proposal is None or proposal.rec.payload["digest"] != rec.payload["digest"]:
        yield "write_approved", "no such proposal stands before it"
        return
    if proposal.approved:
        yield "write_approved", "approved before"
    if not call.committed:
        yield "write_after_commit", "the caller's words weren't final"
    if not proposal.heard_seq or proposal.turns_since != 1:
        yield "write_approved", f"{proposal.turns_since} turns after it was heard (seq {proposal.heard_seq})"
    said = " ".join(word for word in call.last_words.lower().split() if word not in _SAID)
    if said not in YES and call.last_words.lower() not in YES:
        yield "write_approved", f"the caller said {call.last_words!r}"
    tool, at_us = proposal.rec.payload["tool"], rec.env["accepted_at_us"]
    if call.level.subject != proposal.subject or not call.level.holds(REQUIRED[tool], at_us):
        yield "write_authorised", f"{call.level.subject} doesn't hold {REQUIRED[tool]}, or isn't {proposal.subject}"
    proposal.approved = rec


def _requested(call: _Call, rec: Rec, asked: dict[tuple[str, str], tuple[_Proposal, Rec]]) -> Iterator[tuple[str, str]]:
    payload = rec.payload
    proposal = call.proposals.get(payload["proposal_id"])
    if proposal is None or proposal.approved is None:
        yield "write_approved", "nobody approved it"
        return
    if rec.type == "WriteRequested" and payload["digest"] != proposal.rec.payload["digest"]:
        yield "write_approved", "not what was approved"
    arguments = json.loads(payload["arguments"])
    cards = CUSTOMERS[proposal.subject].cards if proposal.subject else {}
    if arguments.get("customer_id") != proposal.subject or arguments.get("card_id") not in cards:
        yield "write_authorised", f"its arguments are not {proposal.subject}'s"
    if rec.type == "UndoRequested":
        proposal.undoing.append(rec)
        if payload["undoes"] not in proposal.requests:
            yield "undone_in_reverse", "undoes what was never asked"
        newest = [key for key in proposal.requests if key not in {u.payload["undoes"] for u in proposal.undoing[:-1]}]
        undoable = [key for key in newest if _is_of_a_step(proposal, key)]
        if undoable and payload["undoes"] not in undoable[-2:]:  # the one that failed for certain needs no undoing
            yield "undone_in_reverse", "an earlier step is undone before a later one"
    proposal.requests.setdefault(payload["idempotency_key"], []).append(rec)
    asked[rec.conversation_id, payload["ask_id"]] = proposal, rec


def _is_of_a_step(proposal: _Proposal, key: str) -> bool:
    return proposal.requests[key][0].type == "WriteRequested"


def _effects(asked: dict[tuple[str, str], tuple[_Proposal, Rec]], durable: Durable) -> Iterator[Violation]:
    """What the bank saw: asked for on the log before, for the very customer and object, each key and each step once."""
    steps: Counter[tuple[str, str, str]] = Counter()
    for write in durable.bank_writes:
        who = f"{write.process} did {write.kind} to {write.object_id} of {write.customer_id} for {write.ask_id}"
        found = asked.get((write.conversation_id, write.ask_id))
        landed = found[0].requests[found[1].payload["idempotency_key"]] if found else []
        if found is None or not any(rec.landed_s <= write.at_s for rec in landed):
            yield Violation("write_after_commit", f"{who}, and no such request stood on the log")
            continue
        arguments = json.loads(found[1].payload["arguments"])
        if (write.customer_id, write.object_id) != (arguments["customer_id"], arguments["card_id"]):
            yield Violation("write_authorised", f"{who}, which isn't what was asked")
        if not write.undoes:
            steps[write.conversation_id, found[1].payload["proposal_id"], write.kind] += 1
    for (name, proposal_id, kind), count in steps.items():
        if count > 1:
            yield Violation("write_once", f"{name}: {kind} of {proposal_id} took effect {count} times")


def _stands(name: str, proposal_id: str, proposal: _Proposal, durable: Durable) -> Iterator[Violation]:
    """After its end: all of it, or nothing of it."""
    mine: list[BankWrite] = [write for write in durable.bank_writes if write.key in proposal.requests]
    undone = {write.undoes for write in mine if write.undoes}
    stands = [write.kind for write in mine if not write.undoes and write.key not in undone]
    wanted = {"done": list(STEPS[proposal.rec.payload["tool"]]), "unknown": stands}.get(proposal.ended, [])
    if proposal.ended and stands != wanted:
        yield Violation("write_settled", f"{name}: {proposal_id} is {proposal.ended}, and there stand {stands}")
