"""A worker in a process of its own: ``host_process.py HOST PREFIX PARTITIONS DIRECTORY``. Killed by the tests.

Prints "owns" once it owns all that was assigned to it. Upon SIGUSR1 it prints "deaf", and hears no other worker's
heartbeat until SIGUSR2: so one that is stopped meanwhile wakes with no news of its successor.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from hosting import Hosted  # noqa: E402
from support import DataDirectory  # noqa: E402

from streams.kafka.heartbeats import Heartbeats  # noqa: E402
from streams.kafka.topics import Topics  # noqa: E402
from streams.seats import Heartbeat  # noqa: E402


class Hearing:
    """What this process hears of the others."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    def listen(self) -> None:
        """From here on, to whatever host begins in this process."""
        follow = Heartbeats.follow

        async def heard(heartbeats: Heartbeats) -> AsyncIterator[Heartbeat]:
            async for beat in follow(heartbeats):
                await self._open.wait()
                yield beat

        Heartbeats.follow = heard  # type: ignore[method-assign]
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self._deafen)
        loop.add_signal_handler(signal.SIGUSR2, self._open.set)

    def _deafen(self) -> None:
        self._open.clear()
        print("deaf", flush=True)


async def main() -> None:
    host, prefix, partitions, directory = sys.argv[1:]
    hosted = Hosted(host, DataDirectory(Path(directory)), Topics(int(partitions), prefix))
    Hearing().listen()
    async with hosted.worker():
        print("owns", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
