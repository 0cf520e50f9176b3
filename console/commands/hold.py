"""``ledgerline hold``: legal holds on subjects, with their trail."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from console.custody import CustodyRecord, custody_record, named, read_custody
from console.failures import UsageError
from console.find_call import find_call
from console.output import print_json, table
from console.settings import Settings, load_settings
from console.workspace import Workspace, open_workspace
from projections.custody import Custody
from projections.subjects import subjects_by_conversation
from schemas.custody import HoldLifted, HoldPlaced
from schemas.event import new_id
from streams.pseudonyms import Pseudonyms

WHATS = ("place", "lift", "list")
CALL = "call:"


def run(
    *,
    what: str,
    target: str | None,
    reference: str | None,
    by: str | None,
    data: Path | None,
    log: str | None,
    as_json: bool,
) -> int:
    if what not in WHATS:
        raise UsageError(f"hold {what}: there are hold place SUBJECT, hold lift SUBJECT|HOLD and hold list")
    if (what == "list") != (target is None):
        raise UsageError("hold place SUBJECT, hold lift SUBJECT|HOLD, or hold list")
    if target is not None and not target.strip():
        raise UsageError(f"hold {what}: the name is empty; a subject's id, a caller's number or call:CALL is expected")
    custody = asyncio.run(_run(load_settings(data, log), what, target or "", reference or "", by or ""))
    if as_json:
        print_json(custody)
        return 0
    rows = [(h.hold_id, h.subject, h.reference, h.by, h.placed_at, h.lifted_at or "stands") for h in custody.holds]
    table(("hold", "subject (pseudonym)", "reference", "by", "placed", "lifted"), rows)
    return 0


async def _run(settings: Settings, what: str, target: str, reference: str, by: str) -> Custody:
    async with open_workspace(settings, create=False) as workspace:
        if what == "list":
            return await read_custody(workspace)
        async with custody_record(workspace) as record:
            return await _note(workspace, record, what, target, reference, by)


async def _note(
    workspace: Workspace, record: CustodyRecord, what: str, target: str, reference: str, by: str
) -> Custody:
    reference, by = named("--reference", reference), named("--by", by)
    if what == "place":
        subject, event_id = await pseudonym_of(workspace, target), new_id()
        await _tell_unknown(workspace, target)
        placed = HoldPlaced(hold_id=f"hold-{new_id()[:8]}", subject=subject, reference=reference, by=by)
        await record.note(placed, event_id=event_id)
        _tell_too_late(subject, await record.read(before=event_id))
        return await record.read()
    custody = await record.read()
    standing = [hold for hold in custody.holds if hold.hold_id == target and hold.lifted_at is None]
    standing = standing or list(custody.standing(await pseudonym_of(workspace, target)))
    if not standing:
        raise UsageError("no hold of that name, and none on that subject, stands: ledgerline hold list shows all")
    for hold in standing:
        await record.note(HoldLifted(hold_id=hold.hold_id, subject=hold.subject, reference=reference, by=by))
    return await record.read()


async def _tell_unknown(workspace: Workspace, target: str) -> None:
    """A hold may stand before the first call of its subject; or its name is misspelt, and then it keeps nobody."""
    await workspace.bring_keys()
    named_in = await subjects_by_conversation(workspace.stores.ledger, workspace.codec)
    if not target.startswith(CALL) and not any(target in names for names in named_in.values()):
        print(
            "ledgerline: nobody on this log is known by that name so far: the hold keeps whoever comes under exactly it",
            file=sys.stderr,
        )


def _tell_too_late(subject: str, before: Custody) -> None:
    """``before``: as the log had it when the hold was placed. A forgetting that stands there goes on."""
    for forgetting in before.forgotten:
        if forgetting.subject == subject:
            print(
                f"ledgerline: {len(forgetting.conversations)} conversations of that subject were forgotten at "
                f"{forgetting.at} ({forgetting.reference}, by {forgetting.by}): the hold comes too late for them",
                file=sys.stderr,
            )


async def pseudonym_of(workspace: Workspace, target: str) -> str:
    """``target``: a subject's id, a caller's number, or ``call:CALL``. Raises ``UsageError``."""
    if target.startswith(CALL):
        target = CALL + await find_call(workspace, target.removeprefix(CALL))
    return (await Pseudonyms.of_log(workspace.keys)).of("subject", target)
