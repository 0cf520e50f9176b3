"""Words after a read-back that are no answer to it, and about nothing else: they are never answered as if all were done."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from told_by_hand import BANK, OF_THE_COMPANY, Call, of, signed_in

from agent_core.tools.registry import every
from schemas import decisions as d
from schemas import facts as f
from schemas import writing as w
from schemas.base import Payload

STATE = '{"card":"card","ending":"1111"}'
WISH = "Block my card"
READ_BACK = "Shall your card ending in 1111 be blocked?"


def says(call: Call, text: str, intent: str) -> list[Payload]:
    """As ``Call.says``, but the wish that is worked on again is understood as what it is."""
    decided = call.told(f.UtteranceHeard(utterance_id=f"u.{text}", text=text, final=True, since_speech_end_ms=200.0))
    while asks := [ask for ask in call.open_asks() if not isinstance(ask.payload, OF_THE_COMPANY)]:
        turn = call.conversation.turn
        assert turn is not None
        decided += call.answer(asks[0], "block" if turn.question == WISH else intent)
    return decided + found(call)


def found(call: Call) -> list[Payload]:
    asks = [ask for ask in call.open_asks() if isinstance(ask.payload, d.ToolRequested)]
    return [
        payload
        for ask in asks
        for payload in call.told(f.ToolReturned(ask_id=ask.ask_id, attempt=0, tool="block_card", result=STATE))
    ]


def read_back() -> Call:
    """A read-back is chosen, and nothing of it was said yet."""
    call = Call(BANK, signed_in("ada", "stepped_up"))
    says(call, WISH, "block")
    return call


def heard() -> Call:
    call = read_back()
    call.hears_reply()
    return call


def talked_over() -> Call:
    call = read_back()
    call.told(f.SpeechStarted(candidate_id="t2.s1.propose.block", take=1))
    call.told(f.SpeechInterrupted(candidate_id="t2.s1.propose.block", spoken_so_far="Shall your card ending"))
    return call


def chosen(decided: list[Payload]) -> list[str]:
    return [reply.text for reply in of(d.ReplyChosen, decided)]


def test_a_yes_before_the_end_of_the_read_back_is_asked_for_again_and_then_counts() -> None:
    call = talked_over()
    decided = says(call, "Yes", "go_on")
    assert [lapsed.reason for lapsed in of(w.WriteLapsed, decided)] == ["unheard"]
    assert chosen(decided) == [READ_BACK]
    assert of(w.WriteApproved, decided) == []
    call.hears_reply()
    (approval,) = of(w.WriteApproved, says(call, "Yes please", "go_on"))
    assert approval.proposal_id == of(w.WriteProposed, decided)[0].proposal_id


@pytest.mark.parametrize(("words", "intent"), [("Right", "go_on"), ("Mumble mumble", "other")])
def test_words_that_go_along_or_arent_understood_are_followed_by_the_read_back_again(words: str, intent: str) -> None:
    call = heard()
    decided = says(call, words, intent)
    assert [lapsed.reason for lapsed in of(w.WriteLapsed, decided)] == ["not_confirmed"]
    assert chosen(decided) == [READ_BACK]


def test_nobody_is_asked_for_ever() -> None:
    call = heard()
    says(call, "Mumble mumble", "other")
    call.hears_reply()
    assert chosen(says(call, "Mumble again", "other")) == [BANK.lines.clarify]


@pytest.mark.parametrize(("left_ms", "approvals", "lapsed"), [(1, 1, []), (0, 0, ["too_late"])])
def test_a_yes_counts_as_long_as_its_tool_says_and_is_asked_for_again_from_then_on(
    left_ms: int, approvals: int, lapsed: list[str]
) -> None:
    call = heard()
    call.now_ms += every()["block_card"].valid_ms - left_ms
    decided = says(call, "Yes please", "go_on")
    assert len(of(w.WriteApproved, decided)) == approvals
    assert [lapse.reason for lapse in of(w.WriteLapsed, decided)] == lapsed
    assert (READ_BACK in chosen(decided)) is bool(lapsed)


def test_words_about_something_else_are_answered() -> None:
    decided = says(heard(), "What does a new card cost", "fees")
    assert chosen(decided) == ["A new card is free of charge."]


def test_words_that_a_guardrail_refuses_are_not_taken_for_an_answer() -> None:
    call = talked_over()
    decided = call.says("Yes", "go_on", attack=0.99)
    assert chosen(decided) == [BANK.lines.refusal]


def test_what_somebody_wanted_is_not_read_back_to_somebody_else() -> None:
    call = talked_over()
    call.signs_in("ben", "stepped_up")
    decided = says(call, "Yes", "go_on")
    assert WISH not in [opened.question for opened in of(d.SpeculationOpened, decided)]


def asked_whether_still_there(call: Call) -> None:
    (timer,) = (timer for timer in call.conversation.timers.values() if timer.purpose == "silence")
    call.told(f.TimerFired(timer_id=timer.timer_id, purpose="silence"))
    call.hears_reply()


def test_a_yes_to_something_that_was_said_after_the_read_back_approves_nothing() -> None:
    call = heard()
    asked_whether_still_there(call)
    decided = says(call, "Yes", "go_on")
    assert of(w.WriteApproved, decided) == []
    assert [lapsed.reason for lapsed in of(w.WriteLapsed, decided)] == ["not_confirmed"]
    assert chosen(decided) == [READ_BACK]


def test_a_yes_to_a_line_that_was_played_alone_approves_nothing() -> None:
    call = heard()
    (timer,) = (timer for timer in call.conversation.timers.values() if timer.purpose == "silence")
    call.told(f.TimerFired(timer_id=timer.timer_id, purpose="silence"))
    call.told(
        f.HoldingPlayed(
            phrase_id="callback", text="Would you like a call back?", mark_ms=950, since_speech_end_ms=950.0
        )
    )
    assert of(w.WriteApproved, says(call, "Yes", "go_on")) == []


@pytest.mark.parametrize("before", [read_back, talked_over, heard])
def test_a_no_is_one_before_the_end_of_the_read_back_too(before: Callable[[], Call]) -> None:
    decided = says(before(), "No", "other")
    assert [lapsed.reason for lapsed in of(w.WriteLapsed, decided)] == ["declined"]
    assert READ_BACK not in chosen(decided)


def test_a_no_to_something_that_was_said_after_the_read_back_is_never_read_back() -> None:
    call = heard()
    asked_whether_still_there(call)
    assert READ_BACK not in chosen(says(call, "No", "other"))


def test_a_no_with_more_than_is_understood_is_not_followed_by_the_read_back_again() -> None:
    assert chosen(says(heard(), "No, not my debit card", "other")) == [BANK.lines.clarify]


@pytest.mark.parametrize(("who", "told"), [("ada", True), ("ben", False)])
def test_a_no_of_somebody_else_isnt_told_what_was_found_for_the_one_before(who: str, told: bool) -> None:
    names_it = "I leave your card ending in {ending} as it is."
    intents = tuple(i.model_copy(update={"declined": names_it}) if i.name == "block" else i for i in BANK.intents)
    call = Call(BANK.model_copy(update={"intents": intents}), signed_in("ada", "stepped_up"))
    says(call, WISH, "block")
    call.hears_reply()
    call.signs_in(who, "stepped_up")
    said = says(call, "No", "other")
    assert any("1111" in candidate.text for candidate in of(d.CandidateFormed, said)) is told
