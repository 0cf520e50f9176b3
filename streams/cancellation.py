"""A cancellation that somebody below took for none."""

from __future__ import annotations

import asyncio


def heed_cancellation() -> None:
    """Raises ``CancelledError`` where the running task was told to end and something that it awaited went on instead.

    Up to Python 3.11 ``asyncio.wait_for``, by which aiokafka waits for its answers, returns an answer that comes together with a
    cancellation and drops the latter: so it is after a process stood still, when all that was due meets all that came.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
