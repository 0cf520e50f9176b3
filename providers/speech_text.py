"""Text made ready to be spoken: pieces in the order in which they are wanted, and numbers as people say them."""

from __future__ import annotations

import re

FIRST_CLAUSE_CHARS = 60
"""A first sentence longer than this is cut at its first comma: the caller hears the beginning while the rest is made."""

_SHORTEST_CLAUSE_CHARS = 12
_LONGEST_PIECE_CHARS = 240
_SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]*\s+")
_CLAUSE = re.compile(r"(?<=[,;:])\s+|\s+[–—-]\s+")
_DIGIT_GROUPS = re.compile(r"(?<![\d.,£$€])\+?\d+(?: \d+)*(?![\d%]|[.,:]\d)")
_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_DIGITS = {str(digit): name for digit, name in enumerate(_NAMES)}
_READ_OUT = re.compile(r"(?:ending(?: in| with)?|card|number|code|digits) $", re.IGNORECASE)
_LONGEST_NUMBER_DIGITS = 4


def spoken_pieces(text: str) -> list[str]:
    """Sentences, the first one cut to a short clause where it is long. Never empty pieces; [] for nothing to say."""
    pieces: list[str] = []
    for sentence in _SENTENCE.split(" ".join(text.split())):
        pieces.extend(_bounded(sentence.strip()))
    if pieces and len(pieces[0]) > FIRST_CLAUSE_CHARS:
        pieces[:1] = _first_clause(pieces[0])
    return [piece for piece in pieces if re.search(r"\w", piece)]


def say_digits(text: str) -> str:
    """Numbers that are read digit by digit: telephone numbers, the end of a card number, anything with a leading zero.

    Amounts, dates and short counts stay as they are: every voice knows those.
    """
    return _DIGIT_GROUPS.sub(lambda found: _say_number(found, text), text)


def _say_number(found: re.Match[str], text: str) -> str:
    written = found.group()
    digits = re.sub(r"\D", "", written)
    read_out = _READ_OUT.search(text[: found.start()]) is not None
    if len(digits) <= _LONGEST_NUMBER_DIGITS and not (digits.startswith("0") and len(digits) > 1) and not read_out:
        return written
    groups = (" ".join(_DIGITS[digit] for digit in group) for group in written.lstrip("+").split(" "))
    return ("plus " if written.startswith("+") else "") + ", ".join(groups)


def _first_clause(sentence: str) -> list[str]:
    for cut in _CLAUSE.finditer(sentence):
        head, rest = sentence[: cut.start()], sentence[cut.end() :]
        if len(head) >= _SHORTEST_CLAUSE_CHARS and len(rest) >= _SHORTEST_CLAUSE_CHARS:
            return [head, rest]
    return [sentence]


def _bounded(sentence: str) -> list[str]:
    """A sentence without end is cut between words, so that no piece takes long to make."""
    pieces = []
    while len(sentence) > _LONGEST_PIECE_CHARS:
        clauses = [cut.start() for cut in _CLAUSE.finditer(sentence, 0, _LONGEST_PIECE_CHARS)]
        space = sentence.rfind(" ", 0, _LONGEST_PIECE_CHARS)
        cut = clauses[-1] if clauses and clauses[-1] > 0 else space if space > 0 else _LONGEST_PIECE_CHARS
        pieces.append(sentence[:cut].strip())
        sentence = sentence[cut:].strip()
    return [*pieces, sentence]
