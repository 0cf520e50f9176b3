"""A system that answers calls, as the harness sees it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from benchmarks.voice_systems.far_end import FarEnd
from benchmarks.voice_systems.plan import Plan


class System(ABC):
    """``open``ed once, then ``answer``s calls, many at once, and is ``close``d."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @abstractmethod
    async def open(self) -> None:
        """Loads and connects all that a process has before its first call."""

    @abstractmethod
    async def answer(self, far_end: FarEnd) -> Callable[[float], bool]:
        """One call, till the caller hangs up. Gives whether a moment, in s on the loop's clock, belongs to a reply."""

    async def close(self) -> None:  # noqa: B027 (most have nothing to put away)
        """Ends what ``open`` began."""
