"""Vectors of what behaviour says by itself: examples, articles. Never of what callers say: ask the embedder for those."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent_core.ports import Embedder

_Vectors = dict[bytes, NDArray[np.float32]]


class EmbeddingCache:
    """By the hash of embedder and text: a new behaviour version embeds only what changed.

    ``path``: an .npz file that the next start reads (behaviour with three hundred examples takes three seconds to embed).
    It appears whole or not at all, and holds what this process asked for; one that can't be read counts as none.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._kept = _read(path) if path else {}
        self._vectors: _Vectors = {}

    def embed(self, texts: Sequence[str], embedder: Embedder) -> NDArray[np.float32]:
        """float32 of shape (len(texts), dimensions). Raises what the embedder raises."""
        keys = [hashlib.sha256(f"{embedder.name}\0{text}".encode()).digest() for text in texts]
        self._vectors.update((key, self._kept[key]) for key in keys if key in self._kept)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._vectors}
        if missing:
            self._vectors.update(zip(missing, embedder.embed(list(missing.values())), strict=True))
            _keep(self._path, self._vectors)
        if not keys:
            return np.zeros((0, embedder.dimensions), dtype=np.float32)
        return np.stack([self._vectors[key] for key in keys])


def _read(path: Path) -> _Vectors:
    try:
        with np.load(path, allow_pickle=False) as file:
            keys, vectors = file["keys"], file["vectors"].astype(np.float32, copy=False)
            return dict(zip((key.tobytes() for key in keys), vectors, strict=True))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}


def _keep(path: Path | None, vectors: _Vectors) -> None:
    if path is None:
        return
    keys = np.frombuffer(b"".join(vectors), dtype=np.uint8).reshape(len(vectors), -1)
    with suppress(OSError):  # a full disk costs the next start some time, and this one nothing
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, keys=keys, vectors=np.stack(list(vectors.values())))
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
