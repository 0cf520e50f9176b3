"""What each command prints with --json: the types, for ``ledgerline schema cli``."""

from __future__ import annotations

from typing import Any

from console.commands.doctor import Diagnosis
from projections.call_report import CallReport
from projections.calls import CallSummary
from projections.recompute import Replay
from projections.verify import Verification
from simulation.run import Report
from streams.transfer import Exported, Imported

SHAPES: dict[str, Any] = {
    "call": CallReport,
    "demo": CallReport,
    "show": CallReport,
    "calls": list[CallSummary],
    "replay": Replay,
    "verify": Verification,
    "export": Exported,
    "import": Imported,
    "simulate": Report,
    "doctor": Diagnosis,
}
