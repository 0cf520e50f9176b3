"""A log that was archived as Parquet is read as it was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.parquet_log import read_log, write_log
from streams.codec import Body
from streams.ports import LogRecord

RECORDS = [
    LogRecord(
        0, number, f"call-é{number % 3}" if number else "", Body(f"Type{number % 2}", number % 4, b"\0x" * number), None
    )
    for number in range(23)
]


@pytest.mark.parametrize("batch", [1, 5, 23, 100])
def test_records_come_back_in_batches_whole_and_in_order(tmp_path: Path, batch: int) -> None:
    write_log(tmp_path / "log.parquet", RECORDS)
    read = list(read_log(tmp_path / "log.parquet", batch))
    assert [record for records in read for record in records] == RECORDS
    assert max(map(len, read)) <= batch
