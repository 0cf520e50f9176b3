"""``python -m tests.mutations.table``: runs every mutation and writes docs/invariants.md anew, table and all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.mutations.find import MOST_SEEDS, ROOT
from tests.mutations.mutations import MUTATIONS, Mutation

PAGE = ROOT / "docs" / "invariants.md"
MARK = "<!-- written by: python -m tests.mutations.table -->"


def _found(mutation: Mutation) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.mutations.find", mutation.name, "--seeds", str(MOST_SEEDS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _row(mutation: Mutation, found: dict[str, Any]) -> str:
    seeds = found["seeds"] if found["seeds"] is not None else f"not in {MOST_SEEDS}"
    shown = f"`{found['invariant']}`" if found["invariant"] else "-"
    return f"| `{mutation.name}` | {mutation.rule} | `{mutation.module}` | {seeds} | {shown} |"


def recorded_seeds() -> dict[str, int]:
    """Mutation → the seed that showed it when the page was written; those that a file of tests shows aren't in it. A hint:
    what the simulation plays in a seed may have changed since."""
    rows = [line.split(" | ") for line in PAGE.read_text().partition(MARK)[2].splitlines() if line.startswith("| `")]
    return {row[0].strip("| `"): int(row[3]) for row in rows if row[3].isdecimal() and int(row[3])}


def main() -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(_found, MUTATIONS))
    rows = [_row(mutation, one) for mutation, one in zip(MUTATIONS, found, strict=True)]
    head = ["| mutation | the rule that it breaks | in | seeds to detection | shown by |", "|---|---|---|---|---|"]
    before, _, _ = PAGE.read_text().partition(MARK)
    PAGE.write_text(before + "\n".join([MARK, "", *head, *rows, ""]))
    print(f"{sum(one['seeds'] is not None for one in found)} of {len(found)} mutations are found")


if __name__ == "__main__":
    main()
