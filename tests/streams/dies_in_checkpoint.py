"""``dies_in_checkpoint.py DIRECTORY``: appends, says the number of each acknowledged record, and dies while its checkpoint
writes the middle of the file: the system sends SIGXFSZ to who writes behind a limit, and that ends a process like SIGKILL.
"""

from __future__ import annotations

import asyncio
import resource
import signal
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2])]

from streams.codec import Body  # noqa: E402
from streams.ports import Entry  # noqa: E402
from streams.sqlite import SqliteLedger  # noqa: E402
from streams.sqlite_store import SqliteStore  # noqa: E402

RECORDS, HALF_WAY_BYTES = 500, 3 << 20


async def main(directory: Path) -> None:
    store = SqliteStore(directory / "ledger.db")
    ledger = SqliteLedger(store)
    for number in range(RECORDS):
        await ledger.append(0, [Entry("c", Body("CallEnded", 1, number.to_bytes(2, "big") * 8192))])
        print(number, flush=True)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (HALF_WAY_BYTES, resource.RLIM_INFINITY))
    await ledger.sync()
    store.checkpoints.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
