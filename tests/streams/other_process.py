"""A process of its own over an embedded log: ``other_process.py own|put DIRECTORY``. Killed by the tests.

``own`` prints "reigns" once it does, or "refused: …". ``put`` prints the id of each fact after its put returned.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from support import DataDirectory, NoEffects, TallyMind  # noqa: E402

from schemas.facts import KeyPressed  # noqa: E402
from streams.fact_writer import FactWriter, fact_event  # noqa: E402
from streams.hosts.embedded import EmbeddedHost  # noqa: E402
from streams.owner_lock import OwnerLock  # noqa: E402
from streams.ports import OwnerRefusedError  # noqa: E402


async def own(data: DataDirectory) -> None:
    host = EmbeddedHost(data.stores, data.codec, TallyMind(), NoEffects, OwnerLock(data.path / "owner.lock"))
    try:
        async with host:
            print("reigns", flush=True)
            await asyncio.Event().wait()
    except OwnerRefusedError as error:
        print(f"refused: {error}", flush=True)


async def put(data: DataDirectory) -> None:
    writer, number = FactWriter(data.inbox, data.codec), 0
    while True:
        event_id = f"p{number}"
        await writer.put(fact_event(f"c{number % 5}", KeyPressed(key="2"), event_id=event_id))
        print(event_id, flush=True)
        number += 1


if __name__ == "__main__":
    job = {"own": own, "put": put}[sys.argv[1]]
    asyncio.run(job(DataDirectory(Path(sys.argv[2]))))
