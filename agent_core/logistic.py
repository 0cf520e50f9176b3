"""Multinomial logistic regression on unit vectors: small, exact enough, the same on every run."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent_core.blas_threads import limited

Floats = NDArray[np.float64]

_ITERATIONS = 200
_CHANGE = 1e-4  # relative to the largest weight, between two iterations; below it probabilities stand still


class Linear(NamedTuple):
    """``weights`` (dimensions, classes), ``bias`` (classes,)."""

    weights: Floats
    bias: Floats

    def logits(self, x: NDArray[np.floating]) -> Floats:
        """(rows, dimensions) → (rows, classes)."""
        scores: Floats = x.astype(np.float64) @ self.weights + self.bias
        return scores


def fit(x: NDArray[np.floating], y: NDArray[np.intp], classes: int, row_weights: Floats, l2: float) -> Linear:
    """Minimise the weighted mean cross-entropy plus ``l2``/2 · |weights|². ``row_weights`` needn't sum to one.

    Majorise and minimise: 1/2 · XᵀX bounds the curvature for any weights (Böhning 1992), so one inverse serves every
    step and no step length is searched; Nesterov's momentum on top. Nothing is random.
    """
    with limited(1):
        return _fit(x, y, classes, row_weights, l2)


def _fit(x: NDArray[np.floating], y: NDArray[np.intp], classes: int, row_weights: Floats, l2: float) -> Linear:
    rows = np.hstack([x.astype(np.float64), np.ones((len(x), 1))])
    share = (row_weights / row_weights.sum())[:, None]
    target = np.eye(classes)[y]
    penalty = np.full(rows.shape[1], l2)
    penalty[-1] = l2 / 100  # the bias is almost free, yet the inverse exists
    inverse = np.linalg.inv(0.5 * rows.T @ (share * rows) + np.diag(penalty))
    weights = ahead = np.zeros((rows.shape[1], classes))
    momentum = 1.0
    for _ in range(_ITERATIONS):
        gradient = rows.T @ (share * (softmax(rows @ ahead) - target)) + penalty[:, None] * ahead
        moved = ahead - inverse @ gradient
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = moved + (momentum - 1) / following * (moved - weights)
        change = np.abs(moved - weights).max()
        weights, momentum = moved, following
        if change < _CHANGE * np.abs(weights).max():
            break
    return Linear(weights[:-1], weights[-1])


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    scaled = (logits - logits.max(axis=-1, keepdims=True)) / temperature
    exponentials: Floats = np.exp(scaled)
    exponentials /= exponentials.sum(axis=-1, keepdims=True)
    return exponentials


def temperature_for(logits: Floats, y: NDArray[np.intp], row_weights: Floats) -> float:
    """The temperature that gives held-out ``logits`` the least weighted cross-entropy (Guo et al. 2017).

    Golden-section search over the logarithm: the loss has one minimum there.
    """

    def loss(log_temperature: float) -> float:
        chosen = softmax(logits, float(np.exp(log_temperature)))[np.arange(len(y)), y]
        return float(-(row_weights * np.log(np.maximum(chosen, 1e-12))).sum())

    low, high = np.log(0.02), np.log(20.0)
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(40):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))
