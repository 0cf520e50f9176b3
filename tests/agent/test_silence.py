"""A caller who says nothing: asked once whether they are there, then released; who counts as silent; and a call of which
nothing more is heard."""

from __future__ import annotations

from told_by_hand import BANK, Call, of

from agent_core.behaviour import SilencePolicy
from agent_core.conversation import Timer
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Payload
from simulation.small_bank import small_bank

QUESTION, INTENT = "What does a new card cost", "fees"


def timer(call: Call, purpose: str) -> Timer:
    (found,) = (timer for timer in call.conversation.timers.values() if timer.purpose == purpose)
    return found


def goes_by(call: Call) -> list[Payload]:
    """As long as the silence timer runs, which fires then."""
    due = timer(call, "silence")
    call.now_ms = due.due_at_us // 1000
    return call.told(f.TimerFired(timer_id=due.timer_id, purpose="silence"))


def chosen(decided: list[Payload]) -> list[tuple[type[Payload], str]]:
    return [(type(spoken), spoken.text) for spoken in of(d.Spoken, decided)]


def test_a_silent_caller_is_asked_once_and_then_released() -> None:
    call = Call()
    assert chosen(goes_by(call)) == [(d.ReplyChosen, BANK.silence.ask)]
    call.hears_reply()
    assert chosen(goes_by(call)) == [(d.CloseChosen, BANK.silence.release)]


def test_who_answered_is_asked_again_before_they_are_released() -> None:
    call = Call()
    goes_by(call)
    call.hears_reply()
    call.says(QUESTION, INTENT)
    call.hears_reply()
    assert chosen(goes_by(call)) == [(d.ReplyChosen, BANK.silence.ask)]


def test_who_stopped_the_agent_has_something_to_say_and_is_not_timed() -> None:
    call = Call()
    call.says(QUESTION, INTENT)
    turn = call.conversation.turn
    assert turn is not None
    call.told(f.SpeechStarted(candidate_id=turn.chosen or "", take=1))
    decided = call.told(f.SpeechInterrupted(candidate_id=turn.chosen or "", spoken_so_far="A new"))
    assert [ended.interrupted for ended in of(d.TurnEnded, decided)] == [True]
    assert of(d.TimerSet, decided) == []


def test_who_was_asked_is_waited_for_as_long_as_behaviour_says_for_that() -> None:
    policy = SilencePolicy(ask_after_ms=2500, release_after_ms=4000)
    call = Call(small_bank().model_copy(update={"silence": policy}))
    assert timer(call, "silence").due_at_us == (call.now_ms + 2500) * 1000
    goes_by(call)
    call.hears_reply()
    assert timer(call, "silence").due_at_us == (call.now_ms + 4000) * 1000


def test_a_long_call_is_idle_only_from_its_newest_turn_on() -> None:
    call = Call()
    call.now_ms += BANK.silence.idle_after_ms - 1
    call.says(QUESTION, INTENT)
    assert timer(call, "idle").due_at_us == (call.now_ms + BANK.silence.idle_after_ms) * 1000


def test_a_call_of_which_nothing_more_is_heard_closes_with_its_open_turn_abandoned() -> None:
    call = Call()
    call.says(QUESTION, INTENT)  # the gateway dies, and says nothing of it
    decided = call.told(f.TimerFired(timer_id=timer(call, "idle").timer_id, purpose="idle"))
    assert [ended.outcome for ended in of(d.TurnEnded, decided)] == ["abandoned"]
    assert [closed.reason for closed in of(d.ConversationClosed, decided)] == ["idle"]


def test_who_cuts_a_reply_off_with_a_key_that_asks_for_nothing_is_asked_whether_they_are_there() -> None:
    call = Call()
    call.says(QUESTION, INTENT)
    turn = call.conversation.turn
    assert turn is not None
    call.told(f.SpeechStarted(candidate_id=turn.chosen or "", take=1))
    call.told(f.SpeechInterrupted(candidate_id=turn.chosen or "", spoken_so_far="A new"))
    call.keys("5")
    assert chosen(goes_by(call)) == [(d.ReplyChosen, BANK.silence.ask)]


def test_a_key_that_nobody_asked_for_takes_no_caller_for_heard() -> None:
    call = Call()
    call.keys("12")
    assert chosen(goes_by(call)) == [(d.ReplyChosen, BANK.silence.ask)]
    call.hears_reply()
    call.keys("#")
    assert chosen(goes_by(call)) == [(d.CloseChosen, BANK.silence.release)]
