"""Words and pieces of them as numbers: beside an embedding, which hears what a text is about, they hear how it is said.

Words, and runs of 3, 4 and 5 characters, their counts' roots hashed into ``SIZE`` places, unit length. Words that a
recogniser got wrong still share most of their runs with the right ones.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SIZE = 1536
_RUNS = (3, 4, 5)
_KEPT = 64  # texts: several guardrails judge the same words one after another
_OTHER = re.compile(r"[^a-z0-9']+")


def character_grams(texts: Sequence[str]) -> NDArray[np.float32]:
    """float32 of shape (len(texts), SIZE)."""
    return np.stack([_row(text) for text in texts]) if texts else np.zeros((0, SIZE), dtype=np.float32)


@lru_cache(maxsize=_KEPT)
def _row(text: str) -> NDArray[np.float32]:
    """Not to be written to: it is kept."""
    plain = f" {_OTHER.sub(' ', text.lower()).strip()} ".encode()
    places = [zlib.crc32(plain[at : at + run]) % SIZE for run in _RUNS for at in range(len(plain) - run + 1)]
    places += [zlib.crc32(b"word " + word) % SIZE for word in plain.split()]
    counts = np.bincount(places, minlength=SIZE) if places else np.zeros(SIZE)
    row = np.sqrt(counts).astype(np.float32)
    length = float(np.linalg.norm(row))
    return row / np.float32(length) if length else row
