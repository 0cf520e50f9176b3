"""Behaviour: everything about the agent that is data. Versioned, content-addressed, recorded on the log when it changes.

A conversation pins one version (its ``seq`` in the behaviour stream and its content hash) when it opens, so a change
never reaches a call in progress and any past decision can be recomputed with what was in force.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal, Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from agent_core.assent import ENGLISH, Assent, AssentWords, assent, denies
from agent_core.barge_in import BargeIn
from agent_core.hedging import Hedge, Hedging, Purpose, at_once
from agent_core.proofs import Proofs
from agent_core.release import Release


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Phatic(StrEnum):
    """What a holding line does for the caller."""

    ACKNOWLEDGE = "acknowledge"
    EMPATHISE = "empathise"
    APOLOGISE = "apologise"


class Pragmatic(StrEnum):
    """What a holding line says that the agent does next."""

    LOOKING_UP = "looking_up"
    STILL_WORKING = "still_working"
    OFFER_PERSON = "offer_person"
    OFFER_CALLBACK = "offer_callback"
    REPAIR = "repair"  # goes on after the agent itself was cut off


OFFERS = (Pragmatic.OFFER_PERSON, Pragmatic.OFFER_CALLBACK)


class Phrase(_Data):
    """A line that a gateway may play without asking, once granted. Rendered beforehand: no vendor in the way."""

    id: str
    phatic: Phatic
    pragmatic: Pragmatic
    text: str = Field(min_length=1)


class Budget(_Data):
    """Marks of a turn in ms after the caller's end of speech.

    ``turn_cost_micros``: what its models may cost, in millionths of their price list's currency; None: no ceiling. Once
    it is reached no attempt starts any more, and approved wordings are said.
    """

    hold_marks_ms: tuple[int, ...] = (950, 3200)
    give_up_ms: int = 5000
    hard_ms: int = 6000
    completion_timeout_ms: int = 4500
    guardrail_timeout_ms: int = 1500
    turn_cost_micros: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _in_order(self) -> Budget:
        marks = (*self.hold_marks_ms, self.give_up_ms, self.hard_ms)
        if list(marks) != sorted(set(marks)):
            raise ValueError(f"marks must rise: hold_marks_ms < give_up_ms < hard_ms, got {marks}")
        return self

    @model_serializer(mode="wrap")
    def _as_before_where_no_ceiling_is(self, as_ever: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Behaviours that were recorded before there was one keep their content hash."""
        return _without_none(as_ever(self), {"turn_cost_micros"})


class Action(StrEnum):
    """What an intent leads to."""

    ANSWER = "answer"
    REFUSE = "refuse"
    ESCALATE = "escalate"
    CLOSE = "close"


OF_WRITES = ("confirm", "declined", "pending", "failed", "unsure")  # what an intent says whose tool changes something
OF_LATE_READS = ("pending", "failed")  # and whose read is told when its turn is over
_OF_TOOLS = {"tool", "also", "late", "unauthenticated", "which_one", "begun", *OF_WRITES}
_OF_GUESTS = {"means", "budget_ms", "silence", "judges"}
_OF_GUESTS_ALONE = _OF_GUESTS - {"budget_ms"}
GUEST_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Intent(_Data):
    name: str
    description: str = ""
    examples: tuple[str, ...] = Field(min_length=1)
    action: Action = Action.ANSWER
    answer: str | None = None  # the approved wording, with {slots} filled from facts
    procedure: str | None = None  # its steps are said one a turn
    advances: bool = False  # "okay, done": the open procedure's next step is said; ``answer`` where none is open
    articles: tuple[str, ...] = ()
    tool: str | None = None  # what it finds for the caller fills the slots of ``answer``
    also: tuple[str, ...] | None = None  # tools that read what ``answer`` needs besides, asked at the same time
    unauthenticated: str | None = (
        None  # said in its place to a caller who doesn't hold the level that the tool requires
    )
    which_one: str | None = None  # said where it isn't clear which of the caller's things is meant
    confirm: str | None = None  # asks whether to do what a tool that writes would do; a yes to it is the approval
    declined: str | None = None  # said after a no
    begun: str | None = None  # said to who wants it stopped, or wishes it again, while it is done; None: ``pending``
    pending: str | None = None  # it takes longer than the turn; what comes of it is told once it is known
    failed: str | None = None  # it couldn't be done, and nothing of it stands; or nothing was found
    late: str | None = None  # what a tool that reads found when its turn was over; None: the turn's end ends it
    unsure: str | None = None  # it isn't known whether it was done: a person takes over after this

    @model_serializer(mode="wrap")
    def _as_before_where_no_tool_is(self, as_ever: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what only intents with a tool have: behaviours that were recorded before keep their content hash."""
        written: dict[str, Any] = as_ever(self)
        return {name: value for name, value in written.items() if value is not None or name not in _OF_TOOLS}

    @property
    def tools(self) -> tuple[str, ...]:
        """All that are asked for its answer."""
        return (self.tool, *(self.also or ())) if self.tool else ()


class Step(_Data):
    """One step of a procedure: what is said when the procedure stands here."""

    id: str
    say: str = Field(min_length=1)


class Procedure(_Data):
    name: str
    steps: tuple[Step, ...] = Field(min_length=1)


class Article(_Data):
    """Knowledge. ``public`` may be said to a caller; ``private`` guides the agent and must never be said."""

    id: str
    title: str
    public: str = ""
    private: str = ""


class GuardrailSetting(_Data):
    """``closed``: a guardrail that fails to judge blocks. ``open``: it passes, and the log says that it didn't judge. None:
    as the guardrail itself declares. Behaviour may be stricter than a guardrail, never looser (docs/guardrails.md).

    ``means: guest``: a process outside judges what is said (docs/guests.md). A required guest is waited for, an advisory
    one is not.
    """

    name: str
    required: bool = True
    on_failure: Literal["closed", "open"] | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    means: Literal["guest"] | None = None  # None: the guardrail of this name that is ours
    budget_ms: int | None = Field(default=None, ge=1)  # how long it may take, from the moment it is asked
    silence: Literal["block", "pass"] | None = None  # what it means that a required guest said nothing in time
    judges: Literal["models", "everything"] | None = None  # what a model worded, or approved wordings too
    holds_release: bool | None = (
        None  # whether no sentence is said before its verdict; None: a required guest's holds it
    )

    @model_validator(mode="after")
    def _of_one_kind(self) -> GuardrailSetting:
        if self.means is None:
            if extra := sorted(name for name in _OF_GUESTS_ALONE if getattr(self, name) is not None):
                raise ValueError(f"{', '.join(extra)}: only guests have it (means: guest)")
            return self
        if missing := sorted(name for name in _OF_GUESTS if getattr(self, name) is None):
            raise ValueError(f"a guest needs {', '.join(missing)}")
        if self.options or self.on_failure == "open":
            raise ValueError("options and on_failure are for guardrails of ours; a guest has silence")
        if not GUEST_NAME.fullmatch(self.name):
            raise ValueError("a guest's name is of a-z, 0-9 and _, begins with a letter and has at most 64 characters")
        return self

    @model_serializer(mode="wrap")
    def _as_before_where_no_guest_is(self, as_ever: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what isn't set: behaviours that were recorded before keep their content hash."""
        written: dict[str, Any] = as_ever(self)
        unset = {*_OF_GUESTS, "on_failure", "holds_release"}
        return {name: value for name, value in written.items() if value is not None or name not in unset}


class SilencePolicy(_Data):
    """A silent caller is asked once, then released. Counted from the moment when the agent stopped speaking."""

    ask_after_ms: int = 8000
    ask: str = "Are you still there?"
    release_after_ms: int = 8000
    idle_after_ms: int = 600_000  # nothing happened for so long, not even the end of the call: the conversation closes
    release: str = "I can't hear you, so I'll end the call here. Please call again any time. Goodbye."


class Lines(_Data):
    """Approved wordings that no intent names."""

    disclosure: str  # the first thing said on every call: it says that the caller talks to an AI
    clarify: str
    refusal: str
    escalation: str
    fallback: str  # the owner's honest ending when it can't answer in time
    closing: str  # the gateway's own, at the hard mark: nobody decided in time
    goodbye: str


class Routing(_Data):
    """How the race is run."""

    model: str = "answer"  # the routed name that answers
    classifier: str = "local"  # local, or the routed name of a model that classifies
    guard_model: str = "guard"  # the routed name that model guardrails ask
    attempts: int = Field(default=1, ge=1, le=5)  # how many attempts race for each question
    cover_mass: float = Field(default=0.95, gt=0, le=1)  # answer the intents that together have this probability
    max_questions: int = Field(default=4, ge=1, le=8)
    all_intents: bool = False
    abstain_below: float = Field(default=0.35, ge=0, lt=1)  # top probability under this: ask the caller to say it again
    escalate_on: tuple[str, ...] = ()  # reasons of input cues that lead to a person, such as a vulnerability
    hedging: Hedging | None = None  # when further attempts start, for everything that a turn waits for

    @model_validator(mode="after")
    def _said_once(self) -> Routing:
        if self.hedging and self.hedging.answer and self.attempts != 1:
            raise ValueError("attempts and hedging.answer both say how many answers race: leave attempts out")
        return self

    @model_serializer(mode="wrap")
    def _as_before_where_nothing_is_hedged(self, as_ever: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Behaviours that were recorded before there was hedging keep their content hash."""
        return _without_none(as_ever(self), {"hedging"})

    def hedge(self, purpose: Purpose) -> Hedge:
        """The strategy for what is asked of a model."""
        found = self.hedging.of(purpose) if self.hedging else None
        return found or at_once(self.attempts if purpose is Purpose.ANSWER else 1)


class Prompts(_Data):
    """Prompts that are tied to models: by the vendor's name of the model, what it is told in place of ``prompt``."""

    answer: dict[str, str] = Field(min_length=1)


class Behaviour(_Data):
    name: str
    company: str
    language: str = "en"
    lines: Lines
    prompt: str  # system prompt of the answering model
    intents: tuple[Intent, ...] = Field(min_length=1)
    procedures: tuple[Procedure, ...] = ()
    articles: tuple[Article, ...] = ()
    guardrails: tuple[GuardrailSetting, ...] = ()
    holding: tuple[Phrase, ...] = Field(min_length=2)
    budget: Budget = Budget()
    silence: SilencePolicy = SilencePolicy()
    routing: Routing = Routing()
    voice: str = "default"
    release: Release | None = None  # None: whole, and nothing is rendered ahead
    barge_in: BargeIn | None = None
    assent: AssentWords | None = None  # None: English
    prompts: Prompts | None = None  # None: every model is told ``prompt``
    offers: dict[Pragmatic, str] | None = None  # what a holding line offers -> the intent that a yes to it leads to
    proofs: Proofs | None = None  # how a caller gains a level in the call itself

    @model_serializer(mode="wrap")
    def _as_before_where_nothing_is_said_of_it(self, as_ever: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Behaviours that were recorded before these could be said keep their content hash."""
        return _without_none(as_ever(self), {"assent", "barge_in", "offers", "prompts", "proofs", "release"})

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, without what was worked out of the original's content."""
        copied = super().model_copy(update=update, deep=deep)
        for worked_out in ("_intents", "content_hash"):
            copied.__dict__.pop(worked_out, None)
        return copied

    def __eq__(self, other: object) -> bool:
        """By content, as the hash is: caches that are keyed by a behaviour are asked hundreds of times a turn."""
        return self is other or (isinstance(other, Behaviour) and self.content_hash == other.content_hash)

    def __hash__(self) -> int:
        return hash(self.content_hash)

    def intent(self, name: str) -> Intent | None:
        return self._intents.get(name)

    def hears(self, text: str, asked: str = "") -> Assent:
        """Whether that is a plain yes or a plain no, or a yes that says again what was ``asked``."""
        return assent(text, self.assent or ENGLISH, asked)

    def hears_a_no(self, text: str) -> bool:
        """Whether a no stands in it, plain or with more."""
        return denies(text, self.assent or ENGLISH)

    def offered_by(self, phrase_id: str) -> str | None:
        """The intent that a yes to this holding line leads to."""
        phrase = next((p for p in self.holding if p.id == phrase_id), None)
        return (self.offers or {}).get(phrase.pragmatic) if phrase else None

    def procedure(self, name: str) -> Procedure | None:
        return next((p for p in self.procedures if p.name == name), None)

    def guardrail(self, name: str) -> GuardrailSetting | None:
        return next((g for g in self.guardrails if g.name == name), None)

    @cached_property
    def _intents(self) -> dict[str, Intent]:
        return {intent.name: intent for intent in self.intents}

    def canonical(self) -> bytes:
        """The bytes that are recorded and hashed: JSON with sorted keys."""
        return msgspec.json.encode(self.model_dump(mode="json"), order="sorted")

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of ``canonical()``, hex."""
        return hashlib.sha256(self.canonical()).hexdigest()

    @classmethod
    def from_canonical(cls, raw: bytes) -> Behaviour:
        return cls.model_validate_json(raw)


def _without_none(written: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in written.items() if value is not None or name not in names}
