"""The faults that the emulator can be told to show: what each is, and which requests it strikes.

A fault strikes a share of the requests that fit its filters; which ones is drawn from the request's label, so the same
requests are struck in every run. ``times`` is the one exception: it counts arrivals ("the first two, then recover").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from emulators.draws import Draw


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]


class Service(StrEnum):
    LLM = "llm"
    TTS = "tts"
    STT = "stt"
    BANK = "bank"  # its kinds of request: record, looked_up, undo, check, and the kinds of operation
    SMS = "sms"


class _Fault(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    share: float = Field(default=1.0, ge=0, le=1, description="Share of the fitting requests that are struck (drawn).")
    label: Pattern | None = Field(default=None, description="Regular expression that the request's label must contain.")
    prompt_kind: Pattern | None = Field(default=None, description="Regular expression on the prompt kind.")
    attempts: tuple[int, ...] | None = Field(default=None, description="Only these attempts.")
    model: Pattern | None = Field(default=None, description="Regular expression on the model (TTS: the voice).")
    times: int | None = Field(default=None, ge=1, description="Strike only the first so many, by order of arrival.")


# --- any service -----------------------------------------------------------------------------------------------------


class RateLimited(_Fault):
    """429 with Retry-After."""

    fault: Literal["rate_limited"] = "rate_limited"
    service: Service = Service.LLM
    retry_after_s: float | None = Field(default=1.0, ge=0, description="None: no Retry-After header.")


class ServerError(_Fault):
    """A 5xx, before anything else is sent."""

    fault: Literal["server_error"] = "server_error"
    service: Service = Service.LLM
    status: int = Field(default=500, ge=500, le=599)
    retry_after_s: float | None = Field(default=None, ge=0)


# --- the company's own systems -----------------------------------------------------------------------------------------


class TimeOutAfter(_Fault):
    """It is done, and the connection is cut after ``after_s`` without an answer: whoever asked doesn't know."""

    fault: Literal["time_out_after"] = "time_out_after"
    service: Literal[Service.BANK, Service.SMS] = Service.BANK
    after_s: float = Field(default=0.0, ge=0)


class DuplicateDelivery(_Fault):
    """The request arrives twice."""

    fault: Literal["duplicate_delivery"] = "duplicate_delivery"
    service: Literal[Service.BANK] = Service.BANK


# --- language model --------------------------------------------------------------------------------------------------


class _LlmFault(_Fault):
    service: Literal[Service.LLM] = Service.LLM


class StallBeforeFirstToken(_LlmFault):
    fault: Literal["stall_before_first_token"] = "stall_before_first_token"
    stall_s: float = Field(default=10.0, ge=0)


class StallAfterTokens(_LlmFault):
    """The stream starts, says ``tokens`` tokens and stops for ``stall_s``."""

    fault: Literal["stall_after_tokens"] = "stall_after_tokens"
    tokens: int = Field(default=2, ge=1)
    stall_s: float = Field(default=10.0, ge=0)


class KeepAlives(_LlmFault):
    """Traffic without content before the first token: SSE comments, or deltas with empty content."""

    fault: Literal["keep_alives"] = "keep_alives"
    form: Literal["comment", "empty_delta"] = "comment"
    for_s: float = Field(default=10.0, ge=0)
    every_s: float = Field(default=0.1, gt=0)


class EmptyCompletion(_LlmFault):
    fault: Literal["empty_completion"] = "empty_completion"


class OffSchema(_LlmFault):
    """An answer that isn't what ``response_format`` asked for: another shape, or no JSON at all."""

    fault: Literal["off_schema"] = "off_schema"
    form: Literal["wrong_shape", "not_json"] = "wrong_shape"


class OtherLanguage(_LlmFault):
    fault: Literal["other_language"] = "other_language"
    text: str = "Das weiß ich leider nicht. Bitte rufen Sie uns morgen noch einmal an, dann helfen wir Ihnen gerne."


class CutShort(_LlmFault):
    """Half of the answer, then ``finish_reason``."""

    fault: Literal["cut_short"] = "cut_short"
    finish_reason: Literal["length", "content_filter"] = "length"


class DropConnection(_LlmFault):
    """The connection is gone after so many tokens."""

    fault: Literal["drop_connection"] = "drop_connection"
    tokens: int = Field(default=2, ge=0)


# --- text to speech --------------------------------------------------------------------------------------------------


class _TtsFault(_Fault):
    service: Literal[Service.TTS] = Service.TTS


class StallBeforeAudio(_TtsFault):
    fault: Literal["stall_before_audio"] = "stall_before_audio"
    stall_s: float = Field(default=10.0, ge=0)


class StallMidAudio(_TtsFault):
    fault: Literal["stall_mid_audio"] = "stall_mid_audio"
    after_ms: float = Field(default=300.0, ge=0, description="Counted in audio sent.")
    stall_s: float = Field(default=10.0, ge=0)


class DropMidAudio(_TtsFault):
    """The connection is gone after so much audio; ``close_code`` None: with no close frame."""

    fault: Literal["drop_mid_audio"] = "drop_mid_audio"
    after_ms: float = Field(default=300.0, ge=0, description="Counted in audio sent.")
    close_code: int | None = Field(default=None, ge=1000, le=4999)


class NoFinal(_TtsFault):
    """All the audio, but never ``isFinal`` (websockets only)."""

    fault: Literal["no_final"] = "no_final"


# --- speech to text (Flux) -------------------------------------------------------------------------------------------


class _SttFault(_Fault):
    service: Literal[Service.STT] = Service.STT


class _MidTurn(_SttFault):
    turn: int = Field(default=0, ge=0, description="The index of the turn that is struck.")
    after_speech_ms: float = Field(default=400.0, ge=0, description="Audio since the start of that turn.")


class NoConnected(_SttFault):
    """The socket opens, the ``Connected`` message never comes."""

    fault: Literal["no_connected"] = "no_connected"


class CloseMidTurn(_MidTurn):
    fault: Literal["close_mid_turn"] = "close_mid_turn"
    code: int = Field(default=1011, ge=1000, le=4999)


class SilentStall(_MidTurn):
    """The socket stays open and nothing more is said on it."""

    fault: Literal["silent_stall"] = "silent_stall"


class ErrorThenClose(_MidTurn):
    fault: Literal["error_then_close"] = "error_then_close"
    code: str = "INTERNAL_SERVER_ERROR"


class DuplicateSequence(_SttFault):
    """Every ``every``-th message is sent twice, with one sequence id."""

    fault: Literal["duplicate_sequence"] = "duplicate_sequence"
    every: int = Field(default=3, ge=1)


class MissingSequence(_SttFault):
    """Every ``every``-th message is lost: its sequence id is skipped."""

    fault: Literal["missing_sequence"] = "missing_sequence"
    every: int = Field(default=3, ge=2)


class EagerWithoutEnd(_SttFault):
    """``EagerEndOfTurn`` comes, ``EndOfTurn`` never does; Updates go on."""

    fault: Literal["eager_without_end"] = "eager_without_end"
    turn: int = Field(default=0, ge=0)


class EagerResumedEager(_SttFault):
    """An eager end with the last word missing, ``TurnResumed``, then the eager end with all of it."""

    fault: Literal["eager_resumed_eager"] = "eager_resumed_eager"
    turn: int | None = Field(default=None, ge=0, description="None: every turn.")


class EndOnTimeout(_SttFault):
    """The model never ends the turn; ``eot_timeout_ms`` of silence does."""

    fault: Literal["end_on_timeout"] = "end_on_timeout"


class SlowUpdates(_SttFault):
    fault: Literal["slow_updates"] = "slow_updates"
    every_s: float = Field(default=1.0, gt=0)


class WordsWithoutTimes(_SttFault):
    fault: Literal["words_without_times"] = "words_without_times"


Fault = Annotated[
    RateLimited
    | ServerError
    | TimeOutAfter
    | DuplicateDelivery
    | StallBeforeFirstToken
    | StallAfterTokens
    | KeepAlives
    | EmptyCompletion
    | OffSchema
    | OtherLanguage
    | CutShort
    | DropConnection
    | StallBeforeAudio
    | StallMidAudio
    | DropMidAudio
    | NoFinal
    | NoConnected
    | CloseMidTurn
    | SilentStall
    | ErrorThenClose
    | DuplicateSequence
    | MissingSequence
    | EagerWithoutEnd
    | EagerResumedEager
    | EndOnTimeout
    | SlowUpdates
    | WordsWithoutTimes,
    Field(discriminator="fault"),
]


def strikes(fault: Fault, index: int, service: Service, draw: Draw, model: str) -> bool:
    """Whether ``fault``, the ``index``-th of the configuration, strikes this request. ``times`` isn't looked at."""
    if fault.service is not service:
        return False
    if fault.attempts is not None and draw.attempt not in fault.attempts:
        return False
    filters = ((fault.label, draw.label), (fault.prompt_kind, draw.kind), (fault.model, model))
    if any(pattern is not None and not re.search(pattern, value) for pattern, value in filters):
        return False
    return draw.uniform(f"fault {index} {fault.fault}") < fault.share


class FaultCounter:
    """Which of the configured faults strike a request, ``times`` counted. One a configuration."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = tuple(faults)
        self._struck = [0] * len(self._faults)

    def strike(self, service: Service, draw: Draw, model: str) -> Struck:
        hit: list[Fault] = []
        for index, fault in enumerate(self._faults):
            used_up = fault.times is not None and self._struck[index] >= fault.times
            if not used_up and strikes(fault, index, service, draw, model):
                self._struck[index] += 1
                hit.append(fault)
        return Struck(tuple(hit))


F = TypeVar("F", bound=_Fault)


class Struck:
    """The faults that one request shows."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults

    def get(self, kind: type[F]) -> F | None:
        """The first fault of this type, if there is one."""
        return next((fault for fault in self.faults if isinstance(fault, kind)), None)
