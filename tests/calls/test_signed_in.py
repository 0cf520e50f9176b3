"""A caller whom the channel authenticated hears what is theirs; another hears how to get there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.calls.answered import started_before
from tests.calls.commands import Ran, failed, forget_settings, ledgerline

ASKS_FOR_A_CARD = "caller:\n  - say: Is my new card on its way?\n"


@pytest.fixture(autouse=True)
def nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_settings(monkeypatch, tmp_path)


def _call(folder: Path, *options: str) -> Ran:
    script = folder / "call.yaml"
    script.write_text(ASKS_FOR_A_CARD)
    data = started_before(folder / "data")
    return ledgerline("call", "--script", script, "--speed", "max", "--data", data, "--json", *options)


def _first_turn(ran: Ran) -> dict[str, Any]:
    turn = ran.json["turns"][0]
    assert isinstance(turn, dict)
    return turn


def test_who_is_signed_in_hears_what_the_tool_read_and_it_can_be_verified(tmp_path: Path) -> None:
    turn = _first_turn(_call(tmp_path, "--signed-in", "cust-1001"))
    assert turn["outcome"] == "tool"
    assert "Thursday" in turn["spoken"]
    assert ledgerline("verify", "--data", tmp_path / "data", "--json").json["problems"] == []


@pytest.mark.parametrize("options", [(), ("--signed-in", "cust-1001", "--level", "known")])
def test_who_is_not_signed_in_or_not_surely_enough_hears_nothing_of_it(tmp_path: Path, options: tuple[str]) -> None:
    ran = _call(tmp_path, *options)
    assert _first_turn(ran)["outcome"] == "reply"
    assert "Thursday" not in json.dumps(ran.json)


def test_an_unknown_customer_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    failed(_call(tmp_path, "--signed-in", "nobody"), 2, "nobody", "cust-1001")


def test_an_unknown_level_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    failed(_call(tmp_path, "--signed-in", "cust-1001", "--level", "sure"), 2, "sure", "stepped_up")


def test_a_file_of_customers_that_says_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "people.yaml").write_text("people: []\n")
    monkeypatch.setenv("LEDGERLINE_CUSTOMERS", "people.yaml")
    failed(_call(tmp_path, "--signed-in", "cust-1001"), 2, "people.yaml")
