"""What a person is told when a vendor fails: once for each vendor and reason, with what to set and what helps out."""

from __future__ import annotations

import sys

from agent_core.ports import FailureReason, ProviderError

_KEYS = {  # by part; by vendor where a part has several
    "stt": "LEDGERLINE_STT__API_KEY or DEEPGRAM_API_KEY",
    "tts": "LEDGERLINE_TTS__API_KEY or ELEVENLABS_API_KEY",
    "cartesia": "LEDGERLINE_TTS__API_KEY or CARTESIA_API_KEY",
    "llm": "LEDGERLINE_LLM__API_KEY (LEDGERLINE_LLM__PROVIDERS for several) or OPENAI_API_KEY",
}
_URLS = {
    "stt": "LEDGERLINE_STT__URL",
    "tts": "LEDGERLINE_TTS__URL",
    "llm": "LEDGERLINE_LLM__URL (LEDGERLINE_LLM__PROVIDERS for several) or OPENAI_BASE_URL",
}
_IN_WORDS = {
    FailureReason.UNAUTHORISED: "refused the key",
    FailureReason.RATE_LIMITED: "takes no more requests for now",
    FailureReason.UNAVAILABLE: "is not available",
    FailureReason.TIMED_OUT: "didn't answer in time",
    FailureReason.INVALID: "answered with something that can't be used",
    FailureReason.REFUSED: "refused the request",
    FailureReason.MISSING: "can't be used",
}


def is_local(name: str) -> bool:
    """Of a part, or of whom a ``ProviderError`` names."""
    return name.startswith("local")


class VendorTrouble:
    """For one process. A failed request isn't news a second time; its events tell how often it happened."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str, FailureReason]] = set()

    def tell(self, part: str, error: ProviderError, instead: str) -> None:
        """``part``: stt, tts or llm. ``instead``: what helps out, as a sentence."""
        if error.reason is FailureReason.CANCELLED or (part, error.provider, error.reason) in self._told:
            return
        self._told.add((part, error.provider, error.reason))
        detail = f" ({error.detail})" if error.detail else ""
        told = "; ".join(filter(None, (_advice(part, error), instead)))
        message = f"ledgerline: {error.provider} {_IN_WORDS[error.reason]}{detail}: {told}"
        print(message.rstrip(": "), file=sys.stderr)


def _advice(part: str, error: ProviderError) -> str:
    if error.reason is FailureReason.UNAUTHORISED:
        return f"set {_KEYS.get(error.provider, _KEYS[part])} to a valid key"
    if is_local(error.provider):
        return "this machine may be too busy for it" if error.reason is FailureReason.TIMED_OUT else ""
    if error.reason in (FailureReason.UNAVAILABLE, FailureReason.TIMED_OUT, FailureReason.REFUSED):
        return f"check the network and {_URLS[part]}"
    if part == "llm" and error.reason is FailureReason.MISSING and error.detail.startswith("HTTP"):
        return f"check {_URLS[part]}, the model's name and the account"
    return ""
