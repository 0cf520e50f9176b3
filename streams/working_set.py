"""Which conversations an owner has in memory, and which of the others it must come back to by itself.

A conversation for which nothing is under way and nothing came in for a while leaves memory; its next fact, or its
earliest deadline, loads it again. So memory, and the work of a recovery, go with the live conversations and not with all
that are open.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Generic

from streams.loading import DamagedConversationError, Loader, Opened
from streams.mind import C, Mind, OpenTimer
from streams.ports import Passive, Receipt
from streams.snapshots import SnapshotWriter
from streams.takeover import Reign
from streams.timers import Timers

_LOG = logging.getLogger(__name__)

PASSIVATE_AFTER_S = 60.0
WAKE = "wake"  # the id of the timer that stands in place of a passive conversation's own


class WorkingSet(Generic[C]):
    """``live``: open conversations in memory, with the offset of their first record. ``passive``: open ones that left
    memory and wait for a deadline. What is open and waits for nothing but its next fact is on the log alone.

    Both say what is known effective, so that they can be held (``streams.ports.Held``); ``memory`` may be ahead of them by
    the steps that are still on their way. ``changes`` moves with every change of the two.
    """

    def __init__(
        self,
        mind: Mind[C],
        timers: Timers,
        loader: Loader[C],
        snapshots: SnapshotWriter[C],
        passivate_after_s: float = PASSIVATE_AFTER_S,
    ) -> None:
        self._mind, self._timers, self._loader, self._snapshots = mind, timers, loader, snapshots
        self._passivate_after_s = passivate_after_s
        self.memory: dict[str, Opened[C]] = {}
        self.live: dict[str, int] = {}
        self.passive: dict[str, Passive] = {}
        self.changes = 0

    async def recover(self, reign: Reign) -> list[tuple[str, Opened[C]]]:
        """What the log has under way, in order of id; deadlines are armed again. Raises ``KeysUnavailableError``."""
        await self._loader.refresh()
        self.passive.update(reign.passive)
        for conversation_id, passive in reign.passive.items():
            self._wake_at(conversation_id, passive.due_at_us)
        loaded = await self._loader.load_all(reign.open_conversations, reign.end)
        for conversation_id, opened in sorted(loaded.items(), key=lambda item: item[0]):
            if isinstance(opened, DamagedConversationError):
                _LOG.error("conversation %s stays closed: %s", conversation_id, opened)
            elif opened.first is not None and not self._mind.open_work(opened.conversation).finished:
                self._admit(conversation_id, opened)
                self.live[conversation_id] = opened.first
        return list(self.memory.items())

    async def load(self, conversation_id: str, until: int) -> Opened[C]:
        """From memory, or from the log below offset ``until``. Raises ``DamagedConversationError``,
        ``KeysUnavailableError``."""
        opened = self.memory.get(conversation_id)
        if opened is None:
            opened = await self._loader.load(conversation_id, until)
            self._admit(conversation_id, opened)
        opened.touched_s = asyncio.get_running_loop().time()
        return opened

    def effective(self, conversation_id: str, receipt: Receipt, *, finished: bool) -> None:
        """Its oldest pending step is. A finished conversation leaves memory with its last pending step."""
        opened = self.memory[conversation_id]
        opened.pending -= 1
        opened.last = receipt.last
        if opened.first is None:
            opened.first = receipt.first
        if finished:
            self._forget(conversation_id)
            self._snapshots.drop(conversation_id, opened)
            if opened.pending == 0:  # a late fact loads it from the log again
                del self.memory[conversation_id]
        elif conversation_id not in self.live:
            self._forget(conversation_id)
            self.live[conversation_id] = opened.first
        if not finished and self._snapshots.is_due(opened):
            self._snapshots.take(conversation_id, opened)

    def passivate(self, end: int) -> None:
        """Who is idle leaves. ``end``: of the log, as far as it is known."""
        idle_since_s = asyncio.get_running_loop().time() - self._passivate_after_s
        for conversation_id, opened in list(self.memory.items()):
            if opened.pending:
                continue
            if opened.touched_s <= idle_since_s:
                self._leave(conversation_id, opened)
            elif self._snapshots.lies_far_back(opened, end):
                self._snapshots.take(conversation_id, opened)

    def _leave(self, conversation_id: str, opened: Opened[C]) -> None:
        work = self._mind.open_work(opened.conversation)
        if work.asks:
            return
        del self.memory[conversation_id]
        self._forget(conversation_id)
        due_at_us = min((timer.due_at_us for timer in work.timers.values()), default=None)
        if work.finished or opened.first is None or due_at_us is None:
            self._timers.arm(conversation_id, {})
        else:
            self.passive[conversation_id] = Passive(opened.first, due_at_us)
            self._wake_at(conversation_id, due_at_us)
        if not work.finished:
            self._snapshots.take(conversation_id, opened)

    def _admit(self, conversation_id: str, opened: Opened[C]) -> None:
        opened.touched_s = asyncio.get_running_loop().time()
        self.memory[conversation_id] = opened
        self._timers.arm(conversation_id, self._mind.open_work(opened.conversation).timers)

    def _wake_at(self, conversation_id: str, due_at_us: int) -> None:
        self._timers.arm(conversation_id, {WAKE: OpenTimer(WAKE, WAKE, due_at_us, None)})

    def _forget(self, conversation_id: str) -> None:
        self.live.pop(conversation_id, None)
        self.passive.pop(conversation_id, None)
        self.changes += 1
