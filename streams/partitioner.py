"""The one partitioner of every log and every client: Kafka's default, murmur2 of the key.

The embedded log uses it too, so a conversation lies in the same partition wherever its log is copied to. Source of the
algorithm: ``org.apache.kafka.common.utils.Utils.murmur2`` (MurmurHash2 by Austin Appleby, public domain).
"""

from __future__ import annotations

_SEED = 0x9747B28C
_M = 0x5BD1E995
_R = 24
_MASK = 0xFFFFFFFF


def partition_of(conversation_id: str, partitions: int) -> int:
    """The partition of this conversation's records, 0 to ``partitions`` - 1."""
    return (murmur2(conversation_id.encode()) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """32 bits, unsigned."""
    length = len(data)
    h = (_SEED ^ length) & _MASK
    whole = length & ~3
    for i in range(0, whole, 4):
        k = (int.from_bytes(data[i : i + 4], "little") * _M) & _MASK
        k = ((k ^ (k >> _R)) * _M) & _MASK
        h = ((h * _M) & _MASK) ^ k
    tail = data[whole:]
    if tail:
        h = ((h ^ int.from_bytes(tail, "little")) * _M) & _MASK
    h = ((h ^ (h >> 13)) * _M) & _MASK
    return h ^ (h >> 15)
