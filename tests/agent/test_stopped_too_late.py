"""A caller who takes their yes back, or says their wish again, while the change is being done: they hear what is true."""

from __future__ import annotations

import pytest
from told_by_hand import BANK, Call, of, signed_in

from agent_core.behaviour import Behaviour
from schemas import decisions as d
from schemas import facts as f
from schemas import writing as w
from schemas.base import Payload

STATE = '{"card":"card","ending":"1111"}'
(BLOCK,) = (intent for intent in BANK.intents if intent.name == "block")
BEGUN = "Your card ending in 1111 is being blocked already, and I will tell you what came of it."


def bank(**words: str) -> Behaviour:
    block = BLOCK.model_copy(update={"begun": BEGUN.replace("1111", "{ending}"), **words})
    return BANK.model_copy(update={"intents": tuple(block if i is BLOCK else i for i in BANK.intents)})


def read_back(behaviour: Behaviour | None = None, who: str = "ada", asks: str = "Block my card") -> Call:
    call = Call(behaviour or bank(), signed_in(who, "stepped_up"))
    call.says(asks, "block")
    ask, _ = call.asked(d.ToolRequested)
    call.told(f.ToolReturned(ask_id=ask.ask_id, attempt=0, tool="block_card", result=STATE))
    call.hears_reply()
    return call


def approved(behaviour: Behaviour | None = None, who: str = "ada", asks: str = "Block my card") -> Call:
    call = read_back(behaviour, who, asks)
    assert of(w.WriteRequested, call.says("Yes please", "other"))
    return call


def done(call: Call) -> list[Payload]:
    (ask,) = (ask for ask in call.open_asks() if isinstance(ask.payload, w.WriteRequested))
    returned = w.WriteReturned(
        ask_id=ask.ask_id, attempt=0, tool="block_card", step="block", result='{"reference":"r 1"}'
    )
    return call.told(returned)


def chosen(decided: list[Payload]) -> list[tuple[str, str]]:
    return [(reply.action, reply.text) for reply in of(d.ReplyChosen, decided)]


@pytest.mark.parametrize("words", ["No wait, don't!", "Stop", "I changed my mind", "Cancel it please"])
def test_who_stops_what_is_being_done_hears_that_it_has_begun_and_then_what_came_of_it(words: str) -> None:
    call = approved()
    assert chosen(call.says(words, "other")) == [("begun", BEGUN)]
    assert of(d.CandidateFormed, done(call)) == []  # not in mid-speech
    assert chosen(call.hears_reply()) == [("write", "Your card is blocked. The reference is r 1.")]


def test_what_was_done_meanwhile_is_no_more_taken_back_than_what_is_under_way() -> None:
    call = approved()
    call.told(f.CallerSpeechStarted(utterance_id="u9"))
    done(call)
    assert chosen(call.says("No wait, don't!", "other")) == [("begun", BEGUN)]
    assert chosen(call.hears_reply()) == [("write", "Your card is blocked. The reference is r 1.")]


@pytest.mark.parametrize("words", ["Don't block my card", "Block my card"])
def test_words_that_would_propose_the_same_change_again_while_it_is_being_done_dont(words: str) -> None:
    call = approved()
    decided = call.says(words, "block")
    assert of(d.ToolRequested, decided) == []
    assert chosen(decided) == [("begun", BEGUN)]


def test_another_card_is_another_wish() -> None:
    call = approved(who="cleo", asks="Block card 3333")
    (request,) = of(d.ToolRequested, call.says("Block card 4444", "block"))
    assert "4444" in request.arguments


def test_a_no_after_the_outcome_was_heard_is_any_words() -> None:
    call = approved()
    done(call)
    call.hears_reply()
    assert [action for action, _ in chosen(call.says("No", "other"))] == ["clarify"]


def test_nobody_else_hears_of_it() -> None:
    call = approved()
    call.signs_in("ben", "stepped_up")
    assert [action for action, _ in chosen(call.says("No", "other"))] == ["clarify"]


def test_without_words_of_its_own_it_is_said_to_go_on() -> None:
    assert chosen(approved(BANK).says("No wait, don't!", "other")) == [("begun", BLOCK.pending)]


def test_what_is_said_after_a_no_may_name_what_was_found() -> None:
    call = read_back(bank(declined="Your {card} ending in {ending} stays as it is."))
    assert chosen(call.says("No", "other")) == [("declined", "Your card ending in 1111 stays as it is.")]
