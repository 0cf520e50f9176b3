"""``ledgerline export --parquet``: the read models as Parquet files, by day."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from console.failures import UsageError
from console.output import print_json, table
from console.progress import Progress
from console.read_models import bring_up_to_date, read_models
from console.settings import Settings, load_settings
from projections.analytics import Analytics
from projections.read_models.catalogue import READ_MODELS


def run(*, directory: Path, store: str | None, data: Path | None, log: str | None, as_json: bool) -> int:
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UsageError(f"{directory} isn't empty: name another directory")
    written = asyncio.run(_export(load_settings(data, log), store, directory))
    if as_json:
        print_json(written)
        return 0
    table(("read model", "rows"), written.items())
    print(f"{directory}: what people said stands in it as ciphertext; ledgerline sql opens it with the keys at hand.")
    return 0


async def _export(settings: Settings, url: str | None, directory: Path) -> dict[str, int]:
    async with read_models(settings, url) as models:
        with Progress("projecting") as progress:
            advised = await bring_up_to_date(models, progress)
        for advice in advised:
            print(f"ledgerline: {advice}", file=sys.stderr)
        with Analytics(models.store, models.workspace.keys) as analytics:
            return {name: analytics.write_parquet(model, directory / name) for name, model in READ_MODELS.items()}
