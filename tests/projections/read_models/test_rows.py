"""What the rows say is what the log says."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mixed_log import RECORDED, log_of, mixed_log
from recorded_calls import record_call
from rows import current_rows, projected
from support import DataDirectory, run

from projections.call_report import report_call
from projections.projecting import catch_up
from projections.read_model_store import ReadModelStore
from projections.read_models.catalogue import READ_MODELS
from projections.sealed_text import opened
from schemas import decisions as d
from schemas import facts as f
from schemas import writing as w
from schemas.event import Event


def of_kind(events: dict[str, list[Event]], *kinds: type) -> list[Event]:
    return [event for call in events.values() for event in call if isinstance(event.payload, kinds)]


def test_turns_say_what_the_report_of_a_call_says(data: DataDirectory, store: ReadModelStore) -> None:
    events = mixed_log(data)
    rows = {(row["conversation_id"], row["turn_id"]): row for row in projected(store, data, "turns")}
    reports = {name: report_call(call) for name, call in events.items()}
    turns = {(name, t.turn_id): t for name, r in reports.items() if r for t in (*r.turns, *r.agent_turns)}
    assert rows.keys() == turns.keys()
    for key, turn in turns.items():
        row, latency = rows[key], turn.latency_ms
        assert (row["cause"], row["outcome"], row["intent"], row["candidate_id"], row["holds"], row["interrupted"]) == (
            turn.cause,
            turn.outcome,
            turn.intent,
            turn.candidate_id,
            turn.held,
            turn.interrupted,
        )
        assert (row["end_of_turn_ms"], row["decision_ms"], row["first_sound_ms"], row["first_reply_ms"]) == (
            latency.end_of_turn,
            latency.decision,
            latency.first_sound,
            latency.first_reply,
        ), key
        assert opened(row["heard"], data.keys) == turn.heard
        assert opened(row["chosen"], data.keys) == turn.chosen
        assert row["first_seq"] == turn.seq_from
        assert row["speculations"] == turn.speculations


def test_a_conversation_counts_what_happened_in_it(data: DataDirectory, sqlite_store: ReadModelStore) -> None:
    events = mixed_log(data)
    rows = {row["conversation_id"]: row for row in projected(sqlite_store, data, "conversations")}
    assert sorted(rows) == sorted(events)
    for name, call in events.items():
        counted = Counter(type(event.payload) for event in call)
        row, report = rows[name], report_call(call)
        assert report is not None
        assert (row["turns"], row["agent_turns"]) == (len(report.turns), len(report.agent_turns))
        assert (row["holds"], row["fallbacks"]) == (counted[f.HoldingPlayed], counted[f.FallbackPlayed])
        assert row["escalations"] == counted[d.EscalationChosen]
        assert row["closed_reason"] == report.ended
        assert row["status"] == ("ended" if report.ended else "talking")
        assert (row["outcome"] is None) == (report.ended is None)
        (arrived,) = (event.payload for event in call if isinstance(event.payload, f.CallArrived))
        assert (row["caller"] is None) == (not arrived.caller)


def test_each_candidate_has_its_fate_and_the_reason_why_it_was_dropped(
    data: DataDirectory, sqlite_store: ReadModelStore
) -> None:
    events = mixed_log(data)
    rows = {(row["conversation_id"], row["candidate_id"]): row for row in projected(sqlite_store, data, "candidates")}
    reports = {name: report_call(call) for name, call in events.items()}
    told = {
        (name, c.candidate_id): c
        for name, r in reports.items()
        if r
        for t in (*r.turns, *r.agent_turns)
        for c in t.race.candidates
    }
    assert rows.keys() == told.keys()
    dropped = [key for key, c in told.items() if c.fate == "dropped"]
    assert dropped
    for key in dropped:
        assert (rows[key]["fate"], rows[key]["reason"]) == ("dropped", told[key].reason)
    started = {(e.conversation_id, e.payload.candidate_id) for e in of_kind(events, f.SpeechStarted)}  # type: ignore[attr-defined]
    assert {key for key, row in rows.items() if row["said"]} == started & rows.keys()


def test_there_is_one_verdict_a_verdict_and_one_hold_a_line_that_was_played(
    data: DataDirectory, sqlite_store: ReadModelStore
) -> None:
    events = mixed_log(data)
    verdicts = {(row["conversation_id"], row["seq"]) for row in projected(sqlite_store, data, "verdicts")}
    assert verdicts == {(e.conversation_id, e.seq) for e in of_kind(events, d.VerdictIssued)}
    holds = {(row["conversation_id"], row["seq"]): row for row in projected(sqlite_store, data, "holds")}
    played = of_kind(events, f.HoldingPlayed, f.FallbackPlayed)
    assert played
    assert holds.keys() == {(e.conversation_id, e.seq) for e in played}
    for event in played:
        row = holds[event.conversation_id, event.seq]
        assert opened(row["text"], data.keys) == event.payload.text  # type: ignore[attr-defined]
        assert row["turn_id"] is not None


def test_each_attempt_at_a_model_is_a_row_with_its_tokens_and_its_outcome(
    data: DataDirectory, sqlite_store: ReadModelStore
) -> None:
    events = mixed_log(data)
    rows = {(r["conversation_id"], r["ask_id"], r["attempt"]): r for r in projected(sqlite_store, data, "model_calls")}
    asked = of_kind(events, d.CompletionAsked)
    wanted = {(e.conversation_id, e.payload.ask_id, n) for e in asked for n in range(e.payload.attempts)}  # type: ignore[attr-defined]
    asks = {(e.conversation_id, e.payload.ask_id) for e in asked}  # type: ignore[attr-defined]
    late = {(e.conversation_id, e.payload.ask_id, e.payload.attempt) for e in of_kind(events, d.AttemptAsked)}  # type: ignore[attr-defined]
    wanted |= {attempt for attempt in late if attempt[:2] in asks}
    assert {key for key, row in rows.items() if row["purpose"] in ("answer", "guard")} == wanted
    for event in of_kind(events, f.CompletionReturned):
        returned: Any = event.payload
        row = rows[event.conversation_id, returned.ask_id, returned.attempt]
        assert row["provider"] == returned.provider
        assert row["input_tokens"] == returned.input_tokens
        assert row["cost_micros"] == returned.cost_micros
    assert {row["state"] for row in rows.values()} >= {"returned", "failed"}


def test_escalations_and_tools_stand_in_rows_of_their_own(data: DataDirectory, sqlite_store: ReadModelStore) -> None:
    events = mixed_log(data)
    escalations = {(r["conversation_id"], r["seq"]) for r in projected(sqlite_store, data, "escalations")}
    assert escalations == {(e.conversation_id, e.seq) for e in of_kind(events, d.EscalationChosen)}
    tools = {(r["conversation_id"], r["seq"]) for r in projected(sqlite_store, data, "tool_calls")}
    asked = of_kind(events, d.ToolRequested, d.ToolRefused, w.WriteRequested, w.UndoRequested)
    assert tools == {(e.conversation_id, e.seq) for e in asked}


def test_knowledge_and_behaviour_are_rows_too(data: DataDirectory, sqlite_store: ReadModelStore) -> None:
    run(record_call(data))
    run(catch_up(sqlite_store, log_of(data), [(model, sqlite_store.begin(model)) for model in READ_MODELS.values()]))
    (version,) = current_rows(sqlite_store, "behaviour_versions")
    assert (version["seq"], version["newest"]) == (1, True)
    articles = current_rows(sqlite_store, "articles")
    assert len(articles) == version["articles"] > 0


def test_what_somebody_said_is_never_in_the_clear(data: DataDirectory, store: ReadModelStore) -> None:
    events = mixed_log(data)
    rows = projected(store, data, "candidates")
    texts = {e.payload.text for e in of_kind(events, d.CandidateFormed)}  # type: ignore[attr-defined]
    assert {opened(row["text"], data.keys) for row in rows} == texts
    for row in rows:
        assert not any(text.encode() in bytes(row["text"]) for text in texts)
    forgotten = RECORDED[0] + "-0"
    data.keys.destroy(forgotten)
    for row in rows:
        assert (opened(row["text"], data.keys) is None) == (row["conversation_id"] == forgotten)
