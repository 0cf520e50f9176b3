"""A user's mistake: one message that says what to do, the exit code, nothing on stdout that isn't JSON, no trace."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

import pytest

from console.settings import EXAMPLE_BEHAVIOUR
from console.workspace import SqliteWorkspace
from tests.calls.answered import LOST_CARD, hold, kept, says
from tests.calls.commands import failed, finished, forget_settings, ledgerline, start


@pytest.fixture(autouse=True)
def nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_settings(monkeypatch, tmp_path)


@cache
def two_calls() -> Path:
    data = kept("two-calls")
    for _ in range(2):
        hold(data, says(LOST_CARD))
    return data


def test_a_script_with_unknown_keys_is_refused_by_file_and_line(tmp_path: Path) -> None:
    script = tmp_path / "call.yaml"
    script.write_text("caller:\n  - wav: x.wav\n    volume: 3\nmusic: 1\n")
    ran = ledgerline("call", "--script", script, "--json")
    failed(ran, 2, "call.yaml:3", "volume", "call.yaml:4", "music")


def test_a_script_that_names_a_missing_file_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    script = tmp_path / "call.yaml"
    script.write_text("caller:\n  - wav: nowhere.wav\n")
    failed(ledgerline("call", "--script", script, "--json", "--data", tmp_path / "d"), 2, "nowhere.wav", "no such file")
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize("text", ["caller: [", "- just\n- a list\n", ""])
def test_what_is_no_script_is_refused(text: str, tmp_path: Path) -> None:
    script = tmp_path / "call.yaml"
    script.write_text(text)
    failed(ledgerline("call", "--script", script, "--json"), 2, "call.yaml")


def test_behaviour_files_that_contradict_each_other_are_named_with_their_lines(tmp_path: Path) -> None:
    behaviour = tmp_path / "bank"
    shutil.copytree(EXAMPLE_BEHAVIOUR, behaviour)
    (behaviour / "intents" / "zz.yaml").write_text(
        "intents:\n  - name: lost_card\n    examples: [hello there]\n    procedure: nowhere\n"
    )
    ran = ledgerline("call", "--wav", LOST_CARD, "--behaviour", behaviour, "--json", "--data", tmp_path / "d")
    failed(ran, 2, "intents/zz.yaml:2", "lost_card", "intents/zz.yaml:4", "nowhere")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--wav", LOST_CARD, "--speed", "fast"),
        ("--wav", LOST_CARD, "--mic"),
        ("--mic", "--speed", "max"),
        (),
    ],
)
def test_arguments_that_make_no_call_are_refused(arguments: tuple[object, ...], tmp_path: Path) -> None:
    failed(ledgerline("call", *arguments, "--json", "--data", tmp_path / "d"), 2)


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = ledgerline("call", "--wav", LOST_CARD, "--speed", "max", "--json", "--data", tmp_path / "file")
    failed(ran, 2, "is a file", "--data")


def test_a_directory_that_import_is_given_as_a_file_is_named_with_what_to_type(tmp_path: Path) -> None:
    failed(ledgerline("import", tmp_path), 2, f"{tmp_path} is a directory: --from {tmp_path}")


def test_a_data_directory_that_cant_be_made_is_refused(tmp_path: Path) -> None:
    failed(ledgerline("call", "--wav", LOST_CARD, "--speed", "max", "--json", "--data", "/proc/log"), 1, "/proc/log")


@pytest.mark.parametrize("command", [("calls",), ("verify",), ("show", "last"), ("replay", "last")])
def test_a_log_that_is_garbage_is_named(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(os.urandom(50_000))
    failed(ledgerline(*command, "--json", "--data", tmp_path), 1, "ledger.db")


@pytest.mark.parametrize("command", [("calls",), ("verify",), ("show", "last"), ("replay", "last")])
def test_a_directory_without_a_log_is_named_and_left_as_it_is(command: tuple[str, ...], tmp_path: Path) -> None:
    failed(ledgerline(*command, "--json", "--data", tmp_path / "none"), 2, "holds no log yet")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("command", ["show", "replay"])
def test_an_empty_log_has_no_calls(command: str, tmp_path: Path) -> None:
    SqliteWorkspace(tmp_path).close()
    failed(ledgerline(command, "last", "--json", "--data", tmp_path), 2, "no calls on this log")
    assert ledgerline("calls", "--json", "--data", tmp_path).json == []
    assert ledgerline("verify", "--json", "--data", tmp_path).json["problems"] == []


@pytest.mark.parametrize("command", ["show", "replay"])
def test_a_call_must_be_meant_without_doubt(command: str) -> None:
    failed(ledgerline(command, "nobody", "--json", "--data", two_calls()), 2, "no call 'nobody'")
    failed(ledgerline(command, "call-", "--json", "--data", two_calls()), 2, "beginning of 2 calls")
    assert ledgerline(command, "last", "--json", "--data", two_calls()).code == 0


def test_calls_are_listed_newest_first() -> None:
    listed = [call["call_id"] for call in ledgerline("calls", "--json", "--data", two_calls()).json]
    assert len(listed) == 2
    assert listed == sorted(listed, reverse=True)
    assert ledgerline("show", "last", "--json", "--data", two_calls()).json["call_id"] == listed[0]


def test_a_microphone_that_isnt_there_is_missed_by_name_before_anything_is_opened(tmp_path: Path) -> None:
    """Without the library and without a device, whatever this machine has."""
    prelude = "sys.modules['sounddevice'] = None"
    ran = finished(
        start("call", "--mic", "--json", "--data", tmp_path / "d", folder=tmp_path, prelude=f"import sys; {prelude}")
    )
    failed(ran, 1, "microphone")
    assert not (tmp_path / "d").exists()


def test_an_unknown_command_and_a_port_that_is_none_are_usage_errors() -> None:
    for arguments in (("sing",), ("emulators", "--port", "99999"), ("show",), ("simulate", "--seeds", "0")):
        ran = ledgerline(*arguments)
        assert (ran.code, ran.out) == (2, "")
        assert "Usage: " in ran.err


COMMANDS = ("demo", "call", "calls", "show", "replay", "verify", "simulate", "emulators", "doctor", "schema")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    ran = ledgerline(command, "--help")
    assert ran.code == 0
    assert f"Example: ledgerline {command}" in ran.out
    assert "--json" in ran.out


def test_help_loads_no_model_and_no_vendor(tmp_path: Path) -> None:
    heavy = "('onnxruntime', 'faster_whisper', 'openai', 'deepgram', 'elevenlabs', 'numpy', 'aiohttp')"
    prelude = f"import atexit; atexit.register(lambda: print([m for m in {heavy} if m in sys.modules]))"
    ran = finished(start("--help", folder=tmp_path, prelude=prelude))
    assert ran.code == 0
    assert ran.out.splitlines()[-1] == "[]"
    assert all(command in ran.out for command in COMMANDS)


@pytest.mark.parametrize(
    ("text", "told"),
    [("hello", "emulators.json: Invalid JSON"), ('{"llm": {"rate": 1}}', "emulators.json: llm.rate: Extra inputs")],
)
def test_a_configuration_of_emulators_that_cant_be_used_is_named(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "emulators.json").write_text(text)
    failed(ledgerline("emulators", "--config", tmp_path / "emulators.json"), 2, told)
