"""Reads JSON records with the line on which each begins: JSON lines, one JSON value, or an array of records; rows of a CSV
file too.

A record that stands there twice, letter by letter, is read once, in whichever of the files: exports that were put together
overlap, and a collector delivers at least once.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from streams.history.csv_records import csv_rows
from streams.history.transcript import BadHistoryError

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def _no_number(_: str) -> float:
    raise ValueError


class _TwiceError(Exception):
    """An object has a name twice: JSON's readers disagree on which of them counts."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _TwiceError
    return found


_DECODER = json.JSONDecoder(parse_constant=_no_number, object_pairs_hook=_object)
_BLANK = " \t\r\n"
_GZIP = b"\x1f\x8b"


class Found(NamedTuple):
    """``place``: FILE:LINE."""

    place: str
    value: dict[str, Any]


def json_records(*paths: Path) -> Iterator[Found]:
    """Objects, whether they stand one a line, one after the other, or in one array; of ``.csv`` the rows.

    Raises ``BadHistoryError``, ``OSError``.
    """
    read: set[bytes] = set()
    for path in paths:
        text = _text(path)
        if path.suffix.lower() == ".csv":
            yield from (Found(*row) for row in csv_rows(path, text))
        else:
            yield from _objects(path, text, read)


def _text(path: Path) -> str:
    data = path.read_bytes()
    if data.startswith(_GZIP):
        raise BadHistoryError(f"{path}: is compressed (gzip): unpack it first")
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # as spreadsheets and PowerShell write text
    encoding, name = ("utf-16", "UTF-16") if marked else ("utf-8-sig", "UTF-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        hint = "" if marked else ": save it as UTF-8, or as UTF-16 with a byte order mark"
        raise BadHistoryError(f"{path}: no {name} at byte {error.start}{hint}") from None


def _objects(path: Path, text: str, read: set[bytes]) -> Iterator[Found]:
    """``read``: digests of what was read before."""
    places = _Lines(path, text)
    at = _skip(text, 0, _BLANK)
    in_array = text[at : at + 1] == "["
    at = _skip(text, at + in_array, _BLANK)
    while at < len(text) and not (in_array and text[at] == "]"):
        place = places.of(at)
        try:
            value, end = _DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise BadHistoryError(f"{places.of(error.pos)}: not JSON: {error.msg}") from None
        except ValueError:  # NaN, Infinity, thousands of digits
            raise BadHistoryError(f"{place}: not JSON: a number that is none") from None
        except RecursionError:
            raise BadHistoryError(f"{place}: nested too deeply") from None
        except _TwiceError:
            raise BadHistoryError(
                f"{place}: an object has the same name twice: which of them counts can't be told"
            ) from None
        if not isinstance(value, dict):
            raise BadHistoryError(f"{place}: a {type(value).__name__} where a record (a JSON object) is expected")
        if "\\u" in text[at:end] and _LONE_SURROGATE.search(json.dumps(value, ensure_ascii=False)):
            raise BadHistoryError(f"{place}: half a character: a surrogate that stands alone")
        digest = hashlib.sha256(text[at:end].encode("utf-8")).digest()
        if digest not in read:
            read.add(digest)
            yield Found(place, value)
        at = _skip(text, end, _BLANK)
        if in_array and text[at : at + 1] == ",":
            at = _skip(text, at + 1, _BLANK)
        elif in_array and text[at : at + 1] != "]":
            raise BadHistoryError(f"{places.of(min(at, len(text)))}: the array goes on in no way that JSON knows")
    if in_array and _skip(text, at + 1, _BLANK) < len(text):
        raise BadHistoryError(f"{places.of(at + 1)}: something stands behind the array")


class _Lines:
    """Asked for places that only grow."""

    def __init__(self, path: Path, text: str) -> None:
        self._path, self._text = path, text
        self._at, self._line = 0, 1

    def of(self, position: int) -> str:
        self._line += self._text.count("\n", self._at, position)
        self._at = max(self._at, position)
        return f"{self._path}:{self._line}"


def _skip(text: str, at: int, what: str) -> int:
    while at < len(text) and text[at] in what:
        at += 1
    return at
