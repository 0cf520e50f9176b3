"""What the pages point at is there: links, anchors, files and tests that they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)#]*)(?:#([^)]*))?\)")
_NAMED_TEST = re.compile(r"`tests/([\w/]+\.py)`\s*\(([^)]*)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """As a forge makes them of headings."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(page.read_text())
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in _LINK.findall(page.read_text()):
        if target.startswith(("http", "mailto")):
            continue
        linked = (page.parent / target).resolve() if target else page
        assert linked.exists(), target
        if anchor and linked.suffix == ".md":
            assert anchor in anchors(linked), f"{target}#{anchor}"


def test_every_test_that_shows_something_exists() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text()
    named = [(ROOT / "tests" / file, name) for file, names in _NAMED_TEST.findall(text) for name in _names(names)]
    assert len(named) > 10
    for file, name in named:
        assert f"def test_{name}" in file.read_text(), f"{file.name}: {name}"


def _names(names: str) -> list[str]:
    return [name.removesuffix("…") for name in re.findall(r"`([\w…]+)`", names)]
