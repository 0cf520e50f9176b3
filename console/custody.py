"""Puts facts of custody onto the log, and waits until they are effective: by the log's owner, or by this process where the
log has none."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import takewhile

from console.agent import make_mind
from console.failures import FailedError, UsageError, tell_damage
from console.reigning import reigning
from console.workspace import Workspace
from projections.custody import Custody, custody_of
from projections.effective_log import Damage, conversation_events
from schemas.base import Fact
from schemas.custody import CUSTODY
from schemas.event import new_id
from streams.fact_writer import FactWriter, fact_event
from streams.lanes import NoEffects
from streams.ports import OwnerRefusedError

TAKEN_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.02
_NAME = re.compile(r"[\w .,:/@#+()-]{1,120}")


class CustodyRecord:
    """``async with custody_record(workspace)``."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._writer = FactWriter(workspace.stores.inbox, workspace.codec)
        self._damaged: set[str] = set()  # what was told of: each look finds it again

    async def read(self, *, before: str | None = None) -> Custody:
        """``before``: the id of an event of the custody record: as it was just before that one."""
        return await read_custody(self._workspace, before)

    async def note(self, fact: Fact, conversation_id: str = CUSTODY, event_id: str | None = None) -> None:
        """Returns once it is effective. With an ``event_id`` that was noted before, nothing is added, nor put: to put a fact
        makes its conversation a key, which may have been destroyed.

        Raises ``FailedError``, ``InboxUnavailableError``.
        """
        if event_id is not None and await self._stands(conversation_id, event_id):
            return
        event = fact_event(conversation_id, fact, event_id=event_id or new_id())
        await self._writer.put(event)
        try:
            async with asyncio.timeout(TAKEN_WITHIN_S):
                while True:
                    if await self._stands(conversation_id, event.event_id):
                        return
                    await asyncio.sleep(_LOOK_EVERY_S)
        except TimeoutError:
            raise FailedError(
                f"the log's owner took no fact in {TAKEN_WITHIN_S:g} s: is it alive, and its code as new as the log's events?"
            ) from None

    async def _stands(self, conversation_id: str, event_id: str) -> bool:
        ledger, codec = self._workspace.stores.ledger, self._workspace.codec
        await codec.prepare([conversation_id])
        here = await conversation_events(ledger, codec, conversation_id, self._tell_once)
        return any(each.event_id == event_id for each in here)

    def _tell_once(self, damage: Damage) -> None:
        if damage.message not in self._damaged:
            self._damaged.add(damage.message)
            tell_damage(damage)


async def read_custody(workspace: Workspace, before: str | None = None) -> Custody:
    await workspace.codec.prepare([CUSTODY])
    events = await conversation_events(workspace.stores.ledger, workspace.codec, CUSTODY, tell_damage)
    return custody_of(takewhile(lambda event: event.event_id != before, events))


@asynccontextmanager
async def custody_record(workspace: Workspace) -> AsyncIterator[CustodyRecord]:
    """Where nobody owns the log, this process does while it is entered; it carries out nothing that conversations ask.

    Raises ``FailedError`` where it can't: nobody may write the log, or its disk is full.
    """
    await workspace.codec.prepare([CUSTODY], create=True)
    try:
        if await workspace.owned_elsewhere():
            yield CustodyRecord(workspace)
            return
    except OwnerRefusedError:  # an embedded log whose owner is another process: that one takes the facts
        yield CustodyRecord(workspace)
        return
    host = workspace.host(make_mind(workspace.behaviour_of, workspace.keys), NoEffects)
    async with reigning(host, "nothing can be noted on this log"):
        yield CustodyRecord(workspace)


def named(what: str, text: str) -> str:
    """A reference or a name for the trail, which isn't sealed. Raises ``UsageError``."""
    if not _NAME.fullmatch(text) or not text.strip():
        raise UsageError(f"{what} is a line of up to 120 letters, digits and . , : / @ # + ( ) - _, and not empty")
    return text
