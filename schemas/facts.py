"""Facts: what came from outside. Anything that ran a model, an embedding or an index is a fact, local ones too."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from schemas.base import EvidenceSpan, Fact, PrivateText
from schemas.models import ProviderCost


class Score(msgspec.Struct, frozen=True):
    """A probability 0..1 for a name."""

    name: str
    value: float


# --- the call and the caller -----------------------------------------------------------------------------------------


class CallArrived(Fact, frozen=True, kw_only=True):
    """A call rings. The first fact of a voice conversation; it isn't answered before its standing grant is read.

    The behaviour (by seq and content hash) is the one that was current for the gateway's data directory when it rang.
    """

    channel: str
    caller: PrivateText = ""
    behaviour_seq: int
    behaviour_hash: str
    providers: tuple[str, ...] = ()  # which recogniser, voice and models are in use


class CallTaken(Fact, frozen=True, kw_only=True):
    """A gateway takes the call under the one media identity; ``take`` counts the gateways that held this call."""

    take: int
    gateway_id: str


class CallAnswered(Fact, frozen=True, kw_only=True):
    """The gateway picked up: from here on, somebody listens."""

    take: int


class OwnObject(msgspec.Struct, frozen=True):
    """Something that belongs to a subject. ``said_as``: the digits by which a caller names it, such as a card's last four."""

    kind: str
    id: str
    said_as: str = ""


class SubjectAuthenticated(Fact, frozen=True, kw_only=True):
    """A channel authenticated who is calling: an app that is logged in, a code that was sent. A caller id is nobody.

    It comes at the ring or later. The same subject gains a level; another subject takes the place of the one before,
    with nothing of theirs. ``level``: known, verified, stepped_up, in rising order; one that this code doesn't know
    counts for nothing. ``expires_after_ms`` counts from ``accepted_at_us``: null is the whole conversation, 0 takes the
    level back. ``objects`` is JSON of the ``OwnObject``s that the channel vouches for; empty leaves those before.
    """

    SUPERSEDES: ClassVar[bool] = True
    subject_id: PrivateText
    level: str
    method: str  # how, such as app_session or one_time_code
    expires_after_ms: int | None = None
    objects: PrivateText = ""


class CallerSpeechStarted(Fact, frozen=True, kw_only=True):
    """Voice activity of the caller that lasted long enough to count as speech; over the agent, to count as interrupting.

    ``spoke_over_ms``: how long both had spoken at once by then; null where the agent was silent, or yields to any voice.
    """

    VERSION: ClassVar[int] = 2
    SUPERSEDES: ClassVar[bool] = True
    utterance_id: str
    spoke_over_ms: float | None = None


class CallerSpeechDismissed(Fact, frozen=True, kw_only=True):
    """What sounded like speech was none: the conversation goes on where it stood.

    ``why``: no_words (a cough, a door), backchannel (recognised as one when the agent had stopped already; ``text``), filler
    (an "uh" that nothing followed; ``text``).
    """

    VERSION: ClassVar[int] = 2
    SUPERSEDES: ClassVar[bool] = True
    utterance_id: str
    why: str = "no_words"
    text: PrivateText = ""


class BackchannelHeard(Fact, frozen=True, kw_only=True):
    """The caller said "mm-hm" while ``sound_id`` (of a reply or a granted line) played, and it went on: no turn."""

    utterance_id: str
    sound_id: str
    text: PrivateText


class UtteranceHeard(Fact, frozen=True, kw_only=True):
    """What the caller said. First eager (``final`` false: probably over), then final.

    ``since_speech_end_ms`` is the time from the end of speech to the put of this fact on the gateway's own clock.
    """

    SUPERSEDES: ClassVar[bool] = True
    utterance_id: str
    text: PrivateText
    final: bool
    confidence: float | None = None
    since_speech_end_ms: float


class UtteranceResumed(Fact, frozen=True, kw_only=True):
    """The caller went on after an eager end of turn."""

    SUPERSEDES: ClassVar[bool] = True
    utterance_id: str


class KeyPressed(Fact, frozen=True, kw_only=True):
    SUPERSEDES: ClassVar[bool] = True
    key: PrivateText


class CallEnded(Fact, frozen=True, kw_only=True):
    """``reason``: caller_hung_up, agent_hung_up, media_failed."""

    reason: str


# --- what was really played ------------------------------------------------------------------------------------------


class SpeechStarted(Fact, frozen=True, kw_only=True):
    """The first audio of a reply left for the caller: here a reply takes effect."""

    candidate_id: str
    take: int
    since_speech_end_ms: float | None = None


class SpeechProgressed(Fact, frozen=True, kw_only=True):
    """How far a reply has been played; another gateway goes on from here."""

    candidate_id: str
    spoken_so_far: PrivateText


class SpeechCompleted(Fact, frozen=True, kw_only=True):
    candidate_id: str
    spoken: PrivateText


class SpeechInterrupted(Fact, frozen=True, kw_only=True):
    """The caller spoke over the reply and the audio stopped. Only ``spoken_so_far`` was heard.

    ``measured_by``: word_times (the voice's own alignment), share (of the audio, characters spread evenly), empty where
    nothing played or an older gateway didn't say.
    """

    VERSION: ClassVar[int] = 2
    candidate_id: str
    spoken_so_far: PrivateText
    measured_by: str = ""


class SpeechFailed(Fact, frozen=True, kw_only=True):
    """No voice could render the reply; nothing of it was heard.

    ``take``: of the gateway that tells it; null where an older one didn't say. Of one that lost the call it changes nothing: the
    reply was chosen anew for the next, with voices of its own.
    """

    VERSION: ClassVar[int] = 2
    candidate_id: str
    reason: str
    take: int | None = None


class RenderingWasted(Fact, frozen=True, kw_only=True):
    """A voice was asked for audio that will never be played. ``characters``: of its text, which is what voices charge."""

    candidate_id: str
    characters: int


class HoldingPlayed(Fact, frozen=True, kw_only=True):
    """The gateway played a granted holding line on its own timer."""

    phrase_id: str
    utterance_id: str = ""  # what the caller waits for an answer to, though no turn of it was read yet
    mark_ms: int
    since_speech_end_ms: float
    text: PrivateText = ""


class FallbackPlayed(Fact, frozen=True, kw_only=True):
    """The gateway played the granted closing line at the hard mark: this ended the turn."""

    phrase_id: str
    utterance_id: str = ""
    since_speech_end_ms: float
    text: PrivateText = ""


class ReplyRefused(Fact, frozen=True, kw_only=True):
    """The gateway didn't start a chosen reply. ``reason``: superseded, turn_over, other_take, already_started."""

    candidate_id: str
    reason: str


# --- outcomes of the owner's own effects -----------------------------------------------------------------------------


class ScoresReturned(Fact, frozen=True, kw_only=True):
    """A classifier's scores: of intents, or of a guardrail's classes. Tokens and cost where a language model gave them; the
    cost includes providers that failed before it in the same attempt, then a part of it is ``estimated``. ``known_micros``,
    ``parts``: as of ``CompletionReturned``."""

    VERSION: ClassVar[int] = 5

    ask_id: str
    scores: tuple[Score, ...]
    model: str
    elapsed_ms: float | None = None
    attempt: int = 0
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    cost_micros: int | None = None
    estimated: bool = False
    known_micros: int | None = None
    parts: tuple[ProviderCost, ...] = ()


class FoundPassage(msgspec.Struct, frozen=True):
    article_id: str
    text: str
    score: float
    public: bool


class PassagesFound(Fact, frozen=True, kw_only=True):
    """Passages of the knowledge that the conversation pinned, best first. ``passages`` is JSON of ``FoundPassage``s."""

    ask_id: str
    passages: PrivateText
    elapsed_ms: float | None = None


class SentenceReturned(Fact, frozen=True, kw_only=True):
    """One whole sentence of a model's answer, as soon as it is certain that it is one: never a fragment.

    Told where replies are released by sentence, each of them; and where another attempt may start late, those of a stream
    before its end. ``index`` counts from 0 within the attempt. ``last``: nothing follows but ``CompletionReturned``, which
    closes the attempt; its text is that of all sentences. Times count from the start of the attempt.
    """

    ask_id: str
    attempt: int
    index: int
    last: bool
    text: PrivateText
    provider: str
    model: str
    first_token_ms: float | None = None
    elapsed_ms: float


class CompletionReturned(Fact, frozen=True, kw_only=True):
    """A model's answer, with what it cost. Unknown is null. The cost includes providers that failed before it in the same
    attempt: then a part of it is ``estimated``. Tokens are those of the answer alone. ``known_micros``: where somebody's price
    isn't known, and so the cost isn't, what the others cost. ``parts``: who was asked, in order, and what each took; empty
    where one alone was."""

    VERSION: ClassVar[int] = 4

    ask_id: str
    attempt: int
    text: PrivateText
    provider: str
    model: str
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    cost_micros: int | None = None
    first_token_ms: float | None = None
    total_ms: float | None = None
    estimated: bool = False
    known_micros: int | None = None
    parts: tuple[ProviderCost, ...] = ()


class ToolReturned(Fact, frozen=True, kw_only=True):
    """What a tool found. ``result`` is JSON: name → a text that may be said as it stands."""

    ask_id: str
    attempt: int
    tool: str
    result: PrivateText
    elapsed_ms: float | None = None


class EffectFailed(Fact, frozen=True, kw_only=True):
    """An attempt at something that a decision asked for failed. ``reason`` is a ``FailureReason``; ``provider`` and
    ``model`` are empty where nobody was asked, or it isn't known who. ``estimated``: the cost isn't the provider's own
    figure. ``known_micros``, ``parts``: as of ``CompletionReturned``."""

    VERSION: ClassVar[int] = 5

    ask_id: str
    attempt: int
    reason: str
    provider: str = ""
    elapsed_ms: float | None = None
    model: str = ""
    cost_micros: int | None = None
    estimated: bool = False
    known_micros: int | None = None
    parts: tuple[ProviderCost, ...] = ()


class EffectCancelled(Fact, frozen=True, kw_only=True):
    """A loser of the race was cancelled while under way, with what it has cost. ``estimated``: tokens and cost are counted
    by us from what was sent and heard, since a provider tells them only at the end. Unknown is null. ``known_micros``,
    ``parts``: as of ``CompletionReturned``."""

    VERSION: ClassVar[int] = 4

    ask_id: str
    attempt: int
    elapsed_ms: float | None = None
    cost_micros: int | None = None
    provider: str = ""
    model: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    estimated: bool = False
    known_micros: int | None = None
    parts: tuple[ProviderCost, ...] = ()


class TimerFired(Fact, frozen=True, kw_only=True):
    timer_id: str
    purpose: str  # as in TimerSet


# --- guests ----------------------------------------------------------------------------------------------------------


class GuestVerdictPosted(Fact, frozen=True, kw_only=True):
    """A guest's verdict on one candidate. The first counts that names a candidate which the guest was asked about, and
    the very words of it; any other changes nothing.

    ``text_digest``: HMAC-SHA256, hex, of the judged text under the conversation's digest key. ``reasons``: names of up to
    64 of a-z, 0-9 and _, eight at most; they are not sealed. ``elapsed_ms`` is on the guest's own clock.
    """

    guardrail: str
    candidate_id: str
    text_digest: str
    passed: bool
    reasons: tuple[str, ...] = ()
    evidence: tuple[EvidenceSpan, ...] = ()
    guest_version: str = ""
    elapsed_ms: float | None = None


# --- the owner's own life --------------------------------------------------------------------------------------------


class OwnerChanged(Fact, frozen=True, kw_only=True):
    """Another owner took over while effects were open: what they returned is lost and must be asked again."""

    epoch: int


class FactDropped(Fact, frozen=True, kw_only=True):
    """A fact of this conversation could not be read; its bytes are in the dead letters under this position."""

    partition: int
    offset: int
    reason: str
