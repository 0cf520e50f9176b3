"""The sentences that classifiers learn from: ``examples/NAME.txt``, a section in brackets, then a sentence a line.

What callers say every day is one file for all of them, and sentences made from frames: several hundred of them, because no
classifier may ever have reason to think that a card or a password by itself means anything.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from itertools import product

from agent_core.out_of_scope import OUT_OF_SCOPE

NONE = "none"

_FRAMES = (
    "how do I {verb} my {thing}",
    "I want to {verb} my {thing}",
    "can you {verb} my {thing} please",
    "could you tell me about my {thing} I'd like to {verb} it",
    "why can't I {verb} my {thing}",
    "i tried to {verb} the {thing} and it didn't work",
    "where can I {verb} a {thing}",
    "um is it possible to {verb} the {thing} today",
    "I need some help to {verb} my {thing}",
    "what does it cost to {verb} the {thing}",
)
_VERBS = ("cancel", "change", "check", "open", "close", "replace", "pay", "find", "stop", "order", "get", "update")
_THINGS = ("card", "account", "direct debit", "standing order", "loan", "mortgage", "overdraft", "password", "pin",
           "address", "statement", "savings account", "transfer", "app", "credit card", "appointment", "payment",
           "insurance")  # fmt: skip
_EVERY = 2  # of the products every second one: enough of them, and half the time to train


@cache
def sections(name: str) -> dict[str, tuple[str, ...]]:
    """Raises ``FileNotFoundError``."""
    return read_sections(resources.files(__package__).joinpath("examples", f"{name}.txt").read_text("utf-8"))


def read_sections(text: str) -> dict[str, tuple[str, ...]]:
    """By section, in the file's order."""
    found: dict[str, list[str]] = {}
    section: list[str] = []
    for line in text.splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            section.append(line)
    return {title: tuple(sentences) for title, sentences in found.items()}


@cache
def made() -> tuple[str, ...]:
    """Requests put together from frames, in a fixed order."""
    return tuple(frame.format(verb=verb, thing=thing) for frame, verb, thing in product(_FRAMES, _VERBS, _THINGS))[
        ::_EVERY
    ]


@cache
def everyday() -> tuple[str, ...]:
    """What callers say every day, written out."""
    return (*sections("everyday")[NONE], *OUT_OF_SCOPE)
