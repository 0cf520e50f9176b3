"""A log on a real broker: held, forgotten, anchored and proved as an embedded one is."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from broker import ADDRESS, bootstrap, docker_answers, topics_for
from recorded_log import CALLER, CUSTOMER, SAID, THEIRS, record_log
from searching import files_with, found_in

from tests.calls.commands import failed, ledgerline

ORDER = ("--reference", "DSR-1", "--by", "dpo")
WITHIN_MS = 10_000


def everything_on(prefix: str) -> list[bytes]:
    """Keys, values and headers of all records of all topics of a log, as a client reads them: blocks decompressed."""

    async def read() -> list[bytes]:
        admin, consumer = (
            AIOKafkaAdminClient(bootstrap_servers=bootstrap()),
            AIOKafkaConsumer(bootstrap_servers=bootstrap()),
        )
        await admin.start()
        await consumer.start()
        try:
            topics = [name for name in await admin.list_topics() if name.startswith(prefix)]
            places = [
                TopicPartition(topic["topic"], each["partition"])
                for topic in await admin.describe_topics(topics)
                for each in topic["partitions"]
            ]
            consumer.assign(places)
            await consumer.seek_to_beginning()
            ends = await consumer.end_offsets(places)
            found: list[bytes] = []
            while any([await consumer.position(place) < end for place, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=WITHIN_MS)).values():
                    for record in records:
                        found += [record.key or b"", record.value or b"", *(value for _, value in record.headers)]
            return found
        finally:
            await consumer.stop()
            await admin.close()

    return asyncio.run(read())


def test_what_was_said_is_on_no_segment_and_in_no_file(tmp_path: Path) -> None:
    origin, data, anchors = tmp_path / "origin", tmp_path / "on-kafka", tmp_path / "anchors.jsonl"
    origin.mkdir()
    record_log(origin)
    prefix = topics_for(tmp_path, 2).prefix
    where = ("--log", f"kafka://{bootstrap()}/{prefix[:-1]}", "--data", data)
    secret, copy = tmp_path / "passphrase", tmp_path / "copy.ledger"
    secret.write_text("a phrase that nobody guesses\n")
    keys = ("--with-keys", copy.with_suffix(".keys"), "--passphrase-file", secret)
    assert ledgerline("export", copy, *keys, "--data", origin).code == 0
    assert ledgerline("import", copy, *keys, *where).code == 0
    assert ledgerline("anchor", anchors, *where, "--json").json["heads"] == 2

    placed = ledgerline("hold", "place", CALLER, "--reference", "CASE-17", "--by", "legal", *where, "--json")
    failed(ledgerline("forget", CALLER, *ORDER, *where), 1, "CASE-17")
    assert ledgerline("show", "call-1", *where, "--json").json["turns"][0]["heard"] == SAID
    ledgerline("hold", "lift", placed.json["holds"][0]["hold_id"], *ORDER, *where)
    for subject in (CALLER, CUSTOMER):
        told = ledgerline("forget", subject, *ORDER, *where, "--json")
        assert (told.code, told.json["erased"]["keys"]) == (0, 1), told

    verified = ledgerline("verify", "--against", anchors, *where, "--json").json
    assert (verified["problems"], verified["forgotten"]) == ([], 2)
    assert ledgerline("replay", "call-1", *where, "--json").json["identical"] is None
    assert ledgerline("evidence", "call-1", "-o", tmp_path / "evidence", *where).code == 0
    records, segments = everything_on(prefix), segments_of(prefix)
    assert len(records) > 100
    for words in (SAID, THEIRS, CALLER, CUSTOMER):
        assert not any(found_in(record, words) for record in records)
        assert files_with(data, words) == []
        assert [path for folder in segments for path in files_with(folder, words)] == []


def segments_of(prefix: str) -> list[Path]:
    """Folders of these topics, where the broker is a process of this machine: a container's files are its own."""
    homes = {path.parent for path in Path(tempfile.gettempdir()).glob(f"ledgerline-test-kafka-*/**/{prefix}*-0")}
    folders = [folder for home in homes for folder in home.glob(f"{prefix}*")]
    assert folders or docker_answers() or ADDRESS in os.environ
    return folders
