"""Modules in C, compiled for a test from their source as it stands."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

from schemas.native_build import CannotBuildError, build


def compiled_for_test(source: Path, directory: Path) -> ModuleType:
    """Who has no compiler, or no headers, is told so; CI must have both."""
    try:
        path = build(source, directory)
    except CannotBuildError as error:
        if os.environ.get("CI") or not ("compiler" in str(error) or "Python.h" in str(error)):
            raise
        pytest.skip(str(error))
    return loaded(path)


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.name.partition(".")[0], path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
