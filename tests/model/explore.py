"""Visits every state that can be reached, nearest first, so that a counterexample is as short as one can be."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

S = TypeVar("S", bound=Hashable)


class Explored(NamedTuple):
    """``violation``: what was found, and the acts that lead to it; None where no reachable state breaks anything."""

    states: int
    violation: str | None
    acts: tuple[str, ...]


class TooManyStatesError(Exception):
    """The bounds of a model are too wide to visit it whole: its answer would be no answer."""


class Explorer(Generic[S]):
    def __init__(
        self, successors: Callable[[S], Iterable[tuple[str, S]]], violation: Callable[[S], str | None]
    ) -> None:
        self._successors, self._violation = successors, violation
        self._came_from: dict[S, tuple[S, str] | None] = {}

    def explore(self, initial: S, *, most_states: int) -> Explored:
        """Raises ``TooManyStatesError``."""
        self._came_from = {initial: None}
        waiting = deque([initial])
        while waiting:
            state = waiting.popleft()
            found = self._violation(state)
            if found:
                return Explored(len(self._came_from), found, self._acts_to(state))
            for act, following in self._successors(state):
                if following not in self._came_from:
                    self._came_from[following] = (state, act)
                    waiting.append(following)
            if len(self._came_from) > most_states:
                raise TooManyStatesError(f"more than {most_states} states")
        return Explored(len(self._came_from), None, ())

    def _acts_to(self, state: S) -> tuple[str, ...]:
        acts: list[str] = []
        before = self._came_from[state]
        while before is not None:
            acts.append(before[1])
            before = self._came_from[before[0]]
        return tuple(reversed(acts))
