"""What if: each recorded turn judged anew, one step, on the history as it was recorded."""

from __future__ import annotations

import re
from typing import Any

import pytest
from msgspec.structs import replace
from simulated import EVERY, NO_CHANGE, Simulated, judged, simulated, some, turns

from agent_core.conversation import Ask, Conversation
from processors import questions
from processors.cascade import Cascade
from processors.deciders import DECIDERS
from projections.what_if.change import parse
from projections.what_if.limits import Verdict, limits
from projections.what_if.rejudge import ANSWERABLE, Answer
from projections.what_if.report import CHANGED, SAME, UNKNOWN, CallWhatIf, TurnWhatIf
from projections.what_if.summary import Gathered
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact
from simulation.faults import Fault

WORD = "free"
LATE_WORD = "Miller"  # never in a first sentence
SENTENCE_MS = 200.0  # from one to the next: a reply is chosen before all are there
LONGER_GIVE_UP_MS = 3500
BY_SENTENCE = frozenset({Fault.STREAM_BREAKS})  # then replies are released by sentence


def says(text: str) -> Answer:
    async def answer(conversation: Conversation, ask: Ask, attempt: int) -> list[Fact] | None:
        assert isinstance(ask.payload, ANSWERABLE), "a tool is never called"
        if not isinstance(ask.payload, d.CompletionAsked):
            return None
        return [
            f.CompletionReturned(
                ask_id=ask.ask_id, attempt=attempt, text=text, provider="p", model="m", total_ms=50.0, cost_micros=7
            )
        ]

    return answer


def says_by_sentence(*sentences: str, is_cut_off: bool = False) -> Answer:
    """Told one by one, the first long before the last, as a model's stream is. ``is_cut_off``: nobody knows what came then."""

    async def answer(conversation: Conversation, ask: Ask, attempt: int) -> list[Fact] | None:
        whole = await says(" ".join(sentences))(conversation, ask, attempt)
        if whole is None:
            return None
        told: list[Fact] = [
            f.SentenceReturned(
                ask_id=ask.ask_id, attempt=attempt, index=index, last=not is_cut_off and index == len(sentences) - 1,
                text=text, provider="p", model="m", elapsed_ms=SENTENCE_MS * (index + 1),
            )
            for index, text in enumerate(sentences)
        ]  # fmt: skip
        whole = [replace(each, total_ms=SENTENCE_MS * len(sentences)) for each in whole]
        return told if is_cut_off else [*told, *whole]

    return answer


@pytest.mark.parametrize("faults", [frozenset(), EVERY], ids=["no faults", "every fault"])
def test_with_nothing_changed_every_turn_is_identical(faults: frozenset[Fault]) -> None:
    for of in some(1, 2, 27, 43, faults=faults):
        for turn in turns(judged(of)):
            assert (turn.reply, turn.identical, turn.differs, turn.unknown) == (SAME, True, (), None), turn


def test_forbidding_a_word_changes_exactly_the_turns_whose_reply_had_it() -> None:
    had, changed, count = set(), set(), 0
    for of in some(*range(1, 17)):
        for call_id, each in judged(of, f"guardrail=forbid:{WORD}").items():
            count += len(each)
            had |= {(of.run.seed, call_id, t.turn_id) for t in each if _has(t.recorded.text)}
            changed |= {(of.run.seed, call_id, t.turn_id) for t in each if t.reply == CHANGED}
            assert not any(t.what_if and _has(t.what_if.text) for t in each)
    assert len(had) >= 5
    assert len(had) < count / 2
    assert changed == had


def test_what_lies_behind_a_changed_reply_is_not_comparable() -> None:
    for of in some(2, 4):
        for each in judged(of, f"guardrail=forbid:{WORD}").values():
            first = next((place for place, turn in enumerate(each) if turn.reply == CHANGED), len(each))
            assert [turn.comparable for turn in each] == [place <= first for place in range(len(each))]


def test_a_changed_prompt_leaves_unknown_what_a_model_would_say_while_nobody_is_asked() -> None:
    found = list(turns(judged(simulated(4), "prompt=Be very brief.")))
    by_model = [turn for turn in found if turn.recorded.action == "answer"]
    assert by_model
    assert {turn.reply for turn in by_model if turn.what_if is None} == {UNKNOWN}
    assert all(turn.unknown for turn in by_model if turn.what_if is None)
    others = [turn for turn in found if turn.recorded.action in ("greet", "refuse", "clarify", "silence")]
    assert others
    assert {turn.reply for turn in others} == {SAME}


def test_a_forbidden_word_changes_the_reply_in_whichever_of_its_released_sentences_it_stood() -> None:
    had, changed, first = set(), set(), set()
    for of in some(*range(1, 36), faults=BY_SENTENCE):
        for call_id, each in judged(of, f"guardrail=forbid:{LATE_WORD}").items():
            had |= {(of.run.seed, call_id, t.turn_id) for t in each if _has(t.recorded.text, LATE_WORD)}
            changed |= {(of.run.seed, call_id, t.turn_id) for t in each if t.reply == CHANGED}
            chosen = ((e.turn_id, e.payload) for step in of.calls[call_id] for e in step)
            said = ((turn_id, p.text) for turn_id, p in chosen if isinstance(p, d.ReplyChosen))
            first |= {(of.run.seed, call_id, turn_id) for turn_id, text in said if _has(text, LATE_WORD)}
    assert len(had - first) > 2
    assert changed == had


def test_a_reply_that_a_model_would_tell_by_sentence_is_told_to_its_end() -> None:
    sentences = ("That is one thing.", "It costs nothing.", "Is there anything else?")
    of = simulated(5, BY_SENTENCE)
    found = list(turns(judged(of, "prompt=Be very brief.", lambda _: says_by_sentence(*sentences))))
    changed = {turn.what_if.text for turn in found if turn.reply == CHANGED and turn.what_if}
    assert changed == {" ".join(sentences)}


def test_how_a_stream_that_was_cut_off_would_have_gone_on_is_unknown() -> None:
    of = simulated(5, BY_SENTENCE)
    cut_off = says_by_sentence("That is one thing.", is_cut_off=True)
    found = list(turns(judged(of, "prompt=Be very brief.", lambda _: cut_off)))
    assert "the log doesn't say how the reply would have gone on" in {turn.unknown for turn in found}
    assert not any(turn.what_if and (turn.what_if.text or "").startswith("That is one thing.") for turn in found)


def test_a_pause_of_a_stream_that_said_more_on_the_log_leaves_nothing_unknown() -> None:
    of = simulated(10, BY_SENTENCE | {Fault.BAD_COMPLETION})
    assert {turn.reply for turn in turns(judged(of, "budget.hold_ms=100"))} == {SAME}


def test_what_the_log_does_not_say_is_asked_and_counted() -> None:
    found = list(turns(judged(simulated(4), "prompt=Be very brief.", lambda _: says("It costs nothing."))))
    changed = [turn for turn in found if turn.reply == CHANGED]
    assert changed
    assert {turn.what_if.text for turn in changed if turn.what_if} == {"It costs nothing."}
    assert all(turn.asked and turn.what_if and turn.what_if.cost_micros for turn in changed)
    assert not any(turn.asked for turn in found if turn.identical)


def test_a_provider_that_fails_today_is_counted_and_can_be_a_limit() -> None:
    """What an approved wording stands in for is the same reply: it must not be taken for what the change does."""

    async def fails(conversation: Conversation, ask: Ask, attempt: int) -> list[Fact] | None:
        return [f.EffectFailed(ask_id=ask.ask_id, attempt=attempt, reason="unauthorised", elapsed_ms=5.0)]

    found = tuple(turns(judged(simulated(4), "prompt=Be very brief.", lambda _: fails)))
    assert sum(turn.failed for turn in found) == sum(turn.asked for turn in found) > 0
    gathered = Gathered()
    gathered.add(
        CallWhatIf(call_id="c", started_at=None, identical=False, why_not=None, first_change=None, turns=found)
    )
    limited = limits(["asks-failed>0", "asks-failed>=100%", "cost>1000%"])
    verdicts = [limit.verdict(gathered.summary(), 0, gathered.doubts) for limit in limited]
    assert verdicts == [Verdict.BROKEN, Verdict.BROKEN, Verdict.UNDECIDED]


def test_a_cost_that_a_provider_does_not_tell_is_unknown_not_nothing() -> None:
    async def untold(conversation: Conversation, ask: Ask, attempt: int) -> list[Fact] | None:
        outcomes = await says("It costs nothing.")(conversation, ask, attempt)
        return outcomes and [replace(outcome, cost_micros=None) for outcome in outcomes]

    found = list(turns(judged(simulated(4), "prompt=Be very brief.", lambda _: untold)))
    assert {turn.what_if.cost_micros for turn in found if turn.asked and turn.what_if} == {None}
    gathered = Gathered()
    gathered.add(
        CallWhatIf(call_id="c", started_at=None, identical=False, why_not=None, first_change=None, turns=tuple(found))
    )
    (limit,) = limits(["cost>1000%"])
    assert limit.verdict(gathered.summary(), 0, gathered.doubts) is Verdict.UNDECIDED


def test_a_recorded_completion_is_used_where_the_request_is_the_same() -> None:
    """A budget stands in no prompt: nobody needs to be asked."""

    async def fails(conversation: Conversation, ask: Ask, attempt: int) -> list[Fact] | None:
        raise AssertionError("nobody is asked")

    found = list(turns(judged(simulated(4), "budget.hold_ms=300", lambda _: fails)))
    assert sum(turn.reused for turn in found) > 10
    assert {turn.reply for turn in found} == {SAME}


def test_earlier_marks_are_reached_more_often() -> None:
    def holds(what_if: str) -> int:
        return sum(t.what_if.holds or 0 for t in turns(judged(simulated(4), what_if)) if t.what_if)

    assert holds("budget.hold_ms=100") > holds("budget.hold_ms=390")


def test_a_turn_that_took_longer_than_a_smaller_budget_ends_without_its_answer() -> None:
    found = list(turns(judged(simulated(4), "budget.completion_timeout_ms=150")))
    late = [turn for turn in found if turn.recorded.action == "answer" and turn.reply != SAME]
    assert late
    assert all((turn.recorded.decision_ms or 0.0) > 150 for turn in late)


def test_a_turn_gives_up_when_a_smaller_budget_is_over() -> None:
    what_if = parse(["budget.hold_ms=100,200", "budget.give_up_ms=300"])
    changed = [turn for of in some(2, 4) for turn in turns(judged(of, what_if)) if turn.reply == CHANGED]
    assert len(changed) >= 3
    for turn in changed:
        assert turn.what_if is not None
        assert turn.what_if.action in ("answer", "fallback")  # the approved wording, or the honest ending
        assert 300.0 <= (turn.what_if.decision_ms or 0.0) < (turn.recorded.decision_ms or 0.0)


def test_a_turn_that_gave_up_goes_on_waiting_with_a_longer_budget() -> None:
    """What stands on the log of its give-up is not taken at the time at which it came there."""
    longer = parse([f"budget.give_up_ms={LONGER_GIVE_UP_MS}", f"budget.hard_ms={LONGER_GIVE_UP_MS + 600}"])
    gave_up = [turn for of in some(10, faults=EVERY) for turn in turns(judged(of, longer)) if _gave_up(turn)]
    assert gave_up
    for turn in gave_up:
        if turn.what_if is not None and turn.what_if.action == "fallback":
            assert (turn.what_if.decision_ms or 0.0) > (turn.recorded.decision_ms or 0.0), turn


def _gave_up(turn: TurnWhatIf) -> bool:
    """At the mark of the recorded budget."""
    return turn.recorded.action == "fallback" and 2000.0 <= (turn.recorded.decision_ms or 0.0) < 2100.0


def test_older_code_is_held_to_what_this_code_would_have_decided() -> None:
    of = simulated(4)
    newer = Cascade(DECIDERS, "newer")
    found = list(turns(judged(of, NO_CHANGE, by=newer)))
    assert all(turn.older_code and turn.reply == SAME and turn.identical for turn in found)


def test_a_request_that_only_the_code_words_otherwise_still_has_its_recorded_completion(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A back-test must not lose all history with each change of a prompt's layout."""
    as_ever = questions.request_for

    def reworded(*given: Any) -> Any:
        request = as_ever(*given)
        return request._replace(digest=f"of-newer-code-{request.digest}")

    monkeypatch.setattr(questions, "request_for", reworded)
    newer = Cascade(DECIDERS, "newer")
    found = list(turns(judged(simulated(4), f"guardrail=forbid:{WORD}", by=newer)))
    assert {(t.reply == CHANGED) == _has(t.recorded.text) for t in found} == {True}
    assert UNKNOWN not in {turn.reply for turn in found}
    assert UNKNOWN in {turn.reply for turn in turns(judged(simulated(4), "prompt=Be very brief.", by=newer))}


def test_a_guardrail_that_is_taken_out_blocks_no_longer() -> None:
    name = "private_knowledge"
    seeds = some(*range(1, 20), faults=frozenset({Fault.BAD_COMPLETION}))
    of, blocked = next((of, found) for of in seeds if (found := _blocked_by(name, judged(of))))
    without = judged(of, f"guardrail=without:{name}")
    assert not any(t.what_if and name in t.what_if.blocked for each in without.values() for t in each)
    changed = {(call_id, t.turn_id) for call_id, each in without.items() for t in each if not t.identical}
    assert blocked <= changed


def _blocked_by(name: str, found: dict[str, tuple[TurnWhatIf, ...]]) -> set[tuple[str, str]]:
    return {
        (call_id, turn.turn_id) for call_id, each in found.items() for turn in each if name in turn.recorded.blocked
    }


def _has(text: str | None, word: str = WORD) -> bool:
    return re.search(rf"\b{word}\b", text or "", re.IGNORECASE) is not None


def test_the_simulated_calls_hold_what_these_tests_need() -> None:
    of: Simulated = simulated(4)
    assert sum(len(each) for each in judged(of).values()) >= 10
