"""Where a sentence ends, in text that is still coming in. An end that isn't certain is none: a fragment is never told.

A sentence ends with its mark (``. ! ? …``), perhaps closing quotes, a space, and a next word that can begin a sentence.
So the last one of a text is known to be whole only when the text is: it stays in ``rest``. Where a language writes no
spaces, a text is one sentence.
"""

from __future__ import annotations

import re

# Measured on the voices of providers/: 15 to 16 characters a second. For deadlines and estimates, never for a transcript.
MS_PER_CHARACTER = 65.0

_END = re.compile(r"""[.!?…。！？]+["'”’»)\]」』]*(?=\s)""")
_NEVER_LAST = re.compile(
    r"mrs?|ms|miss|dr|prof|st|sr|jr|rev|hon|vs|e\.g|i\.e|eg|ie|cf|ca|approx|incl|excl|ext|tel|fig|para|vol|pp|dept|hrs?|"
    r"[ap]\.m|bzw|z\.b|d\.h|u\.a|usw|ggf|inkl|feb|apr|aug|sept?|oct|nov|tue|wed|thu|fri"
)
# Abbreviations that are words as well ("The answer is no."): these belong to what follows only where that is a number.
_BEFORE_A_NUMBER = re.compile(r"nos?|nr|p|am|pm|min|max|art|sec|est|jan|mar|jun|jul|dec|mon|sat|sun")
# Ordinals of German, Danish and Norwegian: a number with a full stop behind these words, or before a month.
_ORDINAL_WORDS = (
    "am ab bis vom zum zur beim im der die das dem den des seit jeder jede jeden jedes und oder "
    "montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag"
)
_MONTH_NAMES = (
    "januar jänner februar feber märz april mai juni juli august september oktober november dezember "
    "marts mars maj desember december"
)
_BEFORE_AN_ORDINAL, _MONTHS = frozenset(_ORDINAL_WORDS.split()), tuple(_MONTH_NAMES.split())
_BEGINS = re.compile(r"""["'“‘«(\[¿¡£$€¥]*(?:[^\W_])""")


def sentences_of(text: str) -> list[str]:
    """The sentences of a whole text, spacing evened out; joined by spaces they are that text."""
    splitter = SentenceSplitter()
    found = splitter.push(text)
    return [*found, splitter.rest] if splitter.rest else found


def speaking_ms(text: str) -> float:
    """How long a voice takes for ``text``, roughly."""
    return len(text) * MS_PER_CHARACTER


class SentenceSplitter:
    """``push`` takes text as it comes, in any pieces, and returns the sentences that it completed."""

    def __init__(self) -> None:
        self._pending = ""

    @property
    def rest(self) -> str:
        """What came after the last complete sentence, spacing evened out."""
        return " ".join(self._pending.split())

    def push(self, piece: str) -> list[str]:
        self._pending += piece
        found: list[str] = []
        begin = 0
        for end in _END.finditer(self._pending):
            if end.start() >= begin and self._ends(begin, end):
                found.append(" ".join(self._pending[begin : end.end()].split()))
                begin = end.end()
        self._pending = self._pending[begin:]
        return [sentence for sentence in found if sentence]

    def _ends(self, begin: int, end: re.Match[str]) -> bool:
        following = self._pending[end.end() :].lstrip()
        if not following:
            return False  # what comes next decides
        opening = _BEGINS.match(following)
        if opening is None or opening.group()[-1].islower():
            return False
        words = self._pending[begin : end.start()].split()
        if not words:
            return False
        if end.group()[0] != ".":
            return True
        return not _holds_open(words, following)


def _holds_open(words: list[str], following: str) -> bool:
    """Whether the full stop behind ``words`` belongs to the last of them: an abbreviation, an initial, a list's number."""
    last = words[-1].lstrip("\"'“‘«([").lower()
    before_number = following.lstrip("£$€¥")[:1].isdigit()
    if _BEFORE_A_NUMBER.fullmatch(last):
        return before_number
    if _NEVER_LAST.fullmatch(last):
        return True
    if (len(last) == 1 and last.isalpha()) or re.fullmatch(r"(?:[^\W\d_]\.)+[^\W\d_]", last):
        return True  # an initial, or letters with full stops between
    return last.isdigit() and (len(words) == 1 or before_number or _is_ordinal(words, following))


def _is_ordinal(words: list[str], following: str) -> bool:
    """ "am 3. Mai", "die 2. Rate". What may become the name of a month may be one: what comes next decides."""
    if len(words[-1]) > 2:
        return False
    if words[-2].strip(",").lower() in _BEFORE_AN_ORDINAL:
        return True
    name = re.match(r"[^\W\d_]+", following)
    if name is None:
        return False
    begun, whole = name.group().lower(), name.end() < len(following)
    return any(month == begun if whole else month.startswith(begun) for month in _MONTHS)
