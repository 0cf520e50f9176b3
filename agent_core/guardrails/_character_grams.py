"""Pieces of words as numbers: beside an embedding, which hears what a text is about, they hear how it is said.

Runs of 3, 4 and 5 characters, their counts' roots hashed into ``SIZE`` places, unit length. Words that a recogniser got
wrong still share most of their runs with the right ones.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SIZE = 1024
_RUNS = (3, 4, 5)
_OTHER = re.compile(r"[^a-z0-9']+")


def character_grams(texts: Sequence[str]) -> NDArray[np.float32]:
    """float32 of shape (len(texts), SIZE)."""
    rows = np.zeros((len(texts), SIZE), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        plain = f" {_OTHER.sub(' ', text.lower()).strip()} ".encode()
        places = [zlib.crc32(plain[at : at + run]) % SIZE for run in _RUNS for at in range(len(plain) - run + 1)]
        counts = np.bincount(places, minlength=SIZE) if places else np.zeros(SIZE)
        row[:] = np.sqrt(counts)
        length = float(np.linalg.norm(row))
        if length:
            row /= np.float32(length)
    return rows
