"""Guests on a real broker, in Go and in Python: what they pass is said, what they block isn't, their silence is decided."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from broker import bootstrap, topics_for
from go_programs import ROOT, SCHEMAS, built
from guested_call import APPROVED, Turn, bank, guest, guested_call
from support import PATIENCE_S, run

from schemas import decisions as d
from schemas import facts as f
from streams.guest import PASS, Candidate, Guest, Verdict, block
from streams.guest import guest as is_guest
from streams.hosts.guest import run_guest
from streams.kafka.errors import TopicMismatchError
from streams.kafka.log import opened
from streams.kafka.topics import Topics, topics_exist
from streams.kafka.url import LogUrlError
from streams.key_server import serving
from streams.key_tokens import Role, read_grants
from streams.keys import MemoryKeyStore

TOKEN = "r" * 32
GRANTS = read_grants(f"{Role.READ} {TOKEN}")
PROMISE = "Naïvely said: it is guaranteed to be free."
QUESTIONS = {"What does it cost": APPROVED, "Is it really free": PROMISE, "And now": APPROVED}
Silence = Callable[[], Awaitable[None]]
Running = Callable[[Topics, str], AbstractAsyncContextManager[Silence]]


@is_guest("tone")
async def tone(candidate: Candidate) -> Verdict:
    return block("too_short") if len(candidate.text) < 20 else PASS


# --- how to run one: each gives what makes it silent ------------------------------------------------------------------


@asynccontextmanager
async def in_this_process(judge: Guest, topics: Topics, keys_url: str) -> AsyncIterator[None]:
    ready = asyncio.Event()
    judging = asyncio.create_task(
        run_guest(judge, log=address(topics), keys_url=keys_url, token=TOKEN, ready=ready.set)
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            await ready.wait()
        yield
    finally:
        judging.cancel()
        await asyncio.gather(judging, return_exceptions=True)


@asynccontextmanager
async def as_a_process(*command: str | Path) -> AsyncIterator[Silence]:
    """The samples: they say when they miss nothing any more."""
    environment = os.environ | {"TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=environment)
    assert process.stdout

    async def stop() -> None:
        if process.returncode is None:
            process.kill()
        await process.wait()

    try:
        async with asyncio.timeout(PATIENCE_S):
            assert (await process.stdout.readline()).startswith(b"judging")
        yield stop
    finally:
        await stop()


def in_go(program: Path, token: Path, topics: Topics, keys_url: str) -> AbstractAsyncContextManager[Silence]:
    token.write_text(f"{TOKEN}\n")
    arguments = ["-brokers", str(bootstrap()), "-prefix", topics.prefix, "-schemas", SCHEMAS]
    return as_a_process(program, *arguments, "-keys", keys_url, "-token", token)


def in_python(topics: Topics, keys_url: str) -> AbstractAsyncContextManager[Silence]:
    return as_a_process(sys.executable, ROOT / "guests" / "python" / "compliance.py", address(topics), keys_url)


def address(topics: Topics) -> str:
    return f"kafka://{bootstrap()}/{topics.prefix.removesuffix('.')}?partitions={topics.partitions}"


@pytest.fixture(params=["go", "python"])
def running(request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Running:
    if request.param == "python":
        return in_python
    program = built(tmp_path_factory.getbasetemp().parent, "compliance")
    return lambda topics, keys_url: in_go(program, tmp_path / "token", topics, keys_url)


def test_a_required_guest_passes_blocks_and_is_silent(running: Running, tmp_path: Path) -> None:
    topics, keys = topics_for(tmp_path, 1), MemoryKeyStore()
    behaviour = bank(
        guest("compliance"),
        guest("tone", required=False, judges="everything"),
        guest("nobody", required=False, judges="everything"),
    )

    async def scenario() -> list[Turn]:
        async with (
            serving(keys, GRANTS) as url,
            guested_call(topics, keys, behaviour) as call,
            running(topics, url) as silence,
            in_this_process(tone, topics, url),
        ):
            call.models_say = QUESTIONS
            turns = [await call.answered()]
            for question in QUESTIONS:
                if question == "And now":
                    await silence()
                turns.append(await call.asks(question))
            return turns

    greeting, passed, blocked, silent = run(scenario())

    assert greeting.verdicts("compliance") == []  # it judges what models say
    (verdict,) = passed.verdicts("compliance")
    assert (verdict.passed, verdict.required, verdict.guardrail_version) == (True, True, "1")
    assert passed.said == [APPROVED]
    assert passed.of(d.ReplyChosen)[0].candidate_id == passed.of(d.GuestAsked)[0].candidate_id

    (verdict,) = blocked.verdicts("compliance")
    assert (verdict.passed, verdict.reasons) == (False, ("promise_of_return",))
    assert [PROMISE[span.start : span.end] for span in verdict.evidence] == ["guaranteed"]
    assert blocked.said == [APPROVED]

    (verdict,) = silent.verdicts("compliance")
    assert (verdict.passed, verdict.reasons) == (False, ("guest_silent",))
    assert {posted.guardrail for posted in silent.of(f.GuestVerdictPosted)} <= {"tone"}
    assert silent.said == [APPROVED]
    assert silent.of(d.ReplyChosen)[0].candidate_id != silent.of(d.GuestAsked)[0].candidate_id

    for turn in (greeting, passed, blocked, silent):
        asked = {ask.guardrail: ask.required for ask in turn.of(d.GuestAsked)}
        assert asked["tone"] is asked["nobody"] is False
        assert turn.verdicts("nobody") == []
    everything = [verdict for turn in (greeting, passed, blocked, silent) for verdict in turn.verdicts("tone")]
    assert everything
    assert all(not verdict.required for verdict in everything)


def test_a_guest_of_another_log_says_so_and_creates_nothing(tmp_path: Path) -> None:
    here, elsewhere = topics_for(tmp_path / "here", 1), topics_for(tmp_path / "elsewhere", 1)

    async def scenario() -> None:
        async with opened(bootstrap(), here):
            with pytest.raises(TopicMismatchError, match="has 1 partitions, expected 2"):
                await _judged(here._replace(partitions=2))
            with pytest.raises(TopicMismatchError, match="has 0 partitions, expected 1"):
                await _judged(elsewhere)
            assert not await topics_exist(bootstrap(), elsewhere)

    run(scenario())


def test_a_guest_runs_on_a_log_that_other_processes_can_read() -> None:
    with pytest.raises(LogUrlError, match="a guest runs on a Kafka log"):
        run(run_guest(tone, log="sqlite", keys_url="http://127.0.0.1:1", token=TOKEN))


async def _judged(topics: Topics) -> None:
    await run_guest(tone, log=address(topics), keys_url="http://127.0.0.1:1", token=TOKEN)
