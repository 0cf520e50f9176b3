"""The state store and the dead letters as one process sees them. The state store may forget, or remember old things."""

from __future__ import annotations

import asyncio

from simulation.durable import Durable
from simulation.faults import Fault, Faults
from simulation.process import Process
from streams.ports import DeadLetter, Held


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


class SimDeadLetters:
    """Implements ``streams.ports.DeadLetters``."""

    def __init__(self, durable: Durable, process: Process, faults: Faults) -> None:
        self._durable, self._process = durable, process
        self._rng = faults.rng(f"letters/{process.name}")

    async def put(self, letter: DeadLetter) -> None:
        self._process.at("dead_letters.put:before")
        await asyncio.sleep(self._rng.uniform(0.0002, 0.002))
        self._durable.letters.setdefault((letter.topic, letter.partition, letter.offset), letter)
        self._process.at("dead_letters.put:after")

    async def read(self) -> list[DeadLetter]:
        return list(self._durable.letters.values())
