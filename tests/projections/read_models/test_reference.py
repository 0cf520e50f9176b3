"""docs/read-models.md says what the definitions say, and every column is explained."""

from __future__ import annotations

import pytest

from projections.read_models.catalogue import READ_MODELS
from projections.read_models.definition import ReadModel, code_hash
from projections.read_models.reference import REFERENCE, reference


def test_the_page_is_not_stale() -> None:
    assert REFERENCE.read_text() == reference(), "run python -m projections.read_models.reference"


@pytest.mark.parametrize("model", READ_MODELS.values(), ids=READ_MODELS.keys())
def test_each_column_has_a_meaning_and_each_key_is_a_column(model: ReadModel) -> None:
    columns = {column.name: column for column in model.columns}
    assert all(column.meaning for column in columns.values())
    assert set(model.key) <= columns.keys()
    assert not any(columns[name].nullable for name in model.key)
    assert (model.fold is None) != (model.behaviours is None)
    assert bool(model.handles) == (model.fold is not None)
    assert model.day is None or model.day.endswith("_us")


def test_no_two_read_models_have_the_same_code() -> None:
    assert len({code_hash(model) for model in READ_MODELS.values()}) == len(READ_MODELS)
