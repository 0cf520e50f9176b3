"""The command line for tests: in this process where that shows all there is, as a process of its own where it doesn't."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from console.main import app

VENDOR_VARIABLES = ("DEEPGRAM_API_KEY", "ELEVENLABS_API_KEY", "CARTESIA_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL")
PATIENCE_S = 60.0


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def ledgerline(*arguments: object) -> Ran:
    """Runs a command in this process; an exception that a person would see as a trace fails the test."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)


def failed(ran: Ran, code: int, *words: str) -> None:
    """One message on stderr that has these words; nothing on stdout."""
    assert ran.code == code, ran
    assert ran.out == ""
    assert ran.err.startswith("ledgerline: ")
    assert ran.err.count("ledgerline: ") == 1
    assert "Traceback" not in ran.err
    for word in words:
        assert word in ran.err, ran.err


def clean_environment(**variables: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in VENDOR_VARIABLES and not name.startswith("LEDGERLINE_")
    }
    return {**kept, **variables}


def forget_settings(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """No key and no setting of this machine reaches the test; ``folder`` is the working directory."""
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)
    monkeypatch.chdir(folder)


def start(
    *arguments: object, folder: Path, environment: Mapping[str, str] | None = None, prelude: str = ""
) -> subprocess.Popen[str]:
    """A process of its own. ``prelude``: Python that runs in it first."""
    program = f"import sys; sys.path.insert(0, {os.getcwd()!r}); {prelude}\nfrom console.main import main; main()"
    root = str(Path(__file__).resolve().parents[2])
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=folder,
        env={**clean_environment(**(environment or {})), "PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> Ran:
    out, err = process.communicate(timeout=PATIENCE_S)
    return Ran(process.returncode, out, err)


def until_event(data: Path, kind: str, process: subprocess.Popen[str]) -> None:
    """Waits until the log of a call that runs in another process holds an event of this type."""
    import sqlite3

    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        path = data / "ledger.db"
        if path.exists():
            with sqlite3.connect(path) as db:
                tables = db.execute("select count(*) from sqlite_master where name = 'log'").fetchone()
                if tables[0] and db.execute("select count(*) from log where type = ?", (kind,)).fetchone()[0]:
                    return
        time.sleep(0.02)
    raise AssertionError(f"no {kind} came; exit code {process.poll()}")
