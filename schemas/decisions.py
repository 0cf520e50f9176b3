"""Decisions: computed from what stands before them on the log, by pure deciders, and recomputed by every replay."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from schemas.base import Decision, PrivateText
from schemas.base import EvidenceSpan as EvidenceSpan


class GrantedPhrase(msgspec.Struct, frozen=True):
    phrase_id: str
    phatic: str
    pragmatic: str
    text: str


class ConversationOpened(Decision, frozen=True, kw_only=True):
    """Pins the behaviour (with the knowledge in it) for the life of the conversation."""

    behaviour_seq: int
    behaviour_hash: str
    language: str


class YieldGranted(msgspec.Struct, frozen=True):
    """When a gateway lets the caller's voice stop the agent: as ``BargeIn`` of the behaviour."""

    backchannels: tuple[str, ...]
    answers: tuple[str, ...]
    most_words: int
    yield_after_ms: int
    backchannel_ms: int
    resume_after_ms: int


class StandingGranted(Decision, frozen=True, kw_only=True):
    """What a gateway may play alone, at which marks after the end of speech, though log or owner is gone.

    Every phrase, the closing line too, passed the guardrails named in ``guarded_by`` before it was granted. ``yields``:
    which voice of the caller stops the agent; null: any. ``fillers``: what alone is no utterance, but a pause.
    ``unfinished``: words with which nobody ends: what follows on them belongs to them.
    """

    VERSION: ClassVar[int] = 4
    take: int
    phrases: tuple[GrantedPhrase, ...]
    closing: GrantedPhrase
    hold_marks_ms: tuple[int, ...]
    hard_ms: int
    guarded_by: tuple[str, ...]
    yields: YieldGranted | None = None
    fillers: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()


class TurnOpened(Decision, frozen=True, kw_only=True):
    """A turn begins. ``cause``: utterance, keys (a proof was keyed in), greeting, silence, resume, news (what became of a
    change is told). ``holding`` names the phrase for each hold mark."""

    cause: str
    utterance_id: str = ""
    speech_ended_at_us: int
    hold_marks_ms: tuple[int, ...]
    holding: tuple[str, ...]
    give_up_ms: int
    hard_ms: int


class SpeculationOpened(Decision, frozen=True, kw_only=True):
    """The turn is worked on under the assumption that ``question`` is all that the caller says."""

    speculation: int
    question: PrivateText


class SpeculationDropped(Decision, frozen=True, kw_only=True):
    """``reason``: resumed, text_changed, request_changed, other_subject, stepped_up (a proof was given: what the caller
    wanted before is worked on)."""

    speculation: int
    reason: str


class TurnCommitted(Decision, frozen=True, kw_only=True):
    """The final text equals the speculation's, and so does the request recomputed from the state."""

    speculation: int
    eager: bool  # whether the work began before the final end of turn


class ClassificationAsked(Decision, frozen=True, kw_only=True):
    ask_id: str
    text: PrivateText


class PassagesAsked(Decision, frozen=True, kw_only=True):
    ask_id: str
    query: PrivateText


class CompletionAsked(Decision, frozen=True, kw_only=True):
    """Asks a model for an answer, ``attempts`` times at once. ``messages`` is JSON; the digest is an HMAC of it all.

    ``prompt_id`` and ``prompt_version``: which prompt it was, and in which layout and wording; empty in events that are
    older than the field.
    """

    VERSION: ClassVar[int] = 2

    ask_id: str
    purpose: str  # answer | guard
    intent: str
    model: str
    attempts: int
    messages: PrivateText
    approved: PrivateText = ""
    request_digest: str
    timeout_ms: int
    prompt_id: str = ""
    prompt_version: str = ""


class GuardrailAsked(Decision, frozen=True, kw_only=True):
    """Asks a classifier guardrail for its scores; the verdict on them is a decision."""

    ask_id: str
    guardrail: str
    candidate_id: str  # empty: the caller's words
    text: PrivateText


class ToolRequested(Decision, frozen=True, kw_only=True):
    """Asks a tool about the subject who is authenticated. Nothing runs before this stands on the log.

    Decided only while that subject holds ``level``, which the tool requires, and only for objects that are theirs.
    ``arguments`` is JSON. ``subject_seq``: seq of the ``SubjectAuthenticated`` that gave the level.
    """

    ask_id: str
    intent: str
    tool: str
    arguments: PrivateText
    level: str
    subject_seq: int
    timeout_ms: int


class ToolRefused(Decision, frozen=True, kw_only=True):
    """A tool that the turn needs may not run. ``level``: what the tool requires. ``reason``: not_authenticated,
    level_too_low, expired, other_subject, object_unclear, no_such_tool, not_a_read,
    blocked:<guardrail>."""

    intent: str
    tool: str
    level: str
    reason: str


class AttemptAsked(Decision, frozen=True, kw_only=True):
    """One more attempt at an open ask. ``reason``: at_once, late (no attempt made progress for ``waited_ms``), failed,
    blocked (every candidate before it was)."""

    ask_id: str
    attempt: int
    reason: str
    waited_ms: int | None = None


class PaceWanted(msgspec.Struct, frozen=True):
    """``model``: the routed name. ``quantile``: at which a call of this purpose counts as late; null: nobody waits for it."""

    purpose: str
    model: str
    quantile: float | None


class PaceAsked(Decision, frozen=True, kw_only=True):
    """Asks what calls to models have lately taken and cost: by this, attempts of this turn are late or too dear."""

    ask_id: str
    wanted: tuple[PaceWanted, ...]


class SpendingStopped(Decision, frozen=True, kw_only=True):
    """The turn reached its ceiling of money, or what is left of it doesn't pay for an answer: no attempt starts any more.
    Millionths of the currency; ``reserved_micros`` is what the attempts that still run usually cost."""

    spent_micros: int
    reserved_micros: int
    ceiling_micros: int


class AskRepeated(Decision, frozen=True, kw_only=True):
    """The outcome of an open ask was lost with its owner: run it again."""

    ask_id: str
    generation: int


class CandidateFormed(Decision, frozen=True, kw_only=True):
    """A possible answer. ``origin``: model (from a completion), approved (a wording of the behaviour) or tool (an
    approved wording, filled from a tool's result).

    Where behaviour releases replies by sentence, each sentence but the last is a candidate of its own: number ``sentence``
    of ``reply``, the candidate that all of the answer will be. ``render_ahead``: a gateway may render it before its
    verdicts.
    """

    VERSION: ClassVar[int] = 2

    candidate_id: str
    speculation: int
    intent: str
    action: str  # answer | tool | propose | write | declined | begun | challenge | sign_in | which_one | refuse | escalate | close | clarify | fallback | greet | silence | resume
    origin: str
    text: PrivateText
    ask_id: str = ""
    attempt: int = 0
    request_digest: str = ""
    step_id: str = ""  # the procedure step that it says, as procedure/step
    reply: str = ""
    sentence: int | None = None
    render_ahead: bool = False


class CandidateDropped(Decision, frozen=True, kw_only=True):
    """``reason``: blocked:<guardrail>, irrelevant, superseded, slower, invalid:<why>, request_changed, authorised,
    cut_short:<why> (the stream that it was the beginning of failed), run_lost (its owner is gone)."""

    candidate_id: str
    reason: str


class GuestAsked(Decision, frozen=True, kw_only=True):
    """Asks a guardrail outside this system, a guest, for its verdict on a candidate that stands before it on the log.

    Nothing here carries it out: the guest follows the log and posts ``GuestVerdictPosted``. ``required``: the candidate
    waits for it, for ``budget_ms``; an advisory guest is never waited for.
    """

    guardrail: str
    candidate_id: str
    required: bool
    budget_ms: int


class VerdictIssued(Decision, frozen=True, kw_only=True):
    """A guardrail's verdict on a candidate, on the caller's words, or on what a tool is asked with (``candidate_id`` empty).

    Spans of evidence lie in the candidate; in the turn's question, or, of a guardrail that reads the conversation, in
    the caller's lines up to it, a line each; in the arguments' values in order of their names, a line each. A reason that
    begins with ``guardrail_failed`` or ``not_judged`` says that nobody judged, and ``passed`` what that means.

    A guest's has what the guest said, word for word where that can be read; ``guest_silent`` is the reason where it
    said nothing in time.
    """

    guardrail: str
    guardrail_version: str
    stage: str  # input | output | arguments
    candidate_id: str
    speculation: int
    passed: bool
    required: bool
    reasons: tuple[str, ...]
    evidence: tuple[EvidenceSpan, ...]


class CandidateAccepted(Decision, frozen=True, kw_only=True):
    """Every required guardrail passed: this candidate may be said. Its sibling attempts are no longer needed."""

    candidate_id: str


class Spoken(Decision, frozen=True, kw_only=True):
    """What the three endings that are said have in common: never an event of its own.

    ``answers_through``: the seq of the last caller fact that it answers; ``take``: the gateway that may say it.
    """

    candidate_id: str
    text: PrivateText
    intent: str
    answers_through: int
    take: int


class ReplyChosen(Spoken, frozen=True, kw_only=True):
    """The turn's answer. ``action`` as in CandidateFormed. ``more``: it is only the beginning of it. What follows is
    released by ``SentenceReleased``, the last of which says so, or ends with ``ReplyCut``."""

    VERSION: ClassVar[int] = 2

    action: str
    more: bool = False


class SentenceReleased(Decision, frozen=True, kw_only=True):
    """The chosen reply goes on with this. ``sentence_id`` is the candidate whose verdicts it rests on: one sentence, or, with
    ``last``, all of the answer, of which ``text`` is what wasn't released before."""

    candidate_id: str
    sentence_id: str
    text: PrivateText
    last: bool


class ReplyCut(Decision, frozen=True, kw_only=True):
    """The chosen reply ends with what was released of it, and with ``repair``, a wording that behaviour approves; empty
    where a guardrail named in ``guarded_by`` forbids that.

    ``reason``: blocked:<guardrail>, stalled, unjudged (no verdict on all of it in time), owner_changed, other_subject,
    not_its_sentences, or the ``FailureReason`` of its stream.
    """

    candidate_id: str
    reason: str
    repair: str
    guarded_by: tuple[str, ...]


class EscalationChosen(Spoken, frozen=True, kw_only=True):
    """A person takes over after this line."""

    reason: str


class CloseChosen(Spoken, frozen=True, kw_only=True):
    """The agent says goodbye and ends the call after this line."""

    reason: str


class InterruptionJudged(Decision, frozen=True, kw_only=True):
    """The caller's voice stopped a reply. ``genuine``: they had something to say; otherwise the reply goes on where it
    stopped, where something of it is left."""

    utterance_id: str
    candidate_id: str
    genuine: bool


class TurnEnded(Decision, frozen=True, kw_only=True):
    """``outcome``: reply, tool, escalation, close, fallback, superseded, abandoned (the caller hung up)."""

    outcome: str
    candidate_id: str = ""
    interrupted: bool = False


class TimerSet(Decision, frozen=True, kw_only=True):
    """``purpose``: give_up, silence, idle, guest (what a guest may take for its verdict), guardrail (what one of
    ours may take for its scores), sentence (how long a reply waits for its next one), late (whether an ask made
    progress)."""

    timer_id: str
    purpose: str
    due_at_us: int


class ConversationClosed(Decision, frozen=True, kw_only=True):
    reason: str
