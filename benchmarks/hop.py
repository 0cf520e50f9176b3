"""The log's own latency: append to delivered, and fact in to decision out with the production owner."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from benchmarks.figures import spread
from benchmarks.loop import run_async
from benchmarks.report import SPREAD_COLUMNS, Report, Table, spread_cells
from benchmarks.temporary_log import temporary_log
from console.workspace import SqliteWorkspace
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Kind
from schemas.event import Event, derived_id
from streams.codec import Codec
from streams.fact_writer import FactWriter, fact_event
from streams.hosts.embedded import EmbeddedHost
from streams.mind import OpenWork
from streams.mind import Report as EffectReport
from streams.ports import Entry
from streams.sqlite import SqliteLedger
from streams.sqlite_store import SqliteStore
from streams.tail import ConversationTail

_CALL = "call-hop"
_SPACING_S = 0.01  # give or take half, by chance: a fixed rhythm would fall in step with a follower's own
_REPLY = "A new card takes three to five working days by post. You can use it as soon as it's ordered."
_CHANCE = random.Random(1)


class _Size(NamedTuple):
    spaced: int
    back_to_back: int
    batches: int


def run(*, quick: bool) -> Report:
    size = _Size(50, 100, 30) if quick else _Size(1000, 3000, 500)
    return run_async(_run(size))


async def _run(size: _Size) -> Report:
    return Report("hop", [await _append_to_delivered(size), await _fact_to_decision(size)])


# --- append to delivered ---------------------------------------------------------------------------------------------


async def _append_to_delivered(size: _Size) -> Table:
    rows = [
        await _hops("one event, one each 10 ms", size.spaced, 1, _SPACING_S),
        await _hops("one event, back to back", size.back_to_back, 1, 0.0),
        await _hops("a step of 10 events, back to back", size.batches, 10, 0.0),
        await _hops("a step of 100 events, back to back", size.batches, 100, 0.0),
        await _hops("one event each 10 ms, read over another connection", size.spaced, 1, _SPACING_S, own=False),
    ]
    notes = (
        "from an event in memory (sealed, hashed, encoded, committed) to the same event decoded and opened by a follower",
        "another connection stands for another process: it hears a bell at each commit (streams/doorbell.py)",
        "back to back: the next step is appended when the last one was delivered; events/s are those of this one chain",
    )
    return Table("Append to delivered, ms", ("SQLite log", *SPREAD_COLUMNS, "events/s"), rows, notes)


async def _hops(
    name: str, count: int, step_size: int, spacing_s: float, *, own: bool = True
) -> tuple[str | float | int | None, ...]:
    with temporary_log() as workspace, _reader_of(workspace, own=own) as reader:
        codec = workspace.codec
        delivered: asyncio.Queue[float] = asyncio.Queue()
        following = asyncio.create_task(_follow(reader, codec, step_size, delivered))
        await asyncio.sleep(0.02)
        taken_ms: list[float] = []
        began = time.perf_counter()
        for number in range(count):
            steps = _step(number, step_size)
            at = time.perf_counter()
            receipt = workspace.ledger.append(0, [Entry(_CALL, codec.encode(event)[0]) for event in steps])
            await receipt
            taken_ms.append((await delivered.get() - at) * 1000)
            await _pause(spacing_s)
        rate = None if spacing_s else count * step_size / (time.perf_counter() - began)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    return (name, *spread_cells(spread(taken_ms)), rate)


@contextmanager
def _reader_of(workspace: SqliteWorkspace, *, own: bool) -> Iterator[SqliteLedger]:
    if own:
        yield workspace.ledger
        return
    store = SqliteStore(workspace.store.path)
    try:
        yield SqliteLedger(store)
    finally:
        store.close()


async def _follow(ledger: SqliteLedger, codec: Codec, step_size: int, delivered: asyncio.Queue[float]) -> None:
    async for records in ledger.follow(0, 0):
        for record in records:
            event = codec.decode(record.body)
            if event.step_index == step_size - 1:
                delivered.put_nowait(time.perf_counter())


def _step(number: int, size: int) -> list[Event]:
    return [
        replace(fact_event(_CALL, _heard(number)), seq=number * size + index + 1, step_index=index, step_size=size)
        for index in range(size)
    ]


def _heard(number: int) -> f.UtteranceHeard:
    text = "how long until my new card comes"
    return f.UtteranceHeard(utterance_id=f"u{number}", text=text, final=True, since_speech_end_ms=200.0)


# --- fact in, decision out -------------------------------------------------------------------------------------------


class _OneReply:
    """A mind that answers each utterance with one decision: what is left is the log and its owner."""

    def initial(self, conversation_id: str) -> int:
        return 0

    def fold(self, conversation: int, event: Event) -> int:
        return event.seq

    def step(self, conversation: int, fact: Event) -> tuple[int, tuple[Event, ...]]:
        first = replace(fact, seq=conversation + 1, step_id=fact.event_id, step_size=2)
        reply = d.ReplyChosen(
            candidate_id="c", text=_REPLY, intent="i", answers_through=first.seq, take=1, action="answer"
        )
        decision = Event(
            event_id=derived_id(fact.event_id, "reply", 0),
            type=type(reply).__name__,
            schema_version=reply.VERSION,
            conversation_id=fact.conversation_id,
            seq=conversation + 2,
            step_id=fact.event_id,
            step_index=1,
            step_size=2,
            kind=Kind.DECISION,
            causation_id=fact.event_id,
            accepted_at_us=fact.accepted_at_us,
            payload=reply,
        )
        return conversation + 2, (first, decision)

    def open_work(self, conversation: int) -> OpenWork:
        return OpenWork(asks=False, timers={}, finished=False)

    def freeze(self, conversation: int) -> None:
        return None

    def thaw(self, conversation_id: str, frozen: bytes) -> None:
        return None


class _NoEffects:
    def begin(self, epoch: int, report: EffectReport) -> None: ...

    def reconcile(self, conversation_id: str, conversation: int) -> None: ...

    async def stop(self) -> None: ...


async def _fact_to_decision(size: _Size) -> Table:
    rows = []
    for name, count, spacing_s in (
        ("one fact each 10 ms", size.spaced, _SPACING_S),
        ("back to back", size.back_to_back, 0.0),
    ):
        taken_ms = await _with_owner(partial(_ask_often, count=count, spacing_s=spacing_s))
        rows.append((name, *spread_cells(spread(taken_ms))))
    notes = (
        "put on the inbox, taken by the production owner, one decision made, both appended in one step, read by the "
        "call's tail: the two hops that a turn costs",
    )
    return Table("Fact in to decision out, ms", ("SQLite log", *SPREAD_COLUMNS), rows, notes)


async def _with_owner(use: Callable[[Callable[[int], Awaitable[float]]], Awaitable[list[float]]]) -> list[float]:
    with temporary_log() as workspace:
        writer = FactWriter(workspace.inbox, workspace.codec)
        host = EmbeddedHost(workspace.stores, workspace.codec, _OneReply(), _NoEffects, workspace.owner_lock())
        async with host:
            tail = ConversationTail(workspace.ledger, workspace.codec, _CALL)
            await tail.begin()
            events = tail.events()

            async def ask(number: int) -> float:
                at = time.perf_counter()
                await writer.put(fact_event(_CALL, _heard(number)))
                async for event in events:
                    if event.kind is Kind.DECISION:
                        return (time.perf_counter() - at) * 1000
                raise RuntimeError("the tail ended")

            taken_ms = await use(ask)
            await events.aclose()  # type: ignore[attr-defined]
            return taken_ms


async def _ask_often(ask: Callable[[int], Awaitable[float]], count: int, spacing_s: float) -> list[float]:
    taken_ms: list[float] = []
    for number in range(count):
        taken_ms.append(await ask(number))
        await _pause(spacing_s)
    return taken_ms


async def _pause(spacing_s: float) -> None:
    if spacing_s:
        await asyncio.sleep(spacing_s * _CHANCE.uniform(0.5, 1.5))
