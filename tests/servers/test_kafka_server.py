"""The broker that ``make kafka`` starts: it answers, keeps its data, and leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
Start = Callable[..., "Foreground"]


class Foreground:
    """``python -m servers.kafka`` as a process."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "servers.kafka", "--port", "0", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        self.said = [self.process.stdout.readline() for _ in range(2)]
        assert "Kafka answers at 127.0.0.1:" in self.said[0], self.said
        self.brokers = psutil.Process(self.process.pid).children()
        assert len(self.brokers) == 1

    def assert_gone(self) -> None:
        _, alive = psutil.wait_procs(self.brokers, timeout=PATIENCE_S)
        assert not alive


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Foreground] = []

    def starting(*arguments: str) -> Foreground:
        started.append(Foreground(*arguments))
        return started[-1]

    yield starting
    for foreground in started:
        foreground.process.kill()
        foreground.process.communicate()
        foreground.assert_gone()


def test_the_broker_stops_when_told_and_starts_again_over_its_data(start: Start, tmp_path: Path) -> None:
    for _ in range(2):
        foreground = start("--data", str(tmp_path / "kafka"))
        foreground.process.send_signal(signal.SIGINT)
        assert foreground.process.wait(PATIENCE_S) == 0
        foreground.assert_gone()


def test_the_broker_goes_when_its_starter_is_killed(start: Start, tmp_path: Path) -> None:
    foreground = start("--data", str(tmp_path / "kafka"))
    foreground.process.kill()
    foreground.assert_gone()


def test_the_broker_goes_with_its_data_when_the_watched_process_has_ended(start: Start, tmp_path: Path) -> None:
    watched = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    data = tmp_path / "kafka"
    foreground = start("--data", str(data), "--throw-away", "--while-pid", str(watched.pid))
    watched.kill()
    watched.communicate()
    assert foreground.process.wait(PATIENCE_S) == 0
    foreground.assert_gone()
    assert not data.exists()


def test_a_broker_that_ends_is_an_error_that_names_its_log(start: Start, tmp_path: Path) -> None:
    foreground = start("--data", str(tmp_path / "kafka"))
    os.kill(foreground.brokers[0].pid, signal.SIGKILL)
    assert foreground.process.wait(PATIENCE_S) == 1
    assert foreground.process.stdout is not None
    assert "kafka.log" in foreground.process.stdout.read()
