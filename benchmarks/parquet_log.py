"""A log's records as a Parquet file, as who keeps a log for years would archive it: bytes unchanged, columns beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from streams.codec import Body
from streams.ports import LogRecord

_COLUMNS = ("offset", "conversation_id", "type", "version", "data")


def write_log(path: Path, records: Sequence[LogRecord]) -> None:
    rows = [(r.offset, r.conversation_id, r.body.type, r.body.version, r.body.data) for r in records]
    arrays = [pa.array(values) for values in zip(*rows, strict=True)]
    pq.write_table(pa.table(arrays, names=list(_COLUMNS)), path, compression="zstd")


def read_log(path: Path, batch: int) -> Iterator[list[LogRecord]]:
    for found in pq.ParquetFile(path).iter_batches(batch):
        columns = [found.column(name).to_pylist() for name in _COLUMNS]
        yield [
            LogRecord(0, offset, conversation_id, Body(name, version, data))
            for offset, conversation_id, name, version, data in zip(*columns, strict=True)
        ]
