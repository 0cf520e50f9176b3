"""OpenAI's chat API: ``POST /v1/chat/completions`` and ``GET /v1/models``.

Wire format: OpenAI's API reference, as the openai SDK reads it; streams are server-sent events that end with
``data: [DONE]``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from emulators.cut import cut_connection
from emulators.draws import Draw, draw_for
from emulators.faults import DropConnection, KeepAlives, Service, StallAfterTokens, StallBeforeFirstToken, Struck
from emulators.llm_answers import Answer, answer, text_of
from emulators.smallest import UnsatisfiableSchemaError
from emulators.state import Admitted, EmulatorState, Refusal, ServiceStats, now_s, sleep_until
from emulators.tokens import PromptCache, prompt_tokens, tokens_of

_ERROR_TYPES = {401: "invalid_request_error", 400: "invalid_request_error", 429: "rate_limit_error"}
_ERROR_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
_MESSAGES = {401: "Incorrect API key provided.", 429: "Rate limit reached for requests."}


@dataclass(frozen=True, slots=True)
class Pace:
    """When each token of a completion is sent, in seconds after the request came in."""

    first_s: float
    per_token_s: float
    stall_after: int | None  # tokens before the stall
    stall_s: float

    def due_s(self, tokens_before: int) -> float:
        stalled = self.stall_after is not None and tokens_before >= self.stall_after
        return self.first_s + tokens_before * self.per_token_s + (self.stall_s if stalled else 0.0)


@dataclass(frozen=True, slots=True)
class Job:
    """One completion: what is said, how fast, and what it counts."""

    id: str
    model: str
    created: int
    began_s: float
    answer: Answer
    tokens: tuple[str, ...]
    pace: Pace
    usage: dict[str, Any]
    admitted: Admitted
    include_usage: bool
    tokens_per_chunk: int

    @property
    def headers(self) -> dict[str, str]:
        return {"x-request-id": self.id, **self.admitted.headers()}

    @property
    def drop_after(self) -> int | None:
        drop = self.admitted.struck.get(DropConnection)
        return None if drop is None else drop.tokens


class ChatApi:
    def __init__(self, state: EmulatorState) -> None:
        self._state = state
        self._cache = PromptCache()

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v1/chat/completions", self.complete), web.get("/v1/models", self.models)]

    async def models(self, request: web.Request) -> web.Response:
        if not self._authorised(request):
            return _error(Refusal(401, None))
        entries = [
            {"id": name, "object": "model", "created": 0, "owned_by": "emulator"}
            for name in self._state.config.llm.models
        ]
        return web.json_response({"object": "list", "data": entries})

    async def complete(self, request: web.Request) -> web.StreamResponse:
        began_s = now_s()
        if not self._authorised(request):
            self._state.refused(Service.LLM, 401)
            return _error(Refusal(401, None))
        try:
            body = _checked(await request.json())
        except ValueError as error:
            self._state.refused(Service.LLM, 400)
            return _error(Refusal(400, None), str(error))
        fallback = json.dumps([body["model"], body["messages"]])
        draw = draw_for(self._state.config.seed, request.headers, fallback=fallback, kind="chat")
        prompt = prompt_tokens([(message.get("role"), text_of(message.get("content"))) for message in body["messages"]])
        admitted = self._state.admit(Service.LLM, draw, body["model"], len(prompt) + (_most_tokens(body) or 0))
        if isinstance(admitted, Refusal):
            return _error(admitted)
        try:
            job = self._job(body, prompt, draw, admitted, began_s)
        except UnsatisfiableSchemaError as error:
            self._state.refused(Service.LLM, 400)
            return _error(Refusal(400, None), f"Invalid schema: {error}")
        stats = self._state.stats[Service.LLM]
        stats.prompt_tokens += job.usage["prompt_tokens"]
        stats.cached_tokens += job.usage["prompt_tokens_details"]["cached_tokens"]
        with self._state.serving(Service.LLM):
            if body.get("stream"):
                return await _stream(request, job, stats)
            return await _whole(request, job, stats)

    def _authorised(self, request: web.Request) -> bool:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        return scheme == "Bearer" and self._state.accepts(key)

    def _job(self, body: Mapping[str, Any], prompt: list[str], draw: Draw, admitted: Admitted, began_s: float) -> Job:
        struck = admitted.struck
        said = answer(body, self._state.config.llm, draw, struck)
        tokens = tokens_of(said.tool.arguments if said.tool else said.text)
        limit = _most_tokens(body)
        if limit is not None and len(tokens) > limit:
            tokens = tokens[:limit]
            said = Answer(text="".join(tokens), tool=said.tool, finish_reason="length")
        return Job(
            id="chatcmpl-" + draw.digest("id")[:24],
            model=body["model"],
            created=int(time.time()),
            began_s=began_s,
            answer=said,
            tokens=tuple(tokens),
            pace=self._pace(draw, struck),
            usage=self._usage(body["model"], prompt, len(tokens)),
            admitted=admitted,
            include_usage=bool((body.get("stream_options") or {}).get("include_usage")),
            tokens_per_chunk=self._state.config.llm.tokens_per_chunk,
        )

    def _pace(self, draw: Draw, struck: Struck) -> Pace:
        settings = self._state.config.llm
        slow = self._state.slowness(Service.LLM)
        latency = settings.first_token
        first_ms = draw.lognormal("first token", median=latency.median_ms, p95=latency.p95_ms)
        late_s = fault.stall_s if (fault := struck.get(StallBeforeFirstToken)) else 0.0
        late_s += alive.for_s if (alive := struck.get(KeepAlives)) else 0.0
        stall = struck.get(StallAfterTokens)
        stall_after, stall_s = (stall.tokens, stall.stall_s) if stall else (None, 0.0)
        if stall is None and draw.uniform("stall") < settings.stall_share:
            stall_after, stall_s = settings.stall_after_tokens, settings.stall_s
        return Pace(first_ms / 1000 * slow + late_s, slow / settings.tokens_per_s, stall_after, stall_s)

    def _usage(self, model: str, prompt: list[str], completion: int) -> dict[str, Any]:
        settings = self._state.config.llm
        cached = self._cache.cached_tokens(
            model, prompt, minimum=settings.cache_minimum_tokens, step=settings.cache_step_tokens
        )
        self._cache.remember(model, prompt, step=settings.cache_step_tokens)
        return {
            "prompt_tokens": len(prompt),
            "completion_tokens": completion,
            "total_tokens": len(prompt) + completion,
            "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        }


def _most_tokens(body: Mapping[str, Any]) -> int | None:
    """Of the completion; None where the request says nothing."""
    return body.get("max_completion_tokens") or body.get("max_tokens")


def _checked(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise ValueError("The body must be a JSON object.")
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise ValueError("you must provide a model parameter")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise ValueError("Invalid 'messages': expected a non-empty array of objects.")
    if body.get("n") not in (None, 1):
        raise ValueError("Only n=1 is emulated.")
    return body


def _error(refusal: Refusal, message: str | None = None) -> web.Response:
    error = {
        "message": message or _MESSAGES.get(refusal.status, "The server had an error."),
        "type": _ERROR_TYPES.get(refusal.status, "server_error"),
        "param": None,
        "code": _ERROR_CODES.get(refusal.status),
    }
    return web.json_response({"error": error}, status=refusal.status, headers=refusal.headers())


async def _whole(request: web.Request, job: Job, stats: ServiceStats) -> web.Response:
    await sleep_until(job.began_s + job.pace.due_s(len(job.tokens)))
    stats.completion_tokens += len(job.tokens)
    if job.drop_after is not None:
        cut_connection(request)
    message: dict[str, Any] = {"role": "assistant", "content": job.answer.text, "refusal": None}
    if tool := job.answer.tool:
        function = {"name": tool.name, "arguments": "".join(job.tokens)}
        message["content"] = None
        message["tool_calls"] = [{"id": tool.id, "type": "function", "function": function}]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": job.answer.finish_reason}
    body = {"id": job.id, "object": "chat.completion", "created": job.created, "model": job.model}
    return web.json_response(
        {**body, "choices": [choice], "usage": job.usage, "system_fingerprint": "fp_emulated"},
        headers=job.headers,
    )


async def _stream(request: web.Request, job: Job, stats: ServiceStats) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache", **job.headers}
    )
    await response.prepare(request)
    await _keep_alive(response, job)
    await sleep_until(job.began_s + job.pace.due_s(0))
    await _send(response, job, _opening(job))
    for index in range(0, len(job.tokens), job.tokens_per_chunk):
        if job.drop_after is not None and index >= job.drop_after:
            cut_connection(request)
        await sleep_until(job.began_s + job.pace.due_s(index))
        piece = job.tokens[index : index + job.tokens_per_chunk]
        stats.completion_tokens += len(piece)
        await _send(response, job, _piece(job, "".join(piece)))
    if job.drop_after is not None:
        cut_connection(request)
    await sleep_until(job.began_s + job.pace.due_s(len(job.tokens)))
    await _send(response, job, {}, finish_reason=job.answer.finish_reason)
    if job.include_usage:
        await response.write(_event(_chunk(job) | {"choices": [], "usage": job.usage}))
    await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


async def _keep_alive(response: web.StreamResponse, job: Job) -> None:
    alive = job.admitted.struck.get(KeepAlives)
    if alive is None:
        return
    first_s = job.began_s + job.pace.due_s(0)
    while now_s() + alive.every_s < first_s:
        await sleep_until(now_s() + alive.every_s)
        if alive.form == "comment":
            await response.write(b": keep-alive\n\n")
        else:
            await _send(response, job, {"content": ""})


def _opening(job: Job) -> dict[str, Any]:
    if tool := job.answer.tool:
        function = {"name": tool.name, "arguments": ""}
        call = {"index": 0, "id": tool.id, "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    return {"role": "assistant", "content": "", "refusal": None}


def _piece(job: Job, text: str) -> dict[str, Any]:
    if job.answer.tool:
        return {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}
    return {"content": text}


def _chunk(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "object": "chat.completion.chunk",
        "created": job.created,
        "model": job.model,
        "system_fingerprint": "fp_emulated",
    }


async def _send(
    response: web.StreamResponse, job: Job, delta: dict[str, Any], finish_reason: str | None = None
) -> None:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    chunk = _chunk(job) | {"choices": [choice]}
    await response.write(_event(chunk | {"usage": None} if job.include_usage else chunk))


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"
