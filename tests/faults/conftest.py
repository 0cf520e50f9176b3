"""Fault tests use the run's real broker (``tests/streams/broker.py``), or brokers of their own to kill."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playing import LEARNT, Play, handed_on, playing

from benchmarks.faults_stage import staged

for neighbour in ("streams", "guests"):
    sys.path.insert(0, str(Path(__file__).parents[1] / neighbour))

WORKERS = 2


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The independent reader's program."""
    from go_programs import built

    return built(tmp_path_factory.getbasetemp().parent, "reader")


@pytest.fixture(scope="session")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that all stages of a run share."""
    return tmp_path_factory.getbasetemp().parent / f"learnt-{LEARNT}"


@pytest.fixture(scope="session", params=["aiokafka"])
def play(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, learnt: Path, reader: Path
) -> Iterator[Play]:
    """On one stage for all tests of what workers suffer."""
    from broker import bootstrap

    with (
        handed_on(learnt, tmp_path_factory.mktemp("stage")) as data,
        playing(staged(str(bootstrap()), data, workers=WORKERS, host=request.param), WORKERS, reader) as play,
    ):
        yield play
