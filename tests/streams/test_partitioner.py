"""A conversation lies in the same partition for every client, ours and Kafka's own."""

from __future__ import annotations

from collections import Counter

from aiokafka.partitioner import DefaultPartitioner

from streams.partitioner import partition_of

KEYS = [f"call-20260101-0000{i % 60:02d}-{i:06x}" for i in range(1000)]


def test_every_key_goes_where_kafkas_default_partitioner_puts_it() -> None:
    theirs, partitions = DefaultPartitioner(), list(range(12))
    assert [partition_of(key, 12) for key in KEYS] == [theirs(key.encode(), partitions, partitions) for key in KEYS]


def test_keys_spread_over_all_partitions() -> None:
    counts = Counter(partition_of(key, 8) for key in KEYS)
    assert set(counts) == set(range(8))
    assert max(counts.values()) < 2 * min(counts.values())
