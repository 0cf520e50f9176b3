"""No personal data in what the agent says: numbers of cards, accounts, phones and identity, secrets, e-mail addresses,
dates of birth, addresses of homes; written, or spoken digit by digit. What the approved wording and the public sources hold
is the company's own; of births and addresses, what a tool found for the caller may be said too.

Formats: card numbers by the Luhn check (ISO/IEC 7812-1), IBAN by mod 97 (ISO 13616), UK sort codes (three pairs), UK
National Insurance numbers, US social security numbers. The last four digits of a card may be said (PCI DSS 3.4).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent_core.guardrails._numbers import digit_runs, figures
from agent_core.guardrails._text import any_of, spans
from agent_core.guardrails.base import (
    PASSED,
    GuardInput,
    GuardOptions,
    Input,
    Means,
    OnFailure,
    Reason,
    Span,
    Verdict,
    blocked,
)


class PersonalDataReason(Reason):
    CARD_NUMBER = "personal_data_card_number"
    IBAN = "personal_data_iban"
    SORT_CODE = "personal_data_sort_code"
    NATIONAL_ID = "personal_data_national_id"
    LONG_NUMBER = "personal_data_long_number"  # of an account, a phone: too long for anything that is said freely
    EMAIL = "personal_data_email"
    SECRET = "personal_data_secret"
    BIRTH = "personal_data_birth"
    ADDRESS = "personal_data_address"


class PersonalDataOptions(GuardOptions, frozen=True):
    """``own_contacts``: phone numbers and e-mail addresses of the company, in any spelling."""

    own_contacts: tuple[str, ...] = ()


_LONG_DIGITS = 7
_IDENTITY_DIGITS = 6  # of a national insurance number
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?\b", re.IGNORECASE)
_NATIONAL_INSURANCE = re.compile(r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?:\s?\d){6}\s?[A-D]\b", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_SPOKEN_EMAIL = re.compile(
    r"\b\w+(?:\s+(?:dot|underscore|dash|hyphen)\s+\w+)*\s+at\s+\w+(?:\s+(?:dot|dash|hyphen)\s+\w+)*\s+dot\s+"
    r"(?:com|net|org|co|uk|eu|de|fr|io|example|bank|info|gov)\b",
    re.IGNORECASE,
)
_SECRET = any_of(
    [
        r"(?:pin|p i n|c v [vc]|(?<!social\s)security number|pin number|password|passcode|pass code|security code|access code|one time code|cvv|cvc|(?<!sort\s)code)"
        r"(?: (?:for|on|of|to)(?: \w+){1,4}?)? (?:is|was|will be)",
        r"code (?:that |which )?(?:i|we|they|you)(?: have|'ve)? \w+(?: \w+){0,3} (?:is|was)",
        r"(?:three|security) (?:digits|numbers)(?: \w+){0,4} (?:are|were)",
        r"(?:digits|numbers) on the back(?: of \w+ \w+)? (?:are|were)",
    ]
)
_ANSWER = any_of(  # to a question that proves who somebody is; no answer is a word that tells of the answer
    [
        r"(?:maiden name|(?:security|secret) answer|memorable (?:word|name|place|date)|answer to (?:your|the) (?:security|secret) question|password|passphrase)"
        r" (?:is|was) (?!(?:not|no|now|the|a|an|your|what|wrong|right|correct|incorrect|one|what|something|case|too|still|at|in|on|only|never|always|used|asked|needed)\b)"
        r"(?!\w+(?:ed|en|ing|able|ive|ary|ly|al|id)\b)[^\W\d_]{3,}(?=[.!,]|$)"
    ]
)
_DRIVING_LICENCE = re.compile(r"\b[A-Z9]{5}\d{6}[A-Z9]{2}\d[A-Z]{2}\b", re.IGNORECASE)  # of Britain
_OF_IDENTITY = re.compile(
    r"\b(?:national\s+insurance|n\s?i|passport|licen[cs]e|nhs|social\s+security|tax|identity)(?:\s+(?:number|card))*\s+(?:is|was)"
    r"(?:\s+[a-z]\b)*\s*$",
    re.IGNORECASE,
)
_BORN = any_of(
    [
        r"(?:date of birth|birth ?date|birthday|d o b|dob)(?: (?!(?:to|so|and|please)\b)\w+){0,4}?(?:'s| (?:is|was|as|on|of))",
        r"(?:you|he|she|they)(?: were|'re| are| was|'s)? born in (?!\d)\w+(?: \w+)? on",
        r"(?:you|he|she|they)(?: were|'re| are| was|'s)? born (?:on|in)",
    ]
)
_DATED = re.compile(
    r"[\s:,]*(?:the\s+)?(?:\d|\w*(?:first|second|third|th|ieth)\b(?:\s+of)?\s|nineteen|twenty|thirty|january|february|march|"
    r"april|may|june|july|august|september|october|november|december)[^.?!]*",
    re.IGNORECASE,
)
_LIVES = any_of(
    [
        r"(?:you|he|she|they|(?:mr|mrs|ms|miss|dr) \w+)(?: still)? lives? (?:at|in)",
        r"(?:have|got|see) (?:you|him|her|them)(?: \w+){0,3} (?:at|in)",
        r"(?:registered|listed|recorded)(?: \w+){0,4} (?:at|to|as)",
        r"(?:your|his|her|their)(?: \w+)? (?:address|home|house|flat)(?: \w+){0,4}? (?:is at|is|as|was|at)",
        r"(?:send|sent|goes|go|post|posted|deliver|delivered)(?: \w+){0,2}? to",
    ]
)
_STREET = re.compile(
    r"\s+(?:(?:flat|apartment|unit)\s+\w+,?\s+)?(?:number\s+)?(?:\d+[a-z]?|[a-z]+(?:[\s-][a-z]+)?),?(?:\s+[^\W\d_]+(?:['’]s)?){1,3}\s+"
    r"(?:street|road|avenue|lane|drive|close|court|gardens|terrace|crescent|square)\b",
    re.IGNORECASE,
)
_POSTCODE = re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b", re.IGNORECASE)  # of the UK
_WORD_AND_DIGITS = re.compile(r"[\s:\"']{1,3}(?=\S*[a-z])(?=\S*\d)\S{6,}", re.IGNORECASE)  # "Sunflower12"


class PersonalData:
    name = "personal_data"
    version = "4"
    inputs = (Input.CANDIDATE,)
    means = Means.PATTERN
    blocks = True
    judges_sentence = True
    budget_ms = 10
    on_failure = OnFailure.CLOSED
    options_type = PersonalDataOptions

    def judge(self, subject: GuardInput) -> Verdict:
        own = (*subject.read_options(PersonalDataOptions).own_contacts, *subject.known_texts())
        own_numbers = {run.digits for text in own for run in digit_runs(text)}
        own_mails = {mail.lower() for text in own for mail in _EMAIL.findall(text)}
        found: list[tuple[PersonalDataReason, Span]] = []
        found += _numbers(subject.text, own_numbers)
        found += _formats(subject.text)
        found += _mails(subject.text, own_mails)
        found += _births_and_homes(subject.text, " ".join((*own, *subject.results)))
        if not found:
            return PASSED
        return blocked(*dict.fromkeys(reason for reason, _ in found), evidence=tuple({span for _, span in found}))


def _numbers(text: str, own: set[str]) -> Iterator[tuple[PersonalDataReason, Span]]:
    secrets = [match.end() for match in _SECRET.finditer(text)]
    for end in secrets:
        if word := _WORD_AND_DIGITS.match(text, end):
            yield PersonalDataReason.SECRET, Span(end, word.end())
    for run in digit_runs(text):
        span = Span(run.start, run.end)
        if run.digits in own or _is_date(run.groups):
            continue
        sizes = tuple(len(group) for group in run.groups)
        if any(0 <= run.start - end <= 2 for end in secrets):
            yield PersonalDataReason.SECRET, span
        elif 13 <= len(run.digits) <= 19 and _luhn(run.digits):
            yield PersonalDataReason.CARD_NUMBER, span
        elif sizes == (3, 2, 4) or (len(run.digits) >= _IDENTITY_DIGITS and _OF_IDENTITY.search(text[: run.start])):
            yield PersonalDataReason.NATIONAL_ID, span
        elif sizes == (2, 2, 2) or (len(run.digits) == 6 and _after(text, run.start, "sort code")):
            yield PersonalDataReason.SORT_CODE, span
        elif len(run.digits) >= _LONG_DIGITS:
            yield PersonalDataReason.LONG_NUMBER, span


def _formats(text: str) -> Iterator[tuple[PersonalDataReason, Span]]:
    for match in _IBAN.finditer(text):
        if _mod_97(re.sub(r"[ -]", "", match[0]).upper()):
            yield PersonalDataReason.IBAN, Span(match.start(), match.end())
    for pattern in (_NATIONAL_INSURANCE, _DRIVING_LICENCE):
        for span in spans(pattern, text):
            yield PersonalDataReason.NATIONAL_ID, span
    for span in spans(_ANSWER, text):
        yield PersonalDataReason.SECRET, span


def _mails(text: str, own: set[str]) -> Iterator[tuple[PersonalDataReason, Span]]:
    for match in _EMAIL.finditer(text):
        if match[0].lower().rstrip(".") not in own:
            yield PersonalDataReason.EMAIL, Span(match.start(), match.end())
    for match in _SPOKEN_EMAIL.finditer(text):
        if not any(_as_written(match[0]).endswith(mail) for mail in own):
            yield PersonalDataReason.EMAIL, Span(match.start(), match.end())


def _births_and_homes(text: str, own: str) -> Iterator[tuple[PersonalDataReason, Span]]:
    found = [(PersonalDataReason.BIRTH, span) for span in _behind(_BORN, _DATED, text)]
    found += [
        (PersonalDataReason.ADDRESS, span)
        for span in _behind(_LIVES, _STREET, text)
        if figures(text[span.start : span.end])
    ]
    found += [(PersonalDataReason.ADDRESS, span) for span in spans(_POSTCODE, text)]
    for reason, span in found:
        if _bare(text[span.start : span.end]) not in _bare(own):
            yield reason, span


def _behind(told: re.Pattern[str], what: re.Pattern[str], text: str) -> list[Span]:
    matches = (what.match(text, match.end()) for match in told.finditer(text))
    return [Span(*match.span()) for match in matches if match]


def _bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _as_written(spoken: str) -> str:
    written = spoken.lower()
    for word, sign in (("at", "@"), ("dot", "."), ("underscore", "_"), ("dash", "-"), ("hyphen", "-")):
        written = re.sub(rf"\s+{word}\s+", sign, written)
    return written


def _after(text: str, start: int, name: str) -> bool:
    return re.search(rf"{name}(?:\s+(?:is|was))?\s*:?\s*$", text[:start], re.IGNORECASE) is not None


def _is_date(groups: tuple[str, ...]) -> bool:
    """Day, month and year in figures, in either order of day and month."""
    if len(groups) != 3 or len(groups[2]) != 4 or groups[2][:2] not in {"19", "20"}:
        return False
    first, second = int(groups[0]), int(groups[1])
    return max(len(groups[0]), len(groups[1])) <= 2 and 1 <= min(first, second) <= 12 and max(first, second) <= 31


def _luhn(digits: str) -> bool:
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if index % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _mod_97(iban: str) -> bool:
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


GUARDRAIL = PersonalData()
