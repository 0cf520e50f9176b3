"""Conversation keys from a key service (``streams.key_server``), held in memory for a while.

``create`` and ``get`` are asked inside the event loop and never wait: ``prepare`` fetches ahead, in batches. A key that
was destroyed at the service lives on here for at most ``KEEP_S``. Keys are asked for anew at half that age, so a call that
is under way goes on for at least the other half while the service is down.
"""

from __future__ import annotations

import base64
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import aiohttp

from streams.key_server import CONVERSATION_ID, MAX_FETCH, is_loopback
from streams.keys import DataKey, KeysUnavailableError

KEEP_S = 900.0
REFRESH_RETRY_S = 30.0  # after a failure: a service that can't be reached must not slow every fact of a call
MOST_KEYS = 20_000
TIMEOUT_S = 2.0
DESTROY_TIMEOUT_S = 120.0  # the service then writes its file anew, so that nothing of the key is left in it


class InsecureUrlError(ValueError):
    """Keys would cross a network in the clear."""


class ConversationIdError(ValueError):
    """No key can be made under this id: it is none of ours. What anyone writes to a topic may bear it."""


class _Held(NamedTuple):
    """``key``: None where the service had none when it was asked."""

    key: DataKey | None
    fetched_at_s: float


class RemoteKeyStore:
    """``async with`` it. ``url``: ``https://host:port``, plain ``http`` on this machine alone; ``tls``: whom to trust."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = TIMEOUT_S,
        keep_s: float = KEEP_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises ``InsecureUrlError``."""
        address = urlsplit(url)
        if address.scheme != "https" and not is_loopback(address.hostname or ""):
            raise InsecureUrlError(f"keys come from other machines over TLS alone: {url} must begin with https://")
        self._url, self._token, self._tls = url.rstrip("/"), token, tls
        self._timeout_s, self._keep_s, self._now_s = timeout_s, keep_s, now_s
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._refresh_at_s = 0.0
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self._token}"},
            connector=aiohttp.TCPConnector(ssl=self._tls if self._tls is not None else True),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()

    async def prepare(self, conversation_ids: Collection[str], *, create: bool = False) -> None:
        """That there is no key isn't remembered: another process may have made it since."""
        missing = [conversation_id for conversation_id in conversation_ids if not self._is_held(conversation_id)]
        for conversation_id in missing:
            if not CONVERSATION_ID.fullmatch(conversation_id):
                self._hold(conversation_id, None)
        askable = [conversation_id for conversation_id in missing if CONVERSATION_ID.fullmatch(conversation_id)]
        if create:
            for conversation_id in askable:
                self._hold(conversation_id, _key(await self._ask("PUT", conversation_id)))
        else:
            await self._fetch(askable)
        await self._refresh(conversation_ids)

    async def _fetch(self, conversation_ids: Sequence[str]) -> None:
        for start in range(0, len(conversation_ids), MAX_FETCH):
            batch = conversation_ids[start : start + MAX_FETCH]
            keys = (await self._ask("POST", "fetch", {"conversation_ids": batch})).get("keys", {})
            for conversation_id in batch:
                found = keys.get(conversation_id)
                self._hold(conversation_id, _key(found) if found else None)

    async def _refresh(self, conversation_ids: Collection[str]) -> None:
        """What is half as old as it may become. A failure matters to nobody yet."""
        now_s = self._now_s()
        if now_s < self._refresh_at_s:
            return
        old = [
            c for c in conversation_ids if self._is_held(c) and now_s - self._held[c].fetched_at_s >= self._keep_s / 2
        ]
        try:
            await self._fetch(old)
        except KeysUnavailableError:
            self._refresh_at_s = now_s + REFRESH_RETRY_S

    def create(self, conversation_id: str) -> DataKey:
        """Raises ``ConversationIdError`` too."""
        if not CONVERSATION_ID.fullmatch(conversation_id):
            raise ConversationIdError("a conversation's id is 1 to 200 letters, digits and . _ : ~ -")
        key = self.get(conversation_id)
        if key is None:
            raise KeysUnavailableError("a conversation's key was not made before it was needed")
        return key

    def get(self, conversation_id: str) -> DataKey | None:
        held = self._held.get(conversation_id)
        if held is None:
            raise KeysUnavailableError("a conversation's key was not fetched before it was needed")
        return held.key

    async def destroy(self, *conversation_ids: str) -> None:
        """Needs a token that may. Other processes keep a key for up to their ``keep_s``. Raises ``KeysUnavailableError``:
        some may be gone, and trying again is safe."""
        for conversation_id in conversation_ids:
            self._held.pop(conversation_id, None)
        for start in range(0, len(conversation_ids), MAX_FETCH):
            batch = conversation_ids[start : start + MAX_FETCH]
            await self._ask("POST", "destroy", {"conversation_ids": batch}, DESTROY_TIMEOUT_S)

    def _is_held(self, conversation_id: str) -> bool:
        held = self._held.get(conversation_id)
        if held is None or held.key is None or self._now_s() - held.fetched_at_s >= self._keep_s:
            return False
        self._held.move_to_end(conversation_id)
        return True

    def _hold(self, conversation_id: str, key: DataKey | None) -> None:
        self._held[conversation_id] = _Held(key, self._now_s())
        self._held.move_to_end(conversation_id)
        while len(self._held) > MOST_KEYS:
            self._held.popitem(last=False)

    async def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, timeout_s: float | None = None
    ) -> dict[str, Any]:
        if self._session is None:
            raise RuntimeError("the key store is used inside its 'async with'")
        limit = aiohttp.ClientTimeout(total=self._timeout_s if timeout_s is None else timeout_s)
        try:
            async with self._session.request(method, f"{self._url}/v1/keys/{path}", json=body, timeout=limit) as answer:
                if answer.status in (401, 403):
                    raise KeysUnavailableError(f"the key service refuses this process's token ({answer.status})")
                if answer.status >= 400:
                    raise KeysUnavailableError(f"the key service answered {answer.status}")
                found: dict[str, Any] = await answer.json() if answer.status == 200 else {}
                return found
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise KeysUnavailableError(f"the key service can't be asked: {type(error).__name__}") from None


def _key(found: dict[str, Any]) -> DataKey:
    try:
        return DataKey(found["key_id"], base64.b64decode(found["secret"], validate=True))
    except (KeyError, TypeError, ValueError):
        raise KeysUnavailableError("the key service gave something that is no key") from None
