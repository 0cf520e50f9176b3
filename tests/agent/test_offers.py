"""A holding line that offers a person, or a call back: a plain yes in the next turn leads there, and nothing else does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent_core.behaviour import Behaviour
from agent_core.behaviour_loader import BehaviourError, load
from agent_core.conversation import Context, Conversation, Offer, Probability, Turn
from agent_core.targets import Target, target_of
from agent_core.wording import hold_plan

BANK = Path(__file__).parents[2] / "examples" / "bank"


@pytest.fixture(scope="module")
def bank() -> Behaviour:
    return load(BANK).model_copy(update={"guardrails": ()})


def offer_of(bank: Behaviour, intent: str, turn_id: str) -> Offer:
    return Offer(next(phrase.id for phrase in bank.holding if bank.offered_by(phrase.id) == intent), turn_id)


def target(bank: Behaviour, said: str, offer: Offer | None) -> Target | None:
    turn = Turn(
        turn_id="t3",
        cause="utterance",
        utterance_id="u2",
        speech_ended_at_us=0,
        give_up_ms=5000,
        question=f"where is my card {said}",
        carried="where is my card ",
        committed=True,
        scores=(Probability("card_delivery", 0.9),),
    )
    context = Context(lambda seq, content_hash: bank, lambda: b"")
    return target_of(
        Conversation(id="c", context=context, turn=turn, offer=offer, behaviour_hash=bank.content_hash + said)
    )


@pytest.mark.parametrize("intent", ["speak_to_person", "call_back"])
def test_a_yes_to_what_was_offered_leads_there(bank: Behaviour, intent: str) -> None:
    assert target(bank, "yes please", offer_of(bank, intent, "t2")) == Target("escalate", intent)


@pytest.mark.parametrize(
    ("said", "turn_id"),
    [
        ("yes please", None),
        ("yes please", "t3"),  # it was offered while this very question waits
        ("no thanks", "t2"),
        ("yes but what about the fee", "t2"),
    ],
)
def test_nothing_else_does(bank: Behaviour, said: str, turn_id: str | None) -> None:
    found = target(bank, said, offer_of(bank, "call_back", turn_id) if turn_id else None)
    assert found is None or found.action != "escalate"


def test_the_third_line_offers_something_and_no_two_in_a_row_are_the_same(bank: Behaviour) -> None:
    said = {phrase.id: phrase.pragmatic.value for phrase in bank.holding}
    last = ""
    for turn in range(12):
        plan = hold_plan(bank.holding, 3, last, turn)
        assert [said[phrase].split("_")[0] for phrase in plan] == ["looking", "still", "offer"]
        assert all(one != other for one, other in zip((last, *plan), plan, strict=False))
        last = plan[-1]


def test_a_line_that_offers_nothing_leads_nowhere(bank: Behaviour) -> None:
    silent = next(phrase.id for phrase in bank.holding if bank.offered_by(phrase.id) is None)
    found = target(bank, "yes please", Offer(silent, "t2"))
    assert found is None or found.action != "escalate"


@pytest.mark.parametrize(
    ("was", "becomes", "problem"),
    [
        ("offer_callback: call_back\n", "offer_callback: greeting\n", "a yes must lead to an intent that escalates"),
        ("offer_callback: call_back\n", "looking_up: call_back\n", "'looking_up' offers nothing"),
        ("  offer_callback: call_back\n", "", "'apo-callback-1' offers something, and no intent takes a yes"),
        ('"Sure, one moment."', '"okay let me check"', "'ack-look-2' says what another one says"),
    ],
)
def test_lines_that_lead_nowhere_are_named_with_their_place(
    tmp_path: Path, was: str, becomes: str, problem: str
) -> None:
    folder = shutil.copytree(BANK, tmp_path / "bank")
    file = folder / "behaviour.yaml"
    text = file.read_text()
    assert was in text
    file.write_text(text.replace(was, becomes))
    with pytest.raises(BehaviourError, match=problem) as caught:
        load(folder)
    assert all(found.file == "behaviour.yaml" and found.line > 1 for found in caught.value.problems)
