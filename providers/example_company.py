"""A company of example customers, held in memory: tools may change their records, answers are checked, phones get messages.

For trying things: it forgets everything with its process. What may be changed, and to what, stands in the customers' file.
Keys, undoing and refusals are as a bank's own systems have them (``agent_core.company_ports``).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from agent_core.company_ports import Operation
from agent_core.ports import FailureReason, ProviderError
from providers.example_customers import ExampleCustomers

MOBILE = ("contact", "mobile")


class ExampleCompany:
    """Implements ``CustomerRecords``, ``Operations``, ``IdentityChecks`` and ``Messenger``."""

    name = "example-company"

    def __init__(self, customers: ExampleCustomers) -> None:
        self._customers = customers
        self._changed: dict[tuple[str, str], dict[str, str]] = {}  # customer, object → what differs from the file
        self._done: dict[str, tuple[Operation, dict[str, str]]] = {}
        self._void: set[str] = set()
        self._sent: set[str] = set()
        self._messages: list[str] = []

    def newest_message(self) -> str:
        """Of any phone; empty where none got any."""
        return self._messages[-1] if self._messages else ""

    async def read(self, customer_id: str, kind: str, object_id: str) -> Mapping[str, str]:
        """Raises ``ProviderError(REFUSED)``."""
        customer = self._customers.customers.get(customer_id)
        if (kind, object_id) == MOBILE and customer and customer.mobile:
            return {"number": customer.mobile}
        record = dict(await self._customers.read(customer_id, kind, object_id))
        return record | self._changed.get((customer_id, object_id), {})

    async def perform(self, operation: Operation) -> Mapping[str, str]:
        """Raises ``ProviderError(REFUSED)``."""
        if operation.key in self._done:
            return self._done[operation.key][1]
        if operation.key in self._void:
            raise ProviderError(FailureReason.REFUSED, self.name, "undone before it came")
        kind = self._customers.operations.get(operation.kind)
        if kind is None:
            raise ProviderError(
                FailureReason.REFUSED, self.name, f"the customers' file has no operation {operation.kind}"
            )
        await self.read(operation.customer_id, kind.about, operation.object_id)
        self._changed.setdefault((operation.customer_id, operation.object_id), {}).update(kind.changes)
        number = str(len(self._done) + 1)
        answer = {name: text.replace("{number}", number) for name, text in kind.answer.items()}
        self._done[operation.key] = operation, answer
        return answer

    async def performed(self, key: str) -> Mapping[str, str] | None:
        return self._done[key][1] if key in self._done else None

    async def undo(self, operation: Operation, undoes: str) -> Mapping[str, str]:
        self._void.add(undoes)
        if done := self._done.pop(undoes, None):
            changed = self._changed[done[0].customer_id, done[0].object_id]
            for name in self._customers.operations[done[0].kind].changes:
                changed.pop(name, None)
        return {}

    async def check(self, customer_id: str, question: str, answer: str) -> bool:
        customer = self._customers.customers.get(customer_id)
        expected = customer.answers.get(question) if customer else None
        same = hmac.compare_digest((expected or "").encode(), answer.encode())
        return same and expected is not None

    async def send(self, number: str, text: str, *, key: str) -> None:
        if key not in self._sent:
            self._sent.add(key)
            self._messages.append(text)
