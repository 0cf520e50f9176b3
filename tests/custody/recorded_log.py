"""A data directory with two conversations: one that our agent had, and one that another system had."""

from __future__ import annotations

import json
from pathlib import Path

from recorded_calls import record_call
from support import DataDirectory, run

from tests.calls.commands import ledgerline

CALLER = "+44 20 7946 0000"
SAID = "I lost my card"
CUSTOMER = "customer-9"
THEIRS = "My neighbour Ottoline took it"
TRANSCRIPT = {
    "id": "desk-1",
    "subject": CUSTOMER,
    "started_at": "2024-03-01T09:00:00Z",
    "entries": [
        {"type": "message", "role": "caller", "text": THEIRS},
        {"type": "message", "role": "agent", "text": "I see."},
    ],
}


def record_log(path: Path) -> None:
    """Our call is ``call-1``, of ``CALLER``; the other is of ``CUSTOMER``, in 2024."""
    data = DataDirectory(path)
    run(record_call(data))
    data.close()
    (path / "log.db").rename(path / "ledger.db")
    file = path / "transcripts.jsonl"
    file.write_text(json.dumps(TRANSCRIPT))
    ran = ledgerline("import", "--from", "transcripts", file, "--data", path)
    assert ran.code == 0, ran
    file.unlink()
