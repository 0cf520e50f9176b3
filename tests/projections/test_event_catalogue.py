"""The catalogue of events is written from the code, never by hand."""

from __future__ import annotations

from projections.event_catalogue import CATALOGUE, catalogue
from schemas.avro import private_fields
from schemas.registry import EVENT_TYPES


def test_the_catalogue_is_up_to_date() -> None:
    assert CATALOGUE.read_text() == catalogue(), "run: python -m projections.event_catalogue"


def test_every_event_and_every_private_field_is_in_it() -> None:
    text = catalogue()
    for name, kind in EVENT_TYPES.items():
        section = text.partition(f"### {name}\n")[2].partition("\n### ")[0]
        assert f"*{kind.KIND.value}, version {kind.VERSION}" in section
        for field in kind.__struct_fields__:
            mark = "🔒 " if field in private_fields(kind) else ""
            assert f"| {mark}`{field}` |" in section, f"{name}.{field}"


def test_what_the_source_says_behind_a_field_is_told() -> None:
    assert "the procedure step that it says, as procedure/step" in catalogue()
