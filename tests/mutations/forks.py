"""Searches, each in a process of its own that begins with everybody else's code loaded and none of ours: loading that takes
twice as long as most searches do.

``python -m tests.mutations.forks``: a line ``NAME SEEDS FIRST_SEED`` on stdin is answered by a line of JSON on stdout, what
``tests.mutations.find`` prints; where it would print a trace, that as ``{"failed"}``.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.mutations.find import ROOT, find

_LOADED = ("simulation.run", "pytest")


class Searches:
    """Those of one process. ``found`` raises ``AssertionError`` where a search failed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def found(self, name: str, seeds: int, first_seed: int) -> dict[str, Any]:
        asks, answers = self._process.stdin, self._process.stdout
        assert asks is not None
        assert answers is not None
        print(name, seeds, first_seed, file=asks, flush=True)
        found: dict[str, Any] = json.loads(answers.readline())
        assert "failed" not in found, found["failed"]
        return found


@contextmanager
def searches() -> Iterator[Searches]:
    command = [sys.executable, "-m", "tests.mutations.forks"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Searches(process)  # it ends when nobody can ask it any more


def _serve() -> None:
    for name in _LOADED:
        importlib.import_module(name)
    ours = {folder.name for folder in ROOT.iterdir() if folder.is_dir()} - {"tests"}
    for name in list(sys.modules):
        if name.split(".")[0] in ours:
            del sys.modules[name]
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _search(*line.split())
        _, status = os.waitpid(child, 0)
        if status:
            _tell({"failed": f"{line.strip()}: ended with {os.waitstatus_to_exitcode(status)}"})


def _search(name: str, seeds: str, first_seed: str) -> None:
    """Ends this process."""
    try:
        _tell(find(name, int(seeds), int(first_seed)))
    except BaseException:  # whatever ended the search is the test's to show
        _tell({"failed": traceback.format_exc()[-2000:]})
    os._exit(0)


def _tell(found: dict[str, object]) -> None:
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    _serve()
