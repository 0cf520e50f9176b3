"""The small bank's own systems: where tools change something, where answers are checked, and the customers' phones.

They do what such systems promise and no more: a key is done once, what was undone never comes, and an answer may be lost
on its way though all is done. Whose card it is, is left to what stands before: that is what is tested.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from agent_core.company_ports import Operation
from agent_core.ports import FailureReason, ProviderError
from simulation.customers import CUSTOMERS
from simulation.durable import BankWrite, Durable
from simulation.process import Process

PASSCODE = "4215"  # of every customer
Work = Callable[[], Awaitable[None]]


class SimCompany:
    """Implements ``Operations``, ``IdentityChecks`` and ``Messenger`` for one run of one ask. ``work`` takes its time, or
    fails; it does so before and after anything is done."""

    name = "simulated"

    def __init__(self, durable: Durable, process: Process, conversation_id: str, ask_id: str, work: Work) -> None:
        self._durable, self._process, self._work = durable, process, work
        self._conversation_id, self._ask_id = conversation_id, ask_id

    async def perform(self, operation: Operation) -> Mapping[str, str]:
        await self._arrive()
        done = self._durable.bank_done
        if operation.key in self._durable.bank_void:
            raise ProviderError(FailureReason.REFUSED, self.name, "undone before it came")
        owner = next((each for each in CUSTOMERS.values() if operation.object_id in each.cards), None)
        if owner is None:
            raise ProviderError(FailureReason.REFUSED, self.name)
        if operation.kind == "book_delivery" and operation.key[0] in "01234":  # uuid5: about a third of them
            raise ProviderError(FailureReason.REFUSED, self.name, "nothing is delivered there")
        if operation.key not in done:
            done[operation.key] = {"reference": f"r {len(done) + 1}", "due": owner.due}
            self._note(operation, "")
        await self._answer(operation.key)
        return done[operation.key]

    async def performed(self, key: str) -> Mapping[str, str] | None:
        await self._arrive()
        return self._durable.bank_done.get(key)

    async def undo(self, operation: Operation, undoes: str) -> Mapping[str, str]:
        await self._arrive()
        self._durable.bank_void.add(undoes)
        if undoes in self._durable.bank_done:
            del self._durable.bank_done[undoes]
            self._note(operation, undoes)
        await self._answer(operation.key)
        return {}

    async def check(self, customer_id: str, question: str, answer: str) -> bool:
        await self._arrive()
        return answer == PASSCODE

    async def send(self, number: str, text: str, *, key: str) -> None:
        await self._arrive()
        self._durable.phones.setdefault(self._conversation_id, []).append((number, text))
        await self._work()

    async def _arrive(self) -> None:
        await self._work()
        if self._process.dead:
            raise asyncio.CancelledError

    async def _answer(self, key: str) -> None:
        """On its way back it may be lost: then it isn't known, and is no refusal. Of every fourth key the first one is."""
        self._process.at("write:done", self._conversation_id)
        if key[1] in "0123" and key not in self._durable.bank_lost:
            self._durable.bank_lost.add(key)
            raise ProviderError(FailureReason.UNAVAILABLE, self.name)
        try:
            await self._work()
        except ProviderError:
            raise ProviderError(FailureReason.UNAVAILABLE, self.name) from None

    def _note(self, operation: Operation, undoes: str) -> None:
        now_s = asyncio.get_running_loop().time()
        who = self._process.name, self._conversation_id, self._ask_id
        what = operation.key, operation.kind, operation.customer_id, operation.object_id
        self._durable.bank_writes.append(BankWrite(now_s, *who, *what, undoes))
