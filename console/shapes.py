"""What each command prints with --json: the types, for ``ledgerline schema cli``. Where an option makes it print something
else, that stands beside it under the command with the option."""

from __future__ import annotations

from typing import Any

from console.commands.anchor import AnchorTold
from console.commands.demo import DemoReport
from console.commands.doctor import Diagnosis
from console.commands.evidence import EvidenceTold
from console.commands.forget import Forgotten
from console.debugger import Debugged
from projections.call_report import CallReport
from projections.calls import CallSummary
from projections.custody import Custody, Retention
from projections.event_at import EventAt
from projections.lane_diff import LaneDiff
from projections.live.report import LiveFigures
from projections.read_model_report import Projected
from projections.recompute import Replay
from projections.replay_all import ReplayAll
from projections.stretch import StretchReplay
from projections.verify import Verification
from projections.what_if.report import WhatIfReport
from projections.why.why import Why
from simulation.report import Report
from streams.history.importing import ImportedHistory
from streams.transfer import Exported, Imported

SHAPES: dict[str, Any] = {
    "call": CallReport,
    "demo": DemoReport,
    "show": CallReport,
    "show --at": EventAt,
    "why": Why,
    "calls": list[CallSummary],
    "replay": Replay,
    "replay --all": ReplayAll,
    "replay --what-if": WhatIfReport,
    "replay --realtime": CallReport,
    "replay --partition": StretchReplay,
    "replay --lane": LaneDiff,
    "debug": Debugged,
    "live": LiveFigures,
    "verify": Verification,
    "anchor": AnchorTold,
    "evidence": EvidenceTold,
    "forget": Forgotten,
    "hold": Custody,
    "retention": list[Retention],
    "export": Exported,
    "import": Imported,
    "import --from transcripts|otel|langfuse": ImportedHistory,
    "project": list[Projected],
    "simulate": Report,
    "doctor": Diagnosis,
}
