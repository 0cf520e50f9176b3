"""What behaviour says by itself is embedded once, and found by the next start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent_core.embedding_cache import EmbeddingCache


class Lengths:
    """An embedder that counts its own work."""

    name = "lengths"
    dimensions = 2

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += texts
        return np.array([[1 / (3 + len(text)), len(text)] for text in texts], np.float32)


def test_the_next_start_embeds_only_what_is_new_and_gets_the_same_numbers(tmp_path: Path) -> None:
    path, first, second = tmp_path / "embeddings.npz", Lengths(), Lengths()
    told = EmbeddingCache(path).embed(["one", "three", "one"], first)
    assert first.embedded == ["one", "three"]
    again = EmbeddingCache(path).embed(["three", "seven", "one"], second)
    assert second.embedded == ["seven"]
    assert again[[2, 0, 2]].tobytes() == told.tobytes()
    assert [entry.name for entry in tmp_path.iterdir()] == ["embeddings.npz"]


def test_what_is_no_longer_asked_for_is_kept_no_longer(tmp_path: Path) -> None:
    path, last = tmp_path / "embeddings.npz", Lengths()
    EmbeddingCache(path).embed(["of the past"], Lengths())
    EmbeddingCache(path).embed(["of today"], Lengths())
    EmbeddingCache(path).embed(["of the past", "of today"], last)
    assert last.embedded == ["of the past"]


def test_another_embedder_has_vectors_of_its_own(tmp_path: Path) -> None:
    path, other = tmp_path / "embeddings.npz", Lengths()
    other.name = "others"
    EmbeddingCache(path).embed(["one"], Lengths())
    EmbeddingCache(path).embed(["one"], other)
    assert other.embedded == ["one"]


@pytest.mark.parametrize("found", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_file_that_cant_be_read_counts_as_none(tmp_path: Path, found: bytes) -> None:
    path, embedder = tmp_path / "embeddings.npz", Lengths()
    path.write_bytes(found)
    assert EmbeddingCache(path).embed(["one"], embedder).shape == (1, 2)
    assert embedder.embedded == ["one"]
    assert EmbeddingCache(path).embed(["one"], embedder).shape == (1, 2)
    assert embedder.embedded == ["one"]


def test_where_nothing_can_be_written_all_is_embedded_again(tmp_path: Path) -> None:
    path, embedder = tmp_path / "nowhere" / "embeddings.npz", Lengths()
    for _ in range(2):
        assert EmbeddingCache(path).embed(["one"], embedder).shape == (1, 2)
    assert embedder.embedded == ["one", "one"]


def test_nothing_asked_is_nothing_found(tmp_path: Path) -> None:
    assert EmbeddingCache(tmp_path / "embeddings.npz").embed([], Lengths()).shape == (0, 2)
