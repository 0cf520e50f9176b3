"""Is what stands at a URL one of our emulators? They say so themselves; a screen must never let one pass for a vendor."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import aiohttp

from console.settings import LlmSettings

SAID = " (emulated)"
_TIMEOUT_S = 1.0


async def marked(settings: LlmSettings) -> LlmSettings:
    """The same providers, each marked where it is one of our emulators."""
    providers = [p.model_copy(update={"emulated": await is_emulator(p.url)}) for p in settings.all()]
    return settings.model_copy(update={"providers": providers})


async def is_emulator(url: str | None) -> bool:
    """Only this machine is asked: emulators serve loopback, and nobody else's server should see our probe."""
    if url is None:
        return False
    parts = urlsplit(url)
    if not _is_loopback(parts.hostname or ""):
        return False
    scheme = "https" if parts.scheme in ("https", "wss") else "http"
    try:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{scheme}://{parts.netloc}/_control") as answer,
        ):
            return answer.status == 200 and "llm" in await answer.json() and "rate_limit" in await answer.json()
    except (TimeoutError, aiohttp.ClientError, ValueError):
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
