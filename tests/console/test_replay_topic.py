"""``ledgerline replay --partition``: a stretch of a topic on a real broker, and of the embedded log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from broker import bootstrap, topics_for
from msgspec.structs import replace
from recorded_calls import bank, record_call
from support import DataDirectory, run
from written import took

from schemas.event import Event
from streams.kafka.behaviours import KafkaBehaviours
from streams.kafka.log import opened
from streams.ports import Entry
from tests.calls.commands import failed, forget_settings, ledgerline


@pytest.fixture(autouse=True)
def unconfigured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget_settings(monkeypatch, tmp_path)


class Recorded(NamedTuple):
    """``events`` of its one call. ``arguments``: where the log is."""

    topic: str
    events: list[Event]
    arguments: tuple[object, ...]


@pytest.fixture(scope="module")
def on_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """A call, behind it another owner, and what the first wrote before it noticed."""
    data = DataDirectory(tmp_path_factory.mktemp("recorded"))
    topics = topics_for(data.path, 1)

    async def record() -> list[Event]:
        async with opened(bootstrap(), topics) as stores:
            data.inbox, data.ledger, data.stores = stores.inbox, stores.ledger, stores  # type: ignore[assignment]
            events = await record_call(data)
            zombie = replace(events[-1], seq=events[-1].seq + 1, step_index=0, step_size=1)
            for event in (took(9), zombie):
                await stores.ledger.append(0, [Entry(event.conversation_id, data.codec.encode(event)[0])])
            return events

    events = run(record())
    behaviours = KafkaBehaviours(bootstrap(), topics)
    behaviours.record(bank().content_hash, bank().canonical())
    behaviours.close()
    where = ("--log", f"kafka://{bootstrap()}?partitions=1", "--data", data.path)
    yield Recorded(topics.log, events, where)
    data.close()


def test_a_topic_is_recomputed_from_its_first_record_to_its_last(on_kafka: Recorded) -> None:
    ran = ledgerline("replay", "--topic", on_kafka.topic, "--partition", 0, *on_kafka.arguments, "--json")
    assert ran.code == 0
    found = ran.json
    assert (found["topic"], found["identical"], found["conversations"]) == (on_kafka.topic, True, 1)
    assert (found["events"], found["void"], found["not_recomputable"]) == (len(on_kafka.events), 1, 0)


def test_a_stretch_of_time_is_recomputed_in_the_state_before_it(on_kafka: Recorded) -> None:
    times = sorted({event.accepted_at_us for event in on_kafka.events})
    start, end = (
        datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=times[len(times) * part // 4]) for part in (1, 3)
    )
    bounds = ("--from", start.isoformat(), "--to", end.isoformat().replace("+00:00", "Z"))
    ran = ledgerline("replay", "--topic", on_kafka.topic, "--partition", 0, *bounds, *on_kafka.arguments, "--json")
    accepted = [e for e in on_kafka.events if times[len(times) // 4] <= e.accepted_at_us < times[len(times) * 3 // 4]]
    assert (ran.json["identical"], ran.json["events"], ran.json["cut"]) == (True, len(accepted), 0)


def test_people_read_where_it_was_and_what_was_passed_over(on_kafka: Recorded) -> None:
    ran = ledgerline("replay", "--topic", on_kafka.topic, "--partition", 0, *on_kafka.arguments)
    assert on_kafka.topic in ran.out
    assert "1 void records passed over" in ran.out
    assert ran.out.endswith("identical\n")


def test_a_stretch_that_cannot_be_is_a_usage_error(on_kafka: Recorded) -> None:
    def of(*arguments: object) -> tuple[object, ...]:
        return ("replay", "--topic", on_kafka.topic, *arguments, *on_kafka.arguments)

    failed(ledgerline(*of("--partition", 1)), 2, "this log has 1")
    failed(ledgerline(*of("--partition", 0, "--from", "yesterday")), 2, "--from yesterday", "an offset, or a time")
    failed(ledgerline(*of("--partition", 0, "--from", 20, "--to", 10)), 2, "lies before --from")
    other = ("replay", "--topic", "orders.v1", "--partition", 0, *on_kafka.arguments)
    failed(ledgerline(*other), 2, "orders.v1 is no log of conversations")
    missing = ("replay", "--topic", f"no-such.{on_kafka.topic}", "--partition", 0, *on_kafka.arguments)
    failed(ledgerline(*missing), 2, "there is no log")
    assert ledgerline("replay", "--partition", 0, "--from", 3, "last").code == 2
    assert ledgerline("replay", "--from", 3).code == 2
    assert ledgerline("replay").code == 2


def test_the_embedded_log_has_partitions_and_no_topics(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    recorded = run(record_call(data))
    data.close()
    (tmp_path / "log.db").rename(tmp_path / "ledger.db")
    ran = ledgerline("replay", "--partition", 0, "--data", tmp_path, "--json")
    assert (ran.code, ran.json["topic"], ran.json["identical"]) == (0, None, True)
    assert ran.json["events"] == len(recorded)
    named = ledgerline("replay", "--topic", "support.conversation.v1", "--partition", 0, "--data", tmp_path)
    failed(named, 2, "the embedded log has no topics", "--log")
