"""The signals that ask a command to end in good order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Sequence
from typing import Any


def stopping() -> tuple[signal.Signals, ...]:
    """Ctrl-C, SIGTERM and a terminal that goes away; not the last where ``nohup`` keeps the command."""
    told = (signal.SIGINT, signal.SIGTERM)
    return told if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (*told, signal.SIGHUP)


def heed_stopping() -> asyncio.Event:
    """Set once one of them comes; from here on none ends the process by itself."""
    stopped = asyncio.Event()
    for number in stopping():
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped


async def until_stopped(failures: Sequence[Coroutine[Any, Any, None]], tell: Callable[[], None]) -> None:
    """``failures`` end, or raise, when there is no going on: raises what they raise. ``tell``: once it heeds what it says may be
    sent to it."""
    stopped = heed_stopping()
    tell()
    ends = [*map(asyncio.create_task, failures), asyncio.create_task(stopped.wait())]
    try:
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in ends:
            task.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
