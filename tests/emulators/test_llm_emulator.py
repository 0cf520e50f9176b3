"""The openai SDK against the emulated chat API."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import httpx
import jsonschema  # type: ignore[import-untyped]
import openai
import pytest

from emulators.server import EmulatorServer
from emulators.smallest import UnsatisfiableSchemaError, smallest_value
from emulators.state import TokenBucket
from emulators.tokens import PromptCache, prompt_tokens, tokens_of
from tests.emulators.harness import KEY, quick_config, running
from tests.support import unhurried

USER = {"role": "user", "content": "I lost my card"}


def client(server: EmulatorServer, key: str = KEY) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key=key, base_url=f"{server.url}/v1", max_retries=0)


async def ask(server: EmulatorServer, *messages: dict[str, str], label: str = "", **options: Any) -> Any:
    headers = {"x-ledgerline-label": label} if label else {}
    async with client(server) as sdk:
        create: Any = sdk.chat.completions.create
        return await create(model="emulated", messages=list(messages) or [USER], extra_headers=headers, **options)


async def streamed(server: EmulatorServer, *messages: dict[str, str], **options: Any) -> list[Any]:
    async with client(server) as sdk:
        create: Any = sdk.chat.completions.create
        stream = await create(model="emulated", messages=list(messages) or [USER], stream=True, **options)
        return [chunk async for chunk in stream]


def text_of(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_the_script_wins_then_the_approved_wording_then_the_canned_sentence() -> None:
    config = quick_config(llm={"script": [{"match": "lost .* card", "reply": "It's blocked."}], "canned": "Hello."})
    approved = {"role": "developer", "content": "Say only this: <approved> We open at nine. </approved>"}

    async def scene() -> list[str]:
        async with running(config) as server:
            said = [
                await ask(server, approved, USER),
                await ask(server, approved, {"role": "user", "content": "When do you open?"}),
                await ask(server, {"role": "user", "content": "Hi"}),
            ]
            return [completion.choices[0].message.content for completion in said]

    assert unhurried(scene()) == ["It's blocked.", "We open at nine.", "Hello."]


def test_a_stream_and_a_whole_answer_say_the_same_and_count_the_same() -> None:
    async def scene() -> tuple[Any, list[Any]]:
        async with running(quick_config(llm={"canned": "Größe, naïve — 12,50 €!"})) as server:
            return await ask(server), await streamed(server, stream_options={"include_usage": True})

    whole, chunks = unhurried(scene())
    assert text_of(chunks) == whole.choices[0].message.content == "Größe, naïve — 12,50 €!"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens > 1
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason == "stop"


def test_usage_is_streamed_only_when_asked_for() -> None:
    async def scene() -> list[Any]:
        async with running() as server:
            return await streamed(server)

    assert all(chunk.usage is None and chunk.choices for chunk in unhurried(scene()))


def test_a_limit_of_tokens_cuts_the_answer_short() -> None:
    async def scene() -> Any:
        async with running() as server:
            return await ask(server, max_completion_tokens=2)

    completion = unhurried(scene())
    assert completion.choices[0].finish_reason == "length"
    assert completion.usage.completion_tokens == 2


def test_a_schema_is_followed_and_a_guard_passes() -> None:
    guard = {
        "type": "object",
        "properties": {"passed": {"type": "boolean"}, "reasons": {"type": "array", "items": {"type": "string"}}},
        "required": ["passed", "reasons"],
        "additionalProperties": False,
    }
    intent = {
        "type": "object",
        "properties": {
            "intent": {"enum": ["lost_card", "other"]},
            "confidence": {"type": "number", "minimum": 0.5},
            "note": {"$ref": "#/$defs/note"},
        },
        "required": ["intent", "confidence", "note"],
        "$defs": {"note": {"type": "string", "minLength": 3}},
    }

    def asked(schema: dict[str, Any]) -> dict[str, Any]:
        return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}

    async def scene() -> list[Any]:
        async with running(quick_config(llm={"script": [{"match": "card", "reply": "not json"}]})) as server:
            said = [await ask(server, response_format=asked(schema)) for schema in (guard, intent)]
            return [json.loads(completion.choices[0].message.content) for completion in said]

    judged, classified = unhurried(scene())
    assert judged == {"passed": True, "reasons": []}
    jsonschema.validate(classified, intent)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]},
        {"type": "array", "items": {"type": "integer", "exclusiveMinimum": 3}, "minItems": 2},
        {"anyOf": [{"const": "x"}, {"type": "null"}]},
        {"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"type": "boolean"}}}]},
        {"type": "number", "maximum": -2},
    ],
)
def test_the_smallest_value_satisfies_its_schema(schema: dict[str, Any]) -> None:
    jsonschema.validate(smallest_value(schema), schema)


def test_a_schema_that_requires_itself_for_ever_is_said_to_be_so() -> None:
    with pytest.raises(UnsatisfiableSchemaError):
        smallest_value({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]})


def test_the_script_may_be_for_some_attempts_only() -> None:
    script = [{"match": ".", "attempts": [0], "reply": "Tomorrow, I promise."}]

    async def scene() -> list[str | None]:
        async with running(quick_config(llm={"script": script, "canned": "In a week."})) as server:
            asked = [await ask(server, label=f"t|answer|{attempt}") for attempt in (0, 1)]
            return [each.choices[0].message.content for each in asked]

    assert unhurried(scene()) == ["Tomorrow, I promise.", "In a week."]


def test_tools_are_called_when_scripted_or_required() -> None:
    tools = [
        {
            "type": "function",
            "function": {
                "name": "block_card",
                "parameters": {"type": "object", "properties": {"card": {"type": "string"}}, "required": ["card"]},
            },
        }
    ]
    script = [{"match": "lost", "tool": {"name": "block_card", "arguments": {"card": "1234"}}}]

    async def scene() -> tuple[Any, list[Any], Any]:
        async with running(quick_config(llm={"script": script})) as server:
            hello = {"role": "user", "content": "Hello"}
            return (
                await ask(server, tools=tools),
                await streamed(server, hello, tools=tools, tool_choice="required"),
                await ask(server, hello, tools=tools),
            )

    whole, chunks, without = unhurried(scene())
    call = whole.choices[0].message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)) == ("block_card", {"card": "1234"})
    assert whole.choices[0].finish_reason == "tool_calls"
    pieces = [c.choices[0].delta.tool_calls[0] for c in chunks if c.choices and c.choices[0].delta.tool_calls]
    assert pieces[0].function.name == "block_card"
    assert json.loads("".join(piece.function.arguments for piece in pieces)) == {"card": ""}
    assert without.choices[0].message.tool_calls is None


def test_cached_tokens_are_the_prefix_shared_with_an_earlier_request() -> None:
    system = {"role": "system", "content": "policy " * 1500}

    async def scene() -> list[int]:
        async with running() as server:
            asked = [
                (system, {"role": "user", "content": "one"}),
                (system, {"role": "user", "content": "two"}),
                ({"role": "system", "content": "other " + system["content"]}, {"role": "user", "content": "one"}),
                ({"role": "user", "content": "short"},),
                ({"role": "user", "content": "short"},),
            ]
            return [(await ask(server, *m)).usage.prompt_tokens_details.cached_tokens for m in asked]

    cold, warm, other, short, again = unhurried(scene())
    assert (cold, other, short, again) == (0, 0, 0, 0)
    assert warm >= 1024
    assert warm % 128 == 0


def test_the_prompt_cache_keeps_models_apart_and_honours_its_granularity() -> None:
    cache = PromptCache()
    prompt = [f"t{n}" for n in range(100)]
    cache.remember("a", prompt, step=10)
    changed = [*prompt[:57], "x", *prompt[58:]]
    assert cache.cached_tokens("a", changed, minimum=10, step=10) == 50
    assert cache.cached_tokens("a", changed, minimum=60, step=10) == 0
    assert cache.cached_tokens("b", prompt, minimum=10, step=10) == 0


@pytest.mark.parametrize("text", ["", "a", "Hello,  world!\n\n 12,50 € — naïve", "x" * 40])
def test_tokens_join_to_the_text(text: str) -> None:
    assert "".join(tokens_of(text)) == text


@pytest.mark.parametrize("key", ["wrong", ""])
def test_a_wrong_key_gets_a_401(key: str) -> None:
    async def scene() -> None:
        async with running() as server, aiohttp.ClientSession() as http:
            headers = {"Authorization": f"Bearer {key}"}
            async with http.post(f"{server.url}/v1/chat/completions", json={}, headers=headers) as response:
                assert response.status == 401
                assert (await response.json())["error"]["code"] == "invalid_api_key"
            with pytest.raises(openai.AuthenticationError):
                await client(server, key="wrong").models.list()

    unhurried(scene())


@pytest.mark.parametrize("body", ["[]", "{", '{"model": "m"}', '{"model": "m", "messages": []}'])
def test_a_malformed_request_gets_a_400_in_openais_shape(body: str) -> None:
    async def scene() -> tuple[int, Any]:
        async with running() as server, aiohttp.ClientSession() as http:
            headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
            async with http.post(f"{server.url}/v1/chat/completions", data=body, headers=headers) as response:
                return response.status, await response.json()

    status, answer = unhurried(scene())
    assert status == 400
    assert answer["error"]["type"] == "invalid_request_error"


def test_the_models_are_listed() -> None:
    async def scene() -> list[str]:
        async with running(quick_config(llm={"models": ["small", "large"]})) as server, client(server) as sdk:
            return [model.id async for model in sdk.models.list()]

    assert unhurried(scene()) == ["small", "large"]


def test_429_and_5xx_come_with_their_headers() -> None:
    config = quick_config(
        faults=[
            {"fault": "rate_limited", "prompt_kind": "limited", "retry_after_s": 2.5},
            {"fault": "server_error", "prompt_kind": "broken", "status": 503},
        ]
    )

    async def scene() -> None:
        async with running(config) as server:
            with pytest.raises(openai.RateLimitError) as limited:
                await ask(server, label="t|limited|0")
            assert limited.value.response.headers["retry-after"] == "3"
            assert limited.value.response.headers["retry-after-ms"] == "2500"
            with pytest.raises(openai.InternalServerError) as broken:
                await ask(server, label="t|broken|0")
            assert broken.value.status_code == 503

    unhurried(scene())


def test_a_shared_limit_spares_the_burst_and_says_when_to_come_back() -> None:
    bucket = TokenBucket(per_s=2, burst=2, started_s=0.0)
    assert [bucket.take(0.0), bucket.take(0.0), bucket.take(0.0)] == [None, None, 0.5]
    assert bucket.take(0.25) == pytest.approx(0.25)
    assert bucket.take(0.5) is None

    async def scene() -> int:
        async with running(quick_config(rate_limit={"requests_per_s": 0.01, "burst": 3})) as server:
            asked = await asyncio.gather(*(ask(server, label=f"{n}|a|0") for n in range(5)), return_exceptions=True)
            return sum(isinstance(answer, openai.RateLimitError) for answer in asked)

    assert unhurried(scene()) == 2


def test_a_limit_of_tokens_counts_the_prompt_and_all_that_may_be_answered() -> None:
    most, prompt = 100, len(prompt_tokens([("user", "hello")]))

    async def scene() -> dict[str, str]:
        limit = {"tokens_per_s": 0.01, "burst": 2 * (most + prompt)}
        async with running(quick_config(token_limit=limit)) as server, client(server) as sdk:
            body: Any = {"model": "emulated", "messages": [{"role": "user", "content": "hello"}], "max_tokens": most}
            told = await sdk.chat.completions.with_raw_response.create(**body)
            await sdk.chat.completions.create(**body)
            with pytest.raises(openai.RateLimitError):
                await sdk.chat.completions.create(**body)
            return dict(told.headers)

    headers = unhurried(scene())
    assert headers["x-ratelimit-remaining-tokens"] == str(most + prompt)
    assert "x-ratelimit-limit-requests" not in headers


def test_a_limit_need_not_be_told() -> None:
    async def scene() -> list[str]:
        limits = {"requests_per_s": 5, "burst": 5, "told": False}
        async with running(quick_config(rate_limit=limits)) as server, client(server) as sdk:
            said: Any = [{"role": "user", "content": "hello"}]
            answer = await sdk.chat.completions.with_raw_response.create(model="emulated", messages=said)
            return [name for name in answer.headers if name.startswith("x-ratelimit")]

    assert unhurried(scene()) == []


@pytest.mark.parametrize(
    ("fault", "text", "finish_reason"),
    [
        ({"fault": "empty_completion"}, "", "stop"),
        ({"fault": "other_language", "text": "Guten Tag."}, "Guten Tag.", "stop"),
        ({"fault": "cut_short"}, "I can help y", "length"),
        ({"fault": "cut_short", "finish_reason": "content_filter"}, "I can help y", "content_filter"),
    ],
)
def test_a_spoiled_completion_is_spoiled_in_both_forms(fault: dict[str, Any], text: str, finish_reason: str) -> None:
    async def scene() -> tuple[Any, list[Any]]:
        async with running(quick_config(faults=[fault])) as server:
            return await ask(server), await streamed(server)

    whole, chunks = unhurried(scene())
    assert whole.choices[0].message.content == text_of(chunks) == text
    assert whole.choices[0].finish_reason == chunks[-1].choices[0].finish_reason == finish_reason


@pytest.mark.parametrize(("form", "is_json"), [("wrong_shape", True), ("not_json", False)])
def test_an_off_schema_completion_departs_from_the_schema(form: str, is_json: bool) -> None:
    asked = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "required": ["a"]}}}

    async def scene() -> str:
        async with running(quick_config(faults=[{"fault": "off_schema", "form": form}])) as server:
            return str((await ask(server, response_format=asked)).choices[0].message.content)

    text = unhurried(scene())
    if is_json:
        assert "a" not in json.loads(text)
    else:
        with pytest.raises(ValueError, match="Expecting"):
            json.loads(text)


def test_a_dropped_connection_ends_the_stream_after_its_tokens() -> None:
    said: list[str] = []

    async def read(stream: Any) -> None:
        async for chunk in stream:
            said.append(chunk.choices[0].delta.content or "")

    async def scene() -> None:
        config = quick_config(faults=[{"fault": "drop_connection", "tokens": 2}], llm={"canned": "one two three four"})
        async with running(config) as server, client(server) as sdk:
            create: Any = sdk.chat.completions.create
            with pytest.raises((openai.APIConnectionError, httpx.TransportError)):
                await read(await create(model="m", messages=[USER], stream=True))

    unhurried(scene())
    assert "one two three four".startswith("".join(said))
    assert "three" not in "".join(said)


@pytest.mark.parametrize("form", ["comment", "empty_delta"])
def test_keep_alives_carry_no_content(form: str) -> None:
    async def scene() -> str:
        config = quick_config(faults=[{"fault": "keep_alives", "form": form, "for_s": 0.1, "every_s": 0.02}])
        async with running(config) as server, aiohttp.ClientSession() as http:
            body = {"model": "m", "messages": [USER], "stream": True}
            headers = {"Authorization": f"Bearer {KEY}"}
            async with http.post(f"{server.url}/v1/chat/completions", json=body, headers=headers) as response:
                return await response.text()

    raw = unhurried(scene())
    before, _, _ = raw.partition('"role"')
    keep_alive = ": keep-alive\n\n" if form == "comment" else '"delta": {"content": ""}'
    assert before.count(keep_alive) >= 2


def test_tokens_are_counted_as_a_bill_would_count_them_also_of_an_answer_that_broke_off() -> None:
    dropped = {"fault": "drop_connection", "tokens": 2, "attempts": [1]}
    script = [{"match": ".", "reply": "one two four five"}]

    async def scene() -> dict[str, Any]:
        config = quick_config(llm={"script": script}, faults=[dropped])
        async with running(config) as server, aiohttp.ClientSession() as http:
            await ask(server, label="t|answer|0")
            with pytest.raises((openai.APIConnectionError, httpx.TransportError)):
                await streamed(server, extra_headers={"x-ledgerline-label": "t|answer|1"})
            async with http.get(f"{server.url}/_stats") as response:
                stats: dict[str, Any] = (await response.json())["llm"]
                return stats

    stats = unhurried(scene())
    assert stats["completion_tokens"] == 4 + 2
    assert stats["prompt_tokens"] > 0
    assert stats["cached_tokens"] == 0


def test_a_client_that_hangs_up_is_counted_and_its_work_stops() -> None:
    config = quick_config(faults=[{"fault": "stall_before_first_token", "stall_s": 60}])

    async def scene() -> dict[str, Any]:
        async with running(config) as server, aiohttp.ClientSession() as http:
            asking = asyncio.create_task(ask(server, label="t|answer|0"))
            stats: dict[str, Any] = {"in_flight": 0, "cut_off": 0}

            async def until(field: str) -> None:
                nonlocal stats
                while stats[field] == 0:
                    async with http.get(f"{server.url}/_stats") as response:
                        stats = (await response.json())["llm"]

            async with asyncio.timeout(10):
                await until("in_flight")
                asking.cancel()
                await until("cut_off")
            return stats

    stats = unhurried(scene())
    assert (stats["requests"], stats["in_flight"], stats["cut_off"], stats["completed"]) == (1, 0, 1, 0)
    assert stats["by_kind"] == {"answer": 1}
    assert stats["faults"] == {"stall_before_first_token": 1}


def test_the_configuration_can_be_read_and_replaced_at_run_time() -> None:
    async def scene() -> None:
        async with running() as server, aiohttp.ClientSession() as http:
            async with http.get(f"{server.url}/_control") as response:
                settings = await response.json()
            settings["faults"] = [{"fault": "rate_limited"}]
            async with http.put(f"{server.url}/_control", json=settings) as response:
                assert (await response.json())["faults"][0]["retry_after_s"] == 1.0
            with pytest.raises(openai.RateLimitError):
                await ask(server)
            async with http.put(f"{server.url}/_control", json={"faults": [{"fault": "?"}]}) as response:
                assert response.status == 422
            with pytest.raises(openai.RateLimitError):  # the refused one changed nothing
                await ask(server)

    unhurried(scene())
