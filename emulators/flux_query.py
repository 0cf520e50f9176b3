"""The query of ``/v2/listen`` and its ``Configure`` message: what Flux takes, and within which bounds.

Bounds: Deepgram's Flux reference (eot_threshold 0.5 to 0.9, newer pages to 1.0; eager 0.3 to 0.9 and not above it;
eot_timeout_ms 500 to 10000, newer pages to 60000).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from multidict import MultiMapping

from emulators.flux_audio import ENCODINGS

_MODELS = ("flux-general-en", "flux-general-multi")


@dataclass(frozen=True, slots=True)
class Thresholds:
    eager_eot_threshold: float | None  # None: no eager ends
    eot_threshold: float = 0.7
    eot_timeout_ms: int = 5000

    def checked(self) -> Thresholds:
        """Raises ValueError."""
        if not 0.5 <= self.eot_threshold <= 1.0:
            raise ValueError("eot_threshold must be between 0.5 and 1.0")
        if not 500 <= self.eot_timeout_ms <= 60_000:
            raise ValueError("eot_timeout_ms must be between 500 and 60000")
        eager = self.eager_eot_threshold
        if eager is not None and not 0.3 <= eager <= min(0.9, self.eot_threshold):
            raise ValueError("eager_eot_threshold must be between 0.3 and 0.9 and not above eot_threshold")
        return self

    def as_json(self) -> dict[str, Any]:
        found = {"eot_threshold": self.eot_threshold, "eot_timeout_ms": self.eot_timeout_ms}
        return found if self.eager_eot_threshold is None else {"eager_eot_threshold": self.eager_eot_threshold, **found}


@dataclass(frozen=True, slots=True)
class ListenQuery:
    model: str
    encoding: str
    rate_hz: int
    thresholds: Thresholds
    keyterms: tuple[str, ...]
    language_hints: tuple[str, ...]
    tags: tuple[str, ...]


def parsed(query: MultiMapping[str]) -> ListenQuery:
    """Raises ValueError, in words for the client."""
    if query.get("model") not in _MODELS:
        raise ValueError(f"model must be one of {', '.join(_MODELS)}")
    encoding = query.get("encoding", "")
    if encoding not in ENCODINGS:
        raise ValueError(f"encoding {encoding or '(containerised)'} isn't emulated: use {' or '.join(ENCODINGS)}")
    rate_hz = int(query.get("sample_rate", "0"))
    if not 8000 <= rate_hz <= 48_000:
        raise ValueError("sample_rate must be between 8000 and 48000")
    eager = query.get("eager_eot_threshold")
    thresholds = Thresholds(
        None if eager is None else float(eager),
        float(query.get("eot_threshold", "0.7")),
        int(query.get("eot_timeout_ms", "5000")),
    )
    hints = tuple(query.getall("language_hint", []))
    if hints and query["model"] != "flux-general-multi":
        raise ValueError("language_hint needs flux-general-multi")
    return ListenQuery(
        model=query["model"],
        encoding=encoding,
        rate_hz=rate_hz,
        thresholds=thresholds.checked(),
        keyterms=tuple(query.getall("keyterm", [])),
        language_hints=hints,
        tags=tuple(query.getall("tag", [])),
    )


def reconfigured(query: ListenQuery, message: Mapping[str, Any]) -> ListenQuery:
    """After ``Configure``: what it leaves out stays, ``keyterms`` replaces the whole list. Raises ValueError."""
    given = message.get("thresholds") or {}
    unknown = set(given) - {"eager_eot_threshold", "eot_threshold", "eot_timeout_ms"}
    if unknown:
        raise ValueError(f"unknown thresholds {sorted(unknown)}")
    thresholds = replace(query.thresholds, **given).checked()
    keyterms, hints = message.get("keyterms"), message.get("language_hints")
    return replace(
        query,
        thresholds=thresholds,
        keyterms=query.keyterms if keyterms is None else tuple(keyterms),
        language_hints=query.language_hints if hints is None else tuple(hints),
    )
