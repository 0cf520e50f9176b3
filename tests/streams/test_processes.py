"""Real processes over one embedded log: killed, refused, or out of disk."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from owning import Inbox, until
from support import DataDirectory, NoEffects, TallyMind, eventually, run
from written import entry, took

from schemas.base import Kind
from schemas.event import GENESIS, Event
from schemas.facts import KeyPressed
from streams.codec import digest_of
from streams.hosts.embedded import EmbeddedHost
from streams.owner_lock import OwnerLock
from streams.ports import AppendUnknownError, InboxUnavailableError, OwnerRefusedError

PRESSED = KeyPressed(key="2")
SCRIPT = Path(__file__).with_name("other_process.py")


@contextmanager
def other_process(job: str, directory: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, str(SCRIPT), job, str(directory)], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def hosted(data: DataDirectory) -> EmbeddedHost[object]:
    return EmbeddedHost(data.stores, data.codec, TallyMind(), NoEffects, OwnerLock(data.path / "owner.lock"))  # type: ignore[arg-type]


def assert_sound(events: list[Event], facts: list[str]) -> None:
    """Each of these facts stands on the log exactly once, and every conversation is a whole chain."""
    counted = Counter(event.event_id for event in events if event.kind is Kind.FACT)
    assert {fact: counted[fact] for fact in facts} == dict.fromkeys(facts, 1)
    for conversation_id in {event.conversation_id for event in events}:
        ours = [event for event in events if event.conversation_id == conversation_id]
        assert [event.seq for event in ours] == list(range(1, len(ours) + 1))
        assert [event.prev_hash for event in ours] == [GENESIS, *(event.hash for event in ours[:-1])]


def test_a_second_owner_is_refused_while_the_first_lives_and_taken_in_once_it_was_killed(data: DataDirectory) -> None:
    with other_process("own", data.path) as first:
        assert said(first) == "reigns"
        with other_process("own", data.path) as second:
            refusal = said(second)
        assert refusal.startswith("refused: another process")
        assert str(first.pid) in refusal
        with pytest.raises(OwnerRefusedError, match=str(first.pid)):
            OwnerLock(data.path / "owner.lock").acquire()
        first.send_signal(signal.SIGKILL)
        first.wait()
    with other_process("own", data.path) as next_owner:
        assert said(next_owner) == "reigns"


@pytest.mark.parametrize("killed_after", [1, 40, 333])
def test_after_kill_9_of_the_owner_in_mid_load_everything_acknowledged_is_there_once(
    data: DataDirectory, killed_after: int
) -> None:
    async def scenario(owner: subprocess.Popen[str]) -> tuple[list[str], list[Event]]:
        inbox = Inbox(data)
        for number in range(400):
            await inbox.put(PRESSED, f"f{number}", f"c{number % 7}")
            if number == killed_after:
                owner.send_signal(signal.SIGKILL)
                owner.wait()
        async with hosted(data):
            return inbox.put_ids, await until(data, "f399")

    with other_process("own", data.path) as owner:
        assert said(owner) == "reigns"
        acknowledged, events = run(scenario(owner))
    assert_sound(events, acknowledged)
    assert max(event.epoch for event in events) == 2
    for record in run(data.ledger.read(0, 0, 10_000)):
        computed, stated = digest_of(record.body.data)
        assert computed == stated


def test_after_kill_9_of_a_writer_every_fact_that_it_was_told_is_accepted_is_there(data: DataDirectory) -> None:
    with other_process("put", data.path) as writer:
        acknowledged = [said(writer) for _ in range(200)]
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        assert writer.stdout is not None
        acknowledged += writer.stdout.read().split()

    async def scenario() -> list[Event]:
        async with hosted(data):
            return await until(data, acknowledged[-1])

    assert_sound(run(scenario()), acknowledged)


def pages(data: DataDirectory, more: int | None) -> None:
    """The disk takes ``more`` pages from here on; None: as many as one likes."""
    (now,) = data.store.db.execute("pragma page_count").fetchone()
    data.store.db.execute(f"pragma max_page_count = {now + more if more is not None else 2**31 - 2}")


async def fill(inbox: Inbox, data: DataDirectory) -> None:
    """Puts facts until the inbox takes no more."""
    for number in range(10_000):
        try:
            await inbox.put(PRESSED, f"full{number}", f"c{number % 3}")
        except InboxUnavailableError:
            return
        await asyncio.sleep(0)
    raise AssertionError("the disk never filled up")


async def announce_until_nothing_fits(data: DataDirectory) -> None:
    for epoch in range(1, 1_000):
        await data.ledger.append(0, [entry(took(epoch, "former"))])


async def lost_a_reign(host: EmbeddedHost[object]) -> None:
    async def look() -> bool:
        return bool(host.reigns_lost)

    await eventually(look)


def test_a_full_disk_refuses_what_it_cannot_keep_and_loses_nothing_that_it_took(data: DataDirectory) -> None:
    async def scenario() -> tuple[list[str], list[str], list[Event]]:
        inbox = Inbox(data)
        host = hosted(data)
        async with host:
            await inbox.put(PRESSED, "before")
            await until(data, "before")
            pages(data, 12)
            await fill(inbox, data)
            await lost_a_reign(host)
            pages(data, None)
            await inbox.put(PRESSED, "after")
            return inbox.put_ids, host.reigns_lost, await until(data, "after")

    acknowledged, lost, events = run(scenario())
    assert "full" in lost[0]
    assert_sound(events, acknowledged)


def test_an_owner_that_starts_on_a_full_disk_reigns_as_soon_as_there_is_room(data: DataDirectory) -> None:
    async def scenario() -> tuple[list[str], list[Event]]:
        inbox, host = Inbox(data), hosted(data)
        pages(data, 6)
        await fill(inbox, data)
        with pytest.raises(AppendUnknownError):
            await announce_until_nothing_fits(data)
        entering = asyncio.create_task(host.__aenter__())
        await lost_a_reign(host)
        assert not entering.done()
        pages(data, None)
        await entering
        try:
            return inbox.put_ids, await until(data, inbox.put_ids[-1])
        finally:
            await host.__aexit__(None, None, None)

    acknowledged, events = run(scenario())
    assert_sound(events, acknowledged)
