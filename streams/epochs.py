"""Which epoch is in force at an offset."""

from __future__ import annotations

from typing import NamedTuple

from schemas.control import OwnerTook
from streams.codec import Codec, UndecodableError
from streams.effective import EffectiveReader
from streams.sealed_only import SealedOnly
from streams.transfer import ReadableLog, stretch


class Place(NamedTuple):
    """An offset, and the epoch in force there: an ``EffectiveReader`` may begin here."""

    offset: int
    epoch: int


BEGINNING = Place(0, 0)


async def place_of(ledger: ReadableLog, partition: int, offset: int, *, since: Place = BEGINNING) -> Place:
    """``since``: a place at or before ``offset``. Only what owners announced between the two is decoded."""
    codec, reader = Codec(SealedOnly()), EffectiveReader(since.epoch)
    async for record in stretch(ledger, partition, since.offset, offset):
        if record.body.type == OwnerTook.__name__:
            try:
                reader.feed(record, codec.decode(record.body, record.conversation_id))
            except UndecodableError:
                continue  # no owner's announcement, whatever it calls itself
    return Place(offset, reader.epoch)
