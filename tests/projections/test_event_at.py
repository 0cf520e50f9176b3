"""One event of a call: the state around it, what led to it, what came of it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from golden_calls import golden

from projections.event_at import EventAt, event_at
from schemas.event import Event
from schemas.facts import UtteranceHeard


@pytest.fixture(scope="module")
def call() -> list[Event]:
    return golden("demo_on_a_virtual_clock")


def at(call: list[Event], seq: int) -> EventAt:
    found = event_at(call, seq)
    assert found is not None
    return found


def seqs(call: list[Event], kind: str) -> list[int]:
    return [event.seq for event in call if event.type == kind]


def test_the_causes_of_a_sound_reach_up_to_what_the_caller_said(call: list[Event]) -> None:
    for seq in seqs(call, "SpeechStarted")[1:]:  # the first is the greeting
        kinds = [cause.type for cause in at(call, seq).causes]
        assert kinds[0] in ("ReplyChosen", "CloseChosen", "EscalationChosen")
        assert "UtteranceHeard" in kinds or "KeyPressed" in kinds
        assert kinds[-1] in ("CallerSpeechStarted", "KeyPressed")


def test_the_effects_of_the_callers_words_reach_down_to_the_sound(call: list[Event]) -> None:
    final = [e.seq for e in call if isinstance(e.payload, UtteranceHeard) and e.payload.final]
    kinds = [{effect.type for effect in at(call, seq).effects} for seq in final]
    assert all({"TurnCommitted", "ReplyChosen", "SpeechStarted", "TurnEnded"} <= each for each in kinds[:1])
    assert all("TurnCommitted" in each for each in kinds)


def test_effects_stand_in_the_order_of_the_log_and_behind_their_causes(call: list[Event]) -> None:
    for event in call[::3]:
        found = at(call, event.seq)
        effects = [effect.seq for effect in found.effects]
        assert effects == sorted(set(effects))
        assert all(cause.seq < event.seq for cause in found.causes)
        assert all(seq > event.seq for seq in effects)


def test_the_state_after_an_event_is_the_state_before_the_next(call: list[Event]) -> None:
    for before, after in pairwise(call[:60]):
        assert at(call, before.seq).after == at(call, after.seq).before


def test_what_changed_is_named_field_by_field(call: list[Event]) -> None:
    committed = at(call, seqs(call, "TurnCommitted")[0])
    changed = {change.path: (change.before, change.after) for change in committed.changed}
    assert changed["turn.committed"] == (False, True)
    assert any(path.startswith("transcript.") for path in changed)
    assert not any(path.startswith("asks") for path in changed)


def test_there_is_no_event_of_another_number(call: list[Event]) -> None:
    assert event_at(call, len(call) + 1) is None


def test_an_event_and_all_that_it_is_linked_with_bear_the_ids_that_as_of_takes(call: list[Event]) -> None:
    ids = {event.seq: event.event_id for event in call}
    found = at(call, seqs(call, "ReplyChosen")[1])
    assert found.event.event_id == ids[found.event.seq]
    assert {link.seq: link.event_id for link in (*found.causes, *found.effects)}.items() <= ids.items()
