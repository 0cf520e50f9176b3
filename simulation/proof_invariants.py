"""Invariants of proofs: a level is gained by what really proves it, by the subject who was asked, within the attempts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from simulation.company import PASSCODE
from simulation.durable import Durable
from simulation.raw_log import RawLog, Rec
from simulation.small_bank import PROOFS
from simulation.violation import Violation

_DIGITS = re.compile(r"\d+")


@dataclass
class _Call:
    subject: str | None = None
    challenges: dict[str, tuple[str, str | None]] = field(default_factory=dict)  # challenge → method, subject
    words: str = ""
    keys: str = ""
    wrong: int = 0  # in a row
    committed: bool = False
    codes: dict[str, int] = field(default_factory=dict)  # challenge → when its code was sent
    asked: set[str] = field(default_factory=set)
    checking: dict[str, tuple[str, set[str]]] = field(default_factory=dict)  # ask → challenge, what was given
    passed: str = ""  # the ask whose answer was right, newest

    def given(self) -> set[str]:
        """What may be meant as a proof: every number in their newest words, and the newest keys."""
        return {*_DIGITS.findall(self.words), self.keys[-len(PASSCODE) :], self.keys[-6:]}


def proofs(log: RawLog, durable: Durable) -> Iterator[Violation]:
    calls: dict[str, _Call] = {}
    for rec in log.records():
        call = calls.setdefault(rec.conversation_id, _Call())
        for invariant, message in _take(call, rec, durable):
            yield Violation(invariant, f"{rec.conversation_id} seq {rec.seq} {rec.type}: {message}")
    for rec in log.records():
        if rec.type in ("CodeSent", "ProofAccepted", "ProofRefused", "ChallengeOpened"):
            clear = [code for _, text in durable.phones.get(rec.conversation_id, []) for code in _DIGITS.findall(text)]
            if any(code.encode() in rec.body for code in clear):
                yield Violation("codes_not_on_the_log", f"{rec.conversation_id} seq {rec.seq} {rec.type} holds a code")


def _take(call: _Call, rec: Rec, durable: Durable) -> Iterator[tuple[str, str]]:
    payload = rec.payload
    if rec.type == "SubjectAuthenticated":
        call.subject = payload["subject_id"]
    elif rec.type == "UtteranceHeard":
        call.words = payload["text"]
    elif rec.type == "KeyPressed":
        call.keys = (call.keys + payload["key"])[-12:]
    elif rec.type == "TurnOpened":
        call.committed = payload["cause"] != "utterance"
    elif rec.type == "TurnCommitted":
        call.committed = True
    elif rec.type == "ChallengeOpened":
        call.challenges[payload["challenge_id"]] = payload["method"], call.subject
    elif rec.type == "CodeAsked":
        call.asked.add(payload["ask_id"])
        if not call.committed:
            yield "proved", "a code is sent while the caller may still go on"
        if len(call.asked) > PROOFS.most_codes:
            yield "proved", f"{len(call.asked)} codes"
    elif rec.type == "CodeSent":
        call.codes[payload["ask_id"].removesuffix(".code")] = rec.env["accepted_at_us"]
    elif rec.type == "ProofRefused" and payload["reason"] == "wrong":
        call.wrong += 1
        if call.wrong > PROOFS.lock_after:
            yield "locked_out", f"{call.wrong} wrong proofs in a row"
    elif rec.type == "ProofAsked":
        call.checking[payload["ask_id"]] = payload["challenge_id"], call.given()
    elif rec.type == "ProofReturned" and payload["passed"]:
        call.passed = payload["ask_id"]
    elif rec.type == "ProofAccepted":
        yield from _accepted(call, rec, durable)


def _accepted(call: _Call, rec: Rec, durable: Durable) -> Iterator[tuple[str, str]]:
    method, subject = call.challenges.get(rec.payload["challenge_id"], ("", None))
    if method != rec.payload["method"] or subject != call.subject or subject is None:
        yield "proved", f"{subject} was asked, {call.subject} is there"
    if call.wrong >= PROOFS.lock_after:
        yield "locked_out", f"after {call.wrong} wrong proofs"
    call.wrong = 0
    declared = PROOFS.method(method)
    if declared is None or declared.gives.value != rec.payload["level"] or declared.lasts_ms != rec.payload["lasts_ms"]:
        yield "proved", f"{method} doesn't give {rec.payload['level']}"
    if method == "passcode":  # what they go on keying in while the company checks it is no part of it
        challenge, given = call.checking.get(call.passed, ("", set()))
        if PASSCODE not in given or challenge != rec.payload["challenge_id"]:
            yield "proved", "that is not the passcode"
        return
    texts = [text.split()[0] for number, text in durable.phones.get(rec.conversation_id, []) if number == f"+{subject}"]
    if not call.given() & set(texts):
        yield "proved", "no such code was sent to them"
    sent_us = call.codes.get(rec.payload["challenge_id"])
    if sent_us is None or declared is None or rec.env["accepted_at_us"] >= sent_us + declared.valid_ms * 1000:
        yield "proved", "the code was too old, or never known to be sent"
