"""A bank's own systems over HTTP: the client of what ``emulators/company.py`` documents.

A refusal (4xx other than 401, 403 and 429) means that nothing was done, for certain; after a 5xx, a time-out or a lost
connection it isn't known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from agent_core.company_ports import Operation
from agent_core.ports import FailureReason, ProviderError
from agent_core.whole_text import whole_text

TIMEOUT_S = 5.0
_REASONS = {401: FailureReason.UNAUTHORISED, 403: FailureReason.UNAUTHORISED, 429: FailureReason.RATE_LIMITED}


class CoreBanking:
    """Implements ``CustomerRecords``, ``Operations`` and ``IdentityChecks``. ``close`` it."""

    name = "core-banking"

    def __init__(self, url: str, token: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url, self._token, self._timeout_s = url.rstrip("/"), token, timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def read(self, customer_id: str, kind: str, object_id: str) -> Mapping[str, str]:
        """Raises ``ProviderError``."""
        return _texts(
            await self._ask("GET", f"customers/{_safe(customer_id)}/{_safe(kind)}/{_safe(object_id)}"), self.name
        )

    async def perform(self, operation: Operation) -> Mapping[str, str]:
        """Raises ``ProviderError``."""
        body = {"kind": operation.kind, "customer": operation.customer_id, "object": operation.object_id}
        return self._answer(await self._ask("PUT", f"operations/{_safe(operation.key)}", body))

    async def performed(self, key: str) -> Mapping[str, str] | None:
        """Raises ``ProviderError``."""
        found = await self._ask("GET", f"operations/{_safe(key)}", missing=True)
        return None if found is None else self._answer(found)

    async def undo(self, operation: Operation, undoes: str) -> Mapping[str, str]:
        """Raises ``ProviderError``."""
        body = {"undoes": undoes, "customer": operation.customer_id, "object": operation.object_id}
        await self._ask("PUT", f"operations/{_safe(operation.key)}/undoing", body)
        return {}

    async def check(self, customer_id: str, question: str, answer: str) -> bool:
        """Raises ``ProviderError``."""
        body = {"question": question, "answer": answer}
        found = await self._ask("POST", f"customers/{_safe(customer_id)}/checks", body)
        passed = found.get("passed") if isinstance(found, dict) else None
        if not isinstance(passed, bool):
            raise ProviderError(FailureReason.INVALID, self.name, "no verdict in the answer")
        return passed

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _ask(
        self, method: str, path: str, body: Mapping[str, str] | None = None, *, missing: bool = False
    ) -> Any:
        """The JSON of the answer; None for one without a body, and for a 404 where ``missing`` allows it."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._timeout_s)
            headers = {"Authorization": f"Bearer {self._token}"}
            self._session = aiohttp.ClientSession(timeout=timeout, headers=headers)
        try:
            async with self._session.request(method, f"{self._url}/{path}", json=body) as response:
                if response.status == 404 and missing:
                    return None
                if response.status >= 400:
                    raise ProviderError(_reason(response.status), self.name, f"HTTP {response.status}")
                return None if response.status == 204 else await response.json()
        except TimeoutError:
            raise ProviderError(FailureReason.TIMED_OUT, self.name) from None
        except (aiohttp.ContentTypeError, ValueError):
            raise ProviderError(FailureReason.INVALID, self.name, "not JSON") from None
        except aiohttp.ClientError as error:
            raise ProviderError(FailureReason.UNAVAILABLE, self.name, type(error).__name__) from None

    def _answer(self, found: Any) -> Mapping[str, str]:
        return _texts(found.get("answer") if isinstance(found, dict) else None, self.name)


def _reason(status: int) -> FailureReason:
    if status >= 500:
        return FailureReason.UNAVAILABLE
    return _REASONS.get(status, FailureReason.REFUSED)


def _texts(found: Any, name: str) -> Mapping[str, str]:
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ProviderError(FailureReason.INVALID, name, "not a record of texts")
    return {name: whole_text(value) for name, value in found.items()}


def _safe(part: str) -> str:
    """One segment of a path. Raises ``ProviderError`` where no encoding keeps it one: a segment of one dot or two is taken
    out by whoever handles the URL, encoded or not (RFC 3986, 5.2.4 and 6.2.2.3), and an empty one may be."""
    if part in ("", ".", ".."):
        raise ProviderError(FailureReason.REFUSED, CoreBanking.name, "an id that can't stand in an address")
    return quote(part, safe="")
