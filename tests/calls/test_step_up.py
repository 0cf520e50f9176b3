"""A whole call in which something is changed: the caller proves who they are, approves what was read back, and it is done."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.calls.answered import started_before
from tests.calls.commands import Ran, failed, forget_settings, ledgerline

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples" / "bank" / "demo" / "step-up.yaml"


@pytest.fixture(autouse=True)
def nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_settings(monkeypatch, tmp_path)


def _call(folder: Path, script: Path, *options: str) -> Ran:
    data = started_before(folder / "data")
    return ledgerline("call", "--script", script, "--speed", "max", "--data", data, "--json", *options)


def _spoken(ran: Ran) -> list[str]:
    turns: list[dict[str, Any]] = ran.json["turns"] + ran.json["agent_turns"]
    return [str(turn["spoken"]) for turn in turns]


def test_a_code_and_an_approval_block_a_card_and_the_log_verifies(tmp_path: Path) -> None:
    ran = _call(tmp_path, SCRIPT, "--signed-in", "cust-1001")
    said = _spoken(ran)
    for words in ("sent a code", "Shall I block your debit card ending in 4421", "is blocked now"):
        assert any(words in spoken for spoken in said), said
    assert ledgerline("verify", "--data", tmp_path / "data", "--json").json["problems"] == []
    keyed = next(turn["turn_id"] for turn in ran.json["agent_turns"] if turn["cause"] == "keys")
    proposed = ledgerline("why", "last", keyed, "--data", tmp_path / "data").out
    assert "Began with a proof that the caller keyed in." in proposed
    assert re.search(r"Told by the tool block_card at .* ms \(seq \d+\): card “debit card”, ending “4421”\.", proposed)


def test_a_code_that_is_keyed_in_before_any_was_sent_is_named(tmp_path: Path) -> None:
    script = tmp_path / "call.yaml"
    script.write_text("caller:\n  - press: code\n  - say: Goodbye.\n")
    told = _call(tmp_path, script).err
    assert "'press: code' keyed in nothing: no code had been sent to the caller's phone by then" in told
    assert "--signed-in CUSTOMER" in told


SIMULATED = """
tools:
  card_status: {finds: {card: debit card, progress: is on its way}}
  block_card: {finds: {card: debit card, ending: "0000"}, steps: {block: {reference: S 7}}}
  replace_card: {finds: {card: debit card, ending: "0000"}, steps: {issue: {reference: S 8}, deliver: {due: Friday}}}
code: "123456"
"""


def test_tools_can_be_simulated_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tools.yaml").write_text(SIMULATED)
    monkeypatch.setenv("LEDGERLINE_TOOLS__SIMULATED", str(tmp_path / "tools.yaml"))
    script = tmp_path / "call.yaml"
    script.write_text("caller:\n  - say: Please block my debit card.\n  - press: '123456'\n  - say: Yes, please.\n")
    said = _spoken(_call(tmp_path, script, "--signed-in", "cust-1001"))
    assert any("ending in 0000" in spoken for spoken in said), said
    assert any("S 7" in spoken for spoken in said), said


@pytest.mark.parametrize(
    ("fixtures", "named"),
    [
        ("tools: {sell_house: {finds: {}}}", "no tool 'sell_house'"),
        ("tools: {card_status: {finds: {card: debit card}}}", "card, progress"),
        ("tools: {block_card: {finds: {card: a, ending: b}}}", "has the steps"),
    ],
)
def test_fixtures_that_dont_fit_the_tools_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fixtures: str, named: str
) -> None:
    (tmp_path / "tools.yaml").write_text(fixtures)
    monkeypatch.setenv("LEDGERLINE_TOOLS__SIMULATED", str(tmp_path / "tools.yaml"))
    failed(_call(tmp_path, SCRIPT, "--signed-in", "cust-1001"), 2, named)
