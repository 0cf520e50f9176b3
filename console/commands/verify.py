"""``ledgerline verify``: the whole log, down to every decision."""

from __future__ import annotations

import asyncio
from pathlib import Path

from console.output import print_json, table
from console.settings import load_settings
from console.workspace import Workspace
from processors.deciders import cascade
from projections.acknowledged import SqliteAcknowledgedFacts
from projections.recompute import Recomputer
from projections.recorded_behaviour import recorded_behaviours
from projections.verify import verify

MOST_SHOWN = 50


def run(*, data: Path | None, as_json: bool) -> int:
    workspace = Workspace(load_settings(data).data, create=False)
    try:
        recomputer = Recomputer(cascade(), recorded_behaviours(workspace.behaviours), workspace.keys)
        found = asyncio.run(
            verify(
                workspace.ledger,
                workspace.codec,
                recomputer,
                states=workspace.states,
                acknowledged=SqliteAcknowledgedFacts(workspace.store),
                dead_letters=workspace.dead_letters,
            )
        )
    finally:
        workspace.close()
    if as_json:
        print_json(found)
        return 1 if found.problems else 0
    counted = f"{found.events} events of {found.conversations} conversations, {found.decisions} decisions recomputed"
    skipped = f" ({found.not_recomputable} not recomputable by this code)" if found.not_recomputable else ""
    print(f"{counted}{skipped}: {len(found.problems) or 'no'} problems")
    if found.problems:
        rows = [(p.kind, p.conversation_id, p.seq, p.offset, p.message) for p in found.problems[:MOST_SHOWN]]
        table(("problem", "call", "seq", "offset", "what is wrong"), rows)
    if len(found.problems) > MOST_SHOWN:
        print(f"... and {len(found.problems) - MOST_SHOWN} more: --json lists all")
    return 1 if found.problems else 0
