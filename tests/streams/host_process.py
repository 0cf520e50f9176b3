"""A worker in a process of its own: ``host_process.py HOST PREFIX PARTITIONS DIRECTORY``. Killed by the tests.

Prints "owns" once it owns all that was assigned to it.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from hosting import Hosted  # noqa: E402
from support import DataDirectory  # noqa: E402

from streams.kafka.topics import Topics  # noqa: E402


async def main() -> None:
    host, prefix, partitions, directory = sys.argv[1:]
    hosted = Hosted(host, DataDirectory(Path(directory)), Topics(int(partitions), prefix))
    async with hosted.worker():
        print("owns", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
