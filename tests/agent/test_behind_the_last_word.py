"""A voice's audio goes on for a moment behind its last word: who speaks into that silence has heard all there was."""

from __future__ import annotations

from told_by_hand import BANK, Call, of, signed_in

from agent_core.conversation import Context, initial
from agent_core.evolve import evolve
from projections.read_models.changes import ChangeRow, Changes
from projections.read_models.definition import Seen
from schemas import decisions as d
from schemas import facts as f
from schemas import writing as w
from schemas.base import Payload

STATE = '{"card":"card","ending":"1111"}'
RESULT = '{"reference":"r 1"}'


def spoken_into(call: Call, utterance_id: str) -> list[Payload]:
    """What was chosen is said to its last word, and stopped in the silence behind it."""
    turn = call.conversation.turn
    assert turn is not None
    assert turn.chosen is not None
    candidate_id, text = turn.chosen, turn.candidates[turn.chosen].text
    call.told(f.SpeechStarted(candidate_id=candidate_id, take=1))
    call.told(f.CallerSpeechStarted(utterance_id=utterance_id))
    return call.told(f.SpeechInterrupted(candidate_id=candidate_id, spoken_so_far=text))


def read_back() -> Call:
    call = Call(BANK, signed_in("ada", "stepped_up"))
    call.says("Block my card", "block")
    ask, _ = call.asked(d.ToolRequested)
    call.told(f.ToolReturned(ask_id=ask.ask_id, attempt=0, tool="block_card", result=STATE))
    spoken_into(call, "u8")
    return call


def test_a_yes_there_approves_the_read_back() -> None:
    assert of(w.WriteApproved, read_back().says("Yes", "go_on"))


def test_after_a_cough_there_nothing_is_left_to_say_and_the_next_yes_counts() -> None:
    call = read_back()
    assert of(d.CandidateFormed, call.told(f.CallerSpeechDismissed(utterance_id="u8"))) == []
    assert of(w.WriteApproved, call.says("Yes", "go_on"))


def test_an_outcome_is_told_then_and_not_once_more() -> None:
    call = read_back()
    call.says("Yes", "go_on")
    ask, _ = call.asked(w.WriteRequested)
    call.told(w.WriteReturned(ask_id=ask.ask_id, attempt=0, tool="block_card", step="block", result=RESULT))
    call.now_ms = 7000
    spoken_into(call, "u9")
    assert call.conversation.proposals == {}
    assert of(d.TurnOpened, call.told(f.CallerSpeechDismissed(utterance_id="u9"))) == []
    (row,) = rows(call)
    assert (row.state, row.told_us) == ("done", 7_000_000)


def rows(call: Call) -> list[ChangeRow]:
    """The read model of the call's changes."""
    fold, kept = Changes(), dict[str, ChangeRow]()
    conversation = initial("c1", Context(lambda seq, content_hash: BANK, lambda: b"key"))
    for event in call.events:
        before, conversation = conversation, evolve(conversation, event)
        if isinstance(event.payload, w.WriteProposed | w.WriteApproved | w.WriteEnded | f.SpeechInterrupted):
            for row in fold.take(Seen(event, before, conversation, event.turn_id)):
                assert isinstance(row, ChangeRow)
                kept[row.proposal_id] = row
    return list(kept.values())
