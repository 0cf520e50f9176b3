"""Recorded calls of tests/golden, as read models get them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from agent_core.behaviour import Behaviour
from console.recorded_call import load
from schemas.event import Event

GOLDEN = Path(__file__).parents[1] / "golden"


def golden(name: str) -> list[Event]:
    return [*_events(name)]


@cache
def _events(name: str) -> tuple[Event, ...]:
    return tuple(event for event, _ in load(GOLDEN / f"{name}.jsonl"))


@cache
def golden_behaviours(name: str) -> tuple[Behaviour, ...]:
    """What that call pinned, as far as it is kept beside it."""
    path = GOLDEN / f"{name}.context.json"
    if not path.exists():
        return ()
    context = json.loads(path.read_text())
    return tuple(Behaviour.model_validate(each["content"]) for each in context["behaviours"])
