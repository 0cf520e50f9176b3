"""A data directory in which nothing can be kept is named before a call fails over it, wherever the log is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from console.commands.doctor import State, check_data
from console.settings import Settings


def test_a_directory_that_may_be_written_is_ok_even_before_it_is_there(tmp_path: Path) -> None:
    check = check_data(Settings(data=tmp_path / "not" / "yet"))
    assert (check.name, check.state) == ("data", State.OK)


def test_a_file_in_its_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    check = check_data(Settings(data=tmp_path / "data"))
    assert (check.state, check.found) == (State.BROKEN, f"{tmp_path / 'data'} is a file")


def test_a_directory_that_may_only_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)  # as for who isn't root
    check = check_data(Settings(data=tmp_path))
    assert (check.state, check.found) == (State.BROKEN, f"{tmp_path} can't be written")


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1 << 40, 1 << 40, 5 << 20))  # type: ignore[attr-defined]
    check = check_data(Settings(data=tmp_path))
    assert (check.state, check.found) == (State.BROKEN, f"5 MB free at {tmp_path}")
