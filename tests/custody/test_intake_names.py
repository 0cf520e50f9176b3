"""Whom a message names: its words are found in whatever form senders write them, and no longer word is taken for them."""

from __future__ import annotations

import base64

import pytest

from projections.intake_names import names_any, names_in
from streams.intake import Received

NUMBER = "+44 20 7946 0000"


def received(body: bytes, *headers: tuple[str, str]) -> Received:
    return Received("helpdesk", "1", headers, body)


ENCODED_WORD = f"=?utf-8?b?{base64.b64encode('Über customer-42'.encode()).decode()}?="
BASE64 = (("Content-Type", "text/plain; charset=utf-8"), ("Content-Transfer-Encoding", "base64"))
MIME = (
    b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>customer&#45;4=32</p>\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("message", "name"),
    [
        pytest.param(received(b"This is customer-42."), "customer-42", id="plain words"),
        pytest.param(received(b"Dear CUSTOMER-42,"), "customer-42", id="in capitals"),
        pytest.param(received(b'{"customer": 42}'), "42", id="a number in JSON"),
        pytest.param(
            received(b'{"a": ["\\u002b442079460000"]}', ("content-type", "application/json")), NUMBER, id="JSON"
        ),
        pytest.param(
            received(b"From=%2B442079460000", ("Content-Type", "application/x-www-form-urlencoded")),
            NUMBER,
            id="a form",
        ),
        pytest.param(received(b"", ("Subject", ENCODED_WORD)), "customer-42", id="an encoded word"),
        pytest.param(received(base64.b64encode(b"I am Ada@Example.org"), *BASE64), "ada@example.org", id="base64"),
        pytest.param(received(MIME), "customer-42", id="a mail with headers of its own"),
        pytest.param(
            received("é customer-42".encode("utf-16"), ("Content-Type", "text/plain; charset=utf-16")),
            "customer-42",
            id="another charset",
        ),
    ],
)
def test_a_name_is_found_in_any_form(message: Received, name: str) -> None:
    assert names_any(message, ["nobody", name])


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"customer-421", "customer-42"),
        (b"my-customer-42", "customer-42"),
        (b"xada@example.org ada@example.org.uk", "ada@example.org"),
        (b"1442079460000", NUMBER),
        (b"\xff\xfe{", "customer-42"),
        (b"", ""),
    ],
)
def test_a_longer_word_is_not_a_name(body: bytes, name: str) -> None:
    assert not names_any(received(body), [name])


def test_whatever_may_be_a_name_is_told() -> None:
    found = names_in(received(f"Ask {NUMBER}, or ada@example.org: customer-42.".encode()))
    assert {NUMBER, "ada@example.org", "customer-42"} <= found
