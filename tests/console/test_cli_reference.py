"""docs/cli.md says what the commands say."""

from __future__ import annotations

from importlib.metadata import version

import pytest
import typer
from typer.testing import CliRunner

from console.cli_reference import REFERENCE, reference
from console.main import app

COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    assert REFERENCE.read_text() == reference(), "run: python -m console.cli_reference"


def test_every_command_stands_on_the_page_with_an_example_and_its_options() -> None:
    page = reference()
    for name in ("demo", "call", "calls", "show", "replay", "verify", "simulate", "emulators", "doctor", "schema"):
        section = page.split(f"### ledgerline {name}\n")[1].split("### ledgerline")[0]
        assert f"ledgerline {name}" in section.split("```sh")[1]
    call = page.split("### ledgerline call\n")[1]
    assert "`--wav FILE` (may be repeated)" in call
    assert "| `--speed real\\|max` | `real` |" in call
    assert "[CallReport](#callreport)" in call


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"ledgerline {version('ledgerline')}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_what_a_person_types_and_no_type_of_pythons(command: str) -> None:
    told = CliRunner().invoke(app, [command, "--help"]).stdout
    assert "Example: ledgerline" in told
    assert "[[" not in told
    for kind in ("<path>", "<str>", "<int", "<float", "<list"):
        assert kind not in told.partition("Options:")[2], f"{kind}: give it a metavar"
