"""docs/cli.md says what the commands say."""

from __future__ import annotations

from console.cli_reference import REFERENCE, reference


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    assert REFERENCE.read_text() == reference(), "run: python -m console.cli_reference"


def test_every_command_stands_on_the_page_with_an_example_and_its_options() -> None:
    page = reference()
    for name in ("demo", "call", "calls", "show", "replay", "verify", "simulate", "emulators", "doctor", "schema"):
        section = page.split(f"### ledgerline {name}\n")[1].split("### ledgerline")[0]
        assert f"ledgerline {name}" in section.split("```sh")[1]
    call = page.split("### ledgerline call\n")[1]
    assert "`--wav WAV` (may be repeated)" in call
    assert "| `--speed SPEED` | `real` |" in call
    assert "[CallReport](#callreport)" in call
