"""What the emulated model says: its script, else the approved wording in the prompt, else a canned sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emulators.config import LlmSettings, Scripted
from emulators.draws import Draw
from emulators.faults import CutShort, EmptyCompletion, OffSchema, OtherLanguage, Struck
from emulators.smallest import smallest_value

_APPROVED = re.compile(r"<approved>(.*?)</approved>", re.DOTALL)
_GUARD_PASSES = {"passed": True, "reasons": []}


@dataclass(frozen=True, slots=True)
class ToolCall:
    id: str
    name: str
    arguments: str  # JSON


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole of a completion, before it is cut into tokens."""

    text: str
    tool: ToolCall | None = None
    finish_reason: str = "stop"


def answer(body: Mapping[str, Any], settings: LlmSettings, draw: Draw, struck: Struck) -> Answer:
    """Raises UnsatisfiableSchemaError where ``response_format`` or a tool's parameters can't be met."""
    scripted = _scripted(body, settings.script, draw)
    tool = _tool_call(body, scripted, draw)
    if tool is not None:
        return Answer(text="", tool=tool, finish_reason="tool_calls")
    return _spoiled(Answer(text=_text(body, settings, scripted)), body, struck)


def text_of(content: object) -> str:
    """The text of a message's content, which is a string or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return ""


def _text(body: Mapping[str, Any], settings: LlmSettings, scripted: Scripted | None) -> str:
    schema = schema_asked_for(body)
    if schema is not None:
        if scripted is not None and _is_json(scripted.reply):
            return scripted.reply
        return json.dumps(_GUARD_PASSES if _is_guard(schema) else smallest_value(schema))
    if scripted is not None:
        return scripted.reply
    return _approved(body.get("messages", ())) or settings.canned


def _scripted(body: Mapping[str, Any], script: Sequence[Scripted], draw: Draw) -> Scripted | None:
    said = [text_of(m.get("content")) for m in body.get("messages", ()) if m.get("role") == "user"]
    last = said[-1] if said else ""
    for entry in script:
        kind_fits = entry.prompt_kind is None or re.search(entry.prompt_kind, draw.kind)
        attempt_fits = entry.attempts is None or draw.attempt in entry.attempts
        if kind_fits and attempt_fits and re.search(entry.match, last, re.IGNORECASE):
            return entry
    return None


def _approved(messages: Sequence[Mapping[str, Any]]) -> str:
    for message in messages:
        if message.get("role") in ("system", "developer"):
            found = _APPROVED.search(text_of(message.get("content")))
            if found:
                return found.group(1).strip()
    return ""


def schema_asked_for(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema of ``response_format``; None where any text will do."""
    asked = body.get("response_format") or {}
    if asked.get("type") == "json_object":
        return {"type": "object"}
    if asked.get("type") == "json_schema":
        return dict(asked.get("json_schema", {}).get("schema") or {"type": "object"})
    return None


def _is_guard(schema: Mapping[str, Any]) -> bool:
    properties = schema.get("properties", {})
    return set(_GUARD_PASSES) <= set(properties) and set(schema.get("required", ())) <= set(_GUARD_PASSES)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _tool_call(body: Mapping[str, Any], scripted: Scripted | None, draw: Draw) -> ToolCall | None:
    choice = body.get("tool_choice", "auto")
    functions = {tool["function"]["name"]: tool["function"] for tool in body.get("tools") or () if "function" in tool}
    if not functions or choice == "none":
        return None
    call_id = "call_" + draw.digest("tool call")[:24]
    if scripted is not None and scripted.tool is not None and scripted.tool.name in functions:
        return ToolCall(call_id, scripted.tool.name, json.dumps(scripted.tool.arguments))
    if isinstance(choice, dict):
        name = choice.get("function", {}).get("name")
    elif choice == "required":
        name = next(iter(functions))
    else:
        return None
    if name not in functions:
        return None
    schema = functions[name].get("parameters") or {"type": "object"}
    return ToolCall(call_id, name, json.dumps(smallest_value(schema)))


def _spoiled(good: Answer, body: Mapping[str, Any], struck: Struck) -> Answer:
    if struck.get(EmptyCompletion):
        return Answer(text="")
    if off_schema := struck.get(OffSchema):
        wrong = json.dumps({"unexpected": True})
        return Answer(text=wrong if off_schema.form == "wrong_shape" else "Sure, here you are:")
    if (other := struck.get(OtherLanguage)) and schema_asked_for(body) is None:
        return Answer(text=other.text)
    if cut := struck.get(CutShort):
        return Answer(text=good.text[: len(good.text) // 2], finish_reason=cut.finish_reason)
    return good
