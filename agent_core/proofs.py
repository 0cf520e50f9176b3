"""Proofs: how a caller gains a level in the call itself. Which methods there are, and what each gives, is behaviour.

A method is a one-time code, sent to the subject's own phone, or knowledge: an answer that the company's own system
checks. Nobody proves anything who isn't known at all: a proof raises the level of the subject whom the channel named.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent_core.subject import Level, Subject

PLACE_OF_CODE = "{code}"


class Means(StrEnum):
    CODE = "one_time_code"
    KNOWLEDGE = "knowledge"


class ProofMethod(BaseModel):
    """``name`` of a knowledge method is the name of the question in the company's system. ``lasts_ms``: how long the
    level holds; None: the whole conversation. ``digits``: how many there are to say or to key in; None: words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    means: Means
    needs: Level = Level.KNOWN  # what the subject must hold to be asked for it
    gives: Level
    lasts_ms: int | None = Field(default=None, ge=1)
    digits: int | None = Field(default=None, ge=3, le=12)
    valid_ms: int = Field(default=180_000, ge=1)  # a code's life, from its sending
    message: str = ""  # what is sent, with {code} in it
    ask: str = Field(min_length=1)
    again: str = Field(min_length=1)  # said after a wrong one, while there are attempts left

    @model_validator(mode="after")
    def _whole(self) -> ProofMethod:
        if self.gives is Level.NONE or self.needs is Level.NONE:
            raise ValueError("a proof needs and gives a level above none")
        if self.needs.covers(self.gives):
            raise ValueError(f"it needs {self.needs.value} and gives no more than that")
        if self.means is Means.CODE and (self.digits is None or PLACE_OF_CODE not in self.message):
            raise ValueError(f"a one-time code needs digits and a message with {PLACE_OF_CODE} in it")
        if self.means is Means.KNOWLEDGE and self.message:
            raise ValueError("message: only a one-time code is sent")
        return self


class Proofs(BaseModel):
    """``lock_after``: wrong proofs in one conversation, of all methods together, after which a person takes over."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    methods: tuple[ProofMethod, ...] = Field(min_length=1)
    lock_after: int = Field(default=3, ge=1, le=5)
    most_codes: int = Field(default=2, ge=1, le=5)  # sent in one conversation
    timeout_ms: int = Field(default=3000, ge=1)  # for sending, and for checking
    unavailable: str = Field(min_length=1)  # nothing can be sent or checked now

    @model_validator(mode="after")
    def _named_once(self) -> Proofs:
        names = [method.name for method in self.methods]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"a second method {', '.join(twice)}")
        return self

    def method(self, name: str) -> ProofMethod | None:
        return next((method for method in self.methods if method.name == name), None)


class Challenge(msgspec.Struct, frozen=True):
    """A proof that the caller is asked for. ``question``: what they wanted. ``keys``: what they keyed in so far."""

    challenge_id: str
    method: str
    level: str
    intent: str
    question: str
    subject_id: str
    code_digest: str = ""  # of the newest code that was sent
    sent_at_us: int = 0
    keys: str = ""


def method_for(proofs: Proofs, subject: Subject | None, required: Level, at_us: int) -> ProofMethod | None:
    """The first method that gives ``required``, or that leads there, for what the subject holds now."""
    return _method_for(proofs.methods, subject, required, at_us) if subject else None


def _method_for(methods: tuple[ProofMethod, ...], subject: Subject, required: Level, at_us: int) -> ProofMethod | None:
    for method in methods:
        if method.gives.covers(required):
            if subject.authentication(method.needs, at_us):
                return method
            others = tuple(other for other in methods if other is not method)
            before = _method_for(others, subject, method.needs, at_us)
            if before:
                return before
    return None
