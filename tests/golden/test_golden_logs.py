"""Decisions change only under a new version: golden logs are decided today as they were when they were recorded."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from golden_log import RECORDED_BY, GoldenLog, differences, names, read, told, types_of, write

from processors.deciders import VERSION
from schemas import decisions as d
from schemas.base import Decision, Kind
from schemas.event import Event
from schemas.registry import EVENT_TYPES


@pytest.mark.parametrize("name", names())
def test_deciders_of_one_version_decide_a_golden_log_alike(name: str) -> None:
    log = read(name)
    assert log.version == VERSION, (
        f"recorded by deciders {log.version}, these are {VERSION}: record anew ({RECORDED_BY})"
    )
    found = differences(log)
    assert not found, (
        f"{len(found)} decisions differ: raise processors.deciders.VERSION and record anew ({RECORDED_BY})\n{told(found)}"
    )


def test_golden_logs_hold_every_kind_of_decision() -> None:
    seen = {event_type for name in names() for event_type in types_of(read(name).events)}
    decisions = {name for name, payload in EVENT_TYPES.items() if issubclass(payload, Decision)}
    assert not decisions - seen, f"nobody watches {sorted(decisions - seen)}: record a call that has them"


def test_a_decision_that_was_changed_is_found() -> None:
    log = read(names()[0])
    events = [_forged(event) for event in log.events]
    found = differences(log._replace(events=events))
    assert found
    assert "text" in found[0].reason


def test_a_missing_decision_is_found() -> None:
    log = read(names()[0])
    gone = next(event for event in log.events if isinstance(event.payload, d.VerdictIssued))
    found = differences(log._replace(events=[event for event in log.events if event is not gone]))
    assert found


def test_a_golden_log_reads_back_as_it_was_written(tmp_path: Path) -> None:
    for name in names():
        log = read(name)
        write(log, tmp_path)
        again = read(name, tmp_path)
        assert again == log
        assert isinstance(again, GoldenLog)
        assert {event.kind for event in again.events} == {Kind.FACT, Kind.DECISION}


def _forged(event: Event) -> Event:
    if not isinstance(event.payload, d.ReplyChosen):
        return event
    return msgspec.structs.replace(event, payload=msgspec.structs.replace(event.payload, text="Shares always rise."))
