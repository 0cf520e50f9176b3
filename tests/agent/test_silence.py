"""A caller who says nothing: asked once whether they are there, then released; and who counts as silent."""

from __future__ import annotations

from told_by_hand import BANK, Call, of

from schemas import decisions as d
from schemas import facts as f
from schemas.base import Payload

QUESTION, INTENT = "What does a new card cost", "fees"


def goes_by(call: Call) -> list[Payload]:
    """As long as the silence timer runs, which fires then."""
    (timer,) = (timer for timer in call.conversation.timers.values() if timer.purpose == "silence")
    call.now_ms = timer.due_at_us // 1000
    return call.told(f.TimerFired(timer_id=timer.timer_id, purpose="silence"))


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
