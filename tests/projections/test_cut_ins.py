"""Cut-ins: counted where the caller had only paused, and nowhere else."""

from __future__ import annotations

import pytest

from projections.cut_ins import CutIns
from schemas import facts as f
from schemas.base import Fact, Kind
from schemas.event import Event

BEGAN = f.SpeechStarted(candidate_id="t2.c", take=1, since_speech_end_ms=600.0)
HEARD = f.UtteranceHeard(utterance_id="u2", text="and one thing", final=True, since_speech_end_ms=200.0)


def at(ms: float, payload: Fact, turn_id: str | None = None) -> Event:
    return Event(
        event_id=f"{ms}",
        type=type(payload).__name__,
        schema_version=payload.VERSION,
        conversation_id="c",
        kind=Kind.FACT,
        turn_id=turn_id,
        occurred_at_us=round(ms * 1000),
        payload=payload,
    )


def cut_in(*events: Event) -> list[str]:
    fold = CutIns()
    return [turn for event in events if (turn := fold.take(event))]


def test_a_caller_who_goes_on_at_once_was_cut_in() -> None:
    went_on = f.CallerSpeechStarted(utterance_id="u2", spoke_over_ms=500.0)
    assert cut_in(at(1000, BEGAN, "t2"), at(1800, went_on), at(2500, HEARD)) == ["t2"]


def test_a_caller_who_speaks_later_interrupts() -> None:
    went_on = f.CallerSpeechStarted(utterance_id="u2", spoke_over_ms=500.0)
    assert cut_in(at(1000, BEGAN, "t2"), at(2100, went_on), at(2500, HEARD)) == []


def test_a_holding_line_cuts_in_as_well() -> None:
    hold = f.HoldingPlayed(phrase_id="h", utterance_id="u1", mark_ms=900, since_speech_end_ms=900.0)
    assert cut_in(at(1000, hold, "t2"), at(1300, f.UtteranceResumed(utterance_id="u1"))) == ["t2"]


@pytest.mark.parametrize("why", ["no_words", "backchannel"])
def test_what_was_no_speech_went_on_with_nothing(why: str) -> None:
    went_on = f.CallerSpeechStarted(utterance_id="u2", spoke_over_ms=500.0)
    dismissed = f.CallerSpeechDismissed(utterance_id="u2", why=why)
    assert cut_in(at(1000, BEGAN, "t2"), at(1800, went_on), at(2000, dismissed), at(2500, HEARD)) == []


def test_nobody_is_cut_in_by_a_greeting() -> None:
    greeting = f.SpeechStarted(candidate_id="t1.c", take=1)
    went_on = f.CallerSpeechStarted(utterance_id="u2")
    assert cut_in(at(1000, greeting, "t1"), at(1200, went_on), at(2500, HEARD)) == []
