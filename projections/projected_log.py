"""Which log the rows of a store are of: its oldest record, which no other log has, tells it."""

from __future__ import annotations

import hashlib
from contextlib import suppress

from projections.read_model_store import ReadModelStore
from streams.ports import Ledger, RecordsGoneError


class OtherLogError(Exception):
    """The rows are of another log, or of one that stood here before: gone on with, they would mix both."""


async def refuse_another_log(store: ReadModelStore, ledger: Ledger) -> None:
    """A store that nobody projected into is this log's from here on, as soon as the log has a record.

    Raises ``OtherLogError``.
    """
    told = store.projected_log()
    with suppress(RecordsGoneError):  # whose log it is can't be told any more
        for partition in range(ledger.partitions) if told is None else (told.partition,):
            first = await _first_record(ledger, partition)
            if told is None and first is not None:
                told = store.tell_projected_log(partition, first)
            if told is not None and told != (partition, first):
                raise OtherLogError
            if told is not None:
                return


async def _first_record(ledger: Ledger, partition: int) -> str | None:
    """SHA-256 of it, in hex; None: there is none."""
    records = await ledger.read(partition, 0, 1) if partition < ledger.partitions else []
    return hashlib.sha256(records[0].body.data).hexdigest() if records else None
