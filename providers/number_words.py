"""Written numbers as English words, so that every voice says them the same way: amounts, shares, times, ranks."""

from __future__ import annotations

import re

# fmt: off
_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)
# fmt: on
_TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ((1_000_000_000, "billion"), (1_000_000, "million"), (1000, "thousand"))
_RANKS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"}
_RANKS |= {"twelve": "twelfth"}
_CURRENCIES = {"£": ("pound", "pence", "penny"), "$": ("dollar", "cents", "cent"), "€": ("euro", "cents", "cent")}
_WORD_LIMIT = 10**12

_NUMBER = r"\d{1,3}(?:,\d{3})+|\d+"
_MONEY = re.compile(rf"([£$€]) ?({_NUMBER})(?:\.(\d\d))?(?![\d])")
_TIME = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)\b")
_RANK = re.compile(rf"\b({_NUMBER})(?:st|nd|rd|th)\b")
_PLAIN = re.compile(rf"({_NUMBER})(?:\.(\d+))?(%)?")


def say_numbers(text: str) -> str:
    """Every digit becomes a word. 1999 is read as a year would be, 1,999 as a count."""
    text = _MONEY.sub(lambda found: _money(*found.groups()), text)
    text = _TIME.sub(lambda found: _time(int(found[1]), int(found[2])), text)
    text = _RANK.sub(lambda found: _rank(_whole(found[1])), text)
    return _PLAIN.sub(lambda found: _plain(*found.groups()), text)


def number_words(number: int) -> str:
    """In British counting: one hundred and five. Above 10^12, digit by digit."""
    if number >= _WORD_LIMIT:
        return _digits(str(number))
    words: list[str] = []
    for scale, name in _SCALES:
        if number >= scale:
            words += [number_words(number // scale), name]
            number %= scale
    if number >= 100:
        words += [_ONES[number // 100], "hundred"]
        number %= 100
    if number and words:
        words.append("and")
    if number or not words:
        words.append(_below_hundred(number))
    return " ".join(words)


def _below_hundred(number: int) -> str:
    if number < 20:
        return _ONES[number]
    return _TENS[number // 10] + (f" {_ONES[number % 10]}" if number % 10 else "")


def _whole(written: str) -> str:
    digits = written.replace(",", "")
    number = int(digits)
    if len(written) == 4 and (1100 <= number < 2000 or 2010 <= number < 2100):
        rest = _below_hundred(number % 100) if number % 100 > 9 else f"oh {_ONES[number % 100]}"
        return f"{_below_hundred(number // 100)} {rest if number % 100 else 'hundred'}"
    return number_words(number)


def _plain(written: str, decimals: str | None, percent: str | None) -> str:
    words = number_words(int(written.replace(",", ""))) if decimals or percent else _whole(written)
    return words + (f" point {_digits(decimals)}" if decimals else "") + (" percent" if percent else "")


def _digits(digits: str) -> str:
    return " ".join(_ONES[int(digit)] for digit in digits)


def _money(symbol: str, whole: str, part: str | None) -> str:
    name, parts, one_part = _CURRENCIES[symbol]
    count, rest = int(whole.replace(",", "")), int(part or 0)
    units = f"{number_words(count)} {name}{'' if count == 1 else 's'}"
    if not rest:
        return units
    small = f"{number_words(rest)} {one_part if rest == 1 else parts}"
    return f"{units} and {small}" if count else small


def _time(hour: int, minute: int) -> str:
    if minute == 0:
        return f"{number_words(hour)} o'clock" if 0 < hour <= 12 else f"{number_words(hour)} hundred hours"
    return f"{number_words(hour)} {'oh ' if minute < 10 else ''}{number_words(minute)}"


def _rank(words: str) -> str:
    *before, last = words.split(" ")
    if last in _RANKS:
        ranked = _RANKS[last]
    else:
        ranked = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}{'h' if last.endswith('t') else 'th'}"
    return " ".join([*before, ranked])
