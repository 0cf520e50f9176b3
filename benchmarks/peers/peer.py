"""Another engine: its server, and the ways of deciding a turn on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple

from agent_core.behaviour import Behaviour
from agent_core.ports import LanguageModel
from benchmarks.race_side import Side


class Way(NamedTuple):
    """``fewer``: it has a third of the turns of the others (slow, or beside the point), so that a run ends in time."""

    side: Side
    fewer: bool = False


class Peer(ABC):
    """``serving`` once, ``ways`` once for each model."""

    name: str

    @abstractmethod
    def versions(self) -> str:
        """Of server and SDK, for the report."""

    @abstractmethod
    def serving(self, directory: Path) -> AbstractAsyncContextManager[None]:
        """Its server runs, on loopback, with its data in ``directory``. Raises ``StartFailedError``."""

    @abstractmethod
    def ways(self, model: LanguageModel, behaviour: Behaviour) -> AbstractAsyncContextManager[Sequence[Way]]:
        """Worker and client run in this process, and answer with this model."""
