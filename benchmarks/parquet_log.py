"""A log's records as a Parquet file, as who keeps a log for years would archive it: bytes unchanged, columns beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
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
    """Column by column, in place: what repeats (conversations, types) becomes one Python string a batch, and bodies are cut out of
    the one buffer that they lie in. Arrow's own ``to_pylist`` takes four times as long."""
    new = tuple.__new__
    for found in pq.ParquetFile(path, read_dictionary=["conversation_id", "type"]).iter_batches(batch):
        columns = zip(
            found.column("offset").to_numpy().tolist(),
            _repeated(found.column("conversation_id")),
            _repeated(found.column("type")),
            found.column("version").to_numpy().tolist(),
            _cut(found.column("data")),
            strict=True,
        )
        yield [
            new(LogRecord, (0, offset, conversation_id, new(Body, (name, version, data)), None))
            for offset, conversation_id, name, version, data in columns
        ]


def _repeated(column: pa.DictionaryArray) -> Iterator[str]:
    return map(column.dictionary.to_pylist().__getitem__, column.indices.to_numpy().tolist())


def _cut(column: pa.BinaryArray) -> Iterator[bytes]:
    _, ends, values = column.buffers()
    first = column.offset
    places = memoryview(ends).cast("i")[first : first + len(column) + 1].tolist()
    data = values.to_pybytes()
    return (data[begin:end] for begin, end in pairwise(places))
