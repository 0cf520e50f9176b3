"""``ledgerline worker`` as an operator meets it: how it ends, and where it doesn't begin."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from broker import bootstrap, topics_for
from support import run

from streams.kafka.topics import Topics
from tests.calls.commands import failed, finished, forget_settings, ledgerline, start


@pytest.fixture
def topics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Topics:
    forget_settings(monkeypatch, tmp_path)
    return topics_for(tmp_path, 1)


def log_of(topics: Topics) -> str:
    return f"kafka://{bootstrap()}/{topics.prefix[:-1]}?partitions=1"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_worker_that_is_told_to_end_hands_over(number: signal.Signals, topics: Topics, tmp_path: Path) -> None:
    """SIGHUP: its terminal went away."""
    process = start("worker", "--log", log_of(topics), "--data", tmp_path / "data", folder=tmp_path)
    assert process.stdout is not None
    assert "owns partitions 0" in process.stdout.readline()
    process.send_signal(number)
    assert finished(process).code == 0


def test_a_worker_refuses_a_log_that_its_topic_would_lose(topics: Topics, tmp_path: Path) -> None:
    run(made_by_hand(topics))
    ran = ledgerline("worker", "--log", log_of(topics), "--data", tmp_path / "data")
    failed(ran, 1, f"{topics.log}: retention.ms is 3600000, must be -1", "kafka-configs --alter")


async def made_by_hand(topics: Topics) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=str(bootstrap()))
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topics.log, 1, 1, topic_configs={"retention.ms": "3600000"})])
    finally:
        await admin.close()
