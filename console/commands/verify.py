"""``ledgerline verify``: the whole log, down to every decision."""

from __future__ import annotations

import asyncio
from pathlib import Path

from console.failures import FailedError, UsageError
from console.output import print_json, table
from console.settings import Settings, load_settings
from console.workspace import open_workspace
from processors.deciders import cascade
from projections.anchor_check import AnchorCheck
from projections.anchors import BadAnchorsError, read_anchors
from projections.recompute import Recomputer
from projections.recorded_behaviour import recorded_behaviours
from projections.verify import Verification, verify

MOST_SHOWN = 50


def run(*, against: Path | None, public_key: str | None, data: Path | None, log: str | None, as_json: bool) -> int:
    if public_key is not None and against is None:
        raise UsageError("--public-key is of the anchors that --against names")
    try:
        anchors = read_anchors(against, public_key) if against else None
    except BadAnchorsError as error:
        raise FailedError(str(error)) from None
    except OSError as error:
        raise UsageError(f"--against {against}: can't be read: {error.strerror or error}") from None
    if anchors is not None and anchors.last is None:
        raise UsageError(f"{against} holds no anchor")
    found = asyncio.run(_verify(load_settings(data, log), AnchorCheck(anchors) if anchors else None))
    if as_json:
        print_json(found)
        return 1 if found.problems else 0
    counted = f"{found.events} events of {found.conversations} conversations, {found.decisions} decisions recomputed"
    skipped = f" ({found.not_recomputable} not recomputable by this code)" if found.not_recomputable else ""
    if found.imported:
        skipped += f"; {found.imported} conversations are another system's"
    if found.forgotten:
        skipped += f"; {found.forgotten} are forgotten"
    if found.without_key:
        skipped += f"; {found.without_key} have no key here and were not forgotten"
    print(f"{counted}{skipped}: {len(found.problems) or 'no'} problems")
    if found.anchored:
        told = found.anchored
        print(f"compared with {told.heads} heads of {told.at}, signed by {told.key}")
        if told.events_since:
            print(
                f"not covered: {told.events_since} events in {told.conversations_since} conversations that no anchor knows yet"
            )
    if found.problems:
        rows = [(p.kind, p.conversation_id, p.seq, p.offset, p.message) for p in found.problems[:MOST_SHOWN]]
        table(("problem", "call", "seq", "offset", "what is wrong"), rows)
    if len(found.problems) > MOST_SHOWN:
        print(f"... and {len(found.problems) - MOST_SHOWN} more: --json lists all")
    return 1 if found.problems else 0


async def _verify(settings: Settings, anchors: AnchorCheck | None) -> Verification:
    async with open_workspace(settings, create=False) as workspace:
        await workspace.bring_keys()
        return await verify(
            workspace.stores.ledger,
            workspace.codec,
            Recomputer(cascade(), recorded_behaviours(workspace.behaviours), workspace.keys),
            states=workspace.stores.states,
            acknowledged=await workspace.acknowledged(),
            dead_letters=workspace.stores.dead_letters,
            steps_are_atomic=workspace.steps_are_atomic,
            anchors=anchors,
        )
