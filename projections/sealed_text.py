"""Private text in read models: the ciphertext from the log, with what is needed to open it.

A read model never holds what somebody said in the clear, so whoever destroys a conversation's key forgets it in every
read model, copy and backup at once. The value is the context that the codec sealed the field under (conversation, event,
field), a separator, and the ciphertext. A text that the log holds in several events is several of these, each behind its
length.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from projections.read_models.definition import Sealed
from schemas.event import Happening
from streams.keys import NONCE_BYTES, TAG_BYTES, KeyStore

_OF_CONTEXT, _BEFORE_CIPHERTEXT = b"\x1f", b"\x1e"
_PARTS, _IN_CLEAR = b"\x1d", b"\x1c"
_LENGTH_BYTES = 4
_EMPTY_BYTES = NONCE_BYTES + len(b'""') + TAG_BYTES  # as streams.codec seals an empty text


def sealed_field(event: Happening, field: str) -> Sealed | None:
    """None where the event holds no such field, or it was never sealed."""
    ciphertext = event.sealed.get(field)
    if ciphertext is None:
        return None
    context = f"{event.conversation_id}\x1f{event.event_id}\x1f{field}".encode()  # as streams.codec seals
    return Sealed(context + _BEFORE_CIPHERTEXT + ciphertext)


def sealed_name(event: Happening, field: str) -> Sealed | None:
    """Of a field that is empty where nobody knows what belongs there: None then. Told by the length of the ciphertext, for
    who folds a read model has no key."""
    empty = len(event.sealed.get(field, b"")) == _EMPTY_BYTES
    return None if empty else sealed_field(event, field)


def followed_by(text: Sealed | None, more: Sealed | str | None) -> Sealed | None:
    """``text`` with ``more`` behind it. A plain string is a wording that behaviour approves: nobody's private words."""
    if text is None or not more:
        return text
    part = _IN_CLEAR + more.encode() if isinstance(more, str) else more
    before = text.removeprefix(_PARTS) if text.startswith(_PARTS) else _counted(text)
    return Sealed(_PARTS + before + _counted(part))


def conversation_of(sealed: bytes) -> str:
    return sealed.partition(_OF_CONTEXT)[0].decode()


def opened(sealed: bytes | None, keys: KeyStore) -> str | None:
    """The text; None where it was forgotten with its key.

    Raises ``KeyMissingError`` where key and bytes don't belong together, ``KeysUnavailableError``.
    """
    if sealed is None:
        return None
    if not sealed.startswith(_PARTS):
        return _opened(sealed, keys)
    parts = [_opened(part, keys) for part in _parts(sealed)]
    return None if None in parts else " ".join(part for part in parts if part)


def _opened(part: bytes, keys: KeyStore) -> str | None:
    if part.startswith(_IN_CLEAR):
        return part.removeprefix(_IN_CLEAR).decode()
    context, _, ciphertext = part.partition(_BEFORE_CIPHERTEXT)
    key = keys.get(conversation_of(context))
    if key is None:
        return None
    text: str = msgspec.json.decode(key.decrypt(ciphertext, context), type=str)
    return text


def _counted(part: bytes) -> bytes:
    return len(part).to_bytes(_LENGTH_BYTES, "big") + part


def _parts(sealed: bytes) -> Iterator[bytes]:
    at = len(_PARTS)
    while at < len(sealed):
        begin = at + _LENGTH_BYTES
        at = begin + int.from_bytes(sealed[at:begin], "big")
        yield sealed[begin:at]
