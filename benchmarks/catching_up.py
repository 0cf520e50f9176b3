"""An owner comes back after it was down, while callers went on speaking: how soon it has taken all of it."""

from __future__ import annotations

import asyncio
import time

from benchmarks.kafka_stage import Stage
from benchmarks.log_watch import watching
from benchmarks.report import Cell, Table
from benchmarks.talking import Talk
from schemas import facts as f

_EACH_S = 6  # a caller who hears no answer says something again


async def catching_up(kafka: Stage, conversations: int, down_s: int) -> Table:
    """What comes in while it is down is put at once: what counts is how much waits."""
    async with kafka.log() as log:
        with log.worker() as worker:
            await worker.ready()
            talks = await log.open_all(conversations)
            for talk in talks:
                await talk.leave()
        facts = sum(await asyncio.gather(*(_go_on(talk, down_s) for talk in talks)))
        async with watching(log.workspace.stores.ledger) as watch:
            with log.worker() as worker:
                await worker.starting()
                began, began_cpu_s = time.perf_counter(), worker.cpu_s()
                await worker.ready()
                owned_s = time.perf_counter() - began
                await watch.until("ConversationClosed", conversations)
                caught_up_s, cpu_s = time.perf_counter() - began, worker.cpu_s() - began_cpu_s
                events = watch.events
    rows: list[tuple[Cell, ...]] = [
        (f"{conversations} conversations, {down_s} s", facts, owned_s, caught_up_s, events, events / caught_up_s, cpu_s)
    ]
    notes = (
        f"a caller says something each {_EACH_S} s (two facts) and hangs up at the end; from when the worker begins to join "
        "the group to the last call's end on the log, loading of all conversations included",
    )
    columns = ("down", "facts that wait", "owns all, s", "caught up, s", "events", "events/s", "owner's CPU, s")
    return Table("Catching up", columns, rows, notes)


async def _go_on(talk: Talk, down_s: int) -> int:
    """How many facts it put."""
    utterances = down_s // _EACH_S
    for _ in range(utterances):
        heard = talk.heard()
        await talk.put(f.CallerSpeechStarted(utterance_id=heard.utterance_id))
        await talk.put(heard)
    await talk.put(f.CallEnded(reason="caller_hung_up"))
    return 2 * utterances + 1
