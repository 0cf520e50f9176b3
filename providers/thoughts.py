"""Reasoning models behind servers that don't take their thoughts apart say them first, in ``<think>…</think>``: nobody is told these."""

from __future__ import annotations

from enum import Enum, auto

_OPEN, _CLOSE = "<think>", "</think>"


class _At(Enum):
    BEGINNING = auto()  # it may still turn out to be thoughts
    THOUGHTS = auto()
    ANSWER = auto()


class ThoughtFilter:
    """Takes a text in pieces and hands on what isn't thoughts."""

    def __init__(self) -> None:
        self._at = _At.BEGINNING
        self._held = ""

    def push(self, piece: str) -> str:
        if self._at is _At.ANSWER:
            return piece
        self._held += piece
        if self._at is _At.BEGINNING:
            begun = self._held.lstrip()
            if not begun.startswith(_OPEN):
                return "" if _OPEN.startswith(begun) else self._answer(self._held)
            self._at, self._held = _At.THOUGHTS, begun.removeprefix(_OPEN)
        _, closed, rest = self._held.partition(_CLOSE)
        if closed:
            return self._answer(rest.lstrip())
        self._held = self._held[1 - len(_CLOSE) :]  # the mark itself may come in pieces
        return ""

    def end(self) -> str:
        """What was held back and turned out to be the whole text."""
        return self._answer(self._held if self._at is _At.BEGINNING else "")

    def _answer(self, text: str) -> str:
        self._at, self._held = _At.ANSWER, ""
        return text
