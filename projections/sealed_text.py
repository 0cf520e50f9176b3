"""Private text in read models: the ciphertext from the log, with what is needed to open it.

A read model never holds what somebody said in the clear, so whoever destroys a conversation's key forgets it in every
read model, copy and backup at once. The value is the context that the codec sealed the field under (conversation, event,
field), a separator, and the ciphertext.
"""

from __future__ import annotations

import msgspec

from projections.read_models.definition import Sealed
from schemas.event import Event
from streams.keys import KeyStore

_OF_CONTEXT, _BEFORE_CIPHERTEXT = b"\x1f", b"\x1e"


def sealed_field(event: Event, field: str) -> Sealed | None:
    """None where the event holds no such field, or it was never sealed."""
    ciphertext = event.sealed.get(field)
    if ciphertext is None:
        return None
    context = f"{event.conversation_id}\x1f{event.event_id}\x1f{field}".encode()  # as streams.codec seals
    return Sealed(context + _BEFORE_CIPHERTEXT + ciphertext)


def conversation_of(sealed: bytes) -> str:
    return sealed.partition(_OF_CONTEXT)[0].decode()


def opened(sealed: bytes | None, keys: KeyStore) -> str | None:
    """The text; None where it was forgotten with its key.

    Raises ``KeyMissingError`` where key and bytes don't belong together, ``KeysUnavailableError``.
    """
    if sealed is None:
        return None
    context, _, ciphertext = sealed.partition(_BEFORE_CIPHERTEXT)
    key = keys.get(conversation_of(context))
    if key is None:
        return None
    text: str = msgspec.json.decode(key.decrypt(ciphertext, context), type=str)
    return text
