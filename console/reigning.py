"""This process as a log's owner for a while: within a deadline, so that who waits for it hears why it can't be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from console.failures import FailedError
from console.workspace import Host

TAKE_OVER_S = 10.0


@asynccontextmanager
async def reigning(host: Host, refusal: str) -> AsyncIterator[None]:
    """The host while it owns the log. A host tries for ever, as a full disk may have room again: after ``TAKE_OVER_S`` this
    raises ``FailedError``, with ``refusal`` and the reason of the last reign's end. Raises ``OwnerRefusedError``."""
    try:
        async with asyncio.timeout(TAKE_OVER_S):
            await host.__aenter__()
    except TimeoutError:
        await host.__aexit__()
        why = host.reigns_lost[-1] if host.reigns_lost else "it takes nothing"
        raise FailedError(f"{refusal}: {why}") from None
    try:
        yield
    finally:
        await host.__aexit__()
