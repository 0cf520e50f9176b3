"""Waits until a decision stands on the log: what its owner decided may be void, or never land.

Reads the log as every other reader does, so nothing is taken for decided that an epoch made void.
"""

from __future__ import annotations

import asyncio

from streams.codec import Codec
from streams.effective import EffectiveReader
from streams.ports import Ledger

LOOK_EVERY_S = 0.005


class ReadBack:
    """Implements ``processors.executors.call_tool.StandsOnLog``. ``synced``: the log is synced before it returns, so that
    what can't be taken back survives a loss of power."""

    def __init__(self, ledger: Ledger, codec: Codec, *, synced: bool = False) -> None:
        self._ledger, self._codec, self._synced = ledger, codec, synced

    async def __call__(self, conversation_id: str, event_id: str) -> None:
        """Returns once the event is effective; waits for ever for one that is void: set a timeout.

        Raises ``UndecodableError``, ``BrokenStepError`` for a damaged log.
        """
        reader, next_offset = EffectiveReader(), 0
        while True:
            for record in await self._ledger.read_conversation(conversation_id, next_offset):
                next_offset = record.offset + 1
                if any(event.event_id == event_id for event in reader.feed(record, self._codec.decode(record.body))):
                    if self._synced:
                        await self._ledger.sync()
                    return
            await asyncio.sleep(LOOK_EVERY_S)
