"""Seeds are played in processes of their own. However the one ends that asked for them, they end too, and quietly."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.calls.commands import PATIENCE_S, clean_environment

_ROOT = Path(__file__).resolve().parents[2]
_PLAYS = """
import multiprocessing, sys
from console.main import main
from simulation import run
side_by_side = run._side_by_side
def told(*arguments):
    playing = side_by_side(*arguments)
    yield next(playing)
    print(*(child.pid for child in multiprocessing.active_children()), file=sys.stderr, flush=True)
    yield from playing
run._side_by_side = told
run.os.cpu_count = lambda: 2
if __name__ == "__main__":
    main()
"""


@pytest.fixture
def simulating(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """``ledgerline simulate`` with two processes, in a group of its own; its first line on stderr names them."""
    script = tmp_path / "plays.py"
    script.write_text(_PLAYS)
    process = subprocess.Popen(
        [sys.executable, script, "simulate", "--seeds", "5000"],
        env=clean_environment(PYTHONPATH=str(_ROOT)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield process
    process.kill()
    process.communicate(timeout=PATIENCE_S)


def children_of(process: subprocess.Popen[str]) -> list[int]:
    assert process.stderr is not None
    for line in process.stderr:
        if line.replace(" ", "").strip().isdecimal():
            return [int(pid) for pid in line.split()]
    raise AssertionError("it ended before its first seed")


def test_who_is_killed_leaves_no_process_behind(simulating: subprocess.Popen[str]) -> None:
    children = [os.pidfd_open(pid) for pid in children_of(simulating)]
    assert len(children) == 2
    simulating.kill()
    for child in children:
        assert _ended(child)
        os.close(child)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_is_stopped_says_how_to_go_on_and_nothing_else(simulating: subprocess.Popen[str], number: int) -> None:
    children_of(simulating)
    if number == signal.SIGINT:
        os.killpg(simulating.pid, number)  # as a terminal does
    else:
        simulating.send_signal(number)
    out, err = simulating.communicate(timeout=PATIENCE_S)
    assert simulating.returncode == 1
    assert "no violations" in out
    assert "to go on: ledgerline simulate --first-seed" in err
    assert "Traceback" not in err


def _ended(child: int) -> bool:
    """Waits for it."""
    return bool(select.select([child], [], [], PATIENCE_S)[0])
