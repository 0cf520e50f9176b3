"""The hedge that somebody would write for LiveKit Agents: three streams at once, the first whole sentence wins.

It buffers what each stream says until one has a sentence, so that a stream that says two words and stalls never wins; then
it goes on with that one alone.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from livekit.agents import APIConnectionError, llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

_ENDS = (".", "!", "?")


class HedgedLLM(llm.LLM[Any]):
    def __init__(self, model: llm.LLM[Any], attempts: int) -> None:
        super().__init__()
        self._model, self._attempts = model, attempts

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        **options: Any,
    ) -> llm.LLMStream:
        return _Race(self._model, self._attempts, self, chat_ctx, tools or [], conn_options, options)


class _Race(llm.LLMStream):
    def __init__(
        self,
        model: llm.LLM[Any],
        attempts: int,
        hedged: HedgedLLM,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool],
        conn_options: APIConnectOptions,
        options: dict[str, Any],
    ) -> None:
        super().__init__(hedged, chat_ctx=chat_ctx, tools=tools, conn_options=conn_options)
        self._model, self._attempts, self._options = model, attempts, options

    async def _run(self) -> None:
        async with AsyncExitStack() as streams:
            racing = {}
            for _ in range(self._attempts):
                stream = await streams.enter_async_context(
                    self._model.chat(
                        chat_ctx=self._chat_ctx, tools=self._tools, conn_options=self._conn_options, **self._options
                    )
                )
                racing[asyncio.create_task(_first_sentence(stream))] = stream
            try:
                winner = await _first_done(set(racing))
            finally:
                for task in racing:
                    task.cancel()
            for task, stream in racing.items():
                if task is not winner:
                    await stream.aclose()
            for chunk in winner.result():
                self._event_ch.send_nowait(chunk)
            async for chunk in racing[winner]:
                self._event_ch.send_nowait(chunk)


async def _first_sentence(stream: llm.LLMStream) -> list[llm.ChatChunk]:
    """What the stream said up to the end of its first sentence, or to its own end."""
    said: list[llm.ChatChunk] = []
    async for chunk in stream:
        said.append(chunk)
        if chunk.delta and (chunk.delta.content or "").rstrip().endswith(_ENDS):
            break
    return said


async def _first_done(tasks: set[asyncio.Task[list[llm.ChatChunk]]]) -> asyncio.Task[list[llm.ChatChunk]]:
    while tasks:
        done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if task.exception() is None:
                return task
    raise APIConnectionError("every attempt failed")
