"""docs/recipes.md works as it stands: its files, changes and commands are applied to a copy, and its tests are run there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "docs" / "recipes.md"
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOTICE_WHAT_IS_ADDED = (  # what a newcomer's `make test` would stumble over
    "tests/agent/test_behaviour_loader.py",
    "tests/agent/test_classifier.py",
    "tests/agent/test_tools.py",
    "tests/guardrails/test_guardrail_matrix.py",
    "tests/guardrails/test_labelled_examples.py",
    "tests/guests/test_asyncapi.py",
    "tests/projections/test_event_catalogue.py",
    "tests/projections/read_models/test_reference.py",
)
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "*.svg", "locks")


class Block(NamedTuple):
    language: str
    about: str
    text: str


def blocks() -> Iterator[Block]:
    for language, about, text in _BLOCK.findall(RECIPES.read_text()):
        yield Block(language, about.strip(), text)


def run(folder: Path, *command: str, text: str | None = None) -> None:
    done = subprocess.run(command, cwd=folder, input=text, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"


def test_every_recipe_works_as_it_stands(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=_LEFT_OUT)
    written: list[str] = []
    for block in blocks():
        if block.about.startswith("file="):
            path = copy / block.about.removeprefix("file=")
            assert not path.exists(), f"{path.name} is part of the repository already"
            path.write_text(block.text)
            written.append(str(path.relative_to(copy)))
        elif block.language == "diff":
            run(copy, "git", "apply", "--recount", "-C1", "-", text=block.text)
        elif block.about == "run":
            program, *arguments = shlex.split(block.text)
            assert program == "python"
            run(copy, sys.executable, *arguments)
    code = [name for name in written if name.endswith(".py")]
    tests = [name for name in code if Path(name).name.startswith("test_")]
    assert len(tests) >= 7
    run(copy, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests, *NOTICE_WHAT_IS_ADDED)
    run(copy, sys.executable, "-m", "ruff", "check", "--no-cache", ".")
    run(copy, sys.executable, "-m", "ruff", "format", "--check", "--no-cache", ".")
