"""What an owner costs on Kafka: appends and the way to a follower, turns and events a core, many conversations at once,
catching up after it was down, memory, and what gateways decode of others' calls.

One broker (RF 1) on this machine. The worker is a process of its own, and what its decisions ask for comes back at once and
costs nothing (``benchmarks.owner_process``): the figures are the owner's and the log's. Gateways run in this process.
"""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.catching_up import catching_up
from benchmarks.kafka_hops import append_and_follow
from benchmarks.kafka_stage import stage
from benchmarks.loop import run_async
from benchmarks.owner_memory import memory
from benchmarks.owner_turns import as_fast_as_it_goes, cost_curve
from benchmarks.report import Report
from benchmarks.tails_decoded import foreign_events


class Size(NamedTuple):
    hops: int
    curve: tuple[int, ...]  # conversations at once
    curve_turns: int
    fast: tuple[int, int]  # conversations, turns
    down: tuple[int, int]  # conversations, s
    opened: int
    finished: tuple[int, ...]
    tails: int  # calls a gateway


_FULL = Size(1000, (1, 10, 50, 200), 320, (50, 1000), (200, 60), 1000, (2000, 5000, 10_000), 20)
_QUICK = Size(50, (1, 10), 20, (5, 20), (10, 12), 50, (150, 200), 4)


def run(*, quick: bool) -> Report:
    return run_async(_run(_QUICK if quick else _FULL))


async def _run(size: Size) -> Report:
    with stage() as kafka:
        tables = [
            await append_and_follow(kafka, size.hops),
            await as_fast_as_it_goes(kafka, *size.fast),
            await cost_curve(kafka, size.curve, size.curve_turns),
            await catching_up(kafka, *size.down),
            await memory(kafka, size.opened, size.finished),
            await foreign_events(kafka, size.tails),
        ]
    return Report("owner_kafka", tables)
