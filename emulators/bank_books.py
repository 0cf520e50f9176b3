"""The books of an emulated company: customers, what is theirs, what was done under which key. No HTTP, no clock.

An operation is done at most once under its key, however often it arrives; one that was undone before it arrived is
refused for good.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class RefusedError(Exception):
    """Nothing was done: there is no such thing of this customer, or the operation was undone before."""


class Effect(NamedTuple):
    """Something that changed, in order. ``undoes``: the key of what it takes back; empty where it does something."""

    key: str
    kind: str
    customer_id: str
    object_id: str
    undoes: str = ""


@dataclass
class Account:
    """``records``: (kind, id) → what is known. ``answers``: question → the customer's answer."""

    records: dict[tuple[str, str], dict[str, str]]
    answers: dict[str, str] = field(default_factory=dict)


class Kind(NamedTuple):
    """What an operation does: to a record of which kind, what it changes there, and what is answered. ``{number}`` in an
    answer counts operations from 1, ``{day}`` is the next of the delivery days."""

    about: str
    changes: Mapping[str, str]
    answer: Mapping[str, str]


class BankBooks:
    def __init__(
        self,
        accounts: Mapping[str, Account],
        kinds: Mapping[str, Kind],
        *,
        delivery_days: Sequence[str] = ("Thursday",),
    ) -> None:
        self._accounts, self._kinds, self._days = accounts, kinds, delivery_days
        self._before: dict[str, dict[str, str]] = {}  # key → the record as it was
        self._done: dict[str, dict[str, str]] = {}
        self._void: set[str] = set()
        self.effects: list[Effect] = []

    def read(self, customer_id: str, kind: str, object_id: str) -> dict[str, str]:
        """Raises ``RefusedError``, alike for what is another's and for what there isn't."""
        account = self._accounts.get(customer_id)
        record = account.records.get((kind, object_id)) if account else None
        if record is None:
            raise RefusedError(f"no such {kind} of this customer")
        return dict(record)

    def perform(self, key: str, kind: str, customer_id: str, object_id: str) -> dict[str, str]:
        """What came of it, now or when it was done before. Raises ``RefusedError``."""
        if key in self._done:
            return dict(self._done[key])
        if key in self._void:
            raise RefusedError("it was undone before it came")
        does = self._kinds.get(kind)
        if does is None:
            raise RefusedError(f"no operation {kind}")
        before = self.read(customer_id, does.about, object_id)
        self._before[key] = before
        self._accounts[customer_id].records[does.about, object_id] = {**before, **does.changes}
        self.effects.append(Effect(key, kind, customer_id, object_id))
        answer = {name: self._filled(text) for name, text in does.answer.items()}
        self._done[key] = answer
        return dict(answer)

    def performed(self, key: str) -> dict[str, str] | None:
        return dict(self._done[key]) if key in self._done else None

    def undo(self, key: str, customer_id: str, object_id: str, undoes: str) -> None:
        """What was done under ``undoes`` is taken back; where it never came, it never will. Raises ``RefusedError``."""
        if key in self._done:
            return
        self._done[key] = {}
        self._void.add(undoes)
        done = next((effect for effect in self.effects if effect.key == undoes), None)
        if done is None:
            return
        if (done.customer_id, done.object_id) != (customer_id, object_id):
            raise RefusedError("it was done to something else")
        does = self._kinds[done.kind]
        record = self._accounts[customer_id].records[does.about, object_id]
        before = self._before[undoes]
        for name in does.changes:
            record.pop(name, None)
            if name in before:
                record[name] = before[name]
        self._done.pop(undoes, None)
        self.effects.append(Effect(key, done.kind, customer_id, object_id, undoes))

    def check(self, customer_id: str, question: str, answer: str) -> bool:
        account = self._accounts.get(customer_id)
        expected = account.answers.get(question) if account else None
        # Compared in any case, so that the time doesn't tell whether there is an answer.
        same = hmac.compare_digest((expected or "").encode(), answer.encode())
        return same and expected is not None

    def _filled(self, answer: str) -> str:
        number = len(self.effects)
        return answer.replace("{number}", str(number)).replace("{day}", self._days[number % len(self._days)])
