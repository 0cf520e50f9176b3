"""A call script: what a caller does, as a YAML file. ``ledgerline schema script`` prints its JSON Schema.

Example::

    caller:
      - wav: lost_card.wav                 # said once the agent has finished, after a pause of half a second
      - say: Wait, stop.                   # spoken by the local voice; interrupts the agent's next reply
        after: agent_started
        pause_ms: 1500
      - press: "4215#"                     # keys of the phone; "code" is the newest code that was sent to it
      - silence_ms: 9500                   # says nothing for so long
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent_core.audio import AudioError
from agent_core.located_yaml import read
from agent_core.wav import Clip, load_wav
from voice_gateway.scripted_caller import CallerAct, Cue, KeepSilent, Press, Say

_KINDS = ("wav", "say", "press", "silence_ms")
CODE = "code"  # in place of keys: the digits of the newest message that the caller's phone got


class ScriptError(ValueError):
    """A script that can't be used. The text has one line a problem: file, line, key, and what is wrong."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _one_kind(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [{"required": [kind]} for kind in _KINDS]


class ScriptAction(_Part):
    """One thing that the caller does: exactly one of ``wav``, ``say``, ``press`` and ``silence_ms``."""

    model_config = ConfigDict(json_schema_extra=_one_kind)

    wav: str | None = Field(None, min_length=1, description="A WAV file of any rate; relative to the script's folder.")
    say: str | None = Field(None, min_length=1, description="Words, spoken by the local voice.")
    press: str | None = Field(
        None,
        pattern=r"^(?:[0-9*#]+|code)$",
        description="Keys of the phone: 0-9, * and #; or code, the digits in the newest message to it.",
    )
    silence_ms: int | None = Field(
        None, gt=0, le=3_600_000, description="Say nothing for so long after the agent has finished."
    )
    after: Cue = Field(
        Cue.AGENT_FINISHED,
        description="What the caller waits for. agent_started: the start of a reply, so the caller interrupts it.",
    )
    pause_ms: int = Field(500, ge=0, le=600_000, description="How long after the cue the caller begins to speak.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        kinds = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            raise ValueError(f"needs exactly one of {', '.join(_KINDS)}; has {' and '.join(kinds) or 'none'}")
        if kinds == ["silence_ms"] and self.model_fields_set & {"after", "pause_ms"}:
            raise ValueError("silence_ms begins when the agent has finished: it takes no after and no pause_ms")
        return self


class CallScript(_Part):
    """A whole call, from the caller's side."""

    title: str = Field("", description="Shown while the call runs.")
    caller: list[ScriptAction] = Field(min_length=1, description="What the caller does, in order.")
    hang_up_after_ms: int = Field(
        3000, ge=0, le=600_000, description="Silence after the agent's last words, then the caller hangs up."
    )
    patience_ms: int = Field(
        20_000, gt=0, le=600_000, description="With no sound from the agent for so long, the caller goes on."
    )


def load_script(path: str | os.PathLike[str]) -> CallScript:
    """Read a script. Raises ``ScriptError``, which names the file, the line and the key of every problem."""
    file_path = Path(path)
    try:
        document, problems = read(file_path, str(path))
    except OSError as error:
        raise ScriptError(f"{path}: can't be read: {error.strerror or error}") from error
    if problems:
        raise ScriptError("\n".join(map(str, problems)))
    try:
        return CallScript.model_validate(document.value)
    except ValidationError as error:
        lines = [str(document.problem(issue["loc"], _say_problem(issue))) for issue in error.errors()]
        raise ScriptError("\n".join(lines)) from error


def load_clips(script: CallScript, folder: Path) -> dict[str, Clip]:
    """The files that the script names, by their names in it. Raises ``ScriptError`` for one that can't be used."""
    try:
        return {action.wav: load_wav(folder / action.wav) for action in script.caller if action.wav is not None}
    except AudioError as error:
        raise ScriptError(str(error)) from error


async def script_acts(
    script: CallScript,
    clips: Mapping[str, Clip],
    speak: Callable[[str], Awaitable[bytes]],
    newest_message: Callable[[], str] = lambda: "",
) -> list[CallerAct]:
    """The script with its audio in it. ``speak`` renders the caller's words as 16 kHz PCM16."""
    acts: list[CallerAct] = []
    for action in script.caller:
        if action.silence_ms is not None:
            acts.append(KeepSilent(float(action.silence_ms)))
            continue
        if action.press is not None:
            acts.append(_press(action, newest_message))
            continue
        pcm = clips[action.wav].pcm if action.wav is not None else await speak(action.say or "")
        acts.append(Say(pcm, action.after, float(action.pause_ms)))
    return acts


def _press(action: ScriptAction, newest_message: Callable[[], str]) -> Press:
    """A code is looked up when it is keyed in: before that, it wasn't sent."""
    keys = action.press or ""
    digits = (lambda: "".join(re.findall(r"\d", newest_message().partition(".")[0]))) if keys == CODE else lambda: keys
    return Press(digits, action.after, float(action.pause_ms))


def _say_problem(issue: Any) -> str:
    """pydantic's finding in the words of someone who writes a script."""
    where = ".".join(str(part) for part in issue["loc"]) or "the script"
    if issue["type"] == "extra_forbidden":
        model = ScriptAction if "caller" in issue["loc"] else CallScript
        return f"unknown key {where!r}; known here: {', '.join(model.model_fields)}"
    if issue["type"] == "model_type":
        return f"{where}: expected {'one thing that the caller does' if issue['loc'] else 'a list under'} 'caller'"
    if issue["type"] == "string_type":
        return f"{where}: expected text (put quotes around yes, no, numbers and times)"
    message = str(issue["msg"]).removeprefix("Value error, ")
    return f"{where}: {message[:1].lower()}{message[1:]}"
