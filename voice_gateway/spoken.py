"""How much of a text was heard, from how much of its audio went out: whole words only, never more than was played."""

from __future__ import annotations

from collections.abc import Sequence

from agent_core.ports import SAMPLE_RATE_HZ, WordTiming

MS_PER_CHARACTER = 65.0  # speaking rate of the voices measured here; used only while a text is still being rendered


def pcm_ms(pcm_bytes: int) -> float:
    """Duration of 16 kHz PCM16."""
    return pcm_bytes / 2 * 1000 / SAMPLE_RATE_HZ


def spoken_prefix(text: str, played_ms: float, total_ms: float | None, words: Sequence[WordTiming] = ()) -> str:
    """The part of ``text`` that was heard after ``played_ms``. ``total_ms``: None while rendering isn't finished.

    With the vendor's word timings it is exact; without, characters are taken to be spread evenly over the audio.
    """
    tokens = text.split()
    if words:
        heard = sum(1 for word in words if word.end_ms <= played_ms)
        return " ".join(tokens[: min(heard, len(tokens))])
    if not tokens or played_ms <= 0:
        return ""
    estimated_ms = total_ms if total_ms else max(len(text) * MS_PER_CHARACTER, played_ms)
    characters = len(text) * min(1.0, played_ms / estimated_ms)
    heard_tokens: list[str] = []
    length = 0
    for token in tokens:
        length += len(token)
        if length > characters:
            break
        heard_tokens.append(token)
        length += 1
    return " ".join(heard_tokens)
