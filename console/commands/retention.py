"""``ledgerline retention``: how long conversations are kept at least, with its trail."""

from __future__ import annotations

import asyncio
from pathlib import Path

from console.custody import custody_record, named, read_custody
from console.output import print_json, table
from console.settings import Settings, load_settings
from console.workspace import open_workspace
from projections.custody import Retention
from schemas.custody import RetentionSet


def run(
    *, days: int | None, reference: str | None, by: str | None, data: Path | None, log: str | None, as_json: bool
) -> int:
    found = asyncio.run(_run(load_settings(data, log), days, reference or "", by or ""))
    if as_json:
        print_json(found)
        return 0
    if not found:
        print("no retention was set: a conversation may be forgotten as soon as it is over")
        return 0
    table(("days", "reference", "by", "set"), [(r.days, r.reference, r.by, r.set_at) for r in found])
    return 0


async def _run(settings: Settings, days: int | None, reference: str, by: str) -> tuple[Retention, ...]:
    async with open_workspace(settings, create=False) as workspace:
        if days is not None:
            fact = RetentionSet(days=days, reference=named("--reference", reference), by=named("--by", by))
            async with custody_record(workspace) as record:
                await record.note(fact)
        return (await read_custody(workspace)).retention
