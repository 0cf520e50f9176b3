"""Makes ``tests/support.py`` importable from every test directory, gives tests room and an open data directory."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from room import room
from support import DataDirectory


def pytest_configure() -> None:
    """What ``nohup`` or a shell's ``&`` made this process ignore, the commands that tests start would ignore too. What is
    caught and left at that, this process goes on ignoring, and they don't."""
    for number in (signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    os.environ.pop("COLUMNS", None)  # how wide whoever runs the tests has made their terminal


@pytest.fixture(autouse=True)
def machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Each test shares it with one of another worker, but for those that are marked ``alone``."""
    alone = request.node.get_closest_marker("alone") is not None
    with room(tmp_path_factory.getbasetemp().parent, alone=alone):
        yield


@pytest.fixture(scope="module", autouse=True)
def fresh_heap() -> Iterator[None]:
    """What was loaded before is left out when a test's leftovers are looked for (``support.run``)."""
    gc.freeze()
    yield
    gc.collect()  # of this module: nobody looks at what it leaves after the next one froze it


@pytest.fixture
def data(tmp_path: Path) -> Iterator[DataDirectory]:
    directory = DataDirectory(tmp_path)
    yield directory
    directory.close()
