"""SMS by Twilio's Messages API: ``POST /2010-04-01/Accounts/{account}/Messages.json``, a form and basic auth.

A message that is sent again under the same key goes out once: Twilio's own clients send ``I-Twilio-Idempotency-Token``.
"""

from __future__ import annotations

from base64 import b64encode

import aiohttp

from agent_core.ports import FailureReason, ProviderError

URL = "https://api.twilio.com"
TIMEOUT_S = 5.0
_REASONS = {401: FailureReason.UNAUTHORISED, 403: FailureReason.UNAUTHORISED, 429: FailureReason.RATE_LIMITED}


class TwilioSms:
    """Implements ``Messenger``. ``sender``: the number, or the name, that the message comes from. ``close`` it."""

    name = "twilio"

    def __init__(self, account: str, token: str, sender: str, *, url: str = URL, timeout_s: float = TIMEOUT_S) -> None:
        self._account, self._sender, self._url = account, sender, url.rstrip("/")
        self._authorization = f"Basic {b64encode(f'{account}:{token}'.encode()).decode()}"
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, number: str, text: str, *, key: str) -> None:
        """Raises ``ProviderError``, whose detail holds neither the number nor the text."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, headers={"Authorization": self._authorization})
        url = f"{self._url}/2010-04-01/Accounts/{self._account}/Messages.json"
        form = {"To": number, "From": self._sender, "Body": text}
        try:
            async with self._session.post(url, data=form, headers={"I-Twilio-Idempotency-Token": key}) as response:
                if response.status >= 400:
                    raise ProviderError(_reason(response.status), self.name, f"HTTP {response.status}")
        except TimeoutError:
            raise ProviderError(FailureReason.TIMED_OUT, self.name) from None
        except aiohttp.ClientError as error:
            raise ProviderError(FailureReason.UNAVAILABLE, self.name, type(error).__name__) from None

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _reason(status: int) -> FailureReason:
    if status >= 500:
        return FailureReason.UNAVAILABLE
    return _REASONS.get(status, FailureReason.REFUSED)
