"""Facts as clients of others write them: compressed, as many do unless told otherwise. An owner takes them all."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from broker import bootstrap, topics_for
from support import run

from schemas.facts import GuestVerdictPosted
from streams.codec import Codec
from streams.fact_writer import fact_event
from streams.kafka.log import opened
from streams.kafka.records import to_record
from streams.kafka.schema_ids import lock_file_ids
from streams.keys import MemoryKeyStore


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
def test_a_compressed_fact_is_taken(compression: str, tmp_path: Path) -> None:
    topics, codec = topics_for(tmp_path, 1), Codec(MemoryKeyStore())
    again = ("again_and_again",) * 50  # what doesn't become smaller is sent as it is
    posted = GuestVerdictPosted(guardrail="tone", candidate_id="t1", text_digest="", passed=False, reasons=again)
    record = to_record("c1", codec.encode(fact_event("c1", posted, event_id="f1"))[0], lock_file_ids())

    async def scenario() -> str:
        async with opened(bootstrap(), topics) as stores:
            producer = AIOKafkaProducer(bootstrap_servers=str(bootstrap()), compression_type=compression)
            await producer.start()
            try:
                await producer.send_and_wait(topics.inbox, record.value, key=record.key, headers=record.headers)
            finally:
                await producer.stop()
            following = stores.inbox.follow(0, -1)
            try:
                (taken,) = await anext(following)
                return codec.decode(taken.body).event_id
            finally:
                await following.aclose()

    assert run(scenario()) == "f1"
