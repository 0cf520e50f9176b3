"""Cues in the caller's words: what they catch as it is spoken, and what normal bank talk they leave alone."""

from __future__ import annotations

import pytest

from agent_core.guardrails import registry
from agent_core.guardrails.base import GuardInput, Stage, Verdict


def judged(name: str, text: str, **options: object) -> Verdict:
    return registry.find(name).judge(GuardInput(text=text, stage=Stage.INPUT, question=text, options=options))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I want to make a complaint", "complaint_stated"),
        ("i'd like to file a formal complaint please", "complaint_stated"),
        ("im going to complain about your staff", "complaint_stated"),
        ("well then I'll go to the ombudsman", "complaint_authority_named"),
        ("you'll hear from my solicitor", "complaint_authority_named"),
        ("this is absolutely unacceptable", "complaint_dissatisfied"),
        ("you people are useless", "complaint_dissatisfied"),
        ("this is the third time i've called about this", "complaint_dissatisfied"),
        ("i'm really unhappy with the service", "complaint_dissatisfied"),
        ("i am fed up with waiting", "complaint_dissatisfied"),
        ("worst bank ever honestly", "complaint_dissatisfied"),
    ],
)
def test_a_complaint_is_noticed_and_blocks_nothing(text: str, reason: str) -> None:
    verdict = judged("complaint", text)
    assert verdict.passed
    assert reason in verdict.reasons
    assert all(text[span.start : span.end].strip() for span in verdict.evidence)


@pytest.mark.parametrize(
    "text",
    [
        "I lost my card",
        "how do I dispute a payment",
        "the weather is terrible today",
        "can I have the complaints address for my energy company on the direct debit",
        "my card was refused at the shop",
        "I'm happy with the service thanks",
        "I've called about a loan",
        "is this service free",
        "i'm sick today so i can't come to the branch",
        "nobody was in when the card came",
        "I'm waiting for my card",
        "do you treat customers abroad differently on fees",
        "no complaints from me thank you",
    ],
)
def test_normal_talk_is_no_complaint(text: str) -> None:
    assert judged("complaint", text).reasons == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("i don't want to live any more", "vulnerability_self_harm"),
        ("sometimes I think about suicide", "vulnerability_self_harm"),
        ("I can't go on like this", "vulnerability_self_harm"),
        ("my husband died last month", "vulnerability_bereavement"),
        ("my mum passed away and I need to close her account", "vulnerability_bereavement"),
        ("we've just lost my dad", "vulnerability_bereavement"),
        ("it's about the estate of my late wife", "vulnerability_bereavement"),
        ("i've been diagnosed with cancer", "vulnerability_illness"),
        ("she's in hospital so i'm calling for her", "vulnerability_illness"),
        ("I'm deaf so this is hard for me", "vulnerability_illness"),
        ("my son is making me send him money", "vulnerability_coercion"),
        ("he won't let me see my own account", "vulnerability_coercion"),
        ("my partner controls all my money", "vulnerability_coercion"),
        ("i can't stop betting", "vulnerability_gambling"),
        ("can you block gambling payments", "vulnerability_gambling"),
        ("I lost my job last week", "vulnerability_hardship"),
        ("i can't afford my rent this month", "vulnerability_hardship"),
        ("we're struggling to pay the bills", "vulnerability_hardship"),
        ("I've been made redundant", "vulnerability_hardship"),
        ("I'm two months behind on my mortgage", "vulnerability_hardship"),
        ("i can't read very well", "vulnerability_capability"),
        ("I have power of attorney for my mother", "vulnerability_capability"),
    ],
)
def test_a_cue_of_vulnerability_is_noticed_and_blocks_nothing(text: str, reason: str) -> None:
    verdict = judged("vulnerability", text)
    assert verdict.passed
    assert reason in verdict.reasons


@pytest.mark.parametrize(
    "text",
    [
        "I lost my card",
        "my phone died and I can't open the app",
        "the app killed my session",
        "my card died it doesn't work any more",
        "I'm dying to know when the card arrives",
        "i'm sick of waiting",
        "I can't pay with my card",
        "i can't make the payment in the app",
        "is there a late fee",
        "I'm late for work so be quick",
        "my wife wants a card too",
        "my father has an account with you",
        "can I block my card",
        "I lost my phone",
        "the branch near the hospital road is it open",
        "how do I pay my bills by direct debit",
        "I'd like to pass my details on",
        "my payment was made twice",
        "they made me wait in the branch",
        "it's going to kill my credit score",
    ],
)
def test_normal_talk_is_no_cue_of_vulnerability(text: str) -> None:
    assert judged("vulnerability", text).reasons == ()


TOPICS = [{"name": "politics", "input": ["who should I vote for", "election"], "output": ["vote for"]}]


@pytest.mark.parametrize("text", ["Who should I vote for?", "so who  should i vote, for", "what about the election"])
def test_a_forbidden_topic_is_not_answered(text: str) -> None:
    verdict = judged("forbidden_topics", text, topics=TOPICS)
    assert not verdict.passed
    assert verdict.reasons == ("forbidden_topic_asked",)


@pytest.mark.parametrize(
    "text", ["my selection of accounts", "what are your opening hours", "I vote by post, can I change my address"]
)
def test_words_that_only_look_like_a_forbidden_topic_pass(text: str) -> None:
    assert judged("forbidden_topics", text, topics=TOPICS).passed


def test_a_forbidden_topic_is_not_spoken_about_either() -> None:
    guardrail = registry.find("forbidden_topics")
    options = {"topics": TOPICS}
    said = GuardInput(text="I'd vote for the other one.", stage=Stage.OUTPUT, options=options)
    assert guardrail.judge(said).reasons == ("forbidden_topic_said",)
    assert guardrail.judge(GuardInput(text="I can't talk about that.", stage=Stage.OUTPUT, options=options)).passed
