"""What a fetch brought reads the same in C as by aiokafka's own readers, and is refused where those refuse it."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pytest
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException, RecordTooLargeError
from aiokafka.record import MemoryRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from native_modules import compiled_for_test

from schemas.registry import lock
from streams.kafka import fetched, native_fetched
from streams.kafka.fetched import Fetched
from streams.kafka.records import FRAME_BYTES, IMPORTED_UNDER, log_record
from streams.ports import LogRecord

END = 1 << 62
PARTITION = 3
CONTROL, LZ4 = 32, 3
Headers = list[tuple[str, bytes | None]]
Made = tuple[bytes | None, bytes | None, Headers]


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return compiled_for_test(native_fetched.SOURCE, tmp_path_factory.mktemp("native"))


def batch(
    base: int, records: Sequence[tuple[int, Made]], *, last: int | None = None, bits: int = 0, kind: int = 0
) -> bytes:
    """``records``: each with how far behind ``base`` it lies. ``last``: of the batch, before it was compacted. ``bits``: of its
    attributes, set afterwards; ``kind``: of compression."""
    builder = DefaultRecordBatchBuilder(
        2, kind, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1, batch_size=1 << 24
    )
    for delta, (key, value, headers) in records:
        builder.append(delta, timestamp=1_700_000_000_000 + delta, key=key, value=value, headers=headers)
    data = bytearray(builder.build())
    struct.pack_into(">q", data, 0, base)
    if last is not None:
        struct.pack_into(">i", data, 23, last)
    data[22] |= bits
    return signed(data)


def signed(data: bytearray) -> bytes:
    """With the checksum that its bytes have."""
    struct.pack_into(">I", data, 17, calc_crc32c(bytes(data[21:])))
    return bytes(data)


def heads() -> list[bytes]:
    names = (name.rpartition(".v") for name in lock())
    return [bytes((len(name) * 2,)) + name.encode() + bytes((int(version) * 2,)) for name, _, version in names]


VALUES = st.one_of(
    st.none(),
    st.binary(max_size=40),
    st.builds(
        lambda head, name, rest: bytes(FRAME_BYTES) + bytes((len(name) * 2,)) + name + head + rest,
        st.sampled_from(heads()),
        st.binary(max_size=70).filter(lambda name: len(name) < 64),
        st.binary(max_size=300),
    ),
)
HEADERS = st.lists(
    st.tuples(
        st.one_of(st.just(IMPORTED_UNDER), st.text(max_size=5)),
        st.one_of(st.none(), st.binary(max_size=5), st.integers(0, 10**20).map(lambda number: str(number).encode())),
    ),
    max_size=3,
)
MADE = st.tuples(st.one_of(st.none(), st.sampled_from([b"", b"call-1", b"call-2", b"\xff\x00"])), VALUES, HEADERS)


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, int]:
    """Batches as a broker gives them, perhaps with a part of one behind, and an offset in the first of them."""
    base = first = draw(st.integers(0, 1 << 40))
    data, asked = b"", 0
    for number in range(draw(st.integers(1, 4))):
        deltas = sorted(draw(st.sets(st.integers(0, 300), max_size=6)))  # with the gaps of compaction
        last = (deltas[-1] if deltas else 0) + draw(st.integers(0, 5))
        records = [(delta, draw(MADE)) for delta in deltas]
        bits = draw(st.sampled_from([0, 0, 0, 8, 16, CONTROL]))
        data += batch(base, records, last=last, bits=bits, kind=draw(st.sampled_from([0, 0, 0, 0, 0, LZ4])))
        if not number:
            asked = first + draw(st.integers(0, last))
        base += last + 1 + draw(st.integers(0, 5))
    whole = batch(base, [(0, draw(MADE))])
    return data + whole[: draw(st.integers(0, len(whole) - 1))], asked


def by_aiokafka(data: bytes, asked: int) -> tuple[list[LogRecord], int]:
    """As its consumer gives them, and where it stands then."""
    records = PartitionRecords(_At(), MemoryRecords(data), [], asked, None, None, True, 0)
    return [log_record(record) for record in records], records.next_fetch_offset


class _At:
    topic, partition = "log", PARTITION


def read_through(data: bytes, asked: int, limits: Callable[[], int], until: int = END) -> tuple[list[LogRecord], int]:
    answer, found = Fetched(PARTITION, data, asked), []
    while more := answer.log_records(until, limits()):
        found += more
    return found, answer.position


@pytest.fixture(params=["in C", "in Python"])
def way(request: pytest.FixtureRequest, native: ModuleType, monkeypatch: pytest.MonkeyPatch) -> str:
    chosen: ModuleType | None = native if request.param == "in C" else None
    monkeypatch.setattr(native_fetched, "compiled", lambda: chosen)
    return str(request.param)


UNHURRIED = settings(
    deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@UNHURRIED
@given(answers(), st.integers(1, 9), st.integers(0, 400))
def test_it_reads_what_aiokafka_reads(way: str, answer: tuple[bytes, int], limit: int, beyond: int) -> None:
    data, asked = answer
    records, position = by_aiokafka(data, asked)
    assert read_through(data, asked, lambda: limit) == (records, position)

    until = asked + beyond
    some, stands = read_through(data, asked, lambda: limit, until)
    assert some == [record for record in records if record.offset < until]
    assert stands >= min(until, position)
    assert stands <= until or not [record for record in records if until <= record.offset < stands]


@UNHURRIED
@given(answers(), st.data())
def test_what_is_damaged_is_read_as_aiokafka_reads_it_or_refused(
    native: ModuleType, answer: tuple[bytes, int], data: st.DataObject
) -> None:
    """With checksums set right: bytes that nobody damaged by accident."""
    whole, asked = answer
    length = struct.unpack_from(">i", whole, 8)[0] + 12
    first = bytearray(whole[:length])
    for _ in range(data.draw(st.integers(1, 3))):
        first[data.draw(st.integers(17, length - 1))] = data.draw(st.integers(0, 255))
    damaged = signed(first)
    batches = native_fetched.batches_of(native, damaged, PARTITION, asked)
    try:
        found = batches.log_records(END, 1_000) if batches else None
    except ValueError:
        found = None
    if found is not None:
        assert found == by_aiokafka(damaged, asked)[0]


def test_each_cut_of_an_answer_is_read_up_to_its_last_whole_batch(native: ModuleType) -> None:
    made: Made = (b"call-1", b"value", [("name", b"value")])
    one, two = batch(0, [(0, made), (1, made)]), batch(2, [(0, made)])
    for size in range(len(one + two)):
        batches = native_fetched.batches_of(native, (one + two)[:size], PARTITION, 0)
        assert batches is not None
        assert len(batches.log_records(END, 9)) == (2 if size >= len(one) else 0)


def test_random_bytes_are_never_read_beyond_their_end(native: ModuleType) -> None:
    """Heads that are right, with rubbish for records and for lengths."""
    rubbish = random.Random(1)
    for _ in range(20_000):
        data = bytearray(batch(0, [(0, (b"call-1", b"v" * 20, [("name", b"value")]))], last=5))
        for _ in range(rubbish.randint(1, 12)):
            data[rubbish.randrange(57, len(data))] = rubbish.choice([0, 1, 2, 127, 128, 255, rubbish.randrange(256)])
        if batches := native_fetched.batches_of(native, signed(data), PARTITION, 0):
            try:
                found = batches.log_records(END, 100)
            except ValueError:
                continue
            assert all(len(record.body.data) < len(data) for record in found)


def test_a_wrong_checksum_is_refused_behind_what_stands_before_it(way: str) -> None:
    made: Made = (b"call-1", b"value", [])
    wrong = bytearray(batch(1, [(0, made)]))
    wrong[-2] ^= 1
    answer = Fetched(PARTITION, batch(0, [(0, made)]) + bytes(wrong), 0)
    assert [record.offset for record in answer.log_records(END, 1)] == [0]
    with pytest.raises(CorruptRecordException, match="partition 3, offset 1: a wrong checksum"):
        answer.log_records(END, 1)


def test_records_older_than_batches_are_read(way: str) -> None:
    builder = LegacyRecordBatchBuilder(1, 0, 1 << 16)
    builder.append(0, timestamp=1, key=b"call-1", value=b"value", headers=[])
    answer = Fetched(PARTITION, bytes(builder.build()), 0)
    assert [record.conversation_id for record in answer.log_records(END, 9)] == ["call-1"]
    assert answer.position == 1


def test_records_of_both_shapes_are_read_in_turns(way: str) -> None:
    made: Made = (b"call-1", b"value", [])
    answer = Fetched(PARTITION, batch(0, [(n, made) for n in range(4)]), 0)
    assert [record.offset for record in answer.log_records(END, 1)] == [0]
    assert [record.timestamp for record in answer.records(END, 1)] == [1_700_000_000_001]
    assert [record.offset for record in answer.log_records(3, 9)] == [2]
    assert answer.position == 3


def test_what_nobody_needs_to_read_is_not_read(way: str) -> None:
    made: Made = (b"call-1", b"value", [])
    answer = Fetched(PARTITION, batch(10, [(0, made), (7, made)]), 10)
    assert [record.offset for record in answer.log_records(15, 9)] == [10]
    assert answer.position == 15
    assert [record.offset for record in answer.log_records(END, 9)] == [17]


def test_a_batch_that_no_fetch_holds_is_refused_by_name(way: str) -> None:
    with pytest.raises(RecordTooLargeError, match="a batch at offset 7 is larger than a fetch"):
        Fetched(PARTITION, batch(7, [(0, (None, b"value", []))])[:-1], 7)


def test_where_it_was_compiled_nothing_usual_is_left_to_python(
    native: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_fetched, "compiled", lambda: native)

    def unexpected(*_: Any) -> None:
        raise AssertionError("aiokafka's readers were asked")

    monkeypatch.setattr(fetched, "log_record", unexpected)
    made: Made = (b"call-1", b"value", [("ce_id", b"1"), (IMPORTED_UNDER, b"7")])
    (record,) = Fetched(PARTITION, batch(0, [(0, made)]), 0).log_records(END, 9)
    assert record.imported_under == 7
