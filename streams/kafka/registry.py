"""A schema registry, over Confluent's REST API (docs.confluent.io, "Schema Registry API Reference").

Apicurio (``/apis/ccompat/v7``), Redpanda and Karapace speak it too. Asked when a log is opened, never in a turn.
"""

from __future__ import annotations

import ssl
from base64 import b64encode
from types import TracebackType
from typing import Any

import aiohttp
from yarl import URL

BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"  # the newest reader can read whatever was ever written
TIMEOUT_S = 10.0
_CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
_AT_ONCE = 8  # requests; opening costs one or two for each event type and topic
_NOT_FOUND, _CONFLICT = 404, 409
_NOT_US = (401, 403)
_LOGIN = "another user or password is wanted (LEDGERLINE_LOG__REGISTRY_USERNAME, LEDGERLINE_LOG__REGISTRY_PASSWORD)"


class RegistryError(Exception):
    """The message names the registry, without what it is opened with."""


class RegistryUnreachableError(RegistryError):
    """No registry answers at this address."""


class RegistryRefusedError(RegistryError):
    """It answered, and not with what was asked for. The message holds its own words."""


class IncompatibleSchemaError(RegistryError):
    """A schema can't read what was written under its subject. The message names the subject and what is in the way."""


class SchemaRegistry:
    """``url``: of the API, with ``user:password@`` where it wants them; ``tls``: whom to trust there, None: whom the system
    does. An async context manager."""

    def __init__(self, url: str, *, tls: ssl.SSLContext | None = None, timeout_s: float = TIMEOUT_S) -> None:
        parsed = URL(url.rstrip("/"))
        self.name = str(parsed.with_user(None))  # without what it is opened with: goes into messages
        self._headers = {"Accept": _CONTENT_TYPE, "Content-Type": _CONTENT_TYPE}
        if parsed.user:
            credentials = f"{parsed.user}:{parsed.password or ''}".encode()
            self._headers["Authorization"] = f"Basic {b64encode(credentials).decode()}"  # RFC 7617
        # Of an answer. Not of the wait for a connection: hundreds of requests wait for one behind each other.
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=timeout_s, sock_read=timeout_s)
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> SchemaRegistry:
        self._session = aiohttp.ClientSession(
            headers=self._headers,
            timeout=self._timeout,
            connector=aiohttp.TCPConnector(limit=_AT_ONCE, ssl=self._tls or True),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()

    async def find(self, subject: str, schema: str) -> int | None:
        """The id of this very schema under ``subject``; None if it isn't registered there.

        Raises ``RegistryUnreachableError``, ``RegistryRefusedError``.
        """
        status, answer = await self._ask("POST", f"/subjects/{subject}", {"schema": schema})
        return None if status == _NOT_FOUND else self._id_in(status, answer)

    async def register(self, subject: str, schema: str) -> int:
        """Its id; the one that it has where it is registered already.

        Raises ``IncompatibleSchemaError``, ``RegistryUnreachableError``, ``RegistryRefusedError``.
        """
        status, answer = await self._ask("POST", f"/subjects/{subject}/versions", {"schema": schema})
        if status == _CONFLICT:
            found = await self.find(subject, schema)  # Apicurio, where another process was faster
            if found is not None:
                return found
            raise IncompatibleSchemaError(f"{self.name}: {subject}: {_words(answer)}")
        return self._id_in(status, answer)

    async def compatibility(self, subject: str) -> str | None:
        """The level that was set for ``subject``; None where none was: the registry's own default then holds.

        Raises ``RegistryUnreachableError``, ``RegistryRefusedError``.
        """
        status, answer = await self._ask("GET", f"/config/{subject}?defaultToGlobal=false")
        if status == _NOT_FOUND:
            return None
        self._check(status, answer)
        return str(answer.get("compatibilityLevel"))

    async def set_compatibility(self, subject: str, level: str) -> None:
        """Raises ``RegistryUnreachableError``, ``RegistryRefusedError``."""
        status, answer = await self._ask("PUT", f"/config/{subject}", {"compatibility": level})
        if status == _CONFLICT and await self.compatibility(subject) == level:
            return  # Apicurio: another process was faster
        self._check(status, answer)

    async def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        assert self._session, "not entered"
        try:
            async with self._session.request(method, self.name + path, json=body) as answer:
                if answer.status in _NOT_US:
                    raise RegistryRefusedError(f"{self.name}: {answer.status}: {_LOGIN}")
                said = await answer.json(content_type=None)
                return answer.status, said if isinstance(said, dict) else {"message": str(said)[:200]}
        except aiohttp.ClientConnectorCertificateError as error:
            why = getattr(error.certificate_error, "verify_message", None) or "it can't be checked"
            raise RegistryRefusedError(
                f"{self.name}: its certificate isn't trusted here: {why} (LEDGERLINE_LOG__REGISTRY_CA_LOCATION)"
            ) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise RegistryUnreachableError(f"no registry answers at {self.name}: {_kind(error)}") from None
        except ValueError:
            raise RegistryRefusedError(f"{self.name}: {path} doesn't speak a registry's language") from None

    def _id_in(self, status: int, answer: dict[str, Any]) -> int:
        self._check(status, answer)
        found = answer.get("id")
        if not isinstance(found, int) or found < 0:
            raise RegistryRefusedError(f"{self.name}: an answer without an id")
        return found

    def _check(self, status: int, answer: dict[str, Any]) -> None:
        if status >= 400:
            raise RegistryRefusedError(f"{self.name}: {status}: {_words(answer)}")


def _words(answer: dict[str, Any]) -> str:
    return str(answer.get("message", "no reason given"))


def _kind(error: Exception) -> str:
    return str(error) or type(error).__name__
