"""What a guardrail is: a pure judgement over a text and what is known beside it.

Two layers. ``judge`` is pure (no I/O, no clock, no model), so a decider may call it and a replay may call it again. A
guardrail whose means is a classifier has a ``score`` step too: it runs a model, so its result is a fact, recorded
before ``judge`` reads it from ``GuardInput.scores``.

    scores = guardrail.score(subject, embedder)                        # an effect, its outcome is a fact
    verdict = guardrail.judge(structs.replace(subject, scores=scores)) # a decision, recomputable

``check`` does both in one await, with no log and no host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol, TypeVar, runtime_checkable

import msgspec

from agent_core.ports import Embedder, Passage


class Stage(StrEnum):
    """When a guardrail judges."""

    INPUT = "input"  # before anything is said: what the caller says
    OUTPUT = "output"  # before it is spoken: a candidate
    ARGUMENTS = "arguments"  # before a tool runs: what it is asked with


class Input(StrEnum):
    """What a guardrail reads; it is shown nothing else of the caller's words."""

    CALLER = "caller"  # what the caller says in this turn
    CONVERSATION = "conversation"  # that, and the caller's lines before it
    CANDIDATE = "candidate"  # what the agent may say
    ARGUMENTS = "arguments"  # what a tool is asked with

    @property
    def stage(self) -> Stage:
        return _STAGES[self]


_STAGES = {
    Input.CALLER: Stage.INPUT,
    Input.CONVERSATION: Stage.INPUT,
    Input.CANDIDATE: Stage.OUTPUT,
    Input.ARGUMENTS: Stage.ARGUMENTS,
}


class OnFailure(StrEnum):
    """What it means that a guardrail didn't judge: it raised, lacked its scores, or its budget ran out."""

    CLOSED = "closed"  # it blocks: compliance
    OPEN = "open"  # it passes, and the log says that nobody judged: tone, and cues that block nothing anyway


class Means(StrEnum):
    """How a guardrail comes to its verdict, and so what it costs."""

    PATTERN = "pattern"
    CLASSIFIER = "classifier"  # has ``score``
    POLICY = "policy"  # compares with what is approved, public, private
    MODEL = "model"


class Reason(StrEnum):
    """Base of every guardrail's reasons. Values end up in events: they are unique over all guardrails."""


class Unjudged(Reason):
    """Why there is no judgement."""

    NO_SCORES = "not_judged_no_scores"
    LATE = "not_judged_late"  # its budget ran out


class Span(msgspec.Struct, frozen=True, order=True):
    """Half-open range of characters in the judged text: ``GuardInput.text``, or ``told`` where the conversation is read."""

    start: int
    end: int


class Verdict(msgspec.Struct, frozen=True):
    """``passed`` with ``reasons`` is a cue: nothing is blocked, the policy decides what follows from it.

    ``judged`` is False where the guardrail lacked a fact that it needs. Such a verdict never passes by itself: whoever
    reads it applies the setting's ``on_failure``, and a reader that forgets to is on the safe side.
    """

    passed: bool
    reasons: tuple[Reason, ...] = ()
    evidence: tuple[Span, ...] = ()
    judged: bool = True


PASSED = Verdict(passed=True)


def blocked(*reasons: Reason, evidence: tuple[Span, ...] = ()) -> Verdict:
    return Verdict(passed=False, reasons=reasons, evidence=tuple(sorted(evidence)))


def cue(*reasons: Reason, evidence: tuple[Span, ...] = ()) -> Verdict:
    return Verdict(passed=True, reasons=reasons, evidence=tuple(sorted(evidence)))


def not_judged(reason: Reason) -> Verdict:
    return Verdict(passed=False, reasons=(reason,), judged=False)


class GuardOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of a guardrail's options, as they stand in ``guardrails.yaml``. No options: this type itself."""

    def looser(self) -> str | None:
        """How these options let more pass than the guardrail's own do; None where they don't. Behaviour may only be
        stricter."""
        return None


OptionsT = TypeVar("OptionsT", bound=GuardOptions)


class GuardInput(msgspec.Struct, frozen=True, kw_only=True):
    """All that a guardrail may know. ``text``: the caller's words, the candidate, or a tool's arguments, a value a line."""

    text: str
    stage: Stage
    earlier: tuple[str, ...] = ()  # the caller's lines before this turn, oldest first; only where it is declared
    question: str = ""  # the caller's words that the candidate answers; on input the same as ``text``
    approved: str | None = None  # the approved wording for ``intent``, slots filled
    sources: tuple[Passage, ...] = ()  # what retrieval found for this turn
    intent: str | None = None
    company: str = ""
    language: str = "en"
    options: Mapping[str, Any] = msgspec.field(default_factory=dict)
    private_passages: tuple[str, ...] = ()  # private article text, whether retrieval found it or not
    arguments: Mapping[str, str] = msgspec.field(default_factory=dict)  # what the tool is asked with, by name
    results: tuple[str, ...] = ()  # what a tool found for the caller, as it is said in the candidate
    scores: Mapping[str, float] | None = None  # what ``score`` said; None where it wasn't asked or failed

    def read_options(self, kind: type[OptionsT]) -> OptionsT:
        """The options as their type. Raises ``msgspec.ValidationError`` for what the behaviour loader refuses."""
        return msgspec.convert(dict(self.options), kind)

    @property
    def told(self) -> str:
        """The caller's lines up to this one, a line each: the judged text of a guardrail that reads the conversation."""
        return "\n".join((*self.earlier, self.text))

    def known_texts(self) -> tuple[str, ...]:
        """What may be said word for word: the approved wording and the public passages."""
        approved = (self.approved,) if self.approved else ()
        return approved + tuple(passage.text for passage in self.sources if passage.public)


class Guardrail(Protocol):
    """One judgement, and what it declares of itself: a row of the matrix in docs/guardrails.md.

    ``blocks``: False gives cues alone. ``judges_sentence``: may judge a single sentence; False needs the whole. ``budget_ms``: for its verdict,
    from the moment it is asked; where a model is asked, a timer on the log keeps it. Behaviour may be stricter than
    ``budget_ms`` and ``on_failure``, never looser. ``version`` changes whenever ``judge`` may come to another verdict for
    the same input.
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def inputs(self) -> tuple[Input, ...]: ...
    @property
    def means(self) -> Means: ...
    @property
    def blocks(self) -> bool: ...
    @property
    def judges_sentence(self) -> bool: ...
    @property
    def budget_ms(self) -> int: ...
    @property
    def on_failure(self) -> OnFailure: ...
    @property
    def options_type(self) -> type[GuardOptions]: ...

    def judge(self, subject: GuardInput) -> Verdict: ...


def judges_at(guardrail: Guardrail, stage: Stage) -> bool:
    return any(read.stage is stage for read in guardrail.inputs)


@runtime_checkable
class ScoringGuardrail(Protocol):
    """A guardrail with a model in it. ``score`` returns probabilities by label; raises ``ProviderError``."""

    def score(self, subject: GuardInput, embedder: Embedder) -> dict[str, float]: ...


async def check(guardrail: Guardrail, subject: GuardInput, embedder: Embedder | None = None) -> Verdict:
    """Score if the guardrail can and an embedder is given, then judge. Raises what the embedder raises."""
    if isinstance(guardrail, ScoringGuardrail) and embedder is not None and subject.scores is None:
        scores = await asyncio.to_thread(guardrail.score, subject, embedder)
        subject = msgspec.structs.replace(subject, scores=scores)
    return guardrail.judge(subject)
