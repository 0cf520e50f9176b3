"""One broker's process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from servers.kafka_node import KafkaNode


def test_what_a_killed_broker_unpacked_lies_in_its_own_directory_and_goes_with_its_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A native library for each compression that it met."""
    started: list[Sequence[str]] = []
    monkeypatch.setattr(KafkaNode, "start", lambda _, command: started.append(command))
    monkeypatch.setattr("servers.kafka_node.class_path", lambda *_: "jars")
    left = tmp_path / "node" / "tmp" / "liblz4-java-1.so"
    left.parent.mkdir(parents=True)
    left.touch()
    KafkaNode(1, tmp_path / "node", tmp_path / "jars", heap_mb=64, lasting=False).launch()
    assert not left.exists()
    assert left.parent.is_dir()
    assert f"-Djava.io.tmpdir={left.parent}" in started[0]
