"""What the emulator is told: latencies, what it says and hears, limits and faults. Validated, with a JSON schema.

Durations carry their unit in the name. Windows (brownouts) count from the moment when the configuration was applied:
the start of the server, or the last ``PUT /_control``.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from emulators.faults import Fault, Pattern, Service


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Latency(_Data):
    """A lognormal latency by its median and 95th percentile."""

    median_ms: float = Field(gt=0)
    p95_ms: float = Field(gt=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.p95_ms < self.median_ms:
            raise ValueError("p95_ms must not be under median_ms")
        return self


class ScriptedTool(_Data):
    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class Scripted(_Data):
    """What the model says when the last user message fits. The first entry that fits wins."""

    match: Pattern = Field(description="Regular expression, searched in the last user message, case ignored.")
    reply: str = ""
    prompt_kind: Pattern | None = Field(default=None, description="Only prompts whose label names a kind like this.")
    attempts: tuple[int, ...] | None = Field(default=None, description="Only these attempts.")
    tool: ScriptedTool | None = Field(default=None, description="Call this tool instead, where the request has it.")


class LlmSettings(_Data):
    first_token: Latency = Latency(median_ms=300, p95_ms=900)
    tokens_per_s: float = Field(default=100.0, gt=0)
    tokens_per_chunk: int = Field(default=1, ge=1)
    models: tuple[str, ...] = ("emulated",)
    script: tuple[Scripted, ...] = ()
    canned: str = "I can help you with that."
    stall_share: float = Field(
        default=0.0, ge=0, le=1, description="Share of completions that stall for stall_s after stall_after_tokens."
    )
    stall_after_tokens: int = Field(default=2, ge=1)
    stall_s: float = Field(default=10.0, ge=0)
    # Prompt caching as OpenAI documents it: from 1024 tokens on, in steps of 128.
    cache_minimum_tokens: int = Field(default=1024, ge=1)
    cache_step_tokens: int = Field(default=128, ge=1)


class TtsSettings(_Data):
    first_audio_ms: tuple[float, float] = Field(default=(150.0, 300.0), description="Uniform between the two.")
    speed: float = Field(default=8.0, gt=0, description="Audio made per second of waiting, after the first chunk.")
    chunk_ms: int = Field(default=200, ge=20)
    ms_per_char: float = Field(default=60.0, gt=0, description="Length of the built-in tone.")
    contexts_per_socket: int = Field(default=5, ge=1, description="ElevenLabs: one more closes the socket.")
    context_expires_ms: float = Field(default=1000.0, gt=0, description="Cartesia: a context's life after its audio.")
    concurrent_contexts: int | None = Field(
        default=None, ge=1, description="Cartesia: what the account's plan allows; ten times as many sockets."
    )
    idle_s: float = Field(default=300.0, gt=0, description="Cartesia: a socket without traffic is closed.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        low, high = self.first_audio_ms
        if not 0 <= low <= high:
            raise ValueError("first_audio_ms must be (low, high) with 0 <= low <= high")
        return self


class Utterance(_Data):
    """One thing the caller says. With ``duration_ms`` the turn can't end before that much audio since its start."""

    text: str = Field(min_length=1)
    duration_ms: float | None = Field(default=None, gt=0)


Line = Annotated[str, Field(min_length=1)] | Utterance


class SttSettings(_Data):
    eager_ms: float = Field(default=100.0, ge=0, description="Audio between the end of speech and the eager end.")
    end_ms: float = Field(default=200.0, ge=0, description="Audio between the end of speech and the end of turn.")
    mode: Literal["fixed", "realistic"] = "fixed"
    realistic_end: Latency = Latency(median_ms=280, p95_ms=1500)
    update_every_s: float = Field(default=0.25, gt=0)
    words_per_s: float = Field(default=3.0, gt=0, description="How fast words show up in Updates.")
    speech_dbfs: float = Field(default=-45.0, le=0, description="Energy of a 20 ms frame that counts as speech.")
    start_ms: float = Field(default=60.0, ge=20, description="Speech in a row that starts a turn.")
    transcripts: tuple[Line, ...] = Field(default=(), description="What each connection hears, turn after turn.")
    transcripts_by_tag: dict[str, tuple[Line, ...]] = Field(
        default_factory=dict, description="The same for connections with this `tag` in their query."
    )
    resume_transcripts: bool = Field(
        default=False, description="A new connection goes on where the last one ended, instead of from the start."
    )

    def utterances(self, tags: Collection[str]) -> tuple[Utterance, ...]:
        """What a connection with these tags hears."""
        tag = next((tag for tag in tags if tag in self.transcripts_by_tag), None)
        lines = self.transcripts if tag is None else self.transcripts_by_tag[tag]
        return tuple(Utterance(text=line) if isinstance(line, str) else line for line in lines)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.eager_ms > self.end_ms:
            raise ValueError("eager_ms must not be above end_ms")
        return self


class CompanyObject(_Data):
    kind: str
    id: str
    record: dict[str, str]


class CompanyCustomer(_Data):
    """``answers``: question → what this customer answers to it."""

    id: str
    objects: tuple[CompanyObject, ...] = ()
    answers: dict[str, str] = Field(default_factory=dict)


class CompanyOperation(_Data):
    """What a change does to an object of the kind ``about``, and what is answered: ``{number}`` counts changes from 1,
    ``{day}`` is one of the ``delivery_days``."""

    about: str
    changes: dict[str, str]
    answer: dict[str, str] = Field(default_factory=dict)


_REFERENCE = {"reference": "H {number}", "due": "{day}"}
_CARD_OPERATIONS = {
    "block_card": CompanyOperation(about="card", changes={"status": "blocked"}, answer=_REFERENCE),
    "issue_card": CompanyOperation(about="card", changes={"replaced": "yes"}, answer=_REFERENCE),
    "book_delivery": CompanyOperation(about="card", changes={"delivery": "booked"}, answer=_REFERENCE),
}


class CompanySettings(_Data):
    """The emulated company's customers, as its books hold them when the server starts, and what can be changed of theirs."""

    customers: tuple[CompanyCustomer, ...] = ()
    operations: dict[str, CompanyOperation] = Field(
        default=_CARD_OPERATIONS,
        description="By the name that a tool's step gives it. Left out: what the example's tools do.",
    )
    delivery_days: tuple[str, ...] = Field(default=("Thursday",), min_length=1)


class Brownout(_Data):
    """Everything of one service is slower by ``multiplier`` from ``from_s`` to ``until_s``."""

    service: Service = Service.LLM
    from_s: float = Field(default=0.0, ge=0)
    until_s: float | None = Field(default=None, description="None: until the configuration changes.")
    multiplier: float = Field(default=5.0, ge=1)


class RateLimit(_Data):
    """One token bucket for all requests of all services in ``services``."""

    requests_per_s: float = Field(gt=0)
    burst: int = Field(default=1, ge=1)
    services: tuple[Service, ...] = (Service.LLM,)
    told: bool = Field(default=True, description="Whether the headers of answers tell what is left.")


class TokenLimit(_Data):
    """One bucket for the tokens of all completions: a prompt's and ``max_tokens``, taken when the request comes."""

    tokens_per_s: float = Field(gt=0)
    burst: int = Field(ge=1)
    told: bool = Field(default=True, description="Whether the headers of answers tell what is left.")


class EmulatorConfig(_Data):
    seed: int = 0
    accepted_keys: tuple[str, ...] | None = Field(
        default=None, description="None: any key that isn't empty. A key outside the list gets a 401."
    )
    llm: LlmSettings = LlmSettings()
    tts: TtsSettings = TtsSettings()
    stt: SttSettings = SttSettings()
    company: CompanySettings = CompanySettings()
    brownouts: tuple[Brownout, ...] = ()
    rate_limit: RateLimit | None = None
    token_limit: TokenLimit | None = None
    faults: tuple[Fault, ...] = ()
