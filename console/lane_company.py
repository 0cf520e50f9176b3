"""The company's own systems as a lane may use them: what they hold is read, and nothing of theirs is changed.

Production carries out what the same callers asked for. A lane that did so too would change it a second time, by code that
nobody has merged yet, send a second code to their phone, and count a wrong answer to a question twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from agent_core.company_ports import Operation
from agent_core.ports import FailureReason, ProviderError
from console.signed_in import Company


def only_read(company: Company) -> Company:
    """``REFUSED`` says that nothing was done, for certain: so deciders go on as with a bank that says no."""
    untouched = _Untouched()
    return company._replace(operations=untouched, checks=untouched, messenger=untouched)


class _Untouched:
    """Implements ``Operations``, ``IdentityChecks`` and ``Messenger``."""

    name = "lane"

    async def perform(self, operation: Operation) -> Mapping[str, str]:
        """Raises ``ProviderError(REFUSED)``."""
        self._refuse(operation.kind)

    async def performed(self, key: str) -> Mapping[str, str] | None:
        """Nothing was done here under any key."""
        return None

    async def undo(self, operation: Operation, undoes: str) -> Mapping[str, str]:
        """There is nothing to undo: what it would take back was refused."""
        return {}

    async def check(self, customer_id: str, question: str, answer: str) -> bool:
        """Raises ``ProviderError(REFUSED)``."""
        self._refuse(question)

    async def send(self, number: str, text: str, *, key: str) -> None:
        """Raises ``ProviderError(REFUSED)``."""
        self._refuse("a message")

    def _refuse(self, what: str) -> NoReturn:
        raise ProviderError(FailureReason.REFUSED, self.name, f"{what}: a lane changes nothing and sends nothing")
