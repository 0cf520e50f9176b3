"""Many servers speak OpenAI's chat API: what they may send is understood, what they may not is a failure with a reason."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from agent_core.ports import CompletionRequest, CompletionResult, FailureReason, Message, ProviderError, Sentence
from agent_core.whole_text import whole_text
from providers.openai_compatible import OpenAICompatible, OpenAISettings
from providers.prices import Prices
from providers.thoughts import ThoughtFilter
from tests.providers.vendor_server import serving

SAID = "It is done. Anything else?"
END = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def said(content: Any, **of_choice: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None, **of_choice}]}


def events(*chunks: Any) -> bytes:
    return b"".join(b"data: %s\n\n" % json.dumps(chunk).encode() for chunk in (*chunks, END)) + b"data: [DONE]\n\n"


def completed(stream: bytes, told: list[Sentence] | None = None) -> CompletionResult:
    """What becomes of a stream. Raises ``ProviderError``."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=stream, content_type="text/event-stream")

    async def scene() -> CompletionResult:
        async with serving("/v1/chat/completions", answer, "POST") as url:
            settings = OpenAISettings(api_key="k", model="m", url=f"{url}/v1", prices={"m": Prices(1.0, 4.0)})
            model = OpenAICompatible(settings)
            try:
                return await model.complete(
                    CompletionRequest(
                        purpose="answer",
                        model="answer",
                        messages=(Message("user", "hello"),),
                        on_sentence=(told if told is not None else []).append,
                    )
                )
            finally:
                await model.close()

    return asyncio.run(scene())


@pytest.mark.parametrize(
    "stream",
    [
        events({"choices": [{"index": 0, "delta": {"role": "assistant"}}]}, said(SAID)),
        events(said(None), {"choices": None}, {"choices": [{"index": 0, "delta": None}]}, said(SAID)),
        events(said(SAID)).replace(b"\n", b"\r\n"),
        b"id: 1\n" + events(said(SAID)).replace(b"\n\n", b"\n\n: keep-alive\n\n"),
        events(
            {"choices": [{"index": 1, "delta": {"content": "Another one."}, "finish_reason": "length"}]}, said(SAID)
        ),
        events(said("", reasoning_content="hm"), ["no", "chunk"], said(SAID)),
    ],
    ids=["role first", "nothing in it", "CRLF", "comments behind an id", "a second choice", "what is unknown"],
)
def test_what_servers_may_send_beside_the_text_changes_nothing(stream: bytes) -> None:
    assert completed(stream).text == SAID


@pytest.mark.parametrize(
    "chunk",
    [said(5), said([{"type": "text", "text": SAID}]), {"choices": {"0": "x"}}, {"choices": ["x"]}, said("", delta="x")],
    ids=["a number", "parts", "choices by name", "choices of text", "a delta of text"],
)
def test_a_stream_of_another_shape_is_invalid_and_no_bug_of_ours(chunk: Any) -> None:
    with pytest.raises(ProviderError) as error:
        completed(events(chunk))
    assert error.value.reason is FailureReason.INVALID


def test_a_server_that_knows_no_limit_is_cut_off_long_before_its_book_is_judged() -> None:
    with pytest.raises(ProviderError, match="more than the tokens") as error:
        completed(events(*[said("word " * 1000)] * 20))
    assert error.value.reason is FailureReason.INVALID


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (
            {"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": None}},
            (9, 5, None, 29),
        ),
        ({"total_tokens": 14}, (None, None, None, None)),
        ({"prompt_tokens": -1, "completion_tokens": 5}, (None, None, None, None)),
        ("none", (None, None, None, None)),
        (None, (None, None, None, None)),
    ],
)
def test_usage_that_cant_be_read_is_unknown_and_the_answer_counts(usage: Any, tokens: tuple[int | None, ...]) -> None:
    result = completed(events(said(SAID), {"choices": [], "usage": usage}))
    assert result.text == SAID
    assert (result.input_tokens, result.output_tokens, result.cached_tokens, result.cost_micros) == tokens


@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("\n<think>They want it gone. </thin </think>\n\n" + SAID, SAID),
        ("<think></think>" + SAID, SAID),
        (" <thinking about it", "<thinking about it"),
        ("<th", "<th"),
        ("It is <think>done</think>.", "It is <think>done</think>."),
    ],
    ids=["thoughts", "none", "another word", "cut short", "in the middle"],
)
def test_thoughts_before_the_answer_are_no_part_of_it(text: str, answer: str, size: int) -> None:
    thoughts = ThoughtFilter()
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert ("".join(map(thoughts.push, pieces)) + thoughts.end()).strip() == answer


def test_thoughts_are_told_to_nobody_and_thoughts_alone_are_no_answer() -> None:
    told: list[Sentence] = []
    thoughts = said("<think>He may be lying. I won't say so.</thi")
    assert completed(events(thoughts, said("nk>" + SAID)), told).text == SAID
    assert [sentence.text for sentence in told] == ["It is done."]
    with pytest.raises(ProviderError, match="empty"):
        completed(events(thoughts))


def test_halves_of_a_surrogate_pair_are_joined_and_one_alone_is_replaced() -> None:
    told: list[Sentence] = []
    result = completed(events(said("Fine \ud83d"), said("\ude00. Well \ud83d then. Bye.")), told)
    assert result.text == "Fine \U0001f600. Well \ufffd then. Bye."
    assert [sentence.text for sentence in told] == ["Fine \U0001f600.", "Well \ufffd then."]
    assert whole_text("naïve \U0001f600") == "naïve \U0001f600"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, FailureReason.REFUSED),
        (402, FailureReason.MISSING),
        (404, FailureReason.MISSING),
        (405, FailureReason.MISSING),
        (410, FailureReason.MISSING),
        (422, FailureReason.REFUSED),
    ],
)
def test_a_model_that_is_not_there_has_refused_nothing_and_another_provider_may_answer(
    status: int, reason: FailureReason
) -> None:
    async def turn_away(request: web.Request) -> web.Response:
        return web.json_response({"error": {"message": "no", "code": "model_not_found"}}, status=status)

    async def scene() -> ProviderError:
        async with serving("/v1/chat/completions", turn_away, "POST") as url:
            model = OpenAICompatible(OpenAISettings(api_key="k", model="m", url=f"{url}/v1"))
            try:
                with pytest.raises(ProviderError) as caught:
                    await model.complete(
                        CompletionRequest(purpose="answer", model="answer", messages=(Message("user", "hello"),))
                    )
                return caught.value
            finally:
                await model.close()

    error = asyncio.run(scene())
    assert (error.reason, error.detail) == (reason, f"HTTP {status} model_not_found")
