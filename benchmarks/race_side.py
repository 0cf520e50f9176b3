"""One way of deciding a turn of the race: bare asyncio, our log on some store, or another engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from agent_core.ports import ProviderError
from benchmarks.race_turns import RaceTurn


class Decided(NamedTuple):
    """``at_s``: when, by ``time.perf_counter``; what comes after is cleaning up. (uvloop's clock ticks in ms.)

    ``began_s``: when the caller's words were known, where the caller's channel is another process's: telling that process
    is no part of the turn. None: when ``decide`` was called.
    """

    text: str
    at_s: float
    began_s: float | None = None


class NothingAcceptableError(Exception):
    """Every attempt at the answer failed or was blocked, or the caller's words were."""


class Durability(NamedTuple):
    """What of a decided turn is kept, on one node as it is run here."""

    kept: str  # every call, or one blob for the turn
    synced: str  # when the disk is told to keep it
    copies: int
    power_cut: str  # what a power cut loses; kill -9 of every process loses it too only where this says so


class Side(ABC):
    """A block of turns is ``open``ed, each is ``decide``d, several at once, and the block is ``close``d.

    Only ``decide`` is timed. What stands before the caller's words (a greeted call, a living workflow) belongs to
    ``open``.
    """

    name: str
    durable: Durability
    failures: tuple[type[Exception], ...] = (
        NothingAcceptableError,
        ProviderError,
    )  # a turn that ends in one is counted, not timed

    async def open(self, work: Sequence[RaceTurn]) -> None:  # noqa: B027 (most sides have nothing to prepare)
        """Prepares the turns of a block."""

    @abstractmethod
    async def decide(self, turn: RaceTurn) -> Decided:
        """From the caller's words to the reply, known where the caller's channel is. Raises ``failures``."""

    async def close(self, work: Sequence[RaceTurn]) -> None:  # noqa: B027
        """Puts away what ``open`` made. Nothing of the block runs on behind it."""

    def servers(self) -> Sequence[int]:
        """Process ids of what it runs on; their CPU and that of their children is the side's."""
        return ()
