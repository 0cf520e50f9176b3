"""The state store, the snapshots and the dead letters as one process sees them. The first two may forget, or remember
what was true long ago."""

from __future__ import annotations

import asyncio

from simulation.durable import Durable
from simulation.faults import Fault, Faults
from simulation.process import Process
from streams.ports import DeadLetter, Held, Snapshot


class SimStates:
    """Implements ``streams.ports.StateStore``."""

    def __init__(self, durable: Durable, process: Process, faults: Faults) -> None:
        self._durable, self._process, self._faults = durable, process, faults
        self._rng = faults.rng(f"states/{process.name}")

    async def save(self, held: Held) -> None:
        self._process.at("states.save:before")
        await asyncio.sleep(self._rng.uniform(0.0002, 0.002))
        self._durable.held.append(held)
        self._process.at("states.save:after")

    async def load(self, partition: int) -> Held | None:
        self._process.at("states.load:before")
        await asyncio.sleep(self._rng.uniform(0.0002, 0.002))
        self._process.at("states.load:after")
        kept = self._durable.held
        if not kept:
            return None
        if self._faults.strikes(Fault.STATE_LOST, self._rng, 0.7):
            return None if self._rng.random() < 0.3 else self._rng.choice(kept)
        return kept[-1]


class SimSnapshots:
    """Implements ``streams.ports.Snapshots``."""

    def __init__(self, durable: Durable, process: Process, faults: Faults) -> None:
        self._durable, self._process, self._faults = durable, process, faults
        self._rng = faults.rng(f"snapshots/{process.name}")

    async def refresh(self, partition: int) -> None:
        self._process.at("snapshots.refresh:before")
        await asyncio.sleep(self._rng.uniform(0.0002, 0.002))
        self._process.at("snapshots.refresh:after")

    async def save(self, snapshot: Snapshot) -> None:
        self._process.at("snapshots.save:before", snapshot.conversation_id)
        await asyncio.sleep(self._rng.uniform(0.0002, 0.002))
        self._durable.snapshots.setdefault(snapshot.conversation_id, []).append(snapshot)
        self._process.at("snapshots.save:after", snapshot.conversation_id)

    async def load(self, partition: int, conversation_id: str) -> Snapshot | None:
        self._process.at("snapshots.load:before", conversation_id)
        await asyncio.sleep(self._rng.uniform(0.0002, 0.002))
        self._process.at("snapshots.load:after", conversation_id)
        kept = self._durable.snapshots.get(conversation_id)
        if not kept:
            return None
        if self._faults.strikes(Fault.STATE_LOST, self._rng, 0.5):
            return None if self._rng.random() < 0.3 else self._rng.choice(kept)
        return kept[-1]

    async def drop(self, partition: int, conversation_id: str) -> None:
        self._process.at("snapshots.drop:before", conversation_id)
        await asyncio.sleep(self._rng.uniform(0.0002, 0.002))
        self._durable.snapshots.pop(conversation_id, None)
        self._process.at("snapshots.drop:after", conversation_id)


class SimDeadLetters:
    """Implements ``streams.ports.DeadLetters``."""

    def __init__(self, durable: Durable, process: Process, faults: Faults) -> None:
        self._durable, self._process = durable, process
        self._rng = faults.rng(f"letters/{process.name}")

    async def put(self, letter: DeadLetter) -> None:
        self._process.at("dead_letters.put:before", letter.conversation_id)
        await asyncio.sleep(self._rng.uniform(0.0002, 0.002))
        self._durable.letters.setdefault((letter.topic, letter.partition, letter.offset), letter)
        self._process.at("dead_letters.put:after", letter.conversation_id)

    async def read(self) -> list[DeadLetter]:
        return list(self._durable.letters.values())
