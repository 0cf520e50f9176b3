"""What models were shown and said, as the wire formats of this field write it: reduced to plain text and two speakers.

Known: ``{"role", "content"}`` with content a string or parts (OpenAI, Anthropic), ``{"role", "parts": [{"type": "text",
"content"}]}`` (OpenTelemetry GenAI semantic conventions 1.37), ``{"choices": [{"message"}]}`` (a whole answer of OpenAI's), lists
of these in a list (LangChain's batches), and a bare string.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

_CALLER, _AGENT = ("user", "human"), ("assistant", "ai", "model")


class Said(NamedTuple):
    role: Literal["caller", "agent", "system"]
    text: str


def parsed(value: Any) -> Any:
    """JSON in a string is opened; what is no JSON stays as it is."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def said_in(value: Any, bare: Literal["caller", "agent", "system"]) -> Iterator[Said]:
    """The messages of ``value`` in order, those with words in them. ``bare``: who says a text that names nobody."""
    value = parsed(value)
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        value = value["messages"]
    if isinstance(value, dict) and isinstance(value.get("choices"), list):
        value = [each.get("message") for each in value["choices"] if isinstance(each, dict)]
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, str):
        if value:
            yield Said(bare, value)
        return
    for each in value if isinstance(value, list) else ():
        if isinstance(each, str):
            yield Said(bare, each)
        elif isinstance(each, list):
            yield from said_in(each, bare)
        elif isinstance(each, dict):
            text = text_of(each)
            if text:
                yield Said(_role(each.get("role"), bare), text)


def text_of(message: dict[str, Any]) -> str:
    """Its words, without calls of tools and what they returned."""
    for name in ("content", "parts", "text", "message", "output", "answer", "input", "question", "query"):
        text = _words(message.get(name))
        if text:
            return text
    return ""


def _words(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return text_of(content)
    if not isinstance(content, list):
        return ""
    parts = (each if isinstance(each, str) else _part(each) for each in content)
    return "\n".join(part for part in parts if part)


def _part(part: Any) -> str:
    if not isinstance(part, dict) or part.get("type", "text") not in ("text", "input_text", "output_text"):
        return ""
    text = part.get("text", part.get("content"))
    return text if isinstance(text, str) else ""


def _role(role: Any, bare: Literal["caller", "agent", "system"]) -> Literal["caller", "agent", "system"]:
    if role is None:
        return bare
    return "caller" if role in _CALLER else "agent" if role in _AGENT else "system"


def newest_exchange(shown: Any, answered: Any) -> list[Said]:
    """What this call adds to the conversation: the caller's words since the agent spoke last, and the answer. What stands
    before was said in calls before, or is in the prompt alone."""
    new: list[Said] = []
    for said in said_in(shown, "caller"):
        if said.role == "agent":
            new = []
        elif said.role == "caller":
            new.append(said)
    return [*new, *(Said("agent", said.text) for said in said_in(answered, "agent") if said.role == "agent")]


class Heard:
    """What the caller said that nobody has answered yet: one question is shown to several models (an attempt more, a router and
    who answers, a model before and after its tools), and was said once."""

    def __init__(self) -> None:
        self._callers: list[str] = []
        self._answered: int | None = None

    def anew(self, exchange: list[Said], began: int, ended: int) -> list[Said]:
        """Of a call's exchange, what wasn't told before. Calls come in the order in which they began; ``began``, ``ended``: on
        one clock, of any unit."""
        if self._answered is not None and self._answered <= began:
            self._callers, self._answered = [], None
        new = [said for said in exchange if said.role != "caller" or said.text not in self._callers]
        self._callers += (said.text for said in new if said.role == "caller")
        if any(said.role == "agent" for said in exchange):
            self._answered = ended if self._answered is None else min(self._answered, ended)
        return new
