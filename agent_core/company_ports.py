"""The company's own systems, as ports: where tools change something, where proofs are checked, how a message leaves.

Reading is ``agent_core.ports.CustomerRecords``. All of them name the customer that they are asked for, and raise
``ProviderError``. Two reasons mean that nothing was done, for certain: ``REFUSED`` and ``UNAUTHORISED``. After any other
(a dropped connection, an answer that never came) it isn't known, and only asking by the key tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Operation:
    """One change to one object of a customer. ``key``: its idempotency key; the same key is done at most once."""

    key: str
    kind: str
    customer_id: str
    object_id: str


class Operations(Protocol):
    """Where tools change something."""

    @property
    def name(self) -> str: ...

    async def perform(self, operation: Operation) -> Mapping[str, str]:
        """Does it, or tells what came of it when it was done before under this key; name → value either way."""
        ...

    async def performed(self, key: str) -> Mapping[str, str] | None:
        """What came of the operation with this key; None where none of that key took effect so far."""
        ...

    async def undo(self, operation: Operation, undoes: str) -> Mapping[str, str]:
        """Takes back what the operation with the key ``undoes`` did. Where that never arrived, it is refused from now on:
        after this returned, it has no effect, and will have none. ``operation.key`` is this undoing's own."""
        ...


class IdentityChecks(Protocol):
    """Where a caller's answer is compared with what the company holds; that itself never comes here."""

    @property
    def name(self) -> str: ...

    async def check(self, customer_id: str, question: str, answer: str) -> bool:
        """Whether ``answer`` is this customer's to the question of this name. Compared in constant time."""
        ...


class Messenger(Protocol):
    """How a message reaches a customer's own phone."""

    @property
    def name(self) -> str: ...

    async def send(self, number: str, text: str, *, key: str) -> None:
        """Returns once the carrier has it. The same ``key`` is sent once."""
        ...
