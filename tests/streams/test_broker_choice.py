"""Which broker a test run gets; that there may be none is no choice."""

from __future__ import annotations

from pathlib import Path

import broker
import pytest

from streams.kafka.brokers import Brokers


def test_the_address_in_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(broker.ADDRESS, "elsewhere:9092")
    assert broker.bootstrap.__wrapped__() == Brokers("elsewhere:9092")


@pytest.mark.parametrize(("docker_answers", "program"), [(True, "container_broker.py"), (False, "servers.kafka")])
def test_a_container_where_docker_answers_else_a_process(
    docker_answers: bool, program: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(broker, "docker_answers", lambda: docker_answers)
    command = broker.starter(tmp_path, 7)
    assert any(part.endswith(program) for part in command)
    assert command[-2:] == ["--while-pid", "7"]


def test_a_docker_engine_that_is_not_there_answers_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    assert not broker.docker_answers()


def test_no_broker_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(broker.ADDRESS, raising=False)
    monkeypatch.setattr(broker.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(broker, "starter", lambda *_: ["python3", "-c", "print('no jars here')"])
    with pytest.raises(AssertionError, match="no jars here"):
        broker.bootstrap.__wrapped__()
