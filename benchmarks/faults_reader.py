"""The log as it is read by others: ``guests/go/reader``, in another language, on other libraries, by the documented rules."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from benchmarks.faults_workers import ROOT
from benchmarks.report import CannotRunError

_GUESTS, _SCHEMAS = ROOT / "guests" / "go", ROOT / "schemas"
_BUILD_TIMEOUT_S = 300.0  # the first time ever, modules are fetched
_READ_TIMEOUT_S = 60
_COUNTED = ("effective", "void", "records", "conversations", "acknowledged", "problems")


class Account(NamedTuple):
    """What it counted. ``wrong``: everything that isn't as on a whole log, by name; ``lost``, ``doubled`` and
    ``out_of_order`` are in it where they aren't 0."""

    effective: int
    void: int
    wrong: dict[str, int]


def built(directory: Path) -> Path:
    """The program. Raises ``CannotRunError`` where there is no Go."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    go = shutil.which("go", path=path)
    if go is None:
        raise CannotRunError("no Go toolchain: 'make setup-dev' installs one")
    program = directory / "reader"
    environment = os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    subprocess.run(
        [go, "build", "-o", str(program), "./reader"],
        cwd=_GUESTS,
        env=environment,
        check=True,
        timeout=_BUILD_TIMEOUT_S,
    )
    return program


async def read_by_others(
    reader: Path,
    bootstrap: str,
    topic: str,
    acknowledged: Collection[str],
    directory: Path,
    registry: str | None = None,
) -> Account:
    """``acknowledged``: ids of facts that an inbox took: each must be effective. ``registry``: its address, for a log
    that was opened with one."""
    taken = directory / f"{topic}.acknowledged"
    taken.write_text("\n".join(acknowledged))
    given = ["-registry", registry] if registry else []
    process = await asyncio.create_subprocess_exec(
        str(reader),
        *("-brokers", bootstrap, "-topic", topic, "-schemas", str(_SCHEMAS)),
        *("-acknowledged", str(taken), "-timeout", f"{_READ_TIMEOUT_S}s", *given),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, failed = await process.communicate()
    if process.returncode not in (0, 1):
        raise RuntimeError(f"the reader could not read: {failed.decode(errors='replace')}")
    counts = json.loads(said)
    wrong = {name: count for name, count in counts.items() if name not in _COUNTED and count}
    return Account(counts["effective"], counts["void"], wrong)
