"""The OpenAI-compatible adapter, through the real SDK, against the emulator: answers, figures and every failure."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from agent_core.ports import CompletionRequest, CompletionResult, FailureReason, Message, ProviderError
from emulators.server import EmulatorServer
from providers.chat_chunks import PromptDetails, Usage
from providers.http_failures import retry_after_s
from providers.openai_compatible import OpenAICompatible, OpenAISettings
from providers.prices import Prices, cost_micros
from tests.emulators.harness import KEY, quick_config, running
from tests.support import unhurried

SECRET = "my card number is 4929"


def request(**changes: Any) -> CompletionRequest:
    defaults: dict[str, Any] = {
        "purpose": "answer",
        "model": "answer",
        "messages": (Message("system", "You help."), Message("user", SECRET)),
    }
    return CompletionRequest(**(defaults | changes))


def adapter(server: EmulatorServer, **changes: Any) -> OpenAICompatible:
    defaults: dict[str, Any] = {"api_key": KEY, "model": "emulated", "url": f"{server.url}/v1"}
    return OpenAICompatible(OpenAISettings(**(defaults | changes)))


async def complete(server: EmulatorServer, asked: CompletionRequest, **settings: Any) -> CompletionResult:
    model = adapter(server, **settings)
    try:
        return await model.complete(asked)
    finally:
        await model.close()


def failure(config: Mapping[str, Any], asked: CompletionRequest | None = None, **settings: Any) -> ProviderError:
    """The error that one completion ends in."""

    async def scene() -> ProviderError:
        async with running(quick_config(**config)) as server:
            with pytest.raises(ProviderError) as caught:
                await complete(server, asked or request(), **settings)
            return caught.value

    return unhurried(scene())


def test_a_completion_comes_with_its_tokens_cost_and_times() -> None:
    async def scene() -> CompletionResult:
        async with running(quick_config(llm={"canned": "Your card is blocked."})) as server:
            return await complete(server, request(), prices={"emulated": Prices(input=2.0, output=8.0)})

    result = unhurried(scene())
    assert (result.text, result.provider, result.model) == ("Your card is blocked.", "openai", "emulated")
    assert result.input_tokens is not None
    assert result.output_tokens is not None
    assert result.cached_tokens == 0
    assert result.cost_micros == result.input_tokens * 2 + result.output_tokens * 8
    assert result.first_token_ms is not None
    assert result.total_ms is not None
    assert 0 < result.first_token_ms <= result.total_ms


def test_cost_is_unknown_without_a_price_and_cached_tokens_have_their_own() -> None:
    usage = Usage(prompt_tokens=1000, completion_tokens=10, prompt_tokens_details=PromptDetails(cached_tokens=600))
    assert cost_micros(None, usage) is None
    assert cost_micros(Prices(1.0, 4.0), None) is None
    assert cost_micros(Prices(1.0, 4.0), usage) == 1040
    assert cost_micros(Prices(1.0, 4.0, cached_input=0.5), usage) == 740


def test_a_routed_name_becomes_the_vendors_and_options_pass_through() -> None:
    script = [{"match": ".", "reply": "named", "prompt_kind": "guard"}]

    async def scene() -> tuple[CompletionResult, CompletionResult, dict[str, Any]]:
        async with running(quick_config(llm={"script": script})) as server, aiohttp.ClientSession() as http:
            labelled = request(label="t1|guard|0")
            asked = {"models": {"answer": "large"}, "options": {"temperature": 0, "n": 1}}
            told = await complete(server, labelled, emulated=True, **asked)
            untold = await complete(server, labelled, emulated=False, **asked)
            async with http.get(f"{server.url}/_stats") as response:
                return told, untold, (await response.json())["llm"]["by_kind"]

    told, untold, kinds = unhurried(scene())
    assert told.model == "large"
    assert told.text == "named"  # the emulator was told the kind of prompt
    assert untold.text != "named"
    assert kinds == {"guard": 1, "chat": 1}


def test_options_that_the_vendor_refuses_are_a_refusal() -> None:
    error = failure({}, options={"n": 2})
    assert error.reason is FailureReason.REFUSED


def test_a_schema_is_asked_for_and_its_json_comes_back() -> None:
    schema: dict[str, object] = {
        "type": "object",
        "properties": {"passed": {"type": "boolean"}, "reasons": {"type": "array"}},
        "required": ["passed", "reasons"],
    }

    async def scene() -> CompletionResult:
        async with running() as server:
            return await complete(server, request(purpose="guard", json_schema=schema))

    assert unhurried(scene()).text == '{"passed": true, "reasons": []}'


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"fault": "rate_limited"}, FailureReason.RATE_LIMITED),
        ({"fault": "server_error", "status": 500}, FailureReason.UNAVAILABLE),
        ({"fault": "server_error", "status": 503}, FailureReason.UNAVAILABLE),
        ({"fault": "server_error", "status": 504}, FailureReason.TIMED_OUT),
        ({"fault": "empty_completion"}, FailureReason.INVALID),
        ({"fault": "cut_short"}, FailureReason.INVALID),
        ({"fault": "cut_short", "finish_reason": "content_filter"}, FailureReason.REFUSED),
        ({"fault": "drop_connection", "tokens": 0}, FailureReason.UNAVAILABLE),
        ({"fault": "drop_connection", "tokens": 2}, FailureReason.UNAVAILABLE),
    ],
)
def test_each_fault_has_its_reason_and_tells_nothing_private(fault: dict[str, Any], reason: FailureReason) -> None:
    error = failure({"faults": [fault]})
    assert (error.reason, error.model) == (reason, "emulated")
    assert SECRET not in str(error)
    assert KEY not in str(error)


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "stall_before_first_token", "stall_s": 60},
        {"fault": "stall_after_tokens", "tokens": 2, "stall_s": 60},
        {"fault": "keep_alives", "form": "comment", "for_s": 60, "every_s": 0.01},
        {"fault": "keep_alives", "form": "empty_delta", "for_s": 60, "every_s": 0.01},
    ],
)
def test_a_stream_without_content_is_late_whatever_it_sends(fault: dict[str, Any]) -> None:
    assert failure({"faults": [fault]}, request(timeout_ms=150)).reason is FailureReason.TIMED_OUT


def test_a_stall_between_tokens_is_noticed_long_before_the_timeout() -> None:
    fault = {"fault": "stall_after_tokens", "tokens": 2, "stall_s": 60}
    assert failure({"faults": [fault]}, request(timeout_ms=120_000), stall_ms=100).reason is FailureReason.TIMED_OUT


def test_the_share_of_stalled_completions_follows_the_label() -> None:
    config = quick_config(llm={"stall_share": 0.5, "stall_s": 60})

    async def outcome(model: OpenAICompatible, label: str) -> FailureReason | None:
        try:
            await model.complete(request(label=label, timeout_ms=2000))
        except ProviderError as error:
            return error.reason
        return None

    async def scene(labels: list[str]) -> dict[str, FailureReason | None]:
        async with running(config) as server:
            model = adapter(server, emulated=True, stall_ms=300)
            outcomes = await asyncio.gather(*(outcome(model, label) for label in labels))
            await model.close()
            return dict(zip(labels, outcomes, strict=True))

    labels = [f"turn-{n}|answer|0" for n in range(12)]
    first = unhurried(scene(labels))
    assert first == unhurried(scene(labels[::-1]))
    assert set(first.values()) == {None, FailureReason.TIMED_OUT}


def test_a_wrong_key_is_unauthorised() -> None:
    error = failure({}, api_key="sk-wrong-key-of-mine")
    assert error.reason is FailureReason.UNAUTHORISED
    assert "sk-wrong" not in str(error)
    assert "sk-wrong" not in repr(OpenAISettings(api_key="sk-wrong-key-of-mine", model="m"))


def test_no_server_is_unavailable() -> None:
    async def scene() -> ProviderError:
        async with running() as server:
            model = adapter(server)
        with pytest.raises(ProviderError) as caught:
            await model.complete(request())
        await model.close()
        return caught.value

    assert unhurried(scene()).reason is FailureReason.UNAVAILABLE


def test_retry_after_reaches_whoever_decides() -> None:
    error = failure({"faults": [{"fault": "rate_limited", "retry_after_s": 1.5}]})
    assert error.retry_after_s == 1.5
    assert failure({"faults": [{"fault": "rate_limited", "retry_after_s": None}]}).retry_after_s is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "2", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2099 07:28:00 GMT"}, 3600.0),
        ({"retry-after": "inf"}, 3600.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_each_of_its_forms(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers) == expected


def test_a_cancelled_completion_lets_go_of_the_connection() -> None:
    config = quick_config(faults=[{"fault": "stall_after_tokens", "stall_s": 60}])

    async def scene() -> dict[str, Any]:
        async with running(config) as server, aiohttp.ClientSession() as http:
            model = adapter(server)
            asking = asyncio.create_task(model.complete(request(timeout_ms=60_000)))
            stats: dict[str, Any] = {"in_flight": 0, "cut_off": 0}
            async with asyncio.timeout(10):
                for counter in ("in_flight", "cut_off"):
                    while stats[counter] == 0:
                        async with http.get(f"{server.url}/_stats") as response:
                            stats = (await response.json())["llm"]
                    asking.cancel()
            assert asking.cancelled() or asking.cancelling()
            await model.close()
            return stats

    assert unhurried(scene())["in_flight"] == 0


def told(config: Mapping[str, Any]) -> tuple[list[str], CompletionResult | ProviderError]:
    """The sentences that were told on the way, and what came of it."""
    sentences: list[str] = []

    async def scene() -> CompletionResult | ProviderError:
        async with running(quick_config(**config)) as server:
            try:
                asked = request(on_sentence=lambda sentence: sentences.append(sentence.text), timeout_ms=400)
                return await complete(server, asked)
            except ProviderError as error:
                return error

    return sentences, unhurried(scene())


def test_each_sentence_is_told_as_soon_as_another_one_follows_it() -> None:
    sentences, result = told({"llm": {"canned": "It costs £3.50. Ask Mr. Smith. Anything else?"}})
    assert sentences == ["It costs £3.50.", "Ask Mr. Smith."]
    assert isinstance(result, CompletionResult)


def test_a_stream_that_stalls_within_a_sentence_tells_no_fragment() -> None:
    stalled = {"llm": {"canned": "Sure, I can do that. It is done.", "stall_share": 1.0, "stall_after_tokens": 2}}
    sentences, result = told(stalled)
    assert sentences == []
    assert isinstance(result, ProviderError)
    assert result.reason is FailureReason.TIMED_OUT
