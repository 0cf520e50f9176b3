"""Upcasters: pure functions that lift the payload of an older version where Avro's own resolution can't.

Avro fills new fields from their defaults and drops removed ones. What it can't do (a field split in two, a new unit)
is a function here, from version N to N + 1, keyed by (type, N). A chain of them leads to the current version.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

UPCASTERS: dict[tuple[str, int], Upcaster] = {}


def upcast(name: str, version: int, current: int, payload: dict[str, Any]) -> dict[str, Any]:
    """``payload`` as the current version has it; versions without an upcaster are left to Avro's resolution."""
    for step in range(version, current):
        lift = UPCASTERS.get((name, step))
        if lift:
            payload = lift(payload)
    return payload
