"""Both sides of the race are given the same turn, and what is measured of a call is what the caller hears."""

from __future__ import annotations

from benchmarks.ear_calls import Held, _heard
from benchmarks.race_behaviour import ANSWERED_INTENTS, ATTEMPTS, CALLS_A_TURN, MODEL_GUARDS, race_behaviour
from benchmarks.race_turns import INTENTS, QUESTIONS, emulator_config
from schemas import decisions as d
from schemas.base import Kind
from schemas.event import Event
from voice_gateway.commands import SoundKind


def test_a_turn_of_the_race_has_seventeen_calls() -> None:
    assert 1 + ANSWERED_INTENTS * ATTEMPTS + len(MODEL_GUARDS) == CALLS_A_TURN
    behaviour = race_behaviour()
    assert {guardrail.name for guardrail in behaviour.guardrails} >= set(MODEL_GUARDS)
    assert all(behaviour.intent(name) for name in INTENTS)


def test_the_emulated_classifier_names_the_asked_intent_first() -> None:
    script = emulator_config().llm.script
    for asked, question in enumerate(QUESTIONS):
        reply = next(entry.reply for entry in script if entry.match == question)
        assert reply.startswith('{"' + INTENTS[asked])


def test_a_holding_line_is_the_first_sound_but_not_the_first_reply() -> None:
    sounds = [(10.9, SoundKind.HOLD, "ack-look-1"), (11.6, SoundKind.REPLY, "c1")]
    heard = _heard([10.0], [10.95, 11.2, 11.62], Held(sounds, [(11.4, _chosen("c1", "answer"))]))
    (turn,) = heard.turns
    assert (turn.first_sound_ms, turn.first_reply_ms, turn.decision_ms, turn.held) == (950.0, 1620.0, 1400.0, True)


def test_a_fallback_is_no_reply_and_what_was_never_heard_is_unknown() -> None:
    sounds = [(16.0, SoundKind.REPLY, "c2")]
    heard = _heard([10.0, 20.0], [16.01], Held(sounds, [(15.9, _chosen("c2", "fallback"))]))
    assert heard.turns[0].first_sound_ms == 6010.0
    assert heard.turns[0].first_reply_ms is None
    assert heard.turns[1] == (None, None, None, False)


def _chosen(candidate_id: str, action: str) -> Event:
    chosen = d.ReplyChosen(candidate_id=candidate_id, text="t", intent="i", answers_through=1, take=1, action=action)
    return Event(
        event_id="e",
        type="ReplyChosen",
        schema_version=1,
        conversation_id="c",
        kind=Kind.DECISION,
        payload=chosen,
    )
