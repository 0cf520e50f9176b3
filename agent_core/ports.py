"""The ports: what the agent needs from the outside world, in its own words. Adapters live in ``providers/``.

Audio inside the product is always PCM, signed 16-bit little-endian, mono, 16 kHz (``SAMPLE_RATE_HZ``), in frames of
20 ms (``FRAME_BYTES``). Adapters convert at the edge.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
FRAME_MS = 20
FRAME_SAMPLES = SAMPLE_RATE_HZ * FRAME_MS // 1000
FRAME_BYTES = FRAME_SAMPLES * 2


class FailureReason(StrEnum):
    """Why a call to a provider failed; ends up in an event, so each value is part of the schema."""

    UNAUTHORISED = "unauthorised"  # 401/403: retrying can't help
    RATE_LIMITED = "rate_limited"  # 429
    UNAVAILABLE = "unavailable"  # 5xx, refused, dropped connection
    TIMED_OUT = "timed_out"
    INVALID = "invalid"  # the answer is empty, off-schema, cut short or in another language
    REFUSED = "refused"  # 4xx other than the above, or the model declined
    MISSING = "missing"  # the provider isn't installed or configured, or has no such model
    CANCELLED = "cancelled"
    STALE = "stale"  # what a change was to rest on isn't so any more: nothing was done
    CAPPED = "capped"  # an attempt beyond the first ones, over the share of calls that may be such
    CIRCUIT_OPEN = "circuit_open"  # nobody was asked: every provider failed too often of late


class ProviderError(Exception):
    """A provider failed. ``detail`` is for engineers: it never holds a key, a prompt or a caller's words. ``model``: which
    of the provider's was asked; empty where that isn't known."""

    def __init__(
        self,
        reason: FailureReason,
        provider: str,
        detail: str = "",
        *,
        model: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{provider}: {reason.value}" + (f" ({detail})" if detail else ""))
        self.reason = reason
        self.provider = provider
        self.model = model
        self.detail = detail
        self.retry_after_s = retry_after_s


# --- language models -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    role: str  # system | user | assistant
    content: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of an article that retrieval found. ``score`` is the fused rank score: higher is better."""

    article_id: str
    text: str
    score: float
    public: bool = True


@dataclass(frozen=True, slots=True)
class Sentence:
    """A whole sentence of an answer that is still being made. Times count from the request."""

    text: str
    provider: str
    model: str
    first_token_ms: float | None
    elapsed_ms: float


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """One question to a model. ``label`` names the draw of an emulator: the turn, the kind of prompt, the attempt.

    ``prompts``: by a vendor's model, what its first message says in place of the one in ``messages``.

    ``on_sentence``, where given, is told each sentence as soon as another one follows it, in order, from one single run: who
    has told one fails rather than begin again. A model that doesn't stream tells none.
    """

    purpose: str  # answer | classify | guard
    model: str  # a routed name, not a vendor's
    messages: tuple[Message, ...]
    label: str = ""
    attempt: int = 0
    extra: bool = False  # started beyond those that start at once: a share of all calls caps these
    max_tokens: int = 200
    timeout_ms: int = 6000
    urgent: bool = True  # a caller waits; False for work that may wait (knowledge lint, summaries)
    language: str | None = None  # that a text is answered in, as ISO 639-1 has it; None: any
    intent: str | None = None
    approved: str | None = None  # the approved wording for the intent; the keyless brain speaks nothing else
    json_schema: dict[str, object] | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)
    on_sentence: Callable[[Sentence], None] | None = field(default=None, compare=False, repr=False)

    def for_model(self, model: str) -> CompletionRequest:
        """As the vendor's model is asked: with the prompt that is tied to it, where there is one."""
        prompt = self.prompts.get(model)
        if prompt is None:
            return self
        first = replace(self.messages[0], content=prompt)
        return replace(self, messages=(first, *self.messages[1:]), prompts={})


@dataclass(frozen=True, slots=True)
class Left:
    """What a provider says is left of one limit."""

    limit: int  # above 0
    remaining: int
    resets_in_s: float  # until all of it is back

    @property
    def share(self) -> float:
        """0 to 1."""
        return min(self.remaining / self.limit, 1.0)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a provider says is left of its limits; None of one of which it says nothing."""

    requests: Left | None = None
    tokens: Left | None = None

    def scarcer(self) -> Left | None:
        told = [left for left in (self.requests, self.tokens) if left is not None]
        return min(told, key=lambda left: left.share, default=None)


@dataclass(frozen=True, slots=True)
class CompletionResult:
    text: str
    provider: str
    model: str
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    cost_micros: int | None = None  # millionths of the currency of the price list; None where the price is unknown
    first_token_ms: float | None = None
    total_ms: float | None = None
    allowance: Allowance | None = None  # as it was when the answer began


class LanguageModel(Protocol):
    """A model behind a name. Raises ``ProviderError``; never returns an empty or unfinished text."""

    name: str

    async def complete(self, request: CompletionRequest) -> CompletionResult: ...

    async def close(self) -> None: ...


class Embedder(Protocol):
    """Sentence embeddings. ``embed`` returns float32 of shape (len(texts), dimensions), rows of unit length."""

    name: str
    dimensions: int

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


# --- the company's own systems ---------------------------------------------------------------------------------------


class CustomerRecords(Protocol):
    """What the company knows of its customers, as tools read it. Each read names the customer that it is for.

    ``read`` gives the record of one object, name → value. Raises ``ProviderError``: ``REFUSED`` for an object that isn't
    this customer's, and for one that there isn't, with no difference between the two; ``UNAVAILABLE`` and so on.
    """

    @property
    def name(self) -> str: ...

    async def read(self, customer_id: str, kind: str, object_id: str) -> Mapping[str, str]: ...


# --- speech to text --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """The caller began to speak. ``audio_ms`` is the position in the pushed audio, counted from the first frame."""

    audio_ms: float


@dataclass(frozen=True, slots=True)
class TurnUpdated:
    text: str
    audio_ms: float


@dataclass(frozen=True, slots=True)
class TurnMaybeEnded:
    """Eager end of turn: probably over. Either ``TurnEnded`` with the same text or ``TurnResumed`` follows."""

    text: str
    confidence: float
    speech_end_ms: float | None  # position in the audio where speech ended, None where the vendor doesn't say
    audio_ms: float


@dataclass(frozen=True, slots=True)
class TurnResumed:
    text: str
    audio_ms: float


@dataclass(frozen=True, slots=True)
class TurnEnded:
    text: str
    confidence: float
    speech_end_ms: float | None
    audio_ms: float


@dataclass(frozen=True, slots=True)
class RecogniserFailed:
    """The recogniser is gone in mid-call; the session is over. The gateway opens another or falls back."""

    error: ProviderError


RecogniserEvent = TurnStarted | TurnUpdated | TurnMaybeEnded | TurnResumed | TurnEnded | RecogniserFailed


class RecogniserSession(Protocol):
    """One call's recogniser. Frames are 16 kHz PCM16 of any whole number of samples. ``events`` ends after ``close``."""

    async def push(self, pcm: bytes) -> None: ...

    def events(self) -> AsyncIterator[RecogniserEvent]: ...

    async def close(self) -> None: ...


class SpeechRecogniser(Protocol):
    name: str

    async def open(self) -> RecogniserSession:
        """Start a session. Raises ``ProviderError`` (a wrong key, no connection, a missing model)."""
        ...

    async def close(self) -> None: ...


# --- text to speech --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WordTiming:
    """``start_ms``/``end_ms`` count from the start of the utterance's audio."""

    word: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of synthesised audio (16 kHz PCM16). ``words`` where the vendor gives alignment for this piece."""

    pcm: bytes
    words: tuple[WordTiming, ...] = field(default=())


class SpeechSynthesiser(Protocol):
    """A voice. ``speak`` yields audio as it is made; closing the generator cancels it. Raises ``ProviderError``."""

    @property
    def name(self) -> str: ...

    def speak(self, text: str) -> AsyncGenerator[Speech, None]: ...

    async def close(self) -> None: ...


# --- voice activity --------------------------------------------------------------------------------------------------


class VoiceActivity(Protocol):
    """Stateful detector. ``push`` takes 16 kHz PCM16 of any length and returns the newest speech probability 0..1."""

    def push(self, pcm: bytes) -> float: ...

    def reset(self) -> None: ...
