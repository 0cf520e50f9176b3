"""Which messages of the intake are about somebody: all that can be opened are, and looked through."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from agent_core.conversation import Status
from console.workspace import Workspace
from projections.intake_names import names_any, names_in
from projections.subjects import Standing
from streams.intake import data_key_of, key_of


class Naming(NamedTuple):
    """``named``: whatever in the message may be somebody's name: who is held by a pseudonym is looked for among it."""

    standing: Standing
    named: frozenset[str]


async def messages_naming(workspace: Workspace, names: Collection[str]) -> dict[str, Naming]:
    """Name of its data key -> a message that names one of ``names``. One that was forgotten names nobody.

    Raises ``KeysUnavailableError``.
    """
    found: dict[str, Naming] = {}
    async with workspace.intake() as intake:
        async for batch in intake.read():
            for taken in batch:
                if taken.message is not None and names_any(taken.message, names):
                    standing = Standing(taken.received_at_us, Status.CLOSED, is_forgotten=False)
                    named = frozenset(names_in(taken.message))
                    found[data_key_of(key_of(taken.source, taken.id))] = Naming(standing, named)
    return found
