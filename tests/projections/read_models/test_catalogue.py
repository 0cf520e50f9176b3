"""A file in projections/read_models/ is a read model by lying there."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from projections import read_models
from projections.read_models import holds
from projections.read_models.catalogue import READ_MODELS, every

HOLDS = inspect.getsource(holds)


@pytest.fixture
def extra_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose modules count as part of the read models' package."""
    read_models.__path__.append(str(tmp_path))
    yield tmp_path
    read_models.__path__.remove(str(tmp_path))
    for file in tmp_path.glob("*.py"):
        sys.modules.pop(f"{read_models.__name__}.{file.stem}", None)
    importlib.invalidate_caches()


def test_a_new_file_is_a_new_table_and_may_be_two(extra_folder: Path) -> None:
    one = HOLDS.replace('name="holds"', 'name="waits"')
    two = HOLDS.partition("HOLDS = ")[2].replace('name="holds"', 'name="silences"')
    (extra_folder / "waits.py").write_text(f"{one}\nSILENCES = {two}")
    found = every()
    assert found.keys() - READ_MODELS.keys() == {"waits", "silences"}
    assert list(found) == sorted(found)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("from projections.read_models.holds import HOLDS\n", "last_done must define a ReadModel"),
        (HOLDS, "last_done: there is a read model 'holds' already"),
    ],
)
def test_a_file_that_adds_no_table_is_not_passed_over(extra_folder: Path, source: str, message: str) -> None:
    (extra_folder / "last_done.py").write_text(source)
    with pytest.raises(TypeError, match=message):
        every()
