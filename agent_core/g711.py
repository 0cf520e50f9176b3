"""Telephone companding, ITU-T G.711: one byte a sample, decoded through a table of 256 values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ULAW_BIAS = 0x84


def _ulaw_value(code: int) -> int:
    bits = ~code & 0xFF
    magnitude = (((bits & 0x0F) << 3) + _ULAW_BIAS << (bits >> 4 & 0x07)) - _ULAW_BIAS
    return -magnitude if bits & 0x80 else magnitude


def _alaw_value(code: int) -> int:
    bits = code ^ 0x55
    exponent, mantissa = bits >> 4 & 0x07, (bits & 0x0F) << 4
    magnitude = mantissa + 8 if exponent == 0 else mantissa + 0x108 << exponent - 1
    return magnitude if bits & 0x80 else -magnitude


ULAW_TO_LINEAR: NDArray[np.int16] = np.array([_ulaw_value(code) for code in range(256)], dtype=np.int16)
ALAW_TO_LINEAR: NDArray[np.int16] = np.array([_alaw_value(code) for code in range(256)], dtype=np.int16)
