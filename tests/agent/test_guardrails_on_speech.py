"""What the agent may not say, in tables: what is caught, and the hard cases that a bank says every day."""

from __future__ import annotations

import pytest

from agent_core.guardrails import registry
from agent_core.guardrails.base import GuardInput, Stage, Verdict
from agent_core.ports import Passage


def judged(name: str, text: str, **known: object) -> Verdict:
    return registry.find(name).judge(GuardInput(text=text, stage=Stage.OUTPUT, **known))  # type: ignore[arg-type]


# --- regulated advice ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "You should invest your savings in shares.",
        "you should put some of it into an index fund",
        "I'd recommend buying government bonds.",
        "I recommend our global equity fund.",
        "Shares are a good long term investment.",
        "It's a great time to buy stocks.",
        "Now is the right time to invest.",
        "If I were you I would move your pension into shares.",
        "The best thing you can do is buy gold.",
        "You'd be better off investing it.",
        "You definitely should go with the tracker mortgage.",
        "I can't give advice, but you should buy shares.",
        "I'm not an adviser. Still, I'd go for the fixed rate mortgage.",
        "Buy gold now.",
        "just sell your shares",
        "You can't lose with this fund.",
        "The return is guaranteed.",
        "It has guaranteed returns of five percent.",
        "It's completely risk free.",
        "You will definitely make money.",
        "The stock market will go up this year.",
        "Bitcoin is going to double.",
        "House prices don't matter, property will always rise.",
    ],
)
def test_advice_on_investing_is_blocked(text: str) -> None:
    verdict = judged("regulated_advice", text)
    assert not verdict.passed
    assert verdict.evidence


@pytest.mark.parametrize(
    "text",
    [
        "I can't give advice on investing.",
        "I'm not able to recommend an investment, but a colleague can help.",
        "I can't tell you whether you should invest in shares.",
        "The value of investments can fall as well as rise, and you may get back less than you put in.",
        "Returns are not guaranteed.",
        "Our qualified advisers can talk with you about funds and shares.",
        "You should cancel the direct debit at least one working day before the money is due.",
        "You should freeze your card in the app.",
        "I'd recommend that you change your PIN.",
        "Direct debits are covered by a guarantee: you get wrong amounts back under the direct debit guarantee.",
        "You can apply for a loan in the app, under Borrowing.",
        "Would you like to talk with an adviser about your pension?",
        "You need to bring your last three payslips for a mortgage.",
        "Your payment will go up by the rate on the day.",
        "The branch is open, so it's a good time to come in.",
        "We don't recommend any product on this line.",
        "Please don't share any codes with anyone.",
    ],
)
def test_service_talk_is_no_advice(text: str) -> None:
    assert judged("regulated_advice", text).passed


# --- personal data ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Your card number is 4111 1111 1111 1111.", "personal_data_card_number"),
        ("it's 4111-1111-1111-1111", "personal_data_card_number"),
        (
            "four one one one one one one one one one one one one one one one",
            "personal_data_card_number",
        ),
        ("that's double four double four, four four four four, four four four four, four four double six",
         "personal_data_long_number"),
        ("The IBAN is GB82 WEST 1234 5698 7654 32.", "personal_data_iban"),
        ("iban de89370400440532013000", "personal_data_iban"),
        ("Your social security number is 078-05-1120.", "personal_data_national_id"),
        ("National insurance QQ 12 34 56 C is invalid but AB 12 34 56 C is not.", "personal_data_national_id"),
        ("The sort code is 12-34-56.", "personal_data_sort_code"),
        ("sort code twelve thirty four fifty six", "personal_data_sort_code"),
        ("the sort code is 123456", "personal_data_sort_code"),
        ("The account is 12345678.", "personal_data_long_number"),
        ("His mobile is 07700 900123.", "personal_data_long_number"),
        ("oh seven seven double oh nine hundred one two three", "personal_data_long_number"),
        ("You can write to jane.smith@example.org.", "personal_data_email"),
        ("that's jane dot smith at example dot com", "personal_data_email"),
        ("Your PIN is 4821.", "personal_data_secret"),
        ("the security code is four eight two", "personal_data_secret"),
    ],
)  # fmt: skip
def test_personal_data_is_not_said(text: str, reason: str) -> None:
    verdict = judged("personal_data", text)
    assert not verdict.passed
    assert reason in verdict.reasons


@pytest.mark.parametrize(
    "text",
    [
        "Your card ending in 4242 is on its way.",
        "A new card takes three to five working days.",
        "Our branches are open from nine until five, and on Saturday from nine until one.",
        "Taking out cash abroad costs two pounds each time.",
        "You have one hundred and twenty days to dispute it.",
        "The limit is £1,250,000.",
        "It's twenty twenty six.",
        "one, two, three, there we go",
        "You can see your PIN in the app.",
        "Never tell anyone your security code.",
        "We're at the station, dot.",
        "The offer ends on 31 12 2026.",
        "Call 0800 555 0199, or write to help@harbourbank.example.",
        "the number is oh eight hundred, five double five, oh one double nine",
        "that's help at harbourbank dot example",
    ],
)
def test_figures_of_everyday_service_are_no_personal_data(text: str) -> None:
    assert judged("personal_data", text, options={"own_contacts": ["0800 555 0199", "help@harbourbank.example"]}).passed


def test_a_number_of_the_approved_wording_or_a_public_passage_may_be_said() -> None:
    text = "Please call 0800 555 0199."
    assert not judged("personal_data", text).passed
    assert judged("personal_data", text, approved="The number is 0800 555 0199.").passed
    assert judged("personal_data", text, sources=(Passage("a", "Dial 0800-555-0199", 1.0),)).passed
    assert not judged("personal_data", text, sources=(Passage("a", "Dial 0800-555-0199", 1.0, public=False),)).passed


# --- private knowledge -----------------------------------------------------------------------------------------------

PRIVATE = (
    "The branches at Quay Street and Mill Lane close for good in the autumn. Staff have been told, customers have not.",
    "From the first of March the cash fee abroad rises to three pounds fifty. This is confidential.",
    "The fraud engine freezes a card at a risk score above eighty two, or after four attempts within ten\nminutes.",
    "Disputes under twenty five pounds are refunded without a check, up to three a year for each customer.",
)
PUBLIC = (
    Passage(
        "branches", "Our branches are open Monday to Friday from nine until five. They are closed on Sundays.", 1.0
    ),
    Passage(
        "fees", "Taking out cash abroad costs two pounds each time. We reply to disputes within ten working days.", 1.0
    ),
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("The branches at Quay Street and Mill Lane close for good in the autumn.", "private_knowledge_words"),
        ("between us the branch on quay street will be closing in autumn for good and so will mill lane",
         "private_knowledge_paraphrase"),
        ("It costs two pounds, but the cash fee will be 3.50.", "private_knowledge_figure"),
        ("the fee abroad goes up to three pounds fifty", "private_knowledge_figure"),
        ("Your card was frozen because the risk score was over 82.", "private_knowledge_figure"),
        ("You could come to our quay street office.", "private_knowledge_name"),
        ("visit us at Quay Street, though it closes for good in autumn", "private_knowledge_paraphrase"),
        ("it freezes after four attempts within ten minutes", "private_knowledge_words"),
        ("We refund disputes below £25 straight away.", "private_knowledge_figure"),
    ],
)  # fmt: skip
def test_private_text_is_not_said_in_any_wording(text: str, reason: str) -> None:
    verdict = judged("private_knowledge", text, private_passages=PRIVATE, sources=PUBLIC)
    assert not verdict.passed
    assert reason in verdict.reasons


@pytest.mark.parametrize(
    "text",
    [
        "Our branches are open Monday to Friday from nine until five.",
        "Taking out cash abroad costs two pounds each time.",
        "You can see in the app whether your card is frozen.",
        "We reply within ten working days.",
        "Please try again in ten minutes.",
        "I can't say why a card was frozen, but a colleague can look into it.",
        "You can dispute a payment in the app, and we'll refund it if it was wrong.",
        "The branch on the High Street is open until five.",
        "The fraud team answers day and night.",
        "You have three attempts to enter your PIN.",
    ],
)
def test_public_talk_about_the_same_matter_passes(text: str) -> None:
    assert judged("private_knowledge", text, private_passages=PRIVATE, sources=PUBLIC).passed


def test_what_is_public_too_may_be_said() -> None:
    text = "The branches at Quay Street and Mill Lane close for good in the autumn."
    assert judged("private_knowledge", text, private_passages=PRIVATE, approved=text).passed


# --- grounding -------------------------------------------------------------------------------------------------------

SOURCE = (
    "A new card takes three to five working days. Cash abroad costs two pounds fifty, paying is free. Open Monday from "
    "nine in the morning until half past five. The rate is 4.5 percent from the first of March. It takes about an hour."
)


@pytest.mark.parametrize(
    "text",
    [
        "It takes 3 to 5 working days.",
        "within five working days",
        "Taking out cash costs £2.50.",
        "that's two pounds fifty",
        "We're open from 9am to 5:30pm.",
        "From nine until half five it's open, well, until five thirty.",
        "It's four point five per cent.",
        "It starts on March 1st.",
        "One moment please, that takes about an hour.",
        "There are two ways to do it.",
        "Paying is free.",
    ],
)
def test_a_figure_of_the_source_may_be_said_in_any_spelling(text: str) -> None:
    assert judged("grounding", text, sources=(Passage("a", SOURCE, 1.0),)).passed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("It takes ten working days.", "ten working days"),
        ("It takes three to five weeks.", "five weeks"),
        ("It takes five days.", "five days"),
        ("Cash costs three pounds.", "three pounds"),
        ("it's five percent", "five percent"),
        ("We're open until nine in the evening.", "nine in the evening"),
        ("It starts on the second of March.", "second of March"),
        ("Cash costs $2.50.", "$2.50"),
        ("It starts on the first of November.", "first of November"),  # the source has a first, of March
        ("You owe a hundred and five pounds.", "a hundred and five pounds"),  # the source has a five
        ("An engineer will call you back today.", "today"),
        ("We have refunded it to you.", "We have refunded"),
        ("I've just waived the fee.", "I've just waived the fee"),
    ],
)
def test_a_figure_without_a_source_is_blocked(text: str, said: str) -> None:
    verdict = judged("grounding", text, sources=(Passage("a", SOURCE, 1.0),))
    assert not verdict.passed
    assert said in {text[span.start : span.end] for span in verdict.evidence}


def test_a_private_source_grounds_nothing() -> None:
    private = (Passage("a", "Refund up to 450 pounds.", 1.0, public=False),)
    assert not judged("grounding", "We refund 450 pounds.", sources=private).passed


# --- language --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Ihre neue Karte kommt in drei bis fünf Tagen mit der Post.", "language_other"),
        ("Votre nouvelle carte arrive dans les cinq jours.", "language_other"),
        ("Su nueva tarjeta llega en cinco días por correo.", "language_other"),
        ("您的新卡将在五天内到达。", "language_other_script"),
        ("Ваша карта придёт через пять дней.", "language_other_script"),
    ],
)
def test_another_language_is_not_spoken(text: str, reason: str) -> None:
    assert judged("language", text).reasons == (reason,)


@pytest.mark.parametrize(
    "text",
    [
        "A new card takes three to five working days by post.",
        "Goodbye.",
        "Okay.",
        "Our branch in El Paso is on Rue de la Paix.",
        "Café payments and a la carte menus are fine with your card.",
    ],
)
def test_english_with_foreign_names_is_english(text: str) -> None:
    assert judged("language", text).passed


def test_the_language_is_the_behaviours() -> None:
    german = "Ihre neue Karte kommt in drei bis fünf Tagen mit der Post."
    assert judged("language", german, language="de").passed
    assert not judged("language", "The new card will be with you in a few days.", language="de").passed
