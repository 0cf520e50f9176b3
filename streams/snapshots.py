"""Snapshots on their way out: taken by the owner between two steps, saved beside it."""

from __future__ import annotations

import asyncio
from typing import Generic

from streams.keys import KeysUnavailableError
from streams.loading import Opened
from streams.mind import C, Mind
from streams.ports import Snapshot, Snapshots

SNAPSHOT_EVERY = 200  # events of a conversation: what a recovery folds of it at most
SNAPSHOT_SPREAD = 20_000  # offsets of its partition: what a recovery reads through for it at most, ~50 ms
MAX_SNAPSHOT_BYTES = 900_000  # what a broker takes in one record; a larger one is folded from the log


class SnapshotWriter(Generic[C]):
    """Keeps the newest of each conversation until it is saved. Without ``snapshots`` it takes none."""

    def __init__(self, partition: int, snapshots: Snapshots | None, mind: Mind[C], every: int = SNAPSHOT_EVERY) -> None:
        self._partition, self._snapshots, self._mind, self._every = partition, snapshots, mind, every
        self._waiting: dict[str, Snapshot | None] = {}  # None: to be dropped
        self._has_some = asyncio.Event()

    def is_due(self, opened: Opened[C]) -> bool:
        return opened.pending == 0 and opened.seq - opened.snapshot_seq >= self._every

    def lies_far_back(self, opened: Opened[C], end: int) -> bool:
        """Whether a recovery would have to read through much of others for it. ``end``: of the log."""
        behind = opened.first if opened.snapshot_offset is None else opened.snapshot_offset
        return behind is not None and opened.seq > opened.snapshot_seq and end - behind >= SNAPSHOT_SPREAD

    def take(self, conversation_id: str, opened: Opened[C]) -> None:
        """The conversation as it stands; nothing of it may be pending. Skipped where its key can't be had just now."""
        if self._snapshots is None or opened.first is None or opened.last is None or opened.seq == opened.snapshot_seq:
            return
        try:
            state = self._mind.freeze(opened.conversation)
        except KeysUnavailableError:
            return
        seen = opened.seen.packed()
        opened.snapshot_seq, opened.snapshot_offset = opened.seq, opened.last
        if state is None or len(state) + len(seen) > MAX_SNAPSHOT_BYTES:
            return
        self._waiting[conversation_id] = Snapshot(
            self._partition,
            conversation_id,
            opened.first,
            opened.last,
            opened.seq,
            opened.prev_hash,
            seen,
            state,
        )
        self._has_some.set()

    def drop(self, conversation_id: str, opened: Opened[C]) -> None:
        """It is closed."""
        if self._snapshots is not None and opened.snapshot_offset is not None:
            self._waiting[conversation_id] = None
            self._has_some.set()

    async def run(self) -> None:
        while self._snapshots is not None:
            await self._has_some.wait()
            self._has_some.clear()
            while self._waiting:
                conversation_id = next(iter(self._waiting))
                snapshot = self._waiting.pop(conversation_id)
                if snapshot is None:
                    await self._snapshots.drop(self._partition, conversation_id)
                else:
                    await self._snapshots.save(snapshot)
