"""``ledgerline demo``: the example bank answers its scripted caller."""

from __future__ import annotations

from pathlib import Path

from console.callers import script_caller
from console.commands.call import present
from console.settings import EXAMPLE_BEHAVIOUR, load_settings


def run(*, data: Path | None, log: str | None, as_json: bool) -> int:
    settings = load_settings(data, log)
    return present(settings, script_caller(EXAMPLE_BEHAVIOUR / "demo" / "call.yaml"), speed="real", as_json=as_json)
