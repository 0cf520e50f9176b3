"""Figures in speech and writing: "two pounds fifty", "£2.50", "half past nine", "three to five working days".

Not a full grammar of English numbers: what a bank's agent says. Two texts state the same figure when ``same`` says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from agent_core.guardrails._text import words

_UNIT_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINAL_WORDS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
)
_MONTH_WORDS = "january february march april may june july august september october november december"

_UNITS = {word: number for number, word in enumerate(_UNIT_WORDS.split())}
_TENS = {word: 10 * number for number, word in enumerate(_TENS_WORDS.split(), 2)}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_ORDINALS = {word: number for number, word in enumerate(_ORDINAL_WORDS.split(), 1)} | {"thirtieth": 30}
_MONTHS = {word: number for number, word in enumerate(_MONTH_WORDS.split(), 1)}
_CURRENCIES = {"£": "gbp", "$": "usd", "€": "eur", "pound": "gbp", "quid": "gbp", "gbp": "gbp", "dollar": "usd", "usd": "usd",
               "euro": "eur", "eur": "eur"}  # fmt: skip
_MINOR = {"pence": "gbp", "penny": "gbp", "p": "gbp", "cent": "usd"}
_SPANS_OF_TIME = {"second": "second", "minute": "minute", "hour": "hour", "day": "day", "week": "week",
                  "month": "month", "year": "year"}  # fmt: skip
_ARTICLE_BEFORE = {"about", "within", "in", "takes", "take", "for", "than", "after", "least", "around", "nearly",
                   "almost", "roughly", "over", "under", "up"}  # fmt: skip
_COUNTED = {
    "thing",
    "things",
    "way",
    "ways",
    "option",
    "options",
    "question",
    "questions",
    "step",
    "steps",
    "moment",
    "more",
}
_RANGE_WORDS = {"to", "or", "and", "until", "till"}

_TOKEN = re.compile(
    r"[£$€]\s?\d[\d,]*(?:\.\d+)?|\d{1,2}:\d{2}|\d[\d,]*(?:\.\d+)?(?:st|nd|rd|th)?|%|[^\W\d_]+(?:['’][^\W\d_]+)*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Figure:
    """``unit``: a currency, a span of time ("day", "working_day"), "percent", "am"/"pm", "month:3" for a date, or None
    where the text names none. ``plain``: a bare count of words such as "two ways", which states nothing."""

    value: float
    unit: str | None
    start: int
    end: int
    plain: bool = False


def same(one: Figure, other: Figure) -> bool:
    """Equal in value, and in unit where both name one. A day of a month is grounded by that day of that month alone."""
    if one.unit and one.unit.startswith("month:"):
        return one.value == other.value and one.unit == other.unit
    return abs(one.value - other.value) < 1e-6 and (one.unit == other.unit or one.unit is None or other.unit is None)


@lru_cache(maxsize=512)  # the same sources are read for every candidate of a turn
def figures(text: str) -> tuple[Figure, ...]:
    """Every figure of the text, in order."""
    return tuple(_Parser(text).parse())


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start: int
    end: int


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = [
            _Token(match[0].lower().replace("’", "'"), match.start(), match.end()) for match in _TOKEN.finditer(text)
        ]

    def word(self, index: int) -> str:
        return self.tokens[index].text if 0 <= index < len(self.tokens) else ""

    def parse(self) -> list[Figure]:
        found: list[Figure] = []
        index = 0
        while index < len(self.tokens):
            parsed = self._clock(index) or self._date(index) or self._article(index) or self._amount(index)
            if parsed is None:
                index += 1
                continue
            figure, index = parsed
            found.append(figure)
        return self._share_units(found)

    def _figure(self, first: int, after: int, value: float, unit: str | None, plain: bool = False) -> Figure:
        return Figure(value, unit, self.tokens[first].start, self.tokens[after - 1].end, plain)

    # --- times and dates ---------------------------------------------------------------------------------------------

    def _clock(self, index: int) -> tuple[Figure, int] | None:
        """half past nine, quarter to five, nine thirty, 9:30, 17:00, nine o'clock, 9 am, five in the afternoon."""
        word, after = self.word(index), index + 1
        hour: float
        if word in {"half", "quarter"} and self.word(index + 1) in {"past", "to"}:
            base = _UNITS.get(self.word(index + 2), _digits(self.word(index + 2)))
            if base is None or not 1 <= base <= 12:
                return None
            part = 0.5 if word == "half" else 0.25
            hour, after = (base + part if self.word(index + 1) == "past" else base - part), index + 3
        elif ":" in word:
            hours, minutes = word.split(":")
            hour = int(hours) + int(minutes) / 60
        else:
            base = _UNITS.get(word, _digits(word))
            if base is None or not 1 <= base <= 24 or base != int(base):
                return None
            hour = base
            minutes_value, after_minutes = self._cardinal(index + 1)
            if (
                base <= 12
                and after_minutes == index + 2
                and word in _UNITS
                and minutes_value is not None
                and 10 <= minutes_value <= 59
                and self.word(index + 1) not in _SCALES
                and not self.word(index + 1).isdecimal()
            ):
                hour, after = base + minutes_value / 60, index + 2
            elif not self._half_of_day(index + 1)[0] and self.word(index + 1) != "o'clock":
                return None
        if self.word(after) == "o'clock":
            after += 1
        half, after = self._half_of_day(after)
        if hour >= 13:
            hour, half = hour - 12, "pm"
        return self._figure(index, after, hour, half or None), after

    def _half_of_day(self, index: int) -> tuple[str, int]:
        if self.word(index) in {"am", "pm"}:
            return self.word(index), index + 1
        if (self.word(index), self.word(index + 1)) in {("a", "m"), ("p", "m")}:
            return self.word(index) + "m", index + 2
        if self.word(index) in {"in", "at"}:
            skip = 2 if self.word(index + 1) == "the" else 1
            part = {"morning": "am", "afternoon": "pm", "evening": "pm", "night": "pm"}.get(self.word(index + skip))
            if part:
                return part, index + skip + 1
        return "", index

    def _date(self, index: int) -> tuple[Figure, int] | None:
        """first of March, 1 March, March 1st."""
        if self.word(index) in _MONTHS:
            day = self._day(index + 1)
            if day is not None and self.word(index + 2) not in {*_CURRENCIES, *_SPANS_OF_TIME}:
                return self._figure(index, index + 2, day, f"month:{_MONTHS[self.word(index)]}"), index + 2
            return None
        day, last = self._day(index), index
        if self.word(index) in {"twenty", "thirty"} and (unit := self._day(index + 1)) is not None and unit < 10:
            day, last = _TENS[self.word(index)] + unit, index + 1
        skip = 2 if self.word(last + 1) == "of" else 1
        if day is not None and day <= 31 and self.word(last + skip) in _MONTHS:
            after = last + skip + 1
            return self._figure(index, after, day, f"month:{_MONTHS[self.word(after - 1)]}"), after
        return None

    def _day(self, index: int) -> float | None:
        word = re.sub(r"(?<=\d)(?:st|nd|rd|th)$", "", self.word(index))
        value = _ORDINALS.get(word, _UNITS.get(word, _digits(word)))
        return value if value is not None and 1 <= value <= 31 else None

    # --- amounts -----------------------------------------------------------------------------------------------------

    def _article(self, index: int) -> tuple[Figure, int] | None:
        """about an hour, half an hour, within a week."""
        if self.word(index) == "half" and self.word(index + 1) in {"a", "an"}:
            unit = _SPANS_OF_TIME.get(self.word(index + 2))
            return (self._figure(index, index + 3, 0.5, unit), index + 3) if unit else None
        if self.word(index) in {"a", "an"} and self.word(index - 1) in _ARTICLE_BEFORE:
            unit, after = self._unit(index + 1)
            if unit and after == index + 2 and unit in _SPANS_OF_TIME.values():
                return self._figure(index, after, 1, unit), after
        return None

    def _amount(self, index: int) -> tuple[Figure, int] | None:
        first = self.word(index)
        if first[:1] in "£$€" and first:
            value = _digits(first[1:].strip())
            return (
                (self._figure(index, index + 1, value, _CURRENCIES[first[0]]), index + 1) if value is not None else None
            )
        value, after = self._cardinal(index)
        if value is None:
            return None
        value, after = self._fraction(value, after)
        unit, end = self._unit(after)
        if unit in _MINOR.values() and self.word(after).rstrip("s") in _MINOR and unit is not None:
            value /= 100
        elif unit in _CURRENCIES.values():
            value, end = self._minor(value, end)
        plain = unit is None and ((first == "one" and after == index + 1) or self.word(after) in _COUNTED)
        return self._figure(index, end, value, unit, plain), end

    def _cardinal(self, index: int) -> tuple[float | None, int]:
        """four hundred and fifty, twenty five, twenty twenty five, 1,250, 12."""
        number = _digits(self.word(index))
        if number is not None:
            scale = _SCALES.get(self.word(index + 1))
            return (number * scale, index + 2) if scale else (number, index + 1)
        total, current, after, seen = 0.0, 0.0, index, False
        if self.word(index) == "a" and self.word(index + 1) in _SCALES:
            current, after, seen = 1.0, index + 1, True
        while True:
            word = self.word(after)
            if word in _TENS and (not seen or current % 100 == 0):
                current += _TENS[word]
            elif word in _TENS and current in {19, 20} and after == index + 1:
                current = current * 100 + _TENS[word]  # a year: twenty twenty five
            elif word in _UNITS and (
                not seen or current % 100 == 0 or (current % 100 >= 20 and current % 10 == 0 and _UNITS[word] < 10)
            ):
                current += _UNITS[word]
            elif word == "hundred" and seen and 0 < current < 100:
                current *= 100
            elif word in _SCALES and word != "hundred" and seen:
                total, current = total + current * _SCALES[word], 0.0
            elif word == "and" and seen and self.word(after - 1) in _SCALES and self._is_number(after + 1):
                after += 1
                continue
            else:
                break
            seen, after = True, after + 1
        return (total + current, after) if seen else (None, index)

    def _is_number(self, index: int) -> bool:
        return self.word(index) in _UNITS or self.word(index) in _TENS

    def _fraction(self, value: float, after: int) -> tuple[float, int]:
        """one and a half; four point six."""
        if (self.word(after), self.word(after + 1), self.word(after + 2)) == ("and", "a", "half"):
            return value + 0.5, after + 3
        if self.word(after) == "point" and self.word(after + 1) in _UNITS:
            decimals, after = "", after + 1
            while _UNITS.get(self.word(after), 10) < 10:
                decimals, after = decimals + str(_UNITS[self.word(after)]), after + 1
            return (value + float(f"0.{decimals}"), after) if decimals else (value, after)
        return value, after

    def _unit(self, index: int) -> tuple[str | None, int]:
        word = self.word(index)
        if word in {"%", "percent"}:
            return "percent", index + 1
        if (word, self.word(index + 1)) == ("per", "cent"):
            return "percent", index + 2
        if word in {"working", "business"} and self.word(index + 1) in {"day", "days"}:
            return "working_day", index + 2
        single = word.removesuffix("s") if len(word) > 2 else word
        for table in (_CURRENCIES, _MINOR, _SPANS_OF_TIME):
            if single in table:
                return table[single], index + 1
        return None, index

    def _minor(self, value: float, after: int) -> tuple[float, int]:
        """three pounds fifty; two pounds and twenty pence."""
        skip = 1 if self.word(after) == "and" else 0
        minor, end = self._cardinal(after + skip)
        if minor is None or not 1 <= minor <= 99 or self._unit(end)[0] not in {None, *_MINOR.values()}:
            return value, after
        named = self.word(end).rstrip("s") in _MINOR or self.word(end) == "pence"
        if (skip and not named) or self.word(end) in _RANGE_WORDS or self.word(end) in _SCALES:
            return value, after
        return value + minor / 100, end + (1 if named else 0)

    def _share_units(self, found: list[Figure]) -> list[Figure]:
        """In "three to five working days" both are working days."""
        shared = found[:]
        for index in range(len(found) - 2, -1, -1):
            figure, following = found[index], shared[index + 1]
            between = [t.text for t in self.tokens if figure.end <= t.start and t.end <= following.start]
            ranged = len(between) == 1 and between[0] in _RANGE_WORDS
            if ranged and figure.unit is None and following.unit not in {None, "am", "pm"}:
                shared[index] = Figure(figure.value, following.unit, figure.start, figure.end)
        return shared


def _digits(word: str) -> float | None:
    bare = re.sub(r"(?<=\d)(?:st|nd|rd|th)$", "", word).replace(",", "")
    return float(bare) if bare and bare[0].isdecimal() and ":" not in bare else None


# --- digits said one by one ------------------------------------------------------------------------------------------

_AMOUNT = re.compile(
    r"[£$€]\s?\d[\d,]*(?:\.\d+)?"  # with its currency
    r"|(?<![\d,.])[1-9]\d{0,2}(?:,\d{3}){1,2}(?:\.\d+)?(?![\d,]\d)"  # with thousands commas, as no other number is written
)
_REPEATS = {"double": 2, "triple": 3, "treble": 3}


@dataclass(frozen=True, slots=True)
class DigitRun:
    """Digits said or written one after another, as numbers of accounts, cards and phones are."""

    digits: str
    groups: tuple[str, ...]  # as they were grouped: "12-34-56" and "twelve thirty four fifty six" are three groups
    start: int
    end: int


@lru_cache(maxsize=512)
def digit_runs(text: str, least: int = 3) -> tuple[DigitRun, ...]:
    """Runs of at least ``least`` digits. Amounts (with a currency or a thousands comma) are no runs."""
    runs: list[DigitRun] = []
    groups: list[str] = []
    start = end = 0
    repeat, before = 1, ""

    def close() -> None:
        if sum(map(len, groups)) >= least:
            runs.append(DigitRun("".join(groups), tuple(groups), start, end))
        groups.clear()

    amounts = [match.span() for match in _AMOUNT.finditer(text)]
    for word in words(text):
        said = _said_digits(word.text)
        if any(first <= word.start < after for first, after in amounts):
            said = None
        if groups and not re.fullmatch(r"[\s\-–./()+,]*", text[end : word.start]) and before not in _REPEATS:
            close()
        if word.text in _REPEATS:
            if not groups:
                start = word.start
            repeat = _REPEATS[word.text]
        elif word.text == "hundred" and groups and len(groups[-1]) == 1:
            groups[-1], end = groups[-1] + "00", word.end  # "oh eight hundred" → 0800
        elif said is None:
            close()
            repeat = 1
        else:
            if not groups and repeat == 1:
                start = word.start
            if before in _TENS and groups and len(said) == 1 and said != "0" and word.text in _UNITS:
                groups[-1] = groups[-1][:-1] + said  # "thirty four" → 34
            else:
                groups.append(said * repeat)
            end, repeat = word.end, 1
        before = word.text
    close()
    return tuple(runs)


def _said_digits(word: str) -> str | None:
    """ "four" → "4", "oh" → "0", "4111" → "4111", "seventeen" → "17", "thirty" → "30"."""
    if word.isdecimal():
        return word
    if word in {"oh", "o", "nought"}:
        return "0"
    if word in _UNITS:
        return str(_UNITS[word])
    return str(_TENS[word]) if word in _TENS else None
