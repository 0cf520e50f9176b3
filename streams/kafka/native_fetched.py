"""Records of the log in C, out of what was fetched; only where it was compiled (``make compiled``).

It says what ``streams.kafka.fetched`` says without it, which is the truth: a property test holds it against that.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from aiokafka.record.util import calc_crc32c  # type: ignore[import-untyped]

from schemas.native_module import compiled_module
from streams.codec import Body
from streams.kafka.records import IMPORTED_UNDER, heads, unframe
from streams.ports import LogRecord

if TYPE_CHECKING:
    from streams.kafka.native_batches import Batches

SOURCE = Path(__file__).with_name("native_batches.pyx")


def native_batches(data: bytes, partition: int, position: int) -> Batches | None:
    """None where only aiokafka's readers read it, or nothing was compiled."""
    module = compiled()
    return batches_of(module, data, partition, position) if module else None


def batches_of(module: ModuleType, data: bytes, partition: int, position: int) -> Batches | None:
    try:
        batches: Batches = module.Batches(data, partition, position, calc_crc32c, _kinds(module))
    except ValueError:
        return None
    return batches


@cache
def compiled() -> ModuleType | None:
    """What ``streams/kafka/native_batches.pyx`` was compiled to; None where it wasn't, or from another source."""
    return compiled_module("streams.kafka.native_batches", SOURCE)


@cache
def _kinds(module: ModuleType) -> object:
    return module.Kinds(LogRecord, Body, heads(), unframe, IMPORTED_UNDER.encode())
