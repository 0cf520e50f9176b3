"""A log on a real broker: held, forgotten, anchored and proved as an embedded one is."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from broker import ADDRESS, bootstrap, docker_answers, topics_for
from recorded_log import CALLER, CUSTOMER, SAID, THEIRS, TRANSCRIPT, record_log
from searching import files_with, found_in
from support import PATIENCE_S

from console.settings import load_settings
from console.workspace import open_workspace
from streams.codec import Body
from streams.intake import Received
from tests.calls.commands import failed, ledgerline, start

ORDER = ("--reference", "DSR-1", "--by", "dpo")
MAIL = f"I am {CUSTOMER}, and my neighbour is Ottoline."
IN_THE_CLEAR = "what nobody could read said Persephone"
IS_GIVEN = ADDRESS in os.environ  # asked before the tests' own settings are made
WITHIN_MS = 10_000


def everything_on(prefix: str) -> list[bytes]:
    """Keys, values and headers of all records of all topics of a log, as a client reads them: blocks decompressed."""

    async def read() -> list[bytes]:
        admin, consumer = (
            AIOKafkaAdminClient(bootstrap_servers=str(bootstrap())),
            AIOKafkaConsumer(bootstrap_servers=str(bootstrap())),
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

    looks_back(where)

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
    private = (SAID, THEIRS, CALLER, CUSTOMER)
    assert not any(found_in(record, *private) for record in records)
    assert files_with(data, *private) == []
    assert [path for folder in segments for path in files_with(folder, *private)] == []


def looks_back(where: tuple[object, ...]) -> None:
    """Every look back at a log reads one on Kafka as it reads an embedded one."""

    def told(*command: str) -> Any:
        ran = ledgerline(*command, *where, "--json")
        assert ran.code == 0, ran
        return ran.json

    assert told("replay", "--all")["identical"] is True
    assert told("replay", "--all", "--what-if", "guardrail=forbid:penguin", "--offline")["summary"]["changed"] == 0
    assert told("why", "call-1", "last")
    assert told("show", "call-1", "--at", "3")["event"]["seq"] == 3
    assert told("as-of", "call:call-1", "show", "call-1")["call_id"] == "call-1"
    assert told("as-of", "call:call-1", "sql", "select count(*) as n from turns")[0]["n"] > 0
    failed(ledgerline("as-of", "2001-01-01", "sql", "select 1", *where), 2, "before the log began")
    failed(ledgerline("as-of", "0:9999999", "sql", "select 1", *where), 2, "after the log's end")


def test_where_keys_lie_with_a_service_it_forgets_letters_and_messages_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix, data, vault = topics_for(tmp_path, 2).prefix, tmp_path / "on-kafka", tmp_path / "vault"
    where = ("--log", f"kafka://{bootstrap()}/{prefix[:-1]}", "--data", data)
    transcripts, token = tmp_path / "transcripts.jsonl", "t" * 40
    transcripts.write_text(json.dumps(TRANSCRIPT))
    with served_keys(vault, f"create {token}\ndestroy {token}\n") as url:
        monkeypatch.setenv("LEDGERLINE_KEYS__URL", url)
        monkeypatch.setenv("LEDGERLINE_KEYS__TOKEN", token)
        assert ledgerline("import", "--from", "transcripts", transcripts, *where).code == 0
        (call,) = ledgerline("calls", *where, "--json").json
        put_beside(where, call["call_id"])
        ledgerline("retention", "0", *ORDER, *where)  # owns the log meanwhile, and drops what nobody can read
        ((wrapped,), *_) = keys_in(vault, call["call_id"])
        told = ledgerline("forget", CUSTOMER, *ORDER, *where, "--json")
        assert told.code == 0, told
        erased = told.json["erased"]
        assert (erased["keys"], erased["messages"], erased["dead_letters"], erased["dead_letters_kept"]) == (1, 1, 1, 0)
        assert ledgerline("verify", *where, "--json").json["problems"] == []
        assert ledgerline("show", call["call_id"], *where, "--json").json["turns"][0]["heard"] == "[forgotten]"
        assert ledgerline("forget", CUSTOMER, *ORDER, *where, "--json").json["erased"]["keys"] == 0
    assert files_with(vault, wrapped) == []
    records = everything_on(prefix)
    assert not any(found_in(record, words) for record in records for words in (THEIRS, CUSTOMER, MAIL))
    letters = [record for record in everything_on(f"{prefix}support.dead-letters")]
    assert len(letters) > 0
    assert not any(found_in(record, IN_THE_CLEAR) for record in letters)
    assert files_with(data, IN_THE_CLEAR) == []


@contextmanager
def served_keys(vault: Path, tokens: str) -> Iterator[str]:
    (vault.parent / "tokens").write_text(tokens)
    process = start(
        "keys", "--tokens", vault.parent / "tokens", "--data", vault, "--port", "0", "--json", folder=vault.parent
    )
    assert process.stdout
    try:
        told = takewhile(lambda line: line != "}\n", process.stdout)
        yield json.loads("".join(told) + "}")["url"]
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def put_beside(where: tuple[object, ...], call_id: str) -> None:
    """A mail that names the customer, and a record of the call that nobody can read."""

    async def put() -> None:
        settings = load_settings(Path(str(where[3])), str(where[1]))
        async with open_workspace(settings) as workspace, workspace.intake() as intake:
            await intake.put(Received("mail", "<1@example.org>", (), MAIL.encode()))
            await workspace.stores.inbox.put(call_id, "poison", Body("", 0, IN_THE_CLEAR.encode()))

    asyncio.run(put())


def keys_in(vault: Path, name: str) -> list[tuple[bytes]]:
    with closing(sqlite3.connect(vault / "keys" / "keys.db")) as db:
        return db.execute("select wrapped from data_key where conversation_id = ?", (name,)).fetchall()


def segments_of(prefix: str) -> list[Path]:
    """Folders of these topics, where the broker is a process of this machine: a container's files are its own."""
    homes = {path.parent for path in Path(tempfile.gettempdir()).glob(f"ledgerline-test-kafka-*/**/{prefix}*-0")}
    folders = [folder for home in homes for folder in home.glob(f"{prefix}*")]
    assert folders or docker_answers() or IS_GIVEN
    return folders
