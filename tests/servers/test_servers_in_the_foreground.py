"""What ``make kafka``, ``make kafka3`` and ``make registry`` start: it answers, and leaves no process behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from servers.foreground import alone_over

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
Start = Callable[..., "Foreground"]


class Foreground:
    """``python -m servers.kafka``, or another of them, as a process."""

    def __init__(self, *arguments: str, module: str = "servers.kafka", count: int = 1) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, "--port", "0", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        self.said = [self.process.stdout.readline() for _ in range(2)]
        assert "answers at " in self.said[0], self.said
        self.servers = psutil.Process(self.process.pid).children()
        assert len(self.servers) == count

    @property
    def exported(self) -> str:
        """The value that it says to export first."""
        return self.said[1].partition("=")[2].strip().strip("'")

    def assert_gone(self) -> None:
        _, alive = psutil.wait_procs(self.servers, timeout=PATIENCE_S)
        assert not alive


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Foreground] = []

    def starting(*arguments: str, **how: Any) -> Foreground:
        started.append(Foreground(*arguments, **how))
        return started[-1]

    yield starting
    for foreground in started:
        foreground.process.kill()
        foreground.process.communicate()
        foreground.assert_gone()


def test_the_broker_stops_when_told_and_starts_again_over_its_data(start: Start, tmp_path: Path) -> None:
    """SIGHUP: its terminal goes away."""
    for number in (signal.SIGINT, signal.SIGHUP):
        foreground = start("--data", str(tmp_path / "kafka"))
        foreground.process.send_signal(number)
        assert foreground.process.wait(PATIENCE_S) == 0
        foreground.assert_gone()


def test_the_others_go_on_when_one_of_three_brokers_is_killed(start: Start, tmp_path: Path) -> None:
    foreground = start("--data", str(tmp_path / "kafka"), "--brokers", "3", count=3)
    assert foreground.process.stdout is not None
    assert foreground.process.stdout.readline().startswith("  export LEDGERLINE_TEST_KAFKA=")
    assert f"{foreground.servers[0].pid}" in foreground.process.stdout.readline()
    foreground.servers[0].kill()
    assert foreground.process.stdout.readline().startswith("broker 1 ended; it is started again in ")
    assert [server.is_running() for server in foreground.servers[1:]] == [True, True]


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
    os.kill(foreground.servers[0].pid, signal.SIGKILL)
    assert foreground.process.wait(PATIENCE_S) == 1
    assert foreground.process.stdout is not None
    assert "kafka.log" in foreground.process.stdout.read()


@pytest.mark.parametrize("module", ["servers.kafka", "servers.registry"])
def test_over_a_directory_in_use_no_second_server_starts_and_nothing_of_it_is_touched(
    module: str, tmp_path: Path
) -> None:
    """A second broker would change files that the first has mapped, and ended it."""
    data = tmp_path / "data"
    with alone_over(data):
        (data / "kept").touch()
        second = not_started(module, "--port", "0", "--data", str(data), "--throw-away")
        assert (second.returncode, {path.name for path in data.iterdir()}) == (1, {"kept", "server.lock"})
    assert f"another server runs over {data} (process {os.getpid()})" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize("module", ["servers.kafka", "servers.registry"])
def test_a_port_that_is_taken_is_refused_by_name(module: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = not_started(module, "--port", str(port), "--data", str(tmp_path / "data"))
    assert refused.returncode == 2
    assert f"--port {port}: somebody listens there already" in refused.stderr


def not_started(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_S)


def test_three_brokers_answer_each_at_its_own_address_and_stop_together(start: Start, tmp_path: Path) -> None:
    foreground = start("--brokers", "3", "--data", str(tmp_path / "kafka"), count=3)
    assert len(set(foreground.exported.removeprefix("kafka://").partition("?")[0].split(","))) == 3
    assert foreground.exported.endswith("?replication=3")
    foreground.process.send_signal(signal.SIGINT)
    assert foreground.process.wait(PATIENCE_S) == 0
    foreground.assert_gone()


def test_the_registry_answers_and_stops_when_told(start: Start, tmp_path: Path) -> None:
    foreground = start("--data", str(tmp_path / "registry"), module="servers.registry")
    with urllib.request.urlopen(f"{foreground.exported}/subjects", timeout=PATIENCE_S) as answer:
        assert answer.read() == b"[]"
    foreground.process.send_signal(signal.SIGINT)
    assert foreground.process.wait(PATIENCE_S) == 0
    foreground.assert_gone()
