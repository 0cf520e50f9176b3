"""What a recorded caller would say next, where the agent said something else than it did.

    what they said then      where it still fits: a question of its own, or an answer to what the agent asked then and asks now
    another wording of it    where the agent didn't answer: an example of the same intent; after some tries they give up
    what such a caller says  where the agent asks for a proof, or for a yes, and they said nothing of the kind

Everything is drawn from one seed, and from what the behaviour and the log say: nothing here asks a model.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from agent_core.assent import ENGLISH, Assent
from agent_core.behaviour import Behaviour
from agent_core.conversation import Conversation
from agent_core.proofs import Means

RECORDED, REWORDED, PERSONA = "recorded", "reworded", "persona"
UNANSWERED = ("fallback", "clarify")  # actions of the agent that leave a question open
_PATIENCE = (1, 2, 2, 3)  # how often a caller says the same thing again
_APPROVES = 0.9  # share of the changes that whoever asked for them says yes to


class Heard(NamedTuple):
    """What the agent said. ``kind``: as in ``Said``; ``action`` and ``intent``: empty where there is none."""

    kind: str
    action: str
    intent: str

    @property
    def answers(self) -> bool:
        return self.kind == "reply" and self.action not in UNANSWERED


class Wish(NamedTuple):
    """What the caller said then. ``keys``: in place of words. ``after``: what the agent had said before it; ``intent``: what
    the words were taken for, and ``got``: what the agent said to them."""

    text: str
    keys: str
    intent: str
    after: Heard
    got: Heard


class Utterance(NamedTuple):
    """``words``: where they come from. ``keys``: digits that are keyed in, in place of a text."""

    text: str
    keys: str
    words: str


class WhatIfCaller:
    """Asked once for each thing that the caller says; None: they hang up. ``code``: the digits of those that they are sent."""

    def __init__(
        self, behaviour: Behaviour, asked: Wish, wishes: Iterable[Wish], code: str, draw: random.Random
    ) -> None:
        """``asked``: what the reply that differs was an answer to; ``wishes``: what they said after it, in order."""
        self._behaviour, self._code, self._draw = behaviour, code, draw
        self._asked, self._wishes = asked, deque(wishes)
        self._patience = draw.choice(_PATIENCE)
        self._tries = 0
        self._keyed_in = ""  # the challenge that a code was keyed in for

    def next(self, conversation: Conversation, heard: Heard) -> Utterance | None:
        if conversation.challenge:
            return self._proof(conversation, heard)
        if any(p.heard and p.approved_seq is None and not p.outcome for p in conversation.proposals.values()):
            return self._approval(heard)
        if not heard.answers and self._asked.got.answers:  # then they were answered, and didn't have to say it again
            return self._again()
        self._drop_what_does_not_fit(heard)
        return self._recorded()

    def _recorded(self) -> Utterance | None:
        if not self._wishes:
            return None
        self._asked, self._tries = self._wishes.popleft(), 0
        return Utterance(self._asked.text, self._asked.keys, RECORDED)

    def _drop_what_does_not_fit(self, heard: Heard) -> None:
        """Answers to what isn't asked now, and what was said again then because nothing had come of it."""
        while self._wishes:
            wish = self._wishes[0]
            asked_again = heard.answers and not wish.after.answers and wish.intent == self._asked.intent
            if not asked_again and (not self._is_response(wish) or wish.after == heard):
                return
            self._wishes.popleft()

    def _is_response(self, wish: Wish) -> bool:
        is_assent = not wish.keys and self._behaviour.hears(wish.text) is not Assent.UNCLEAR
        return bool(wish.keys) or is_assent or wish.after.action in ("challenge", "propose")

    def _again(self) -> Utterance | None:
        self._tries += 1
        if self._tries > self._patience or not self._asked.text:
            return None
        intent = self._behaviour.intent(self._asked.intent)
        others = [text for text in (intent.examples if intent else ()) if text != self._asked.text]
        return Utterance(self._draw.choice(others) if others else self._asked.text, "", REWORDED)

    def _proof(self, conversation: Conversation, heard: Heard) -> Utterance | None:
        """As they did then, where they were asked for one too; a code that was sent is keyed in; else they have none."""
        given = next((wish for wish in self._wishes if wish.after.action == "challenge"), None)
        asked, policy = conversation.challenge, self._behaviour.proofs
        method = policy.method(asked.method) if asked and policy else None
        if asked and method and method.means is Means.CODE and asked.challenge_id != self._keyed_in:
            self._keyed_in = asked.challenge_id
            return Utterance("", self._code[: method.digits], PERSONA)
        if given is not None:
            self._wishes.remove(given)
            return Utterance(given.text, given.keys, RECORDED)
        return None

    def _approval(self, heard: Heard) -> Utterance:
        if self._wishes and self._wishes[0].after == heard and self._is_response(self._wishes[0]):
            return Utterance(self._wishes.popleft().text, "", RECORDED)
        said_as = self._behaviour.assent or ENGLISH
        return Utterance(said_as.yes[0] if self._draw.random() < _APPROVES else said_as.no[0], "", PERSONA)
