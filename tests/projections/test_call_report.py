"""The report of a call: what was heard, decided and really played, and when."""

from __future__ import annotations

import json

import jsonschema
import msgspec
import pytest
from recorded_calls import END_OF_TURN_MS, FIRST_SOUND_MS, Puppet, bank, owner_of, record_call
from support import DataDirectory, run

from projections.call_report import CallReport, report_call
from projections.calls import CallSummary, list_calls
from schemas import facts as f
from schemas.event import Event
from streams.behaviours import SqliteBehaviours
from streams.fact_writer import fact_event


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    data = DataDirectory(tmp_path_factory.mktemp("call"))
    try:
        return run(record_call(data))
    finally:
        data.close()


@pytest.fixture
def report(events: list[Event]) -> CallReport:
    report = report_call(events, recording="call.wav")
    assert report is not None
    return report


def test_each_end_of_turn_by_the_caller_is_a_turn_and_the_agents_own_stand_apart(report: CallReport) -> None:
    assert [t.heard for t in report.turns] == [
        "I lost my card",
        "How long does a new one take",
        "Should I buy shares",
        "Goodbye",
    ]
    assert [t.cause for t in report.agent_turns] == ["greeting"]
    assert [t.turn_id for t in report.turns] == ["t2", "t3", "t4", "t5"]


def test_a_turn_says_what_was_meant_and_how_it_ended(report: CallReport) -> None:
    assert [(t.intent, t.outcome, t.interrupted) for t in report.turns] == [
        ("lost_card", "reply", False),
        ("card_delivery_time", "reply", True),
        ("investment_advice", "reply", False),
        ("goodbye", "close", False),
    ]


def test_spoken_is_what_was_really_played_holding_lines_too(report: CallReport) -> None:
    interrupted = report.turns[1]
    assert interrupted.spoken == "One moment. A new card"
    assert interrupted.chosen is not None
    assert interrupted.chosen.startswith("A new card takes")
    assert [(s.kind, s.text) for s in interrupted.race.sounds] == [("hold", "One moment."), ("reply", "A new card")]


def test_a_hold_is_a_sound_and_never_a_reply(report: CallReport) -> None:
    held, plain = report.turns[1], report.turns[0]
    assert (held.held, held.latency_ms.first_sound, held.latency_ms.first_reply) == (1, 250.0, FIRST_SOUND_MS)
    assert (plain.held, plain.latency_ms.first_sound, plain.latency_ms.first_reply) == (
        0,
        FIRST_SOUND_MS,
        FIRST_SOUND_MS,
    )


def test_latency_counts_from_the_gateways_end_of_speech_or_from_the_true_one(events: list[Event]) -> None:
    measured = report_call(events)
    true = report_call(events, speech_end_lag_ms={"u1.1": 40.0})
    assert measured is not None
    assert true is not None
    a, b = measured.turns[0].latency_ms, true.turns[0].latency_ms
    assert a.end_of_turn == END_OF_TURN_MS
    assert a.decision is not None
    assert a.decision >= END_OF_TURN_MS
    assert (b.end_of_turn, b.decision, b.first_sound, b.first_reply) == (
        END_OF_TURN_MS + 40,
        pytest.approx(a.decision + 40),
        FIRST_SOUND_MS + 40,
        FIRST_SOUND_MS + 40,
    )
    assert true.turns[1] == measured.turns[1]


def test_nobody_waited_for_what_the_agent_began_so_its_latency_is_unknown(report: CallReport) -> None:
    latency = report.agent_turns[0].latency_ms
    assert (latency.end_of_turn, latency.decision, latency.first_sound, latency.first_reply) == (None,) * 4


def test_turns_name_their_place_on_the_log(report: CallReport, events: list[Event]) -> None:
    by_seq = {event.seq: event for event in events}
    for turn in report.turns:
        assert isinstance(by_seq[turn.seq_from].payload, f.UtteranceHeard)
        assert by_seq[turn.seq_to].type == "TurnEnded"
        assert by_seq[turn.seq_to].turn_id == turn.turn_id
    assert report.events == len(events) == events[-1].seq


def test_the_race_shows_attempts_candidates_and_verdicts(report: CallReport) -> None:
    """The bank asks for an answer twice at once: the second attempt loses, formed already or cancelled before."""
    race = report.turns[0].race
    assert {(a.kind, a.state) for a in race.attempts if a.attempt == 0} == {
        ("classification", "returned"),
        ("passages", "returned"),
        ("guardrail", "returned"),
        ("answer", "returned"),
    }
    assert [a.kind for a in race.attempts if a.attempt > 0] == ["answer"]
    chosen, *losers = race.candidates
    assert (chosen.fate, chosen.provider, chosen.took_ms) == ("chosen", "echo", 12.5)
    assert all((c.fate, c.reason, c.provider) == ("dropped", "slower", "echo") for c in losers)
    assert {v.stage for v in race.verdicts} == {"input", "output"}
    judged = {v.candidate_id for v in race.verdicts if v.stage == "output"}
    assert chosen.candidate_id in judged <= {c.candidate_id for c in race.candidates}


def test_json_fits_the_published_schema(report: CallReport) -> None:
    jsonschema.validate(json.loads(msgspec.json.encode(report)), msgspec.json.schema(CallReport))


def test_a_conversation_that_the_log_does_not_hold_has_no_report() -> None:
    assert report_call([]) is None


def test_a_call_that_goes_on_reports_what_is_known_so_far(events: list[Event]) -> None:
    half = [e for e in events if e.seq <= next(e.seq for e in events if e.type == "TurnCommitted")]
    report = report_call(half)
    assert report is not None
    (turn,) = report.turns
    assert (turn.heard, turn.outcome, turn.chosen, turn.spoken) == ("I lost my card", None, None, None)
    assert (turn.latency_ms.first_sound, turn.latency_ms.first_reply, report.ended) == (None, None, None)
    assert turn.latency_ms.end_of_turn == END_OF_TURN_MS


def test_a_closing_line_of_the_gateway_is_a_fallback_and_no_reply(data: DataDirectory) -> None:
    async def call() -> list[Event]:
        behaviour = bank()
        seq = SqliteBehaviours(data.store).record(behaviour.content_hash, behaviour.canonical())
        async with owner_of(data), Puppet(data, "call-f") as puppet:
            await puppet.ring(seq, behaviour.content_hash)
            await puppet.say("I lost my card")
            closing = f.FallbackPlayed(
                phrase_id="closing", utterance_id="u1.1", since_speech_end_ms=6000.0, text="I'm sorry."
            )
            await puppet.put(closing)
            await puppet.hang_up()
            return puppet.events

    report = report_call(run(call()))
    assert report is not None
    (turn,) = report.turns
    assert (turn.outcome, turn.spoken) == ("fallback", "I'm sorry.")
    assert (turn.latency_ms.first_sound, turn.latency_ms.first_reply) == (6000.0, None)


def test_a_hold_in_a_pause_after_which_the_caller_went_on_is_not_the_first_sound(events: list[Event]) -> None:
    """Spliced into the recorded call: the caller resumes once more behind the hold."""
    hold = next(e for e in events if isinstance(e.payload, f.HoldingPlayed))
    resumed = fact_event(hold.conversation_id, f.UtteranceResumed(utterance_id=hold.payload.utterance_id))
    at = events.index(hold) + 1
    report = report_call([*events[:at], resumed, *events[at:]])
    assert report is not None
    turn = report.turns[1]
    assert (turn.held, turn.latency_ms.first_sound) == (1, FIRST_SOUND_MS)


def test_calls_are_listed_newest_first_and_say_how_they_stand(data: DataDirectory) -> None:
    run(record_call(data, "older"))
    run(record_call(data, "newer"))

    async def ringing() -> None:
        async with owner_of(data), Puppet(data, "newest") as puppet:
            arrived = f.CallArrived(channel="voice", behaviour_seq=1, behaviour_hash=bank().content_hash)
            await puppet.put(arrived)
            await puppet.next(f.CallArrived)

    run(ringing())
    calls = run(list_calls(data.ledger, data.codec, lambda damage: pytest.fail(damage.message)))
    assert [(c.call_id, c.status, c.turns, c.outcome) for c in calls] == [
        ("newest", "ringing", 0, None),
        ("newer", "ended", 4, "caller_hung_up"),
        ("older", "ended", 4, "caller_hung_up"),
    ]
    jsonschema.validate(json.loads(msgspec.json.encode(calls)), msgspec.json.schema(list[CallSummary]))
