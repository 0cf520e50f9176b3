"""Attributes of other conventions than GenAI's, told by its names as well, so that one reader does for all of them.

OpenInference (Arize Phoenix) and Vercel's AI SDK (5 and before; from 7 on it writes GenAI's names) write spans in OTLP
under names of their own. Sources: Arize-ai/openinference ``spec/semantic_conventions.md`` and ``spec/tool_calling.md``;
vercel/ai ``content/docs/03-ai-sdk-core/60-telemetry.mdx``.
"""

from __future__ import annotations

import re
from typing import Any

_OPENINFERENCE_WORK = {"LLM": "chat", "TOOL": "execute_tool", "AGENT": "invoke_agent"}
_OPENINFERENCE = {
    "gen_ai.request.model": ("llm.model_name",),
    "gen_ai.provider.name": ("llm.provider", "llm.system"),
    "gen_ai.usage.input_tokens": ("llm.token_count.prompt",),
    "gen_ai.usage.cache_read.input_tokens": ("llm.token_count.prompt_details.cache_read",),
    "gen_ai.usage.output_tokens": ("llm.token_count.completion",),
    "gen_ai.tool.name": ("tool.name",),
    "gen_ai.tool.call.arguments": ("input.value",),
    "gen_ai.tool.call.result": ("output.value",),
}
_AI_SDK_CALL = re.compile(r"ai\.(?:generate|stream)(?:Text|Object)\.do(?:Generate|Stream)")
_AI_SDK_TOOL = "ai.toolCall"
_AI_SDK = {
    "gen_ai.input.messages": ("ai.prompt.messages",),
    "gen_ai.output.messages": ("ai.response.text", "ai.result.text", "ai.response.object", "ai.result.object"),
    "gen_ai.request.model": ("ai.model.id",),
    "gen_ai.response.model": ("ai.response.model",),
    "gen_ai.provider.name": ("gen_ai.system", "ai.model.provider"),
    "gen_ai.usage.input_tokens": ("ai.usage.inputTokens", "ai.usage.promptTokens"),
    "gen_ai.usage.cache_read.input_tokens": ("ai.usage.cachedInputTokens",),
    "gen_ai.usage.output_tokens": ("ai.usage.outputTokens", "ai.usage.completionTokens"),
    "gen_ai.tool.name": ("ai.toolCall.name",),
    "gen_ai.tool.call.arguments": ("ai.toolCall.args",),
    "gen_ai.tool.call.result": ("ai.toolCall.result",),
    "session.id": ("ai.telemetry.metadata.sessionId", "ai.telemetry.metadata.session.id"),
    "user.id": ("ai.telemetry.metadata.userId", "ai.telemetry.metadata.user.id"),
}
_MESSAGE = (
    r"llm\.{}_messages\.([0-9]{{1,6}})\.message\.(?:(role|content)|contents\.([0-9]{{1,6}})\.message_content\.text)"
)


def in_genai_names(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes, and what they say under GenAI's names. What bears such a name already stays. Raises ``TypeError``,
    ``ValueError`` for a time that is no number."""
    if "openinference.span.kind" in attributes:
        return _of_openinference(attributes) | attributes
    if "ai.operationId" in attributes:
        return _of_ai_sdk(attributes) | attributes
    return attributes


def _of_openinference(attributes: dict[str, Any]) -> dict[str, Any]:
    work = _OPENINFERENCE_WORK.get(str(attributes["openinference.span.kind"]).upper())
    if work is None:
        return {}
    told = _renamed(attributes, _OPENINFERENCE) | {"gen_ai.operation.name": work}
    for way, whole in (("input", "input.value"), ("output", "output.value")):
        said = _messages(attributes, way) or attributes.get(whole)
        if said:
            told[f"gen_ai.{way}.messages"] = said
    return told


def _messages(attributes: dict[str, Any], way: str) -> list[dict[str, Any]]:
    """Lists are flattened in names: ``llm.input_messages.0.message.role``, ``….0.message.contents.1.message_content.text``."""
    pattern = re.compile(_MESSAGE.format(way))
    found: dict[int, dict[str, Any]] = {}
    parts: dict[int, dict[int, Any]] = {}
    for name, value in attributes.items():
        if (field := pattern.fullmatch(name)) is None:
            continue
        message = found.setdefault(int(field[1]), {})
        if field[2]:
            message[field[2]] = value
        else:
            parts.setdefault(int(field[1]), {})[int(field[3])] = {"type": "text", "text": value}
    for number, texts in parts.items():
        found[number].setdefault("content", [texts[at] for at in sorted(texts)])
    return [found[number] for number in sorted(found)]


def _of_ai_sdk(attributes: dict[str, Any]) -> dict[str, Any]:
    """The span around all attempts (``ai.generateText``) says what those within say, so it stays a record."""
    told = _renamed(attributes, _AI_SDK)
    operation = str(attributes["ai.operationId"])
    if operation == _AI_SDK_TOOL:
        told["gen_ai.operation.name"] = "execute_tool"
    elif _AI_SDK_CALL.fullmatch(operation):
        told["gen_ai.operation.name"] = "chat"
        first_ms = attributes.get("ai.response.msToFirstChunk", attributes.get("ai.stream.msToFirstChunk"))
        if first_ms is not None:
            told["gen_ai.response.time_to_first_chunk"] = float(first_ms) / 1000
    return told


def _renamed(attributes: dict[str, Any], names: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    found = {
        name: next((attributes[each] for each in theirs if attributes.get(each) not in (None, "")), None)
        for name, theirs in names.items()
    }
    return {name: value for name, value in found.items() if value is not None}
