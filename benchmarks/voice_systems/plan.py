"""What a system's process is told, and what it tells: JSON over its standard input and output."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Plan:
    """``core``: the one that the system's process may use; None: any. ``options``: the system's own."""

    system: str
    url: str
    calls: int
    turns: int
    directory: str
    core: int | None = None
    options: dict[str, str] | None = None

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Turn:
    """ms from the true end of the caller's speech; None where it never came before the caller spoke again.

    ``held``: something that is no reply was heard before it. ``cut_in``: the agent was heard while the caller spoke.
    ``heard_ms``: how much of the agent was audible after the caller's words, replies and all else.
    """

    first_sound_ms: float | None
    first_reply_ms: float | None
    held: bool
    cut_in: bool
    heard_ms: float
    expected_ms: float


@dataclass(frozen=True)
class Ran:
    """``cpu_s``: of the process with its threads, while calls ran. ``call_s``: length of all calls together.

    ``rss_idle_bytes``: all is loaded and no call has begun; ``rss_most_bytes``: the most that was seen after.
    ``failures``: type of what ended a call before its time.
    """

    turns: list[Turn]
    cpu_s: float
    call_s: float
    rss_idle_bytes: int
    rss_most_bytes: int
    failures: list[str]

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Ran:
        told: dict[str, Any] = json.loads(text)
        return cls(**told | {"turns": [Turn(**turn) for turn in told["turns"]]})
