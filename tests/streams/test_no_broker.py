"""Whatever listens where a broker should be, a person is told so, and soon."""

from __future__ import annotations

import asyncio

import pytest
from support import run

from streams.kafka import admin, diagnosis
from streams.kafka.brokers import Brokers
from streams.kafka.topics import BrokerUnreachableError, Topics, topics_exist

_HTTP = b"HTTP/1.1 400 Bad Request\r\n\r\n"  # read as the length of an answer, it is more than a gigabyte


@pytest.mark.parametrize("says", [b"", _HTTP], ids=["nothing", "another protocol"])
def test_a_server_that_is_no_broker_is_given_up_on(says: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "ANSWER_TIMEOUT_S", 0.3)
    monkeypatch.setattr(diagnosis, "STEP_TIMEOUT_S", 0.1)

    async def scene() -> str:
        over = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(says)
            await over.wait()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        try:
            with pytest.raises(BrokerUnreachableError) as told:
                await topics_exist(Brokers(f"{host}:{port}"), Topics())
        finally:
            over.set()
            server.close()
        assert f"{host}:{port}" in str(told.value)
        return str(told.value)

    assert "Another server?" in run(scene())
