"""Fault tests use the run's real broker (``tests/streams/broker.py``), or brokers of their own to kill."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "streams"))
