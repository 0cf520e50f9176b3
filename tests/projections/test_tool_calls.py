"""The report of a turn names its tools: asked or refused, for which level, and what became of it."""

from __future__ import annotations

import pytest
from golden_calls import golden, golden_behaviours
from msgspec.structs import replace

from projections.call_report import report_call
from projections.tool_calls import ToolCall, ToolCallsFold
from projections.turn_report import TurnReport
from projections.why.case import turn_of
from projections.why.why import case_of, lines, why
from schemas import decisions as d
from schemas import facts as f
from schemas import writing as w

ASKED = d.ToolRequested(
    ask_id="t2.s1.tool.card",
    intent="card",
    tool="card_status",
    arguments="{}",
    level="verified",
    subject_seq=3,
    timeout_ms=2000,
)
OPEN = ToolCall(tool="card_status", intent="card", level="verified", subject_seq=3)


@pytest.fixture(scope="module")
def turns() -> list[TurnReport]:
    reports = [report_call(golden(name)) for name in ("a_plain_call", "a_call_with_bad_vendors")]
    return [turn for report in reports if report for turn in report.turns]


def test_a_turn_that_a_tool_answered_names_it(turns: list[TurnReport]) -> None:
    told = [turn for turn in turns if turn.outcome == "tool"]
    assert told
    for turn in told:
        (call,) = (call for call in turn.tools if call.state == "returned")
        assert (call.tool, call.intent, call.level) == ("card_status", "card", "verified")
        assert call.subject_seq is not None
        assert call.took_ms is not None
        attempts = [attempt for attempt in turn.race.attempts if attempt.kind == "tool"]
        assert [(attempt.intent, attempt.state) for attempt in attempts][-1] == ("card", "returned")


def test_a_turn_that_was_refused_a_tool_says_why(turns: list[TurnReport]) -> None:
    refused = [call for turn in turns for call in turn.tools if call.state == "refused"]
    assert refused
    assert all(call.reason and call.subject_seq is None for call in refused)


def test_other_turns_have_no_tools(turns: list[TurnReport]) -> None:
    assert all(turn.tools == () for turn in turns if turn.intent not in ("card", "block", "replace"))


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (None, OPEN),
        (
            f.ToolReturned(ask_id=ASKED.ask_id, attempt=0, tool="card_status", result="{}", elapsed_ms=9.0),
            replace(OPEN, state="returned", took_ms=9.0),
        ),
        (
            f.EffectFailed(ask_id=ASKED.ask_id, attempt=0, reason="unavailable", elapsed_ms=8.0),
            replace(OPEN, state="failed", reason="unavailable", took_ms=8.0),
        ),
        (
            f.EffectCancelled(ask_id=ASKED.ask_id, attempt=0, elapsed_ms=7.0),
            replace(OPEN, state="cancelled", took_ms=7.0),
        ),
        (f.EffectFailed(ask_id="t2.s1.classify", attempt=0, reason="unavailable"), OPEN),
    ],
)
def test_what_became_of_a_tool_is_told(
    outcome: f.ToolReturned | f.EffectFailed | f.EffectCancelled | None, expected: ToolCall
) -> None:
    fold = ToolCallsFold()
    fold.take(ASKED)
    if outcome:
        fold.take(outcome)
    assert fold.report() == (expected,)


WRITE = w.WriteRequested(
    ask_id="t2.s1.write1.issue",
    proposal_id="t2.s1.write1",
    intent="replace",
    tool="replace_card",
    step="issue",
    arguments="{}",
    state="{}",
    digest="d",
    idempotency_key="k",
    level="stepped_up",
    subject_seq=3,
    reread=False,
    timeout_ms=4000,
)
UNDO = w.UndoRequested(
    ask_id="t2.s1.write1.issue.undo",
    proposal_id="t2.s1.write1",
    intent="replace",
    tool="replace_card",
    step="issue",
    arguments="{}",
    idempotency_key="u",
    undoes="k",
    reason="refused",
    timeout_ms=4000,
)


def test_steps_of_a_change_and_their_undoing_are_named() -> None:
    fold = ToolCallsFold()
    fold.take(WRITE)
    fold.take(f.EffectFailed(ask_id=WRITE.ask_id, attempt=0, reason="timed_out"))
    fold.take(d.AskRepeated(ask_id=WRITE.ask_id, generation=1))
    assert [call.state for call in fold.report()] == ["open"]
    done = w.WriteReturned(
        ask_id=WRITE.ask_id, attempt=0, tool="replace_card", step="issue", result="{}", elapsed_ms=5.0
    )
    fold.take(done)
    fold.take(UNDO)
    assert [(call.tool, call.level, call.state, call.took_ms) for call in fold.report()] == [
        ("replace_card/issue", "stepped_up", "returned", 5.0),
        ("replace_card/issue/undo", None, "open", None),
    ]


def test_a_level_that_time_took_is_told_with_who_gave_it_and_how_long_it_lasts() -> None:
    call = golden("a_call_with_crashes")
    (refused,) = (e for e in call if isinstance(e.payload, d.ToolRefused) and e.payload.reason == "expired")
    given = next(e for e in call if isinstance(e.payload, f.SubjectAuthenticated))
    assert isinstance(given.payload, f.SubjectAuthenticated)
    turn, _ = turn_of(call, refused.turn_id or "")
    assert turn is not None
    (behaviour,) = golden_behaviours("a_call_with_crashes")
    told = lines(why(case_of(call, turn, [], [], lambda _, __: behaviour, None)))
    found = next(line for line in told if "expired" in line)
    assert f"that the channel gave at seq {given.seq} lasts {given.payload.expires_after_ms:,} ms" in found
    assert "and had run out" in found
