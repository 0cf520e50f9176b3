"""What an engine is handed and keeps: bytes, so that no engine's own serialiser stands in its figures."""

from __future__ import annotations

from msgspec import json

from agent_core.ports import CompletionRequest, CompletionResult
from benchmarks.race_turns import RaceTurn

_ENCODER = json.Encoder()
_REQUEST, _RESULT = json.Decoder(CompletionRequest), json.Decoder(CompletionResult)
_TURN = json.Decoder(RaceTurn)


def encoded(value: CompletionRequest | CompletionResult | RaceTurn) -> bytes:
    return _ENCODER.encode(value)


def request_in(data: bytes) -> CompletionRequest:
    return _REQUEST.decode(data)


def result_in(data: bytes) -> CompletionResult:
    return _RESULT.decode(data)


def turn_in(data: bytes) -> RaceTurn:
    return _TURN.decode(data)
