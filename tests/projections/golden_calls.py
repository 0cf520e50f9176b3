"""Recorded calls of tests/golden, as read models get them."""

from __future__ import annotations

from pathlib import Path

from console.recorded_call import load
from schemas.event import Event

GOLDEN = Path(__file__).parents[1] / "golden"


def golden(name: str) -> list[Event]:
    return [event for event, _ in load(GOLDEN / f"{name}.jsonl")]
