"""What callers say, and what the emulated model answers to it. Each reply stands in the example bank's articles."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from agent_core.audio import BYTES_PER_MS, speech_bounds
from agent_core.wav import load_wav

CLIPS = Path(__file__).parents[2] / "examples" / "bank" / "demo"
# Somebody who speaks, so that detectors of voice hear one; its words are what the emulated recogniser is told.
_SPOKEN = ("1-lost-card", "2-how-long", "4-shares")
_FIRST_MS = 1400  # of each: callers are brief, and so is a benchmark in real time

GREETING = "Hello, this is Harbour Bank. How can I help?"
INSTRUCTIONS = "You are the phone assistant of Harbour Bank. Answer in one short spoken sentence."


class Question(NamedTuple):
    """``intent``: the one of the example bank that it is about."""

    intent: str
    text: str
    reply: str


# Each reply is an answer and then a detail, as the bank's prompt asks for, and none is another's: the emulated voice's
# latency is drawn by what it says.
QUESTIONS = tuple(
    Question(intent, text, reply)
    for intent, text, reply in (
        (
            "opening_hours",
            "what hours is the branch open",
            "We're open from nine until five. Our branches are open Monday to Friday.",
        ),
        (
            "card_delivery_time",
            "how many days until I get the replacement card",
            "It takes three to five working days. A replacement card comes by post.",
        ),
        (
            "fees_abroad",
            "what does it cost to use my card abroad",
            "Paying with your card is free. Taking out cash abroad costs two pounds each time.",
        ),
        (
            "mortgage_info",
            "how do i apply for a mortgage",
            "A first talk costs nothing. Our mortgage advisers see you in a branch or by video.",
        ),
        (
            "direct_debit",
            "how do i cancel a direct debit",
            "You can cancel it in the Harbour app. You find direct debits under Payments.",
        ),
        (
            "transfer_time",
            "how long does a transfer take",
            "Usually within two hours. Transfers to another country take longer.",
        ),
        ("opening_hours", "are you open on saturday", "Yes, from nine until one. Our branches are closed on Sundays."),
        (
            "card_delivery_time",
            "when will my new card come",
            "In three to five working days. Your new card comes by post.",
        ),
        (
            "fees_abroad",
            "is there a foreign transaction fee",
            "No, paying abroad is free. Taking out cash costs two pounds each time.",
        ),
        (
            "mortgage_info",
            "do you do mortgages",
            "Yes, we do mortgages. A first talk takes about an hour and costs nothing.",
        ),
        (
            "transfer_time",
            "how long does a transfer to another country take",
            "One to three working days. The app shows where a transfer stands.",
        ),
        (
            "loan_preapproval",
            "what do I need to apply for a loan",
            "You can check in the Harbour app. You find loans there under Borrowing.",
        ),
        (
            "opening_hours",
            "is the bank open on sundays",
            "No, we're closed on Sundays. Our branches are closed on bank holidays too.",
        ),
        (
            "fees_abroad",
            "what does taking out cash abroad cost",
            "It costs two pounds each time. The owner of the machine may charge more.",
        ),
        (
            "loan_preapproval",
            "does checking for a loan hurt my credit score",
            "No, it doesn't affect your score. Checking takes about five minutes.",
        ),
        (
            "direct_debit",
            "how do i stop a standing order",
            "You can cancel it in the app. You find standing orders under Payments.",
        ),
    )
)


class Clip(NamedTuple):
    """16 kHz PCM16 that ends with its speech."""

    pcm: bytes
    duration_ms: float


def question(turn: int) -> Question:
    return QUESTIONS[turn % len(QUESTIONS)]


def clip(turn: int) -> Clip:
    return _clips()[turn % len(_SPOKEN)]


@cache
def _clips() -> tuple[Clip, ...]:
    return tuple(_trimmed(load_wav(CLIPS / f"{name}.wav").pcm) for name in _SPOKEN)


def _trimmed(pcm: bytes) -> Clip:
    whole = speech_bounds(pcm)
    if whole is None:
        raise ValueError("a clip is silent")
    began = round(whole.start_ms) * BYTES_PER_MS
    brief = pcm[began : began + _FIRST_MS * BYTES_PER_MS]
    bounds = speech_bounds(brief)
    assert bounds is not None, "it begins with sound"
    return Clip(brief[: round(bounds.end_ms) * BYTES_PER_MS], bounds.end_ms)
