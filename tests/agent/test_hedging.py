"""When further attempts start, for answers, the classifier and guardrails; and where a turn's money ends."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from told_by_hand import BANK, Call, of

from agent_core.behaviour import Behaviour, Budget, Routing
from agent_core.behaviour_loader import BehaviourError, load
from agent_core.guardrails._model import VIOLATES
from agent_core.guardrails.prompt_injection import SCORE
from agent_core.hedging import TIMER, Hedge, Purpose
from console.settings import EXAMPLE_BEHAVIOUR
from processors.deciders import cascade
from processors.mind import AgentMind
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Payload
from schemas.models import Pace, PaceKnown
from simulation.durable import Durable
from simulation.hedged import MODEL_GUARD, with_hedging

QUESTION, INTENT = "What does a new card cost", "fees"
ANSWER, CLASSIFY, GUARD = "t2.s1.answer.fees", "t2.s1.classify", f"t2.s1.guard.{MODEL_GUARD}"
PACES = (
    Pace(purpose="answer", model="answer", provider="a", samples=99, first_ms=400.0, gap_ms=150.0, cost_micros=100),
    Pace(purpose="classify", model="classify", provider="a", samples=99, first_ms=80.0),
)
UNKNOWN_MS = 60  # of guardrails, whose pace isn't known


def bank(**changes: Any) -> Behaviour:
    """The bank with everything hedged: one answer and two late, two classifications and one late, one guard and one."""
    written = with_hedging(BANK).model_dump()
    written["budget"] |= {"turn_cost_micros": changes.pop("ceiling", None)}
    written["routing"]["hedging"]["answer"] |= {"together": 1}
    written["routing"]["hedging"] |= changes
    return Behaviour.model_validate(written)


def waiting(behaviour: Behaviour | None = None) -> Call:
    """A call whose caller has asked, the pace of the models known, and nothing answered yet."""
    call = Call(behaviour or bank())
    call.told(f.UtteranceHeard(utterance_id="u1", text=QUESTION, final=True, since_speech_end_ms=0.0))
    call.told(PaceKnown(ask_id="t2.s1.pace", paces=PACES))
    return call


def asked(behaviour: Behaviour | None = None) -> Call:
    """The same, its answer asked for and the caller's words judged."""
    call = waiting(behaviour)
    judged(call)
    call.told(f.PassagesFound(ask_id="t2.s1.passages", passages="[]"))
    call.told(f.ScoresReturned(ask_id=CLASSIFY, scores=(f.Score(INTENT, 0.98),), model="by hand"))
    return call


def judged(call: Call) -> None:
    """What the guardrails on the caller's words score."""
    for guard, name in (("prompt_injection", SCORE), (MODEL_GUARD, VIOLATES)):
        call.told(f.ScoresReturned(ask_id=f"t2.s1.guard.{guard}", scores=(f.Score(name, 0.01),), model="by hand"))


def looked(call: Call, ask_id: str, after_ms: int) -> list[Payload]:
    """Time goes on, and the ask's timer fires if it is due."""
    call.now_ms += after_ms
    due = [t for t in call.conversation.timers.values() if t.purpose == TIMER and t.timer_id.startswith(f"{ask_id}.")]
    decided: list[Payload] = []
    for timer in due:
        if timer.due_at_us <= call.now_ms * 1000:
            decided += call.told(f.TimerFired(timer_id=timer.timer_id, purpose=TIMER))
    return decided


def sentence(index: int, attempt: int = 0) -> f.SentenceReturned:
    return f.SentenceReturned(
        ask_id=ANSWER,
        attempt=attempt,
        index=index,
        last=False,
        text="It is free.",
        provider="a",
        model="m",
        elapsed_ms=390.0,
    )


def failed(ask_id: str, reason: str = "unavailable", attempt: int = 0) -> f.EffectFailed:
    return f.EffectFailed(ask_id=ask_id, attempt=attempt, reason=reason)


def attempts(decided: list[Payload]) -> list[tuple[str, int, str]]:
    return [(a.ask_id, a.attempt, a.reason) for a in of(d.AttemptAsked, decided)]


def spoken(decided: list[Payload]) -> list[str]:
    return [reply.text for reply in of(d.ReplyChosen, decided)]


# --- what starts when ------------------------------------------------------------------------------------------------


def test_what_starts_at_once_starts_with_the_ask() -> None:
    call = Call(bank(guard={"now": 3}))
    decided = call.told(f.UtteranceHeard(utterance_id="u1", text=QUESTION, final=True, since_speech_end_ms=0.0))
    assert attempts(decided) == [(CLASSIFY, 1, "at_once"), (GUARD, 1, "at_once"), (GUARD, 2, "at_once")]
    assert {ask.ask_id: (ask.attempts, ask.at_once) for ask in call.open_asks() if ask.attempts > 1} == {
        CLASSIFY: (2, 2),
        GUARD: (3, 3),
    }


@pytest.mark.parametrize(
    ("ask_id", "wait_ms", "attempt"), [(ANSWER, 400, 1), (CLASSIFY, 80, 2), (GUARD, UNKNOWN_MS, 1)]
)
def test_an_ask_that_made_no_progress_for_the_quantile_gets_another_attempt(
    ask_id: str, wait_ms: int, attempt: int
) -> None:
    call = asked() if ask_id == ANSWER else waiting()
    assert looked(call, ask_id, wait_ms - 1) == []
    decided = looked(call, ask_id, 1)
    assert of(d.AttemptAsked, decided) == [
        d.AttemptAsked(ask_id=ask_id, attempt=attempt, reason="late", waited_ms=wait_ms)
    ]


def test_until_the_pace_is_known_nobody_looks_and_without_it_the_behaviour_says_how_long() -> None:
    call = Call(bank())
    decided = call.told(f.UtteranceHeard(utterance_id="u1", text=QUESTION, final=True, since_speech_end_ms=0.0))
    (pace,) = of(d.PaceAsked, decided)
    assert [(w.purpose, w.model, w.quantile) for w in pace.wanted] == [
        ("answer", "answer", 0.9),
        ("classify", "classify", 0.9),
        ("guard", "guard", 0.9),
    ]
    assert [t for t in of(d.TimerSet, decided) if t.purpose == TIMER] == []
    decided = call.told(failed(pace.ask_id, "timed_out"))
    assert sorted(t.due_at_us for t in of(d.TimerSet, decided)) == [60_000, 60_000]


def test_an_ask_for_the_pace_that_fails_leaves_what_the_turn_knew() -> None:
    call = Call(bank())
    call.told(f.UtteranceHeard(utterance_id="u1", text="What does a", final=False, since_speech_end_ms=0.0))
    call.told(PaceKnown(ask_id="t2.s1.pace", paces=PACES))
    call.told(f.UtteranceHeard(utterance_id="u1", text=QUESTION, final=True, since_speech_end_ms=0.0))
    decided = call.told(failed("t2.s2.pace", "timed_out"))
    assert of(d.TimerSet, decided) == []  # what is known was never forgotten: whoever waits has a timer
    assert attempts(looked(call, "t2.s2.classify", 79)) == []
    assert attempts(looked(call, "t2.s2.classify", 1)) == [("t2.s2.classify", 2, "late")]


def test_a_sentence_moves_the_clock_on_and_the_gap_is_what_counts_from_then() -> None:
    call = asked()
    call.now_ms += 390
    assert of(d.TimerSet, call.told(sentence(0))) == []  # a stream that goes on leaves no trace
    decided = looked(call, ANSWER, 10)
    assert attempts(decided) == []
    assert [t.due_at_us for t in of(d.TimerSet, decided)] == [540_000]  # 150 ms after the sentence
    assert attempts(looked(call, ANSWER, 140)) == [(ANSWER, 1, "late")]


def test_those_that_start_together_start_in_one_step_and_are_watched_by_one_timer() -> None:
    call = asked(bank(answer={"now": 1, "late": 3, "together": 2}))
    decided = looked(call, ANSWER, 400)
    assert attempts(decided) == [(ANSWER, 1, "late"), (ANSWER, 2, "late")]
    assert [t.due_at_us for t in of(d.TimerSet, decided)] == [800_000]
    assert attempts(looked(call, ANSWER, 400)) == [(ANSWER, 3, "late")]


def test_no_more_start_together_than_the_money_allows() -> None:
    call = asked(bank(answer={"now": 1, "late": 2, "together": 2}, ceiling=260))
    assert attempts(looked(call, ANSWER, 400)) == [(ANSWER, 1, "late")]


def test_attempts_end_where_behaviour_says() -> None:
    call = asked()
    started = [attempt for _ in range(10) for _, attempt, _ in attempts(looked(call, ANSWER, 400))]
    assert started == [1, 2]


def test_the_first_acceptable_wins_and_nobody_looks_any_more() -> None:
    call = asked()
    looked(call, ANSWER, 400)
    returned = f.CompletionReturned(
        ask_id=ANSWER, attempt=1, text="A new card is free of charge.", provider="b", model="m"
    )
    assert spoken(call.told(returned)) == ["A new card is free of charge."]
    assert not call.conversation.asks[ANSWER].open
    mind = AgentMind(cascade(), lambda seq, content_hash: bank(), Durable().keys)
    assert [t for t in mind.open_work(call.conversation).timers.values() if t.timer_id.startswith(ANSWER)] == []


# --- what fails ------------------------------------------------------------------------------------------------------


def test_when_all_attempts_failed_the_next_one_starts_without_waiting() -> None:
    call = asked()
    assert attempts(call.told(failed(ANSWER))) == [(ANSWER, 1, "failed")]
    assert call.conversation.asks[ANSWER].open


@pytest.mark.parametrize("reason", ["refused", "capped", "circuit_open", "missing", "unauthorised"])
def test_what_asking_again_cannot_help_is_not_asked_again(reason: str) -> None:
    decided = asked().told(failed(ANSWER, reason))
    assert attempts(decided) == []
    assert spoken(decided) == ["A new card is free of charge."]  # the approved wording


def test_a_failed_attempt_waits_for_its_sibling() -> None:
    call = waiting()
    decided = call.told(failed(CLASSIFY))
    assert attempts(decided) == []
    assert call.conversation.turn is not None
    assert call.conversation.turn.scores is None


def test_a_classification_that_failed_and_was_asked_again_still_counts() -> None:
    call = waiting()
    call.told(f.PassagesFound(ask_id="t2.s1.passages", passages="[]"))
    call.told(failed(CLASSIFY))
    assert attempts(call.told(failed(CLASSIFY, attempt=1))) == [(CLASSIFY, 2, "failed")]
    scores = f.ScoresReturned(ask_id=CLASSIFY, scores=(f.Score(INTENT, 0.98),), model="by hand", attempt=2)
    assert [a.intent for a in of(d.CompletionAsked, call.told(scores))] == [INTENT]


def test_a_blocked_answer_makes_room_for_the_next_attempt() -> None:
    call = asked()
    returned = f.CompletionReturned(
        ask_id=ANSWER,
        attempt=0,
        text="You should definitely buy shares in the index fund today.",
        provider="a",
        model="m",
    )
    assert attempts(call.told(returned)) == [(ANSWER, 1, "blocked")]


def test_a_guardrail_judges_once_however_many_attempts_answer() -> None:
    call = waiting(bank(guard={"now": 2}))
    scores = [
        f.ScoresReturned(ask_id=GUARD, scores=(f.Score("violates", s),), model="m", attempt=a)
        for a, s in ((0, 0.1), (1, 0.9))
    ]
    issued = [len(of(d.VerdictIssued, call.told(score))) for score in scores]
    assert issued == [1, 0]


def test_a_guardrail_fails_once_its_last_attempt_has() -> None:
    call = waiting(bank(guard={"now": 2}))
    assert of(d.VerdictIssued, call.told(failed(GUARD))) == []
    assert len(of(d.VerdictIssued, call.told(failed(GUARD, attempt=1)))) == 1


def test_a_run_that_is_asked_again_is_waited_for_like_a_first_one() -> None:
    call = asked()
    call.told(sentence(0))
    call.told(f.OwnerChanged(epoch=2))
    again = call.conversation.asks[ANSWER]
    assert (again.generation, again.spoke, again.progress_at_us) == (1, False, call.now_ms * 1000)
    assert attempts(looked(call, ANSWER, 399)) == []  # longer than the gap between sentences
    assert attempts(looked(call, ANSWER, 1)) == [(ANSWER, 1, "late")]


def test_a_turn_that_gave_up_starts_no_attempt() -> None:
    call = asked()
    call.told(f.CallerSpeechStarted(utterance_id="u2"))  # so that nothing is chosen by then
    call.told(f.TimerFired(timer_id="t2.give_up", purpose="give_up"))
    turn = call.conversation.turn
    assert turn is not None
    assert (turn.giving_up, turn.chosen) == (True, None)
    assert attempts(call.told(failed(ANSWER))) == []


# --- money -----------------------------------------------------------------------------------------------------------


def test_at_the_ceiling_no_attempt_starts_and_the_approved_wording_is_said() -> None:
    call = waiting(bank(ceiling=300))
    judged(call)
    call.told(f.PassagesFound(ask_id="t2.s1.passages", passages="[]"))
    scores = f.ScoresReturned(ask_id=CLASSIFY, scores=(f.Score(INTENT, 0.98),), model="m", cost_micros=300)
    decided = call.told(scores)
    assert of(d.SpendingStopped, decided) == [
        d.SpendingStopped(spent_micros=300, reserved_micros=0, ceiling_micros=300)
    ]
    assert of(d.CompletionAsked, decided) == []
    assert spoken(decided) == ["A new card is free of charge."]


def test_where_the_money_does_not_pay_for_an_answer_the_approved_wording_is_said_at_once() -> None:
    call = waiting(bank(ceiling=99))  # an answer usually costs 100
    judged(call)
    call.told(f.PassagesFound(ask_id="t2.s1.passages", passages="[]"))
    decided = call.told(f.ScoresReturned(ask_id=CLASSIFY, scores=(f.Score(INTENT, 0.98),), model="by hand"))
    assert of(d.SpendingStopped, decided) == [d.SpendingStopped(spent_micros=0, reserved_micros=0, ceiling_micros=99)]
    assert of(d.CompletionAsked, decided) == []
    assert spoken(decided) == ["A new card is free of charge."]


def test_what_runs_counts_as_what_it_usually_costs() -> None:
    call = asked(bank(ceiling=150))  # an answer usually costs 100: the first is paid for, a second isn't
    assert attempts(looked(call, ANSWER, 400)) == []
    assert call.conversation.asks[ANSWER].attempts == 1


def test_every_attempt_that_runs_counts_as_what_it_usually_costs() -> None:
    call = asked(bank(ceiling=250))
    assert attempts(looked(call, ANSWER, 400)) == [(ANSWER, 1, "late")]
    assert attempts(looked(call, ANSWER, 400)) == []  # two of them run for 100 each: a third isn't paid for


def test_a_losers_cost_counts() -> None:
    call = asked(bank(ceiling=150))
    decided = call.told(f.EffectCancelled(ask_id=ANSWER, attempt=0, cost_micros=90, estimated=True))
    assert of(d.SpendingStopped, decided) == [
        d.SpendingStopped(spent_micros=90, reserved_micros=100, ceiling_micros=150)
    ]


# --- behaviour as data -----------------------------------------------------------------------------------------------


def test_strategies_by_name() -> None:
    routing = Routing(attempts=3)
    assert routing.hedge(Purpose.ANSWER) == Hedge(now=3)
    assert routing.hedge(Purpose.GUARD) == Hedge(now=1)
    third_late = Routing.model_validate({"hedging": {"guard": {"now": 2, "late": 1}}})
    assert (third_late.hedge(Purpose.GUARD).now, third_late.hedge(Purpose.GUARD).most) == (2, 3)


@pytest.mark.parametrize(
    ("hedging", "says"),
    [
        ({"answer": {"now": 4, "late": 4}}, "at most 5 race"),
        ({"answer": {"late": 1, "together": 2}}, "2 together are more than the 1 that may start late"),
        ({"answer": {"quantile": 1.0}}, "less than 1"),
        ({"answer": {"sometimes": 2}}, "Extra inputs"),
    ],
)
def test_a_strategy_that_is_none_is_refused(hedging: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Routing.model_validate({"hedging": hedging})


def test_how_many_answers_race_is_said_once() -> None:
    with pytest.raises(ValidationError, match="leave attempts out"):
        Routing.model_validate({"attempts": 2, "hedging": {"answer": {"now": 2}}})


def test_a_wrong_strategy_is_named_by_file_and_line(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE_BEHAVIOUR, tmp_path, dirs_exist_ok=True)
    head = tmp_path / "behaviour.yaml"
    head.write_text(
        head.read_text().replace("  model: answer\n", "  model: answer\n  hedging:\n    guard:\n      now: 9\n")
    )
    line = 1 + next(n for n, text in enumerate(head.read_text().splitlines()) if "now: 9" in text)
    with pytest.raises(BehaviourError, match=rf"behaviour.yaml:{line}: routing.hedging.guard.now"):
        load(tmp_path)


def test_behaviours_without_hedging_are_written_as_ever() -> None:
    written = BANK.model_dump(mode="json")
    assert "hedging" not in written["routing"]
    assert "turn_cost_micros" not in written["budget"]
    assert Behaviour.from_canonical(BANK.canonical()).content_hash == BANK.content_hash
    assert Budget().model_dump().keys() == Budget.model_fields.keys() - {"turn_cost_micros"}
