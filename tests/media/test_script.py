"""A call script says what it means, or says which file, line and key is wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path

import jsonschema
import pytest

from agent_core.wav import write_wav
from voice_gateway.script import CallScript, ScriptError, load_clips, load_script, script_acts
from voice_gateway.scripted_caller import Cue, KeepSilent, Press, Say

GOOD = """\
title: a lost card
caller:
  - wav: lost.wav
  - say: Wait, stop.
    after: agent_started
    pause_ms: 1500
  - silence_ms: 9500
hang_up_after_ms: 1000
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "call.yaml"
    path.write_text(text)
    return path


def test_a_script_becomes_what_the_caller_does(tmp_path: Path) -> None:
    write_wav(tmp_path / "lost.wav", b"\1\0" * 100)
    script = load_script(write(tmp_path, GOOD))

    async def speak(text: str) -> bytes:
        return text.encode()

    acts = asyncio.run(script_acts(script, load_clips(script, tmp_path), speak))

    assert acts == [
        Say(b"\1\0" * 100, Cue.AGENT_FINISHED, 500.0),
        Say(b"Wait, stop.", Cue.AGENT_STARTED, 1500.0),
        KeepSilent(9500.0),
    ]
    assert script.hang_up_after_ms == 1000


def test_keys_are_pressed_and_a_code_is_the_one_that_the_phone_has_by_then(tmp_path: Path) -> None:
    script = load_script(write(tmp_path, "caller:\n  - press: '42#'\n  - press: code\n"))
    phone: list[str] = []

    async def speak(text: str) -> bytes:
        return b""

    acts = asyncio.run(script_acts(script, {}, speak, lambda: phone[-1]))
    phone.append("421556 is your code.")
    assert [act.keys() for act in acts if isinstance(act, Press)] == ["42#", "421556"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("caller:\n  - press: 12a\n", "call.yaml:2: caller.0.press: string should match pattern"),
        ("caller:\n  - press: 4215\n", "call.yaml:2: caller.0.press: expected text (put quotes around"),
        ("caller:\n  - wav: a.wav\n    volume: 3\n", "call.yaml:3: unknown key 'caller.0.volume'; known here: wav"),
        ("caller:\n  - wav: a.wav\nspeed: 2\n", "call.yaml:3: unknown key 'speed'; known here: title"),
        ("caller:\n  - wav: a.wav\n    say: hello\n", "call.yaml:2: caller.0: needs exactly one of"),
        ("caller:\n  - pause_ms: 3\n", "has none"),
        ("caller:\n  - silence_ms: 300\n    after: agent_started\n", "takes no after"),
        ("caller:\n  - wav: a.wav\n    after: lunch\n", "call.yaml:3: caller.0.after: input should be"),
        ("caller:\n  - wav: a.wav\n    pause_ms: -1\n", "call.yaml:3: caller.0.pause_ms"),
        ("caller: []\n", "call.yaml:1: caller"),
        ("title: x\n", "caller: field required"),
        ("- wav: a.wav\n", "call.yaml:1: the script: expected a list under 'caller'"),
        ("", "call.yaml:1: the script: expected a list under 'caller'"),
        ("caller:\n  - hello\n", "call.yaml:2: caller.0: expected one thing that the caller does"),
        ("caller:\n  - sai: hello\n", "call.yaml:2: unknown key 'caller.0.sai'; known here: wav"),
        ("caller: [\n", "not YAML"),
        ("caller:\n  - wav: a.wav\n    wav: b.wav\n", "stands here twice"),
    ],
)
def test_what_is_wrong_is_named_by_file_line_and_key(text: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(ScriptError) as refused:
        load_script(write(tmp_path, text))
    assert expected in str(refused.value)
    assert "call.yaml" in str(refused.value)


def test_every_problem_of_a_script_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ScriptError) as refused:
        load_script(write(tmp_path, "caller:\n  - wav: a.wav\n    x: 1\n  - say: hi\n    y: 2\n"))
    assert len(str(refused.value).splitlines()) == 2


def test_a_missing_script_and_a_missing_clip_are_named(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"nowhere\.yaml: can't be read"):
        load_script(tmp_path / "nowhere.yaml")
    script = CallScript.model_validate({"caller": [{"wav": "gone.wav"}]})
    with pytest.raises(ScriptError, match=r"gone\.wav: no such file"):
        load_clips(script, tmp_path)


def test_the_json_schema_takes_and_refuses_what_the_loader_does() -> None:
    schema = CallScript.model_json_schema()
    jsonschema.validate({"caller": [{"wav": "a.wav", "after": "agent_started"}, {"silence_ms": 5}]}, schema)
    for wrong in ({"wav": "a.wav", "say": "b"}, {"pause_ms": 5}, {"wav": "a.wav", "x": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"caller": [wrong]}, schema)
