"""Ids of decisions are uuid5: what any other implementation derives from the same cause is the same id."""

from __future__ import annotations

import uuid

import pytest

from schemas.event import derived_id

NAMESPACE = uuid.UUID("6f2c1f7e-5d0a-5f0e-9b39-6c8d1a1f4e11")


@pytest.mark.parametrize("parts", [(), ("guarding", 0), ("schließung", "ß", 2**40)], ids=str)
def test_an_id_is_the_uuid5_of_its_cause(parts: tuple[str | int, ...]) -> None:
    for number in range(300):  # version and variant lie in bits that differ from id to id
        cause = f"c{number}"
        named = "\x1f".join((cause, *map(str, parts)))
        assert derived_id(cause, *parts) == str(uuid.uuid5(NAMESPACE, named))
