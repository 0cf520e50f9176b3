"""Word error, counted as speech recognition does: a number is the same whether it is heard as words or as digits."""

from __future__ import annotations

import re

from providers.number_words import say_numbers


def word_errors(said: str, heard: str) -> int:
    """Words inserted, dropped or replaced on the shortest way from one to the other."""
    wanted, got = _words(said), _words(heard)
    row = list(range(len(got) + 1))
    for index, word in enumerate(wanted, 1):
        above, row = row, [index]
        for column, other in enumerate(got, 1):
            row.append(min(above[column] + 1, row[-1] + 1, above[column - 1] + (word != other)))
    return row[-1]


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", say_numbers(text).lower())
