"""Lanes: another version of the deciders, run beside production on topics of its own.

A lane is a log under a prefix of its own (``lane_address``), so with its own group, owners, epochs, states and behaviours.
Keys are shared: what a lane seals or opens is its conversations', under the same keys. Its facts are production's, as they
come (``streams.lane_feed``), or those of gateways that are started on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Generic

from streams.kafka.url import KafkaUrl
from streams.mind import C, Mind, OpenTimer, OpenWork, Report
from streams.working_set import WAKE

LATE_US = 500_000  # longer than production's record of a timer takes to come here
_NAME = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*")


class LaneNameError(ValueError):
    """It can't stand in a topic's name."""


class LaneFacts(StrEnum):
    LIVE = "live"  # production's, as they come
    OWN = "own"  # those of gateways that are started on the lane


class LaneEffects(StrEnum):
    OFF = "off"  # nothing is asked of anybody
    SIMULATED = "simulated"  # the local parts answer: no vendor, no key
    ON = "on"  # as configured


def lane_address(production: KafkaUrl, name: str) -> str:
    """Of the lane's own log: ``lane-NAME`` before the log's own prefix. No name holds two dashes, so no two lanes meet.

    Raises ``LaneNameError``.
    """
    if not _NAME.fullmatch(name):
        raise LaneNameError(f"{name!r} can't name a lane: letters and digits, with single dashes between them")
    prefix = "--".join(filter(None, (f"lane-{name}", production.prefix.removesuffix("."))))
    numbers = f"partitions={production.partitions}&replication={production.replication}"
    return f"kafka://{production.bootstrap}/{prefix}?{numbers}"


class NoEffects:
    """Implements ``streams.mind.Effects``: what decisions ask for is left open."""

    def begin(self, epoch: int, report: Report) -> None:
        """There is nothing to report."""

    def reconcile(self, conversation_id: str, conversation: object) -> None:
        """Nothing is started."""

    async def stop(self) -> None:
        """Nothing runs."""


class LateTimers(Generic[C]):
    """Implements ``streams.mind.Mind``: ``mind``, whose timers fire later. Their firing in production bears the same id,
    so the owner drops the second."""

    def __init__(self, mind: Mind[C]) -> None:
        self._mind = mind
        self.initial, self.fold, self.step = mind.initial, mind.fold, mind.step
        self.freeze, self.thaw = mind.freeze, mind.thaw

    def open_work(self, conversation: C) -> OpenWork:
        work = self._mind.open_work(conversation)
        late = {name: timer._replace(due_at_us=timer.due_at_us + LATE_US) for name, timer in work.timers.items()}
        return work._replace(timers=late)


class HeldTimers(Generic[C]):
    """Implements ``streams.mind.Mind``: ``mind``, of which no timer fires while ``behind(conversation)``: while production's
    facts of the time in which nobody fed the lane are still on their way. A deadline that ran out meanwhile would fire before
    them: the agent would ask whether anybody is there, before what the caller said. It is looked again every ``LATE_US`` of
    ``now_us``, which is the owner's clock or one that runs with it."""

    def __init__(self, mind: Mind[C], behind: Callable[[C], bool], now_us: Callable[[], int]) -> None:
        self._mind, self._behind, self._now_us = mind, behind, now_us
        self.initial, self.fold, self.step = mind.initial, mind.fold, mind.step
        self.freeze, self.thaw = mind.freeze, mind.thaw

    def open_work(self, conversation: C) -> OpenWork:
        work = self._mind.open_work(conversation)
        if not work.timers or not self._behind(conversation):
            return work
        return work._replace(timers={WAKE: OpenTimer(WAKE, WAKE, self._now_us() + LATE_US, None)})
