"""The pieces of a behaviour while it is being read: each knows the file and the lines that it came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from agent_core.assent import AssentWords
from agent_core.barge_in import BargeIn
from agent_core.behaviour import (
    OF_WRITES,
    Article,
    Budget,
    GuardrailSetting,
    Intent,
    Lines,
    Phrase,
    Pragmatic,
    Procedure,
    Prompts,
    Routing,
    SilencePolicy,
)
from agent_core.located_yaml import Document, Problem, Where
from agent_core.proofs import Proofs
from agent_core.release import Release

T = TypeVar("T")


class Head(BaseModel):
    """What stands in ``behaviour.yaml``. A prompt is the text itself, or the name of a file beside it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    company: str
    language: str = "en"
    voice: str = "default"
    prompt: str = Field(min_length=1)
    lines: Lines
    budget: Budget = Budget()
    silence: SilencePolicy = SilencePolicy()
    routing: Routing = Routing()
    holding: tuple[Phrase, ...] = Field(min_length=2)
    release: Release | None = None
    barge_in: BargeIn | None = None
    assent: AssentWords | None = None
    prompts: Prompts | None = None
    offers: dict[Pragmatic, str] | None = None
    proofs: Proofs | None = None


@dataclass(frozen=True, slots=True)
class Placed(Generic[T]):
    """A value, and where in its document it stands."""

    value: T
    document: Document
    where: Where = ()

    def problem(self, message: str, *inside: str | int) -> Problem:
        return self.document.problem((*self.where, *inside), message)


@dataclass(slots=True)
class Parts:
    """What could be read. A piece that is broken in itself is missing here and has its problem elsewhere.

    ``incomplete`` names the kinds of which a piece is missing: there an unknown name isn't reported as well.
    """

    head: Placed[Head] | None = None
    intents: list[Placed[Intent]] = field(default_factory=list)
    procedures: list[Placed[Procedure]] = field(default_factory=list)
    articles: list[Placed[Article]] = field(default_factory=list)
    guardrails: list[Placed[GuardrailSetting]] = field(default_factory=list)
    incomplete: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Wording:
    """A text that the agent may say as it stands. ``articles`` are those that it must agree with."""

    text: str
    title: str  # how a problem speaks of it
    place: Placed[Any]
    inside: Where
    articles: tuple[str, ...] = ()
    intent: str | None = None
    tools: tuple[str, ...] = ()  # whose results fill its slots

    def problem(self, message: str) -> Problem:
        return self.place.problem(f"{self.title} {message}", *self.inside)


def wordings(parts: Parts) -> Iterator[Wording]:
    """Every approved text of the behaviour."""
    for intent in parts.intents:
        value = intent.value
        if value.answer is not None:
            yield Wording(
                value.answer,
                f"the answer of {value.name!r}",
                intent,
                ("answer",),
                value.articles,
                value.name,
                value.tools,
            )
        for name in ("unauthenticated", "which_one", "late", "begun", *OF_WRITES):
            if text := getattr(value, name):
                title = f"what {value.name!r} says as {name!r}"
                yield Wording(
                    text,
                    title,
                    intent,
                    (name,),
                    value.articles,
                    value.name if name in ("late", "begun", *OF_WRITES) else None,
                    value.tools if name in ("late", "begun", *OF_WRITES) else (),
                )
    for procedure in parts.procedures:
        for index, step in enumerate(procedure.value.steps):
            title = f"step {step.id!r} of {procedure.value.name!r}"
            yield Wording(step.say, title, procedure, ("steps", index, "say"))
    if parts.head is None:
        return
    head = parts.head.value
    for name, text in head.lines:
        yield Wording(text, f"the line {name!r}", parts.head, ("lines", name))
    for index, phrase in enumerate(head.holding):
        yield Wording(phrase.text, f"the holding phrase {phrase.id!r}", parts.head, ("holding", index))
    if head.release and head.release.repair:
        yield Wording(head.release.repair, "the repair of a reply", parts.head, ("release", "repair"))
    if head.proofs:
        yield Wording(
            head.proofs.unavailable, "what is said where no proof can be had", parts.head, ("proofs", "unavailable")
        )
        for index, method in enumerate(head.proofs.methods):
            for name in ("ask", "again"):
                place = ("proofs", "methods", index, name)
                yield Wording(getattr(method, name), f"what {method.name!r} says as {name!r}", parts.head, place)
    yield Wording(head.silence.ask, "the question to a silent caller", parts.head, ("silence", "ask"))
    yield Wording(head.silence.release, "the farewell to a silent caller", parts.head, ("silence", "release"))
