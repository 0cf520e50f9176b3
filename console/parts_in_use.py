"""Which recogniser, voice and model a call uses, in words: what is emulated is said first and plainly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

EMULATED = "(emulated)"
_JOBS = {"stt": "ears", "tts": "voice", "llm": "answers", "embeddings": "meaning"}
_KEYLESS = {"llm:approved": "approved wordings, no model"}


class PartsInUse(NamedTuple):
    """``warning`` is empty where nothing is emulated; ``note`` where something needs a vendor."""

    parts: tuple[str, ...]
    warning: str = ""
    note: str = ""


def parts_in_use(providers: Sequence[str]) -> PartsInUse:
    """``providers`` as in the event ``CallArrived``."""
    parts = tuple(_in_words(provider) for provider in providers)
    emulated = dict.fromkeys(_job(provider)[0] for provider in providers if EMULATED in provider)
    if emulated:
        return PartsInUse(parts, f"! EMULATED, no real vendor: {', '.join(emulated)}")
    if providers and all(_is_local(provider) for provider in providers):
        return PartsInUse(parts, note="everything runs on this machine: no keys, no network, nothing emulated")
    return PartsInUse(parts)


def _in_words(provider: str) -> str:
    job, name = _job(provider)
    return f"{job}: {_KEYLESS.get(provider, name.replace('local-voice:', 'local ').replace('local-', 'local '))}"


def _job(provider: str) -> tuple[str, str]:
    kind, _, name = provider.partition(":")
    return _JOBS.get(kind, kind), name


def _is_local(provider: str) -> bool:
    kind, _, name = provider.partition(":")
    return kind == "embeddings" or provider in _KEYLESS or name.startswith("local")
