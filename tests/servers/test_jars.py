"""Jars are taken from a whole fetch alone: what an interrupted one has left is never somebody's class path."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from servers import jars
from servers.jars import JarsMissingError, class_path

COORDINATES = "org.example:tool:1.0"


class Jgo:
    """In the place of ``subprocess.run``: as jgo does, it keeps what it fetches and goes by what it finds there."""

    def __init__(self, *, jars: int, killed_after: int | None = None) -> None:
        self._jars, self._killed_after, self.runs = jars, killed_after, 0

    def __call__(self, command: list[str], *, env: dict[str, str], **_: Any) -> subprocess.CompletedProcess[str]:
        self.runs += 1
        cache = Path(env["JGO_CACHE_DIR"])
        if not cache.exists():
            cache.mkdir(parents=True)
            for number in range(self._jars):
                if number == self._killed_after:
                    raise SystemExit(0)  # as the launcher is ended by a signal
                (cache / f"{number}.jar").touch()
        return subprocess.CompletedProcess(command, 0, "\n".join(map(str, sorted(cache.iterdir()))), "")


def test_a_fetch_that_was_interrupted_is_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars.subprocess, "run", Jgo(jars=3, killed_after=1))
    with pytest.raises(SystemExit):
        class_path(COORDINATES, tmp_path)
    monkeypatch.setattr(jars.subprocess, "run", Jgo(jars=3))
    found = [Path(jar) for jar in class_path(COORDINATES, tmp_path).split(os.pathsep)]
    assert [jar.name for jar in found] == ["0.jar", "1.jar", "2.jar"]
    assert all(jar.exists() for jar in found)


def test_nothing_is_left_of_a_launcher_that_was_killed_over_its_fetch(tmp_path: Path) -> None:
    left = tmp_path / "fetching-of-another" / "jgo"
    left.mkdir(parents=True)
    (left / "0.jar").touch()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(jars.subprocess, "run", Jgo(jars=2))
        class_path(COORDINATES, tmp_path)
    assert not left.exists()


def test_what_was_fetched_once_is_found_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jgo = Jgo(jars=2)
    monkeypatch.setattr(jars.subprocess, "run", jgo)
    assert class_path(COORDINATES, tmp_path) == class_path(COORDINATES, tmp_path)
    assert jgo.runs == 1


def test_what_cant_be_fetched_is_said_with_jgos_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        jars.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1, "", "a\nno such host\n")
    )
    with pytest.raises(JarsMissingError, match=r"org\.example:tool:1\.0 can't be fetched: no such host"):
        class_path(COORDINATES, tmp_path)
