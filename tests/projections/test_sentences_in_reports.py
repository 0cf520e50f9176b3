"""What a report tells of replies that were released by sentence, and cut short."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from projections.call_report import CallReport, report_call
from projections.turn_report import TurnReport
from schemas import decisions as d
from schemas import facts as f
from schemas.event import Event
from tests.golden.golden_log import read

LOG = read("a_call_by_sentence").events
DEMO = read("demo_on_a_virtual_clock").events  # its replies are by sentence too, and most are heard to their end


def reported(log: Sequence[Event]) -> CallReport:
    found = report_call(log)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def report() -> CallReport:
    return reported(LOG)


def turns(report: CallReport) -> dict[str, TurnReport]:
    return {turn.turn_id: turn for turn in (*report.turns, *report.agent_turns)}


def test_what_was_chosen_is_all_that_was_released() -> None:
    whole = {e.payload.candidate_id: e for e in DEMO if isinstance(e.payload, d.SentenceReleased) and e.payload.last}
    heard = [e for e in DEMO if isinstance(e.payload, f.SpeechCompleted) and e.payload.candidate_id in whole]
    assert heard
    told = turns(reported(DEMO))
    for event in heard:
        assert isinstance(event.payload, f.SpeechCompleted)
        assert told[event.turn_id or ""].chosen == event.payload.spoken


def test_a_reply_that_was_cut_short_says_why(report: CallReport) -> None:
    cuts = {e.turn_id or "": e.payload.reason for e in LOG if isinstance(e.payload, d.ReplyCut)}
    assert cuts
    assert {turn_id: turn.cut_short for turn_id, turn in turns(report).items() if turn.cut_short} == cuts
