"""Who should own the partition: a consumer group in small. It only proposes; the log decides.

Members learn late that the partition was taken from them, or only by losing an append: the group's word reaches them
after a drawn delay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from processors.deciders import cascade
from processors.effects import EffectRunner
from processors.mind import AgentMind
from processors.read_back import ReadBack
from simulation.durable import PARTITION, Durable, Signal
from simulation.faults import Fault, Faults
from simulation.inbox import SimInbox
from simulation.ledger import Latencies, SimLedger
from simulation.process import Process
from simulation.read_once import SimCodec
from simulation.side_stores import SimDeadLetters, SimSnapshots, SimStates
from simulation.vendors import Vendors
from streams.owner import Owner, Stores

EPOCH_US = 1_700_000_000_000_000  # the wall clock when the loop's clock reads 0
RETRY_S = 0.05
PASSIVATE_AFTER_S = 0.8  # callers think for longer: conversations leave memory within calls
SNAPSHOT_EVERY = 15  # events
Note = Callable[[str, str], None]


class Group:
    """``assigned``: the member that should own. ``tell``: each member's own view of that, which may be old."""

    def __init__(self, faults: Faults) -> None:
        self._rng = faults.rng("group")
        self.assigned: Process | None = None
        self.changed = Signal()
        self._believes: dict[Process, bool] = {}

    def assign(self, member: Process, *, former_hears_after_s: float = 0.0) -> None:
        former, self.assigned = self.assigned, member
        self._believes[member] = True
        self.changed.ring()
        if former is not None and former is not member:
            asyncio.get_running_loop().call_later(former_hears_after_s, self._revoke, former)

    def _revoke(self, member: Process) -> None:
        if self.assigned is not member:
            self._believes[member] = False
            self.changed.ring()

    def believes(self, member: Process) -> bool:
        return self._believes.get(member, False)

    def asks_again(self, member: Process) -> None:
        """A member that lost the partition hears the truth."""
        self._believes[member] = self.assigned is member


class OwnerProcess:
    """The production owner with the production mind and effect runner, hosted as long as the group lets it."""

    def __init__(
        self,
        process: Process,
        group: Group,
        durable: Durable,
        faults: Faults,
        latencies: Latencies,
        note: Note,
    ) -> None:
        self._process, self._group, self._durable, self._faults = process, group, durable, faults
        self._note = note
        self._stores = Stores(
            SimInbox(durable, process, faults, latencies),
            SimLedger(durable, process, faults, latencies),
            SimStates(durable, process, faults),
            SimDeadLetters(durable, process, faults),
            SimSnapshots(durable, process, faults),
        )
        self._codec = SimCodec(durable)
        self._mind = AgentMind(cascade(), durable.behaviour_of, durable.keys)
        rng = faults.rng(f"clock/{process.name}")
        self._skew_us = round(rng.uniform(-3e6, 3e6)) if faults.strikes(Fault.CLOCK_SKEW, rng, 1.0) else 0
        self._reigns = 0

    def wall_us(self) -> int:
        return EPOCH_US + round(asyncio.get_running_loop().time() * 1e6) + self._skew_us

    async def main(self) -> None:
        while True:
            while not self._group.believes(self._process):
                await self._group.changed.wait()
            why = await self._reign()
            self._note(self._process.name, f"reign over: {why}")
            self._group.asks_again(self._process)
            await asyncio.sleep(RETRY_S)

    async def _reign(self) -> str:
        self._reigns += 1
        read_back = ReadBack(self._stores.ledger, self._codec)
        vendors = Vendors(self._process, self._faults, self._durable, read_back)
        owner = Owner(
            PARTITION,
            self._stores,
            self._codec,
            self._mind,
            EffectRunner(vendors.executors()),
            owner_id=f"{self._process.name}.{self._reigns}",
            wall_us=self.wall_us,
            passivate_after_s=PASSIVATE_AFTER_S,
            snapshot_every=SNAPSHOT_EVERY,
        )
        running = asyncio.create_task(owner.run(lambda: self._note(self._process.name, "reigns")))
        revoked = asyncio.create_task(self._until_revoked())
        try:
            await asyncio.wait([running, revoked], return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                return running.result()
            return "revoked"
        finally:
            running.cancel()
            revoked.cancel()
            await asyncio.gather(running, revoked, return_exceptions=True)

    async def _until_revoked(self) -> None:
        while self._group.believes(self._process):
            await self._group.changed.wait()
