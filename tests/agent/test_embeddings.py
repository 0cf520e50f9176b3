"""The numpy forward pass against published figures and a second, slower reading of the same network."""

from __future__ import annotations

import math
from importlib import metadata

import numpy as np
import pytest

from agent_core.ports import FailureReason, ProviderError
from providers import embeddings
from providers.embeddings import MiniLM

SENTENCES = ["I lost my card.", "My card is gone", "What time do you open on Saturday?", "x"]


@pytest.fixture(scope="module")
def model() -> MiniLM:
    return MiniLM()


def test_rows_have_unit_length_and_the_models_width(model: MiniLM) -> None:
    vectors = model.embed(SENTENCES)
    assert vectors.shape == (4, 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_similarities_are_those_that_the_models_authors_publish(model: MiniLM) -> None:
    """Source: the example on the model card of sentence-transformers/all-MiniLM-L6-v2."""
    texts = ["That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    vectors = model.embed(texts)
    assert np.allclose(vectors[1:] @ vectors[0], [0.695, 0.943, 0.257], atol=0.001)


def test_the_forward_pass_agrees_with_a_plain_one_in_double_precision(model: MiniLM) -> None:
    for text in SENTENCES:
        assert float(model.embed([text])[0] @ plain_forward(text)) > 0.999999


def test_neighbours_in_a_batch_change_nothing(model: MiniLM) -> None:
    alone = np.stack([MiniLM(cache_size=0).embed([text])[0] for text in SENTENCES[:2]])
    together = MiniLM(cache_size=0).embed([*SENTENCES[:2], "a much longer sentence about something else " * 20])
    assert np.allclose(alone, together[:2], atol=1e-5)


def test_a_batch_of_many_packs_keeps_its_order(model: MiniLM) -> None:
    texts = [f"sentence number {index} about cards and accounts" for index in range(120)]
    together = MiniLM(cache_size=0).embed(texts)
    assert np.allclose(together[77], model.embed([texts[77]])[0], atol=1e-5)


def test_a_known_sentence_is_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model = MiniLM(cache_size=2)
    computed: list[str] = []
    compute = model._compute

    def counting(texts: list[str]) -> list[embeddings.Array]:
        computed.extend(texts)
        return compute(texts)

    monkeypatch.setattr(model, "_compute", counting)
    first = model.embed(["a", "b", "a"])
    assert computed == ["a", "b"]
    assert np.array_equal(first[0], first[2])
    model.embed(["a"])
    assert computed == ["a", "b"]
    model.embed(["c"])  # "b" was used longest ago
    model.embed(["a"])
    assert computed == ["a", "b", "c"]
    model.embed(["b"])
    assert computed == ["a", "b", "c", "b"]


def test_no_texts_give_no_rows(model: MiniLM) -> None:
    assert model.embed([]).shape == (0, 384)


def test_a_text_beyond_the_models_length_is_cut(model: MiniLM) -> None:
    assert np.allclose(model.embed(["card " * 300]), model.embed(["card " * 900]), atol=1e-5)


def test_a_missing_wheel_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", nowhere)
    with pytest.raises(ProviderError, match="voice") as caught:
        MiniLM()
    assert caught.value.reason is FailureReason.MISSING


def plain_forward(text: str) -> np.ndarray:
    """BERT as the paper writes it: float64, exact erf, one head at a time."""
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    folder = embeddings._model_folder()
    weights = {name: array.astype(np.float64) for name, array in load_file(folder / "model.safetensors").items()}
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    ids = tokenizer.encode(text).ids
    erf = np.vectorize(math.erf)

    def dense(x: np.ndarray, name: str) -> np.ndarray:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    x = weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.token_type_embeddings.weight"][0]
    x = norm(x + weights["embeddings.position_embeddings.weight"][: len(ids)], "embeddings.LayerNorm")
    for index in range(6):
        layer = f"encoder.layer.{index}"
        q, k, v = (dense(x, f"{layer}.attention.self.{name}") for name in ("query", "key", "value"))
        heads = []
        for head in range(12):
            at = slice(head * 32, head * 32 + 32)
            scores = np.exp(q[:, at] @ k[:, at].T / math.sqrt(32))
            heads.append(scores / scores.sum(-1, keepdims=True) @ v[:, at])
        attended = dense(np.hstack(heads), f"{layer}.attention.output.dense")
        x = norm(x + attended, f"{layer}.attention.output.LayerNorm")
        wide = dense(x, f"{layer}.intermediate.dense")
        wide = wide * 0.5 * (1 + erf(wide / math.sqrt(2)))
        x = norm(x + dense(wide, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    mean = x.mean(0)
    return np.asarray(mean / np.linalg.norm(mean))
