"""Reports of a gateway that lost the call, which come when another one has it."""

from __future__ import annotations

from told_by_hand import Call, of

from schemas import decisions as d
from schemas import facts as f

REPLY, WORDS = "t2.s1.answer.fees.0", "A new card is free of charge."


def taken_over() -> Call:
    """The reply was chosen for the former gateway, and is chosen again for the one that took the call."""
    call = Call()
    call.says("What does a new card cost", "fees")
    decided = call.told(f.CallTaken(take=2, gateway_id="g2"))
    assert [(reply.candidate_id, reply.take) for reply in of(d.ReplyChosen, decided)] == [(REPLY, 2)]
    return call


def test_a_voice_that_failed_there_takes_nothing_from_what_is_said_here() -> None:
    call = taken_over()
    call.told(f.SpeechFailed(candidate_id=REPLY, reason="unavailable"))  # put by the former one, of an older version
    call.told(f.SpeechStarted(candidate_id=REPLY, take=2))
    decided = call.told(f.SpeechCompleted(candidate_id=REPLY, spoken=WORDS))
    assert [(ended.outcome, ended.candidate_id) for ended in of(d.TurnEnded, decided)] == [("reply", REPLY)]
    assert call.conversation.transcript[-1].text == WORDS
    assert [timer.purpose for timer in of(d.TimerSet, decided)] == ["silence"]


def test_a_voice_that_failed_there_has_nothing_else_chosen_here() -> None:
    call = taken_over()
    assert call.told(f.SpeechFailed(candidate_id=REPLY, reason="unavailable", take=1)) == []
    assert call.conversation.turn is not None
    assert call.conversation.turn.chosen == REPLY
    decided = call.told(f.SpeechFailed(candidate_id=REPLY, reason="unavailable", take=2))
    assert REPLY not in [reply.candidate_id for reply in of(d.ReplyChosen, decided)]
    assert call.conversation.turn.chosen != REPLY


def test_what_was_answered_is_not_asked_again_with_the_next_question() -> None:
    call = taken_over()
    call.told(f.SpeechFailed(candidate_id=REPLY, reason="unavailable"))
    call.told(f.SpeechStarted(candidate_id=REPLY, take=2))
    call.told(f.SpeechInterrupted(candidate_id=REPLY, spoken_so_far="A new card"))
    decided = call.told(f.UtteranceHeard(utterance_id="u2", text="And how", final=False, since_speech_end_ms=200.0))
    decided += call.told(
        f.UtteranceHeard(utterance_id="u2", text="And how long", final=True, since_speech_end_ms=200.0)
    )
    assert [opened.question for opened in of(d.SpeculationOpened, decided)] == ["And how", "And how long"]
