"""Found passages as they stand in the private text of ``PassagesFound``: JSON, so that one field is sealed as a whole."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from agent_core.ports import Passage
from schemas.facts import FoundPassage

_DECODER = msgspec.json.Decoder(list[FoundPassage])


def write_passages(passages: Iterable[Passage]) -> str:
    return msgspec.json.encode([FoundPassage(p.article_id, p.text, p.score, p.public) for p in passages]).decode()


def read_passages(text: str) -> list[FoundPassage]:
    """Empty where the text was forgotten with its conversation's key."""
    try:
        return _DECODER.decode(text)
    except msgspec.DecodeError:
        return []
