"""What an agent of the example bank says every day, from its approved wordings and public articles, passes grounding: a reply
that is blocked wrongly costs the caller the answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from agent_core.behaviour_loader import load
from agent_core.guardrails._examples import read_sections
from agent_core.guardrails.base import GuardInput, Stage
from agent_core.guardrails.grounding import GUARDRAIL
from agent_core.ports import Passage

BANK = load(Path(__file__).parents[2] / "examples" / "bank")
REPLIES = read_sections(Path(__file__).with_name("ordinary_replies.txt").read_text("utf-8"))
REPLIES_IN_TEN_DAYS = "We reply within ten working days."


def passes(text: str, *sources: str, approved: str = "") -> bool:
    found = tuple(Passage("article", source, 1.0) for source in sources)
    return GUARDRAIL.judge(GuardInput(text=text, stage=Stage.OUTPUT, approved=approved, sources=found)).passed


@pytest.mark.parametrize("name", REPLIES)
def test_an_ordinary_reply_is_not_blocked(name: str) -> None:
    intent = BANK.intent(name)
    assert intent is not None
    sources = [article.public for article in BANK.articles if article.id in intent.articles]
    assert [text for text in REPLIES[name] if not passes(text, *sources, approved=intent.answer or "")] == []


def test_word_that_is_promised_is_grounded_by_a_reply_and_a_call_by_a_call_alone() -> None:
    assert passes("We'll get back to you within ten working days.", REPLIES_IN_TEN_DAYS)
    assert passes("You'll hear from us within ten working days.", REPLIES_IN_TEN_DAYS)
    assert passes("Somebody will be in touch.", "A colleague will call you back.")
    assert not passes("Somebody will call you within ten working days.", REPLIES_IN_TEN_DAYS)
    assert not passes("We'll get back to you.", "The fraud team answers day and night.")


def test_what_is_promised_is_promised_for_what_the_source_names_beside_it() -> None:
    guarantee = "If the wrong amount was taken, you get it back. Replacement cards are free. We send the card by post."
    assert passes("We'll refund you.", guarantee)
    assert passes("You'll be refunded the wrong amount.", guarantee)
    assert passes("The card is free of charge.", guarantee)
    assert passes("I'll send you a new card.", guarantee)
    assert not passes("We will refund you the difference.", guarantee)
    assert not passes("The card reader is free of charge.", guarantee)
    assert not passes("I'll send you a cheque book.", guarantee)


def test_what_a_tool_found_names_what_it_is_about() -> None:
    source = Passage("article", "We block it at once.", 1.0)
    subject = GuardInput(text="I'll block your gold card.", stage=Stage.OUTPUT, sources=(source,))
    assert not GUARDRAIL.judge(subject).passed
    assert GUARDRAIL.judge(replace(subject, results=("gold card",))).passed


def test_a_share_is_not_heard_in_half_an_hour_nor_in_a_card_that_is_cut() -> None:
    assert passes("It's ready in half an hour.", "It takes half an hour.")
    assert passes("Please cut the old card in half.")
    assert not passes("The fee is cut in half.")
    assert not passes("The fee goes down by half.")
