"""The race of 17 calls, decided by other engines next to bare asyncio: one engine's server at a time."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from agent_core.behaviour import Behaviour
from benchmarks.emulator_process import emulator
from benchmarks.figures import paired_differences, percentile, spread
from benchmarks.peers.peer import Peer
from benchmarks.race_bare import BareSide
from benchmarks.race_behaviour import CALLS_A_TURN, race_behaviour
from benchmarks.race_blocks import SETTLE_S, Entrant, Load, Taken, compare
from benchmarks.race_turns import emulator_config, open_model
from benchmarks.report import Cell, Report, Table, as_row
from benchmarks.same_requests import same_requests
from benchmarks.watched_model import WatchedModel

_FEWER = 3  # such a way has every third block

# Paces keep the turns begun a second within what two cores can do for most sides, so that a difference is the engine's
# and not a full core's. One at a time the pace is quick, to make room for 300 turns.
LOADS = (
    Load(1, 10, 30, control_every=6, tokens_per_chunk=8, pace=0.2),
    Load(5, 10, 5, tokens_per_chunk=8),
    Load(20, 40, 2, tokens_per_chunk=8, pace=1.5),
    Load(50, 100, 1, tokens_per_chunk=8, pace=3.0),
)
QUICK_LOADS = (
    Load(1, 2, 3, control_every=3, tokens_per_chunk=8, pace=0.2),
    Load(5, 10, 1, tokens_per_chunk=8),
    Load(20, 20, 1, tokens_per_chunk=8, pace=1.5),
)


@dataclass
class _Found:
    """Rows for the tables, engine after engine."""

    latency: dict[int, list[tuple[Cell, ...]]] = field(default_factory=dict)
    durable: list[tuple[Cell, ...]] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    versions: list[str] = field(default_factory=list)
    same: set[str] = field(default_factory=set)


async def measure(peers: Sequence[Peer], loads: Sequence[Load]) -> Report:
    found = _Found({load.at_once: [] for load in loads})
    behaviour = race_behaviour()
    for peer in peers:
        with tempfile.TemporaryDirectory(prefix="ledgerline-peer-") as directory:
            async with peer.serving(Path(directory)):
                for load in loads:
                    before = len(found.latency[load.at_once])
                    await _measure(peer, load, behaviour, found)
                    _say(load, found.latency[load.at_once][before:])
        found.versions.append(f"{peer.name}: {peer.versions()}")
    return _report(loads, found)


def _say(load: Load, rows: Sequence[tuple[Cell, ...]]) -> None:
    """On stderr as it is found: the whole takes more than an hour, and what is broken off has said what it saw."""
    for row in rows:
        print(f"# {_at_once(load)}: {as_row(row)}", file=sys.stderr, flush=True)


async def _measure(peer: Peer, load: Load, behaviour: Behaviour, found: _Found) -> None:
    async with AsyncExitStack() as held:
        url = held.enter_context(emulator(emulator_config(load.tokens_per_chunk, load.pace)))
        model = WatchedModel(open_model(url, behaviour))
        held.push_async_callback(model.close)
        ways = await held.enter_async_context(peer.ways(model, behaviour))
        bare = Entrant(BareSide(model, behaviour))
        others = [Entrant(way.side, every=_FEWER if way.fewer else 1) for way in ways]
        known = {row[0] for row in found.durable}
        for entrant in others:
            if entrant.side.name not in known:
                found.same.add(await same_requests(model, bare.side, entrant.side))
                found.durable.append((entrant.side.name, *entrant.side.durable))
        again = await compare(load, model, [bare, *others])
    rows = found.latency[load.at_once]
    rows.append(_row(f"bare asyncio, beside {peer.name}", bare.taken, None))
    if again.decided_ms:
        rows.append(_row(f"bare a second time, beside {peer.name}", again, bare.taken))
    rows += [_row(entrant.side.name, entrant.taken, bare.taken) for entrant in others]
    for entrant in (bare, *others):
        found.failed += entrant.taken.failed


_COLUMNS = ("way", "n", "p50", "p95", "p99", "over bare p50", "p95", "p99", "CPU ms a turn", "over bare")


def _row(name: str, taken: Taken, bare: Taken | None) -> tuple[Cell, ...]:
    times = spread([*taken.decided_ms.values()])
    cpu = percentile([*taken.cpu_ms.values()], 0.5)
    if bare is None:
        return (name, *times, None, None, None, cpu, None)
    over = spread(paired_differences(taken.decided_ms, bare.decided_ms))
    over_cpu = percentile(paired_differences(taken.cpu_ms, bare.cpu_ms), 0.5)
    return (name, *times, over.p50, over.p95, over.p99, cpu, over_cpu)


def _report(loads: Sequence[Load], found: _Found) -> Report:
    tables = [
        Table(f"{_at_once(load)}: end of turn to decision, ms", _COLUMNS, found.latency[load.at_once], _about(load))
        for load in loads
    ]
    notes = (
        f"requests compared with bare's, once for each way: {', '.join(sorted(found.same))} ({CALLS_A_TURN} calls a turn)",
        f"turns that a way failed to decide: {dict(found.failed) or 'none'}",
        *found.versions,
        "one node, one copy: no engine here is replicated",
    )
    columns = ("way", "kept", "synced to disk", "copies", "a power cut loses")
    tables.append(Table("What of a decided turn is durable", columns, found.durable, notes))
    return Report("peers", tables)


def _at_once(load: Load) -> str:
    return "One turn at a time" if load.at_once == 1 else f"{load.at_once} turns at once"


def _about(load: Load) -> tuple[str, ...]:
    settled = f"a turn begins {SETTLE_S * 1000:.0f} ms after the last call of the one before has ended"
    alone = (settled,) if load.at_once == 1 else ()
    return (
        f"the emulated model's times are multiplied by {load.pace:g}; it streams {load.tokens_per_chunk} tokens a chunk",
        "over bare: the same turns with the same draws, decided right before or after by bare asyncio",
        *alone,
        "CPU: median of this process (worker, client, SDK of the model) and the engine's servers with all their "
        f"children, until the last call ended and {SETTLE_S * 1000:.0f} ms more",
    )
