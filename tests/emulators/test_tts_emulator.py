"""Emulated voices: ElevenLabs over HTTP through its SDK, and its two websockets."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
import pytest
from elevenlabs import AsyncElevenLabs, ElevenLabs
from elevenlabs.core.api_error import ApiError

from emulators.generation import TextBuffer
from emulators.server import EmulatorServer
from emulators.voice import OutputFormat, chunks, encoded, output_format, tone
from tests.emulators.harness import KEY, quick_config, running
from tests.support import run, unhurried

TEXT = "Your card is blocked. "
BYTES_PER_CHAR = 60 * 16 * 2  # 60 ms of 16 kHz PCM16


@asynccontextmanager
async def socket(
    server: EmulatorServer, kind: str, query: str = "", key: str | None = KEY
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    url = f"{server.url}/v1/text-to-speech/amy/{kind}?output_format=pcm_16000&{query}"
    headers = {} if key is None else {"xi-api-key": key}
    async with aiohttp.ClientSession() as http, http.ws_connect(url, headers=headers) as ws:
        yield ws


async def read_all(ws: aiohttp.ClientWebSocketResponse) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        return [json.loads(message.data) async for message in ws]


async def read_until_final(ws: aiohttp.ClientWebSocketResponse, finals: int = 1) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    async with asyncio.timeout(10):
        while sum(bool(m.get("isFinal")) for m in messages) < finals:
            messages.append(await ws.receive_json())
    return messages


def audio_of(messages: list[dict[str, Any]]) -> bytes:
    return b"".join(base64.b64decode(message["audio"]) for message in messages if message.get("audio"))


def chars_of(messages: list[dict[str, Any]]) -> str:
    return "".join("".join(m["alignment"]["chars"]) for m in messages if m.get("alignment"))


def test_the_sdk_streams_audio_over_http() -> None:
    async def scene() -> list[bytes]:
        async with running() as server:
            sdk = AsyncElevenLabs(api_key=KEY, base_url=server.url)
            stream = sdk.text_to_speech.stream("amy", text=TEXT, output_format="pcm_16000")
            return [piece async for piece in stream]

    assert len(b"".join(unhurried(scene()))) == len(TEXT) * BYTES_PER_CHAR


@pytest.mark.parametrize(
    ("key", "output", "text", "status"),
    [
        ("wrong", "pcm_16000", TEXT, 401),
        (KEY, None, TEXT, 400),
        (KEY, "opus_48000_32", TEXT, 400),
        (KEY, "pcm_16000", " ", 400),
    ],
)
def test_http_refuses_a_wrong_key_a_compressed_format_and_an_empty_text(
    key: str, output: Any, text: str, status: int
) -> None:
    async def scene() -> int | None:
        async with running() as server:
            sdk = AsyncElevenLabs(api_key=key, base_url=server.url)
            options = {} if output is None else {"output_format": output}
            with pytest.raises(ApiError) as caught:
                await anext(sdk.text_to_speech.stream("amy", text=text, **options))
            return caught.value.status_code

    assert unhurried(scene()) == status


def test_the_sdks_own_websocket_client_is_understood() -> None:
    def speak(url: str) -> bytes:
        sdk = ElevenLabs(api_key=KEY, base_url=url)
        sdk.text_to_speech._ws_base_url = url.replace("http", "ws")  # it would insist on wss
        words = iter(["Your card ", "is blocked. "])
        return b"".join(sdk.text_to_speech.convert_realtime("amy", text=words, model_id="m", output_format="pcm_16000"))

    async def scene() -> bytes:
        async with running() as server:
            return await asyncio.to_thread(speak, server.url)

    assert len(run(scene())) >= len("Your card is blocked.") * BYTES_PER_CHAR


def test_every_character_has_its_time_within_its_chunk() -> None:
    async def scene() -> list[dict[str, Any]]:
        async with running() as server, socket(server, "stream-input") as ws:
            await ws.send_json({"text": " ", "voice_settings": {}})
            await ws.send_json({"text": TEXT, "flush": True})
            await ws.send_json({"text": ""})
            return await read_all(ws)

    messages = unhurried(scene())
    assert messages[-1] == {"audio": None, "isFinal": True}
    assert chars_of(messages) == TEXT
    assert len(audio_of(messages)) == len(TEXT) * BYTES_PER_CHAR
    first = messages[0]["alignment"]
    assert first["charStartTimesMs"][:3] == [0, 60, 120]
    assert first["charDurationsMs"][:3] == [60, 60, 60]
    for message in messages[:-1]:
        length_ms = len(base64.b64decode(message["audio"])) / 32
        assert all(0 <= start < length_ms for start in message["alignment"]["charStartTimesMs"])


def test_nothing_is_generated_before_the_schedule_the_flush_or_the_end() -> None:
    buffer = TextBuffer()
    assert buffer.add("a" * 100 + " ", at_once=False) is None
    assert buffer.add("b" * 20, at_once=False) == "a" * 100 + " " + "b" * 20
    assert buffer.add("c" * 150, at_once=False) is None  # the second piece wants 160
    assert buffer.add("d", at_once=True) == "c" * 150 + "d"
    assert buffer.add(" ", at_once=True) is None
    assert TextBuffer([50]).add("e" * 50, at_once=False) == "e" * 50


def test_auto_mode_generates_each_message_at_once() -> None:
    async def scene() -> dict[str, Any]:
        async with running() as server, socket(server, "stream-input", "auto_mode=true") as ws:
            await ws.send_json({"text": " "})
            await ws.send_json({"text": "Hi. "})
            async with asyncio.timeout(10):
                message: dict[str, Any] = await ws.receive_json()
            return message

    assert "".join(unhurried(scene())["alignment"]["chars"]).startswith("Hi.")


def test_contexts_speak_side_by_side_each_under_its_name() -> None:
    async def scene() -> list[dict[str, Any]]:
        async with running() as server, socket(server, "multi-stream-input") as ws:
            for name in ("one", "two"):
                await ws.send_json({"text": " ", "context_id": name, "voice_settings": {}})
                await ws.send_json({"text": f"This is {name}. ", "context_id": name, "flush": True})
                await ws.send_json({"text": "", "context_id": name})  # a sign of life, not the end
                await ws.send_json({"context_id": name, "close_context": True})
            messages = await read_until_final(ws, finals=2)
            await ws.send_json({"close_socket": True})
            assert await read_all(ws) == []
            assert ws.close_code == 1000
            return messages

    messages = unhurried(scene())
    assert all(m["contextId"] == m["context_id"] for m in messages)
    for name in ("one", "two"):
        mine = [m for m in messages if m["contextId"] == name]
        assert chars_of(mine) == f"This is {name}. "
        assert mine[-1]["isFinal"] is True


def test_text_that_was_not_flushed_is_dropped_with_its_context() -> None:
    async def scene() -> list[dict[str, Any]]:
        async with running() as server, socket(server, "multi-stream-input") as ws:
            await ws.send_json({"text": "never said ", "context_id": "c"})
            await ws.send_json({"context_id": "c", "close_context": True})
            return await read_until_final(ws)

    assert [m.get("audio") for m in unhurried(scene())] == [None]


def test_a_sixth_context_kills_the_socket() -> None:
    async def scene() -> tuple[list[dict[str, Any]], int | None]:
        async with running() as server, socket(server, "multi-stream-input") as ws:
            for number in range(6):
                await ws.send_json({"text": " ", "context_id": str(number)})
            return await read_all(ws), ws.close_code

    messages, code = unhurried(scene())
    assert messages[-1]["code"] == code == 1008


def test_a_closed_context_makes_room_for_another() -> None:
    async def scene() -> int:
        async with running() as server, socket(server, "multi-stream-input") as ws:
            for number in range(7):
                await ws.send_json({"text": "Hello. ", "context_id": str(number), "flush": True})
                await ws.send_json({"context_id": str(number), "close_context": True})
                await read_until_final(ws)
            return number

    assert unhurried(scene()) == 6


def test_sockets_check_the_key_in_the_header_or_the_first_message() -> None:
    async def scene() -> None:
        async with running() as server:
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                async with socket(server, "stream-input", key="wrong"):
                    pass
            assert caught.value.status == 401
            async with socket(server, "stream-input", key=None) as ws:
                await ws.send_json({"text": " ", "xi-api-key": "wrong"})
                assert (await read_all(ws))[-1]["error"] == "invalid_api_key"
                assert ws.close_code == 1008
            async with socket(server, "stream-input", key=None) as ws:
                await ws.send_json({"text": " ", "xi-api-key": KEY})
                await ws.send_json({"text": "Hi. "})
                await ws.send_json({"text": ""})
                assert chars_of(await read_all(ws)) == "Hi. "

    unhurried(scene())


@pytest.mark.parametrize("message", ["{", "[]", '{"text": 5}'])
def test_a_malformed_message_closes_the_socket_with_an_error(message: str) -> None:
    async def scene() -> tuple[list[dict[str, Any]], int | None]:
        async with running() as server, socket(server, "stream-input") as ws:
            await ws.send_str(message)
            return await read_all(ws), ws.close_code

    messages, code = unhurried(scene())
    assert (messages[0]["error"], code) == ("invalid_message", 1008)


def test_a_silent_client_is_closed_after_its_inactivity_timeout() -> None:
    async def scene() -> list[dict[str, Any]]:
        async with running() as server, socket(server, "stream-input", "inactivity_timeout=0.05") as ws:
            return await read_all(ws)

    assert unhurried(scene())[0]["error"] == "input_timeout_exceeded"


@pytest.mark.parametrize(("close_code", "seen"), [(1011, 1011), (None, 1006)])
def test_a_socket_dropped_mid_audio_has_sent_some_of_it(close_code: int | None, seen: int) -> None:
    fault = {"fault": "drop_mid_audio", "after_ms": 400, "close_code": close_code}

    async def scene() -> tuple[list[dict[str, Any]], int | None, dict[str, Any]]:
        async with running(quick_config(faults=[fault])) as server, aiohttp.ClientSession() as http:
            async with socket(server, "stream-input") as ws:
                await ws.send_json({"text": TEXT, "flush": True})
                messages = await read_all(ws)
            async with http.get(f"{server.url}/_stats") as response:
                return messages, ws.close_code, (await response.json())["tts"]

    messages, code, stats = unhurried(scene())
    assert code == seen
    assert len(audio_of(messages)) == 400 * 32
    assert stats["cut_off"] == 1


def test_without_final_the_audio_is_whole_and_the_end_is_never_said() -> None:
    async def scene() -> list[dict[str, Any]]:
        config = quick_config(faults=[{"fault": "no_final"}])
        async with running(config) as server, socket(server, "multi-stream-input") as ws:
            await ws.send_json({"text": TEXT, "context_id": "c", "flush": True})
            await ws.send_json({"context_id": "c", "close_context": True})
            await ws.send_json({"close_socket": True})
            return await read_all(ws)

    messages = unhurried(scene())
    assert chars_of(messages) == TEXT
    assert not any(message["isFinal"] for message in messages)


def test_a_real_voice_can_be_put_in() -> None:
    samples = np.arange(8000, dtype="<i2").tobytes()

    async def scene() -> list[dict[str, Any]]:
        async with running(synthesise=lambda text: samples) as server, socket(server, "stream-input") as ws:
            await ws.send_json({"text": "Hi. "})
            await ws.send_json({"text": ""})
            return await read_all(ws)

    messages = unhurried(scene())
    assert audio_of(messages) == samples
    assert chars_of(messages) == "Hi. "


@pytest.mark.parametrize(("name", "size"), [("pcm_8000", 16_000), ("pcm_44100", 88_200), ("ulaw_8000", 8_000)])
def test_a_second_of_audio_has_the_size_of_its_format(name: str, size: int) -> None:
    assert len(encoded(np.zeros(16_000, dtype=np.int16), output_format(name))) == size


def test_mu_law_is_g711() -> None:
    values = np.repeat(np.array([0, 1000, -1000, 32767, -32768], dtype=np.int16), 2)
    assert encoded(values, OutputFormat("ulaw", 8000))[:5].hex() == "ffce4e8000"


def test_the_tone_is_silent_where_nothing_is_spoken() -> None:
    samples = tone("ab  ", 60)
    assert np.abs(samples[: 2 * 960]).max() > 2000
    assert np.abs(samples[2 * 960 :]).max() == 0
    pieces = list(chunks("ab  ", samples, 100, OutputFormat("pcm", 16000)))
    assert [piece.chars for piece in pieces] == [("a", "b"), (" ", " "), ()]
