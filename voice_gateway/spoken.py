"""How much of a text was heard, from how much of its audio went out: whole words only, never more than was played."""

from __future__ import annotations

from collections.abc import Sequence

from agent_core.ports import SAMPLE_RATE_HZ, WordTiming

_LOOK_AHEAD = 4  # tokens that a voice may read in words of its own, before one that it reads as written
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
        return " ".join(tokens[: _tokens_heard(tokens, [word.word for word in words if word.end_ms <= played_ms])])
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


def _tokens_heard(tokens: Sequence[str], words: Sequence[str]) -> int:
    """How many tokens of the text the voice's words are. A voice may read "£20" as two words of its own: what it says
    otherwise counts as heard once a word behind it is found again, never before."""
    heard = 0
    for word in map(_letters, words):
        ahead = range(heard, min(heard + _LOOK_AHEAD, len(tokens)))
        found = next((place for place in ahead if word and _letters(tokens[place]) == word), None)
        if found is not None:
            heard = found + 1
            while heard < len(tokens) and not _letters(tokens[heard]):  # a dash has no sound
                heard += 1
    return heard


def _letters(word: str) -> str:
    return "".join(character for character in word.lower() if character.isalnum())
