"""Which facts a conversation has taken: what is put twice takes effect once, however far apart the two lie.

None is ever forgotten, so it grows with the conversation: 8 bytes a fact where it is stored, some 70 in memory, which is
less than the transcript of the same conversation. A bound (the last thousand, the last day) would let an old webhook that
comes again be taken again. Of each id 64 bits of a hash are kept: that two facts of one conversation of 100,000 share them
has a probability below 3e-10.
"""

from __future__ import annotations

from hashlib import blake2b

_BYTES = 8


class SeenFacts:
    def __init__(self, packed: bytes = b"") -> None:
        self._digests = {packed[at : at + _BYTES] for at in range(0, len(packed), _BYTES)}

    def add(self, event_id: str) -> None:
        self._digests.add(_digest(event_id))

    def __contains__(self, event_id: str) -> bool:
        return _digest(event_id) in self._digests

    def __len__(self) -> int:
        return len(self._digests)

    def packed(self) -> bytes:
        return b"".join(self._digests)


def _digest(event_id: str) -> bytes:
    return blake2b(event_id.encode(), digest_size=_BYTES).digest()
