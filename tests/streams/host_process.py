"""A worker in a process of its own: ``host_process.py HOST PREFIX PARTITIONS DIRECTORY``. Killed by the tests.

Prints "owns" once it owns all that was assigned to it, and upon SIGUSR1 on stderr where all its tasks stand.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from hosting import Hosted  # noqa: E402
from support import DataDirectory  # noqa: E402

from streams.kafka.topics import Topics  # noqa: E402


def tell_tasks() -> None:
    for task in asyncio.all_tasks():
        task.print_stack(file=sys.stderr)


async def main() -> None:
    host, prefix, partitions, directory = sys.argv[1:]
    hosted = Hosted(host, DataDirectory(Path(directory)), Topics(int(partitions), prefix))
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, tell_tasks)
    async with hosted.worker():
        print("owns", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
