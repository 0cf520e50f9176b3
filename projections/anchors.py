"""Anchors: what all conversations ended with at a moment, signed, in a file that is kept where the log's writers can't
reach it.

JSON lines, one anchor each: ``changed`` names the heads (conversation → seq and hash of its newest event) that are new since
the anchor before; ``root`` is the Merkle root over *all* heads so far, sorted by conversation (``streams.merkle``; a leaf is
``conversation 0x1f seq 0x1f hash``, hash in hex); ``previous`` is the SHA-256 of the line before. ``signature`` (Ed25519,
hex) is over ``ledgerline anchor 1``, a line feed, and the line without ``signature`` as JSON with sorted keys and no spaces.
``next_key`` hands over to another key: the anchors behind it are signed with that one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from projections.wall_time import iso_time
from streams.codec import Codec
from streams.effective_records import EffectiveRecords
from streams.merkle import leaf_hash, root_of
from streams.ports import Ledger
from streams.sealed_only import SealedOnly
from streams.signing import SigningKey, is_signed
from streams.transfer import stretch

FORM = 1
_PREFIX = b"ledgerline anchor 1\n"
_FIRST = "0" * 64


class BadAnchorsError(Exception):
    """The file holds what no owner of the key signed. The message names the line."""


class Head(NamedTuple):
    """The newest event of a conversation. ``hash``: hex."""

    seq: int
    hash: str


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How far a partition was read: before ``offset``, at which ``epoch`` was in force. ``accepted_at_us``: of its newest
    step that was decided there."""

    offset: int
    epoch: int
    accepted_at_us: int


class Anchor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    anchor: int
    number: int
    at: str
    places: tuple[Place, ...]
    heads: int
    changed: dict[str, Head]
    root: str
    previous: str
    key: str
    next_key: str | None = None
    signature: str = ""


class Anchors(NamedTuple):
    """A file that was read and holds. ``heads``: all, as of the last anchor; the next one is read into the same table.
    ``end``: SHA-256 of the last line, hex."""

    last: Anchor | None
    heads: dict[str, Head]
    end: str

    @property
    def key(self) -> str | None:
        """Which key signs next; None: any."""
        return None if self.last is None else self.last.next_key or self.last.key


def no_anchors() -> Anchors:
    return Anchors(None, {}, _FIRST)


def read_anchors(path: Path, trusted: str | None = None) -> Anchors:
    """``trusted``: the public key of the first anchor, hex; None takes the one that stands there at its word.

    Raises ``BadAnchorsError``, ``OSError``.
    """
    found, place = no_anchors(), str(path)
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], 1):  # a line that was broken off was never one
        place = f"{path}:{number}"
        found = following(found, line, place, trusted if number == 1 else None)
    if found.last and (len(found.heads), heads_root(found.heads)) != (found.last.heads, found.last.root):
        raise BadAnchorsError(f"{place}: its heads do not give its root")  # of the last alone: all lines are signed
    return found


def following(before: Anchors, line: bytes, place: str, trusted: str | None = None) -> Anchors:
    """With one more line. ``place``: how a message names it. Raises ``BadAnchorsError``."""
    try:
        anchor = msgspec.json.decode(line, type=Anchor)
    except msgspec.MsgspecError as error:
        raise BadAnchorsError(f"{place}: no anchor: {error}") from None
    if anchor.anchor != FORM:
        raise BadAnchorsError(f"{place}: an anchor of form {anchor.anchor}, and this code reads form {FORM}")
    wanted = before.key or trusted
    if wanted is not None and anchor.key != wanted:
        raise BadAnchorsError(f"{place}: signed with the key {anchor.key[:16]}…, not with {wanted[:16]}…")
    if not is_signed(_message(anchor), anchor.signature, anchor.key):
        raise BadAnchorsError(f"{place}: its signature does not hold: the line was changed")
    if anchor.previous != before.end or anchor.number != (before.last.number + 1 if before.last else 1):
        raise BadAnchorsError(f"{place}: it does not follow the line before it: lines are gone, or out of order")
    before.heads.update(
        anchor.changed
    )  # one table for all lines: a copy for each would be a year of them times all calls
    return Anchors(anchor, before.heads, hashlib.sha256(line).hexdigest())


def leaf_of(conversation_id: str, head: Head) -> bytes:
    return leaf_hash(f"{conversation_id}\x1f{head.seq}\x1f{head.hash}".encode())


def heads_root(heads: Mapping[str, Head]) -> str:
    return root_of([leaf_of(name, heads[name]) for name in sorted(heads)]).hex()


async def next_anchor(
    before: Anchors, ledger: Ledger, key: SigningKey, now_us: int, *, next_key: str | None = None
) -> Anchor | None:
    """Reads what the log gained since the anchor before. None where that is nothing, and no key is handed over.

    Raises ``BadAnchorsError`` where ``key`` may not sign behind ``before``.
    """
    if before.key is not None and before.key != key.public:
        raise BadAnchorsError(
            f"these anchors go on under the key {before.key[:16]}…, and the key here is {key.public[:16]}…"
        )
    changed: dict[str, Head] = {}
    places: list[Place] = []
    for partition in range(ledger.partitions):
        former = before.last.places[partition] if before.last and partition < len(before.last.places) else None
        places.append(await _read(ledger, partition, former, changed))
    if not changed and next_key is None:
        return None
    heads = before.heads | changed
    unsigned = Anchor(
        anchor=FORM,
        number=before.last.number + 1 if before.last else 1,
        at=iso_time(now_us),
        places=tuple(places),
        heads=len(heads),
        changed=changed,
        root=heads_root(heads),
        previous=before.end,
        key=key.public,
        next_key=next_key,
    )
    return msgspec.structs.replace(unsigned, signature=key.sign(_message(unsigned)))


async def _read(ledger: Ledger, partition: int, former: Place | None, changed: dict[str, Head]) -> Place:
    start, epoch, accepted_at_us = (former.offset, former.epoch, former.accepted_at_us) if former else (0, 0, 0)
    records = EffectiveRecords(Codec(SealedOnly()), epoch)
    reached = start
    async for record in stretch(ledger, partition, start, await ledger.end(partition)):
        for event, at in records.take(record):
            changed[event.conversation_id] = Head(event.seq, event.hash.hex())
            if at.imported_under is None:
                accepted_at_us = max(accepted_at_us, event.accepted_at_us)
        if not records.reader.holds_half_a_step:
            reached, epoch = record.offset + 1, records.epoch
    return Place(offset=reached, epoch=epoch, accepted_at_us=accepted_at_us)


def line_of(anchor: Anchor) -> bytes:
    return msgspec.json.encode(anchor)


def _message(anchor: Anchor) -> bytes:
    said: dict[str, Any] = msgspec.to_builtins(anchor)
    del said["signature"]
    return _PREFIX + json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
