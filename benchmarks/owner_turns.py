"""Turns of one worker: as many as it can, and what one costs while more and more conversations are open."""

from __future__ import annotations

import asyncio
import time

from benchmarks.figures import spread
from benchmarks.kafka_stage import Log, Stage
from benchmarks.log_watch import watching
from benchmarks.owner_process import OwnerProcess
from benchmarks.report import SPREAD_COLUMNS, Cell, Table, spread_cells
from benchmarks.talking import Talk

TURNS_S = 20.0  # of all conversations together, in the cost curve: the rate stays, what is open grows
_SETTLE_S = 0.3  # the last outcomes of losers are written down within it
_WARM_UP_TURNS = 40


async def as_fast_as_it_goes(kafka: Stage, conversations: int, turns: int) -> Table:
    async with kafka.log() as log:
        with log.worker() as worker:
            await worker.ready()
            talks = await log.open_all(conversations)
            await _all_at_once(talks, _WARM_UP_TURNS)
            async with watching(log.workspace.stores.ledger) as watch:
                owner_s, broker_s, began = worker.cpu_s(), kafka.broker_cpu_s(), time.perf_counter()
                await _all_at_once(talks, turns)
                took_s = time.perf_counter() - began
                await asyncio.sleep(_SETTLE_S)
                owner_s, broker_s = worker.cpu_s() - owner_s, kafka.broker_cpu_s() - broker_s
                events, done = watch.events, watch.types["TurnEnded"]
            for talk in talks:
                await talk.leave()
    rows: list[tuple[Cell, ...]] = [
        ("turns", done, done / took_s, done / owner_s),
        ("events", events, events / took_s, events / owner_s),
    ]
    notes = (
        f"{conversations} conversations, each with its next turn as soon as the last was spoken; a turn has 17 model calls "
        f"and leaves {events / done:.0f} events, those of its speech included",
        f"CPU a turn: owner {owner_s * 1000 / done:.1f} ms, broker {broker_s * 1000 / done:.1f} ms; owner, gateways and "
        "broker share this machine's cores, so a second of the clock is less than a core's",
    )
    return Table("One worker, as fast as it goes", ("", "n", "a second", "a second of an owner's core"), rows, notes)


async def cost_curve(kafka: Stage, sizes: tuple[int, ...], turns: int) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for conversations in sizes:
        async with kafka.log() as log:
            with log.worker() as worker:
                await worker.ready()
                rows.append(await _curve_row(kafka, log, worker, conversations, turns))
    notes = (
        f"{TURNS_S:.0f} turns a second, of all conversations together, one after another in turn; ms from the put of the "
        "caller's words to the reading of the reply",
        "CPU a turn: of process and of broker, over everything that they did meanwhile; the gateways' is this process",
    )
    columns = ("conversations open", *SPREAD_COLUMNS, "owner's CPU, ms a turn", "gateways' CPU", "broker's CPU")
    return Table("A turn while so many conversations are open, ms", columns, rows, notes)


async def _curve_row(kafka: Stage, log: Log, worker: OwnerProcess, conversations: int, turns: int) -> tuple[Cell, ...]:
    talks = await log.open_all(conversations)
    await _paced(talks, _WARM_UP_TURNS)
    before = worker.cpu_s(), time.process_time(), kafka.broker_cpu_s()
    taken_ms = await _paced(talks, turns)
    await asyncio.sleep(_SETTLE_S)
    after = worker.cpu_s(), time.process_time(), kafka.broker_cpu_s()
    for talk in talks:
        await talk.leave()
    cpu_ms = [(late - early) * 1000 / len(taken_ms) for early, late in zip(before, after, strict=True)]
    return (f"{conversations}", *spread_cells(spread(taken_ms)), *cpu_ms)


async def _all_at_once(talks: list[Talk], turns: int) -> None:
    async def go_on(talk: Talk) -> None:
        for _ in range(max(1, turns // len(talks))):
            await talk.turn()

    await asyncio.gather(*map(go_on, talks))


async def _paced(talks: list[Talk], turns: int) -> list[float]:
    """The n-th turn begins n / ``TURNS_S`` after the first, or when its conversation is done with the one before."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()

    async def go_on(number: int) -> list[float]:
        taken_ms = []
        for turn in range(number, turns, len(talks)):
            await asyncio.sleep(began_s + turn / TURNS_S - loop.time())
            taken_ms.append(await talks[number].turn())
        return taken_ms

    return [ms for taken in await asyncio.gather(*map(go_on, range(len(talks)))) for ms in taken]
