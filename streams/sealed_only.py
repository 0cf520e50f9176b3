"""A key store without keys: for who reads and copies the log without opening what is private in it."""

from __future__ import annotations

from collections.abc import Collection
from typing import NoReturn

from streams.keys import DataKey, KeyMissingError


class SealedOnly:
    """Implements ``streams.keys.KeyStore``. Private fields read as those of a forgotten conversation do; their
    ciphertext is in ``Event.sealed``."""

    async def prepare(self, conversation_ids: Collection[str], *, create: bool = False) -> None:
        """There is nothing to bring."""

    def create(self, conversation_id: str) -> NoReturn:
        """Raises ``KeyMissingError``."""
        raise KeyMissingError("who copies a log seals nothing")

    def get(self, conversation_id: str) -> DataKey | None:
        return None
