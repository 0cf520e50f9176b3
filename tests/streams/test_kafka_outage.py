"""A broker that dies and comes back: who puts hears of it, who appends or reads goes on where it was."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker import ROOT
from support import run
from written import body, entry, pressed, step, took

from servers.kafka import KafkaServer
from streams.kafka.brokers import Brokers
from streams.kafka.connection import Connection
from streams.kafka.inbox import KafkaInbox
from streams.kafka.log import opened
from streams.kafka.topics import Topics
from streams.ports import InboxUnavailableError

TOPICS = Topics(1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KafkaServer]:
    server = KafkaServer(tmp_path / "kafka", jars=ROOT / ".ledgerline/servers/jars")
    server.start()
    yield server
    server.stop(at_once=True)


def test_over_the_death_of_the_broker_nothing_acknowledged_is_lost_and_everyone_goes_on(server: KafkaServer) -> None:
    async def scenario() -> None:
        connection = Connection(Brokers(server.bootstrap))
        patient, hasty = KafkaInbox(connection, TOPICS), KafkaInbox(connection, TOPICS, put_timeout_s=0.5)
        async with opened(Brokers(server.bootstrap), TOPICS) as stores:
            following = stores.ledger.follow(0, 0)
            await stores.ledger.append(0, [entry(took(1))])
            await patient.put("c1", "a", body(pressed("c1", "a")))
            assert [r.offset for r in await anext(following)] == [0]

            server.stop(at_once=True)
            with pytest.raises(InboxUnavailableError):
                await hasty.put("c1", "b", body(pressed("c1", "b")))
            receipts = [stores.ledger.append(0, [entry(e) for e in step(1, f"s{n}", 2)]) for n in range(3)]
            reading = asyncio.create_task(stores.ledger.read(0, 0))
            await asyncio.to_thread(server.start)

            assert [tuple(await receipt) for receipt in receipts] == [(1, 2), (3, 4), (5, 6)]
            assert (await reading)[0].offset == 0
            seen: list[int] = []
            while seen[-1:] != [6]:
                seen.extend(record.offset for record in await anext(following))
            assert seen == [1, 2, 3, 4, 5, 6]
            await stores.inbox.put("c1", "b", body(pressed("c1", "b")))
            await following.aclose()  # type: ignore[attr-defined]
        await connection.close()

    run(scenario())
