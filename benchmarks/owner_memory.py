"""What a worker keeps in memory: for each open conversation, and of those that are over."""

from __future__ import annotations

import asyncio

from benchmarks.kafka_stage import Log, Stage
from benchmarks.log_watch import watching
from benchmarks.owner_process import OwnerProcess
from benchmarks.report import Cell, Table
from schemas import facts as f
from streams.fact_writer import FactWriter, fact_event

_AT_ONCE = 50
_WARM_UP = 100  # calls: caches fill, the allocator takes what it keeps
_SETTLE_S = 1.5  # where it stands is held each second


async def memory(kafka: Stage, opened: int, finished: tuple[int, ...]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    async with kafka.log() as log:
        with log.worker() as worker:
            await worker.ready()
            calls = _Calls(log)
            await calls.hold(_WARM_UP, finish=True)
            before_mb = await _resident_mb(worker)
            rows.append((f"after {_WARM_UP} finished calls", before_mb, None))
            for count in finished:
                more = count - calls.held
                await calls.hold(more, finish=True)
                now_mb = await _resident_mb(worker)
                rows.append((f"after {count:,} finished calls", now_mb, (now_mb - before_mb) * 1000 / more))
                before_mb = now_mb
            await calls.hold(opened, finish=False)
            now_mb = await _resident_mb(worker)
            rows.append((f"{opened:,} calls open beside", now_mb, (now_mb - before_mb) * 1000 / opened))
    notes = (
        "resident size of the worker's process, which owns all 8 partitions; a finished call was greeted and hung up; an "
        "open one was greeted and waits, before it is put out of memory (after a minute)",
        "the keys of the last 4,096 conversations stay at hand (streams/keys.py): up to there finished calls cost theirs",
    )
    return Table("Memory of a worker", ("", "MB", "kB a call since the row above"), rows, notes)


class _Calls:
    def __init__(self, log: Log) -> None:
        self._log, self.held = log, 0
        stores = log.workspace.stores
        self._ledger, self._writer = stores.ledger, FactWriter(stores.inbox, log.workspace.codec)

    async def hold(self, count: int, *, finish: bool) -> None:
        """Returns when all of it is on the log."""
        last = "ConversationClosed" if finish else "ReplyChosen"
        async with watching(self._ledger) as watch:
            for first in range(0, count, _AT_ONCE):
                names = [f"call-{self.held + n:06}" for n in range(first, min(first + _AT_ONCE, count))]
                await asyncio.gather(*(self._put(name, finish=finish) for name in names))
                await watch.until(last, first + len(names))
        self.held += count

    async def _put(self, call_id: str, *, finish: bool) -> None:
        arrived = f.CallArrived(
            channel="voice", behaviour_seq=self._log.behaviour_seq, behaviour_hash=self._log.behaviour.content_hash
        )
        facts = [arrived, f.CallTaken(take=1, gateway_id="bench"), f.CallAnswered(take=1)]
        for fact in (*facts, f.CallEnded(reason="caller_hung_up")) if finish else facts:
            await self._writer.put(fact_event(call_id, fact))


async def _resident_mb(worker: OwnerProcess) -> float:
    await asyncio.sleep(_SETTLE_S)
    return worker.resident_mb()
