"""A fact in another partition than its conversation's: who takes it there would go on with the call beside its owner."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from broker import bootstrap, topics_for
from support import DataDirectory, NoEffects, TallyMind, eventually, run

from schemas.facts import CallArrived
from streams.acceptable import misaddress_of
from streams.codec import Body
from streams.fact_writer import FactWriter, fact_event
from streams.hosts.kafka import KafkaHost
from streams.kafka.connection import connected
from streams.kafka.log import opened
from streams.kafka.records import to_record
from streams.kafka.schema_ids import lock_file_ids
from streams.partitioner import partition_of
from streams.ports import DeadLetter, InboxRecord

PARTITIONS = 2
ARRIVED = CallArrived(channel="voice", behaviour_seq=1, behaviour_hash="none")


def test_only_the_partition_of_its_key_may_hold_a_fact() -> None:
    body, right = Body("CallArrived", 1, b""), partition_of("c1", PARTITIONS)
    said = [misaddress_of(InboxRecord(partition, 0, "c1", body), PARTITIONS) for partition in range(PARTITIONS)]
    assert said[right] is None
    assert said[1 - right] == f"it stands in partition {1 - right}, and murmur2 of its key says {right}"
    assert misaddress_of(InboxRecord(right, 0, "", body), PARTITIONS) == "it names no conversation"


def test_a_fact_that_another_partitioner_misplaced_is_kept_aside_and_no_call_forks(
    data: DataDirectory, tmp_path: Path
) -> None:
    topics, right = topics_for(tmp_path, PARTITIONS), partition_of("c1", PARTITIONS)
    misplaced, _ = data.codec.encode(fact_event("c1", ARRIVED, event_id="misplaced"))
    record = to_record("c1", misplaced, lock_file_ids())

    async def scenario() -> tuple[list[DeadLetter], list[int]]:
        async with opened(bootstrap(), topics, keys=data.keys) as stores, connected(bootstrap()) as connection:
            producer = await connection.shared_producer()
            await producer.send_and_wait(
                topics.inbox, record.value, key=record.key, partition=1 - right, headers=record.headers
            )
            await FactWriter(stores.inbox, data.codec).put(fact_event("c1", ARRIVED, event_id="in place"))
            host: KafkaHost[object] = KafkaHost(bootstrap(), topics, stores, data.codec, TallyMind(), NoEffects)
            async with host:
                letters = await eventually(stores.dead_letters.read)
                records = await eventually(partial(stores.ledger.read_conversation, "c1"))
                beside = await stores.ledger.read(1 - right, 0)
            return letters, [record.partition for record in (*records, *beside) if record.conversation_id]

    letters, named = run(scenario())
    assert [(letter.partition, letter.conversation_id) for letter in letters] == [(1 - right, "c1")]
    assert "murmur2" in letters[0].reason
    assert set(named) == {right}
