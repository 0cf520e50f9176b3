"""Whom a message of the intake names: nobody has said yet whom it is about, so its words are looked through.

Headers and the texts of the body, as a reader would see them: parts of a mail, values of a form or of JSON, HTML without its
escapes. What is inside attachments of other kinds isn't seen.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable, Iterator
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from urllib.parse import parse_qsl

import msgspec

from streams.intake import Received

_PHONE = re.compile(r"\+?\d[\d\s().-]{4,}\d")
_NAMES = re.compile(r"[\w+][\w.@+:-]*")
_BETWEEN_DIGITS = r"[\s().-]*"


def names_any(message: Received, names: Iterable[str]) -> bool:
    """Whether one of ``names`` stands in it by itself, in any case; a telephone number in whatever way it is grouped."""
    patterns = [_pattern(name) for name in names if name]
    return any(pattern.search(text) for text in texts_of(message) for pattern in patterns)


def names_in(message: Received) -> set[str]:
    """All that may be somebody's name in it: every word, and every telephone number as it is written."""
    found: set[str] = set()
    for text in texts_of(message):
        found.update(_NAMES.findall(text), _PHONE.findall(text))
    return found | {name.rstrip(".:-") for name in found}


def texts_of(message: Received) -> Iterator[str]:
    for _, value in message.headers:
        yield value
        yield _unfolded(value)
    yield message.body.decode(errors="replace")
    for whole in (_parsed(message), message_from_bytes(message.body)):  # the body may be a mail with headers of its own
        for part in whole.walk():
            yield from (_unfolded(str(value)) for value in part.values())
            if not part.is_multipart():
                yield from _texts_of_part(part)


def _pattern(name: str) -> re.Pattern[str]:
    if _PHONE.fullmatch(name):
        digits = [digit for digit in name if digit.isdigit()]
        return re.compile(rf"(?<!\d){_BETWEEN_DIGITS.join(digits)}(?!\d)")
    return re.compile(rf"(?<!\w)(?<!\w[.@+-]){re.escape(name)}(?!\w|[.@+-]\w)", re.IGNORECASE)


def _unfolded(value: str) -> str:
    """A header of a mail may be written in encoded words (RFC 2047)."""
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return value


def _parsed(message: Received) -> Message:
    """With the headers that say how the body is written."""
    told = [(name, value) for name, value in message.headers if name.lower().startswith("content-")]
    head = "".join(f"{name}: {' '.join(value.split())}\r\n" for name, value in told)
    return message_from_bytes(head.encode(errors="replace") + b"\r\n" + message.body)


def _texts_of_part(part: Message) -> Iterator[str]:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return
    text = _decoded(content, part.get_content_charset("utf-8"))
    yield text
    kind = part.get_content_type()
    if kind == "text/html":
        yield html.unescape(text)
    elif kind == "application/x-www-form-urlencoded":
        yield from (value for pair in parse_qsl(text) for value in pair)
    elif kind.endswith("json"):
        try:
            yield from _strings(msgspec.json.decode(content))
        except (msgspec.DecodeError, RecursionError):  # it stands above as text
            return


def _decoded(content: bytes, charset: str) -> str:
    try:
        return content.decode(charset, errors="replace")
    except LookupError:
        return content.decode(errors="replace")


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from (text for each in pair for text in _strings(each))
    elif isinstance(value, Collection):
        for each in value:
            yield from _strings(each)
