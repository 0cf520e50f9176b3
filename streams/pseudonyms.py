"""Names for what must be told apart and not be read: HMACs under a key of the log itself, which no forgetting destroys."""

from __future__ import annotations

import hashlib
import hmac

from schemas.custody import CUSTODY
from streams.keys import KeyStore


class Pseudonyms:
    def __init__(self, digest_key: bytes) -> None:
        self._digest_key = digest_key

    @classmethod
    async def of_log(cls, keys: KeyStore) -> Pseudonyms:
        """Raises ``KeysUnavailableError``."""
        await keys.prepare([CUSTODY], create=True)
        return cls(keys.create(CUSTODY).digest_key)

    def of(self, *names: str) -> str:
        """32 hex digits: the same names, the same pseudonym."""
        return hmac.new(self._digest_key, "\x1f".join(names).encode(), hashlib.sha256).hexdigest()[:32]
