"""Cartesia's adapter beyond what every voice does (test_voices.py): its requests, and contexts that expire."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from agent_core.ports import FailureReason, ProviderError, Speech
from emulators.state import ServiceStats
from providers.cartesia_contexts import VERSION
from tests.emulators.harness import quick_config
from tests.providers.vendor_server import serving
from tests.providers.voices import (
    BYTES_PER_MS,
    CARTESIA,
    HEAD,
    TEXT,
    audio,
    emulating,
    given_up,
    length_ms,
    said,
    stats,
    words,
)
from tests.support import eventually, unhurried

PATH = "/tts/websocket"


class Recording:
    """A server that keeps what it was told and makes one sample of sound for each text."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.messages: list[dict[str, Any]] = []

    async def answer(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        async for received in ws:
            message = json.loads(received.data)
            self.messages.append(message)
            if "transcript" not in message:
                continue
            named = {"context_id": message["context_id"], "done": False, "status_code": 206}
            await ws.send_json({"type": "chunk", "data": "AQI=", "step_time": 1.0, **named})
            if not message["continue"]:
                await ws.send_json({"type": "done", **named, "done": True, "status_code": 200})
        return ws


def recorded(text: str, **changes: Any) -> Recording:
    vendor = Recording()

    async def scene() -> None:
        async with serving(PATH, vendor.answer) as url, CARTESIA.speaking(url, **changes) as voice:
            await said(voice, text)

    unhurried(scene())
    return vendor


def test_the_first_sentence_is_continued_and_the_rest_finishes_the_context() -> None:
    vendor = recorded(TEXT)
    assert [message["transcript"] for message in vendor.messages] == [HEAD, TEXT.removeprefix(HEAD)]
    assert [message["continue"] for message in vendor.messages] == [True, False]
    assert len({message["context_id"] for message in vendor.messages}) == 1


def test_a_single_sentence_is_one_request_that_waits_for_no_more() -> None:
    (message,) = recorded("Just this one sentence.").messages
    assert (message["continue"], message["max_buffer_delay_ms"], message["add_timestamps"]) == (False, 0, True)
    assert message["output_format"] == {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 16000}
    assert message["voice"] == {"id": "amy"}


def test_the_key_goes_in_a_header_with_the_version() -> None:
    vendor = recorded("Hello.")
    assert vendor.headers["authorization"].startswith("Bearer ")
    assert vendor.headers["cartesia-version"] == VERSION


def test_a_text_that_is_given_up_is_cancelled_by_name_and_one_that_was_said_is_not() -> None:
    vendor = Recording()

    async def cancelled() -> list[str]:
        return [message["context_id"] for message in vendor.messages if message.get("cancel")]

    async def scene() -> list[str]:
        async with serving(PATH, vendor.answer) as url, CARTESIA.speaking(url) as voice:
            await said(voice)
            await given_up(voice)
            return await eventually(cancelled)

    assert unhurried(scene()) == [vendor.messages[-2]["context_id"]]
    assert vendor.messages[-2]["transcript"] == HEAD
    assert vendor.messages[0]["context_id"] != vendor.messages[-1]["context_id"]


def test_options_pass_through_and_a_locale_takes_the_place_of_the_language() -> None:
    (plain,) = recorded("Hello.").messages
    assert plain["language"] == "en"
    (message,) = recorded("Hello.", options={"locale": "en-GB", "generation_config": {"speed": 1.1}}).messages
    assert (message["locale"], message["generation_config"]) == ("en-GB", {"speed": 1.1})
    assert "language" not in message


def test_what_is_left_after_a_context_expired_is_said_in_another() -> None:
    """Whoever hears it takes its first sound and then nothing for longer than the vendor keeps a context."""

    async def scene() -> tuple[list[Speech], ServiceStats]:
        async with emulating(CARTESIA) as (server, voice):
            pieces: list[Speech] = []
            async for piece in voice.speak(TEXT):
                if piece.pcm and not audio(pieces):
                    await asyncio.sleep(1.2)
                pieces.append(piece)
            return pieces, stats(server)

    pieces, told = unhurried(scene())
    assert words(pieces) == TEXT.split()
    assert len(audio(pieces)) == length_ms(TEXT) * BYTES_PER_MS
    assert (told.requests, told.refused) == (2, {})
    timed = [word for piece in pieces for word in piece.words]
    assert timed == sorted(timed, key=lambda word: word.start_ms), "times go on from the first context's audio"
    assert timed[-1].end_ms == pytest.approx(length_ms(TEXT), abs=2)


def test_nothing_is_sent_to_a_context_that_may_expire_on_the_way() -> None:
    """The vendor hasn't said that it is over yet: our own clock keeps the text back."""

    async def scene() -> ServiceStats:
        config = quick_config(tts={"context_expires_ms": 1100})
        async with emulating(CARTESIA, config) as (server, voice):
            pieces: list[Speech] = []
            async for piece in voice.speak(TEXT):
                if piece.pcm and not audio(pieces):
                    await asyncio.sleep(0.9)
                pieces.append(piece)
            assert words(pieces) == TEXT.split()
            return stats(server)

    assert unhurried(scene()).requests == 2


def test_a_plan_that_is_used_up_is_a_limit_and_the_socket_stays() -> None:
    async def scene() -> tuple[ProviderError, list[str], int]:
        config = quick_config(tts={"concurrent_contexts": 1, "speed": 20})
        async with emulating(CARTESIA, config) as (server, voice):
            first = asyncio.create_task(said(voice))

            async def begun() -> bool:
                return stats(server).in_flight == 1

            await eventually(begun)
            with pytest.raises(ProviderError) as caught:
                await said(voice, "One too many.")
            return caught.value, words(await first), stats(server).sockets

    error, heard, sockets = unhurried(scene())
    assert (error.reason, error.detail) == (FailureReason.RATE_LIMITED, "status 429 concurrency_limited")
    assert (heard, sockets) == (TEXT.split(), 1)


def test_a_cancelled_rendering_gives_its_place_in_the_plan_back() -> None:
    async def scene() -> list[str]:
        async with emulating(CARTESIA, quick_config(tts={"concurrent_contexts": 1})) as (server, voice):
            await given_up(voice)

            async def free() -> bool:
                return stats(server).in_flight == 0

            await eventually(free)
            return words(await said(voice))

    assert unhurried(scene()) == TEXT.split()


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"status_code": 400, "error_code": None}, FailureReason.REFUSED),
        ({"status_code": 402, "error_code": "quota_exceeded"}, FailureReason.REFUSED),
        ({"status_code": 429, "error_code": "concurrency_limited"}, FailureReason.RATE_LIMITED),
        ({"status_code": 503, "error_code": None}, FailureReason.UNAVAILABLE),
        ({"error_code": None}, FailureReason.UNAVAILABLE),
    ],
)
def test_an_error_event_has_a_reason_and_none_of_the_vendors_prose(
    event: dict[str, Any], reason: FailureReason
) -> None:
    async def refusing(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        context_id = json.loads((await ws.receive()).data)["context_id"]
        told = {"type": "error", "done": True, "context_id": context_id, "title": "No", "message": f"said: {TEXT}"}
        await ws.send_json({**told, **event})
        await ws.receive()
        return ws

    async def scene() -> ProviderError:
        async with serving(PATH, refusing) as url, CARTESIA.speaking(url) as voice:
            with pytest.raises(ProviderError) as caught:
                await said(voice)
            return caught.value

    error = unhurried(scene())
    assert error.reason is reason
    assert TEXT not in str(error)


@pytest.mark.parametrize(
    "message",
    [
        "{",
        "[]",
        '{"type": "chunk", "context_id": "ID"}',
        '{"type": "chunk", "context_id": "ID", "data": "!"}',
        '{"type": "timestamps", "context_id": "ID", "word_timestamps": [1]}',
        '{"type": "timestamps", "context_id": "ID", "word_timestamps": {"words": ["a"], "start": ["x"], "end": [1]}}',
    ],
)
def test_what_cannot_be_read_is_a_failure_and_no_silence(message: str) -> None:
    async def babbling(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        context_id = json.loads((await ws.receive()).data)["context_id"]
        await ws.send_str(message.replace("ID", context_id))
        await ws.receive()
        return ws

    async def scene() -> ProviderError:
        async with serving(PATH, babbling) as url, CARTESIA.speaking(url) as voice:
            with pytest.raises(ProviderError) as caught:
                await said(voice)
            return caught.value

    assert unhurried(scene()).reason is FailureReason.INVALID
