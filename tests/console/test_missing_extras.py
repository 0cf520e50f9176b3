"""A command whose extra isn't installed says which one, and what to do; there is no trace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("missing", "command", "extra"),
    [
        ("duckdb", ("sql", "select 1"), "analytics"),
        ("sqlalchemy", ("project", "rebuild", "turns"), "analytics"),
        ("aiokafka", ("calls", "--log", "kafka://localhost:1"), "kafka"),
        ("aiokafka", ("worker", "--log", "kafka"), "kafka"),
    ],
)
def test_a_missing_extra_is_named(missing: str, command: tuple[str, ...], extra: str, tmp_path: Path) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from console.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *command, "--data", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    assert f"ledgerline[{extra}]" in done.stderr
    assert "make setup-dev" in done.stderr
    assert "Traceback" not in done.stderr
