"""What a call's race looks like, as values: turns, and in each the lanes that ran beside each other.

Moments (``_at_s``) are seconds on one clock, whichever the reader of the log used: the event loop's while a call runs,
the owner's ``accepted_at`` afterwards. ``TurnRace.ms`` counts them from the caller's end of speech. Unknown is None.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class AnswerState(StrEnum):
    """Where a possible answer stands in the race."""

    ASKED = "asked"  # a provider works on it
    FAILED = "failed"
    CANCELLED = "cancelled"  # a loser, stopped while under way
    RETURNED = "returned"  # no candidate was formed of it: nobody waited for it any more
    USED = "used"  # what a tool found, and a candidate under another name says: a proposal, or several reads together
    JUDGED = "judged"  # formed; guardrails look at it
    ACCEPTED = "accepted"
    BLOCKED = "blocked"  # a required guardrail said no
    DROPPED = "dropped"
    CHOSEN = "chosen"


class SoundKind(StrEnum):
    """What was let out to the caller. A hold is never a reply."""

    HOLD = "hold"
    REPLY = "reply"
    FALLBACK = "fallback"  # the owner's honest "I can't answer that now": said, but no reply
    CLOSING = "closing"  # the granted line at the hard mark


class HeardWords(msgspec.Struct, frozen=True):
    text: str
    final: bool
    at_s: float
    since_speech_end_ms: float


class Verdict(msgspec.Struct, frozen=True):
    guardrail: str
    passed: bool
    required: bool
    reasons: tuple[str, ...]
    at_s: float


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at one answer. ``answer_id`` is the candidate's id, known before the candidate is formed."""

    answer_id: str
    speculation: int
    intent: str
    action: str = "answer"
    origin: str = "model"
    attempt: int = 0
    state: AnswerState = AnswerState.ASKED
    asked_at_s: float | None = None
    formed_at_s: float | None = None
    settled_at_s: float | None = None  # accepted, blocked, failed or cancelled
    provider: str = ""
    first_token_ms: float | None = None
    total_ms: float | None = None
    text: str = ""
    reason: str = ""  # why it failed, was blocked or was dropped
    verdicts: tuple[Verdict, ...] = ()


class Speculation(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    question: str
    opened_at_s: float
    dropped: str = ""  # the reason
    dropped_at_s: float | None = None
    committed_at_s: float | None = None
    eager: bool = False  # the work began before the words were final


class Classified(msgspec.Struct, frozen=True):
    """Probable intents, best first."""

    intents: tuple[tuple[str, float], ...]
    at_s: float
    elapsed_ms: float | None


class FoundArticles(msgspec.Struct, frozen=True):
    public: tuple[str, ...]
    private: tuple[str, ...]
    at_s: float
    elapsed_ms: float | None


class Sound(msgspec.Struct, frozen=True):
    kind: SoundKind
    sound_id: str
    at_s: float
    since_speech_end_ms: float | None  # the gateway's own measure
    text: str = ""


class Refusal(msgspec.Struct, frozen=True):
    """The gateway didn't start a reply that had been chosen."""

    candidate_id: str
    reason: str
    at_s: float


class TurnRace(msgspec.Struct, frozen=True, kw_only=True):
    turn_id: str
    cause: str  # as in TurnOpened
    zero_s: float  # the caller's end of speech, else when the turn opened
    opened_at_s: float
    hold_marks_ms: tuple[int, ...]
    give_up_ms: int
    hard_ms: int
    utterance_id: str = ""
    seq_from: int = 0
    seq_to: int = 0
    heard: tuple[HeardWords, ...] = ()
    speculations: tuple[Speculation, ...] = ()
    asked_at_s: float | None = None  # classification and passages of the newest speculation
    classified: Classified | None = None
    articles: FoundArticles | None = None
    input_verdicts: tuple[Verdict, ...] = ()  # on the caller's words, of the newest speculation
    failures: tuple[tuple[str, str], ...] = ()  # (ask, reason) of effects that are no answers
    answers: tuple[Answer, ...] = ()
    chosen: str = ""  # candidate id
    chosen_as: str = ""  # reply | escalation | close
    chosen_at_s: float | None = None
    sounds: tuple[Sound, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    voice_failed: str = ""
    gave_up_at_s: float | None = None
    spoken: str | None = None  # what was really played of the reply
    playing: bool = False
    interrupted: bool = False
    outcome: str = ""
    ended_at_s: float | None = None

    def ms(self, at_s: float) -> float:
        """Milliseconds since the caller's end of speech."""
        return (at_s - self.zero_s) * 1000

    def heard_at_ms(self, sound: Sound) -> float:
        """When the sound left, as the gateway measured it; negative where the caller went on after it."""
        stale = sound.at_s < self.zero_s
        return self.ms(sound.at_s) if stale or sound.since_speech_end_ms is None else sound.since_speech_end_ms

    @property
    def question(self) -> str:
        return self.heard[-1].text if self.heard else ""

    @property
    def speculation(self) -> int:
        return self.speculations[-1].number if self.speculations else 0

    @property
    def first_sound_ms(self) -> float | None:
        return next((self.heard_at_ms(s) for s in self.sounds if s.at_s >= self.zero_s), None)

    @property
    def first_reply_ms(self) -> float | None:
        return next((self.heard_at_ms(s) for s in self.sounds if s.kind is SoundKind.REPLY), None)

    @property
    def holds(self) -> tuple[Sound, ...]:
        return tuple(sound for sound in self.sounds if sound.kind is SoundKind.HOLD)

    @property
    def winner(self) -> Answer | None:
        return next((answer for answer in self.answers if answer.answer_id == self.chosen), None)

    @property
    def waits(self) -> bool:
        """Whether the caller still waits for an answer."""
        return not self.ended_at_s and not any(sound.kind is not SoundKind.HOLD for sound in self.sounds)


class Pending(msgspec.Struct, frozen=True):
    """What happened around an utterance before its turn opened."""

    utterance_id: str
    heard: tuple[HeardWords, ...] = ()
    sounds: tuple[Sound, ...] = ()
    first_seq: int = 0


class CallRace(msgspec.Struct, frozen=True, kw_only=True):
    call_id: str = ""
    providers: tuple[str, ...] = ()
    began_at_s: float | None = None
    answered_at_s: float | None = None
    ended_at_s: float | None = None
    ended: str = ""  # the reason
    granted: int = 0  # holding lines that the gateway may play alone
    granted_guards: int = 0  # guardrails that each of them passed
    events: int = 0
    takes: int = 0  # gateways that held this call
    owner_changes: int = 0
    dead_letters: int = 0
    caller_speaking: bool = False
    pending: Pending = Pending("")
    turns: tuple[TurnRace, ...] = ()
