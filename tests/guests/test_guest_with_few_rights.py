"""A guest on brokers that know who calls: it logs in over TLS, and needs no more than the log and the inbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from broker import topics_for
from grants import Grant, give
from guested_call import APPROVED, bank, guest, guested_call
from secured import secured
from support import PATIENCE_S, run

from servers.kafka_security import STRANGER
from streams.guest import PASS, Candidate, Verdict
from streams.guest import guest as is_guest
from streams.hosts.guest import run_guest
from streams.kafka.errors import RightsMissingError
from streams.kafka.rights import Operation
from streams.kafka.topics import Topics
from streams.key_server import serving
from streams.key_tokens import Role, read_grants
from streams.keys import MemoryKeyStore

TOKEN = "r" * 32
QUESTION = "What does it cost"


@is_guest("compliance")
async def compliance(candidate: Candidate) -> Verdict:
    return PASS


@asynccontextmanager
async def judging(topics: Topics, keys_url: str) -> AsyncIterator[None]:
    """As the user who may do nothing that it wasn't given. Raises what keeps the guest from it."""
    stranger, ready = secured().stranger(), asyncio.Event()
    log = f"kafka://{stranger}/{topics.prefix.removesuffix('.')}?partitions={topics.partitions}"
    running = asyncio.ensure_future(
        run_guest(compliance, log=log, keys_url=keys_url, token=TOKEN, security=stranger.security, ready=ready.set)
    )
    waiting = asyncio.ensure_future(ready.wait())
    try:
        await asyncio.wait([running, waiting], timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        assert ready.is_set()
        yield
    finally:
        for task in (running, waiting):
            task.cancel()
        await asyncio.gather(running, waiting, return_exceptions=True)


def test_a_guest_may_read_the_log_and_write_the_inbox_and_needs_no_more(tmp_path: Path) -> None:
    topics, keys = topics_for(tmp_path, 1), MemoryKeyStore()
    owner = secured().by_password()

    async def scenario() -> list[str]:
        async with (
            serving(keys, read_grants(f"{Role.READ} {TOKEN}")) as url,
            guested_call(topics, keys, bank(guest("compliance")), owner) as call,
        ):
            with pytest.raises(RightsMissingError, match=rf"Read on topic {topics.inbox}|Read on topic {topics.log}"):
                async with judging(topics, url):
                    raise AssertionError("it may nothing yet")
            await give(
                owner,
                STRANGER,
                Grant(Operation.READ, "topic", topics.log),
                Grant(Operation.WRITE, "topic", topics.inbox),
            )
            async with judging(topics, url):
                call.models_say = {QUESTION: APPROVED}
                await call.answered()
                turn = await call.asks(QUESTION)
                (verdict,) = turn.verdicts("compliance")
                assert verdict.passed
                return turn.said

    assert run(scenario()) == [APPROVED]
