"""``ledgerline sql``: asks the read models, on DuckDB."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from console.answer import print_answer
from console.failures import UsageError
from console.progress import Progress
from console.read_models import bring_up_to_date, read_models
from console.settings import Settings, load_settings
from projections.analytics import Analytics, Answer, QueryError


def run(*, query: str, store: str | None, data: Path | None, log: str | None, as_json: bool) -> int:
    print_answer(asyncio.run(_ask(load_settings(data, log), store, query)), as_json)
    return 0


async def _ask(settings: Settings, url: str | None, query: str) -> Answer:
    async with read_models(settings, url) as models:
        with Progress("projecting") as progress:
            advised = await bring_up_to_date(models, progress)
        for advice in advised:
            print(f"ledgerline: {advice}", file=sys.stderr)
        await models.workspace.bring_keys()
        with Analytics(models.store, models.workspace.keys) as analytics:
            try:
                return analytics.ask(query)
            except QueryError as error:
                raise UsageError(str(error)) from None
