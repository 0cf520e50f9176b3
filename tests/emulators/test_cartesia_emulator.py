"""Emulated Cartesia, driven by the vendor's own SDK: that it is understood shows that the emulator is honest."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
import pytest
from cartesia import AsyncCartesia
from websockets.exceptions import InvalidStatus

from emulators.config import EmulatorConfig
from emulators.faults import Service
from emulators.server import EmulatorServer
from tests.emulators.cartesia_client import ENOUGH_S, PCM, connected, context, received
from tests.emulators.harness import KEY, quick_config, running
from tests.support import unhurried

MS_PER_CHAR = 60
BYTES_PER_CHAR = MS_PER_CHAR * 16 * 2  # 16 kHz PCM16
REQUEST: dict[str, Any] = {"model_id": "sonic-3.5", "voice": {"id": "amy"}, "output_format": PCM, "context_id": "c"}


@asynccontextmanager
async def raw(
    config: EmulatorConfig | None = None,
) -> AsyncIterator[tuple[EmulatorServer, aiohttp.ClientWebSocketResponse]]:
    """Without the SDK, for what it would never send."""
    headers = {"authorization": f"Bearer {KEY}", "cartesia-version": "2026-08-14"}
    async with (
        running(config) as server,
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{server.url}/tts/websocket", headers=headers) as ws,
    ):
        yield server, ws


async def told(ws: aiohttp.ClientWebSocketResponse, *requests: dict[str, Any], until: str = "done") -> list[Any]:
    """Sends, then reads to an event of this type."""
    for request in requests:
        await ws.send_json(request)
    events: list[Any] = []
    async with asyncio.timeout(ENOUGH_S):
        while not events or events[-1]["type"] != until:
            events.append(await ws.receive_json())
    return events


def audio(events: list[Any]) -> bytes:
    return b"".join(event.audio for event in events if event.type == "chunk")


def kinds(events: list[Any]) -> list[str]:
    return [event.type for event in events if event.type not in ("chunk", "timestamps")]


def test_pieces_of_text_become_one_audio_with_the_time_of_each_word() -> None:
    async def scene() -> list[Any]:
        async with connected() as (_, connection):
            speaking = context(connection, add_timestamps=True, max_buffer_delay_ms=0)
            for text in ("Your card ", "is blocked."):
                await speaking.push(text)
            await speaking.no_more_inputs()
            return await received(speaking)

    events = unhurried(scene())
    assert kinds(events) == ["done"]
    assert len(audio(events)) == len("Your card is blocked.") * BYTES_PER_CHAR
    timed = [event.word_timestamps for event in events if event.type == "timestamps"]
    words = [word for times in timed for word in times.words]
    starts = [start for times in timed for start in times.start]
    ends = [end for times in timed for end in times.end]
    assert words == ["Your", "card", "is", "blocked."]
    assert starts == pytest.approx([0.0, 0.3, 0.6, 0.78])
    assert ends == pytest.approx([0.24, 0.54, 0.72, 1.26])


def test_no_times_come_unless_they_are_asked_for() -> None:
    async def scene() -> list[Any]:
        async with connected() as (_, connection):
            speaking = context(connection)
            await speaking.push("Hello.", continue_=False)
            return await received(speaking)

    assert {event.type for event in unhurried(scene())} == {"chunk", "done"}


def test_contexts_speak_side_by_side_on_one_socket() -> None:
    async def scene() -> list[bytes]:
        async with connected(quick_config(tts={"speed": 20})) as (_, connection):
            one, two = context(connection), context(connection)
            await one.push("This is one.", continue_=False)
            await two.push("This one is longer.", continue_=False)
            return [audio(events) for events in await asyncio.gather(received(one), received(two))]

    assert [len(pcm) for pcm in unhurried(scene())] == [12 * BYTES_PER_CHAR, 19 * BYTES_PER_CHAR]


def test_flushes_are_counted_and_told_when_they_are_done() -> None:
    async def scene() -> list[Any]:
        async with connected() as (_, connection):
            speaking = context(connection)
            await speaking.push("First without an end", flush=True)
            await speaking.push("Second", flush=True)
            await speaking.no_more_inputs()
            return await received(speaking)

    events = unhurried(scene())
    assert [event.flush_id for event in events if event.type == "flush_done"] == [1, 2]
    assert {event.flush_id for event in events if event.type == "chunk"} == {1, 2}


def test_unfinished_text_waits_for_more_or_for_its_delay() -> None:
    async def scene() -> tuple[int, int]:
        async with connected() as (server, connection):
            waiting = context(connection)
            await waiting.push("No end of a sentence")
            at_once = context(connection, max_buffer_delay_ms=50)
            await at_once.push("No end here")
            async with asyncio.timeout(ENOUGH_S):
                async for event in at_once.receive():
                    if event.type == "chunk":
                        break
            before = server.stats(Service.TTS).characters
            await waiting.no_more_inputs()
            return before, len(audio(await received(waiting)))

    characters, waited_bytes = unhurried(scene())
    assert characters == len("No end here")
    assert waited_bytes == len("No end of a sentence") * BYTES_PER_CHAR


def test_a_context_that_is_left_open_expires_after_its_last_audio() -> None:
    async def scene() -> list[Any]:
        async with raw(quick_config(tts={"context_expires_ms": 30})) as (_, ws):
            speaking = {**REQUEST, "transcript": "Hello.", "continue": True}
            events = await told(ws, speaking)
            return [events[-1], (await told(ws, speaking, until="error"))[-1]]

    done, error = unhurried(scene())
    assert (done["type"], done["status_code"]) == ("done", 200)
    assert (error["status_code"], error["context_id"]) == (400, "c")


def test_a_cancel_drops_what_waits_and_what_is_being_made_still_comes() -> None:
    async def scene() -> tuple[list[Any], int]:
        async with raw(quick_config(tts={"speed": 20})) as (server, ws):
            await ws.send_json({**REQUEST, "transcript": "Being made as it is cancelled.", "continue": True})
            await ws.send_json({**REQUEST, "transcript": " Never made.", "continue": True})
            first = await ws.receive_json()
            after = await told(ws, {"context_id": "c", "cancel": True})
            return [first, *after], server.stats(Service.TTS).characters

    events, characters = unhurried(scene())
    assert [event["type"] for event in events][-2:] == ["chunk", "done"]
    assert characters == len("Being made as it is cancelled.")


def test_a_cancel_of_an_unknown_context_is_no_error() -> None:
    async def scene() -> list[Any]:
        async with raw() as (_, ws):
            return await told(
                ws, {"context_id": "unknown", "cancel": True}, {**REQUEST, "transcript": "Hi.", "continue": False}
            )

    assert {event["type"] for event in unhurried(scene())} == {"chunk", "done"}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"context_id": ""}, "context_id"),
        ({"transcript": None}, "transcript"),
        ({"model_id": None}, "model_id"),
        ({"voice": {"mode": "id"}}, "voice"),
        ({"output_format": {"container": "mp3"}}, "output_format"),
        ({"output_format": {**PCM, "sample_rate": 11025}}, "output_format"),
        ({"max_buffer_delay_ms": 5001}, "max_buffer_delay_ms"),
    ],
)
def test_a_request_that_is_wrong_is_an_error_event_and_the_socket_stays(changes: dict[str, Any], named: str) -> None:
    async def scene() -> tuple[Any, list[Any]]:
        async with raw() as (_, ws):
            good = {**REQUEST, "transcript": "Hi.", "continue": False}
            (error,) = await told(ws, {**good, **changes}, until="error")
            return error, await told(ws, {**good, "context_id": "another"})

    error, events = unhurried(scene())
    assert (error["status_code"], error["done"]) == (400, True)
    assert named in error["message"]
    assert events[-1]["type"] == "done"


@pytest.mark.parametrize("message", ["{", "[]"])
def test_what_is_no_request_at_all_is_an_error_event_too(message: str) -> None:
    async def scene() -> Any:
        async with raw() as (_, ws):
            await ws.send_str(message)
            return await ws.receive_json()

    error = unhurried(scene())
    assert (error["type"], "context_id" in error) == ("error", False)


@pytest.mark.parametrize("voice", [{"mode": "id", "id": "amy"}, {"id": "amy"}, "amy"])
def test_every_form_of_a_voice_is_taken(voice: Any) -> None:
    async def scene() -> list[Any]:
        async with raw() as (_, ws):
            return await told(ws, {**REQUEST, "voice": voice, "transcript": "Hi.", "continue": False})

    assert unhurried(scene())[-1]["type"] == "done"


def test_settings_may_not_change_within_a_context() -> None:
    async def scene() -> Any:
        async with raw() as (_, ws):
            await ws.send_json({**REQUEST, "transcript": "Hello. ", "continue": True})
            changed = {**REQUEST, "model_id": "another", "transcript": "There.", "continue": False}
            return (await told(ws, changed, until="error"))[-1]

    assert "same within a context" in unhurried(scene())["message"]


def test_the_plans_contexts_are_counted_over_all_sockets() -> None:
    config = quick_config(tts={"concurrent_contexts": 1, "speed": 20})
    request = {**REQUEST, "transcript": "Hello there, again and again.", "continue": False}

    async def scene() -> Any:
        async with raw(config) as (server, ws), aiohttp.ClientSession() as http:
            await ws.send_json(request)
            await ws.receive_json()
            url = f"{server.url}/tts/websocket?cartesia_version=2025-04-16"
            async with http.ws_connect(url, headers={"x-api-key": KEY}) as other:
                return (await told(other, {**request, "context_id": "d"}, until="error"))[-1]

    error = unhurried(scene())
    assert (error["status_code"], error["error_code"], error["context_id"]) == (429, "concurrency_limited", "d")


def test_ten_times_as_many_sockets_as_the_plan_has_contexts() -> None:
    async def scene() -> int:
        async with raw(quick_config(tts={"concurrent_contexts": 1})) as (server, _), aiohttp.ClientSession() as http:
            url, headers = f"{server.url}/tts/websocket?cartesia_version=1", {"x-api-key": KEY}
            kept = [await http.ws_connect(url, headers=headers) for _ in range(9)]
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await http.ws_connect(url, headers=headers)
            assert not any(ws.closed for ws in kept)
            return caught.value.status

    assert unhurried(scene()) == 429


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({"authorization": "Bearer wrong", "cartesia-version": "1"}, "", 401),
        ({"cartesia-version": "1"}, "", 401),
        ({"x-api-key": KEY}, "", 400),
        ({}, f"?api_key={KEY}&cartesia_version=1", 101),
    ],
)
def test_a_key_and_a_version_are_asked_for(headers: dict[str, str], query: str, status: int) -> None:
    async def scene() -> int:
        async with running() as server, aiohttp.ClientSession() as http:
            try:
                ws = await http.ws_connect(f"{server.url}/tts/websocket{query}", headers=headers)
            except aiohttp.WSServerHandshakeError as error:
                return error.status
            await ws.close()
            return 101

    assert unhurried(scene()) == status


def test_the_sdk_is_refused_with_a_wrong_key() -> None:
    async def scene() -> int:
        async with running() as server:
            sdk = AsyncCartesia(api_key="wrong", websocket_base_url=server.url.replace("http", "ws"))
            with pytest.raises(InvalidStatus) as caught:
                await sdk.tts.websocket_connect().enter()
            return caught.value.response.status_code

    assert unhurried(scene()) == 401


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"fault": "rate_limited", "service": "tts"}, 429, "concurrency_limited"),
        ({"fault": "server_error", "service": "tts", "status": 503}, 503, None),
    ],
)
def test_a_context_that_is_turned_away_is_told_so_by_the_sdk(
    fault: dict[str, Any], status: int, code: str | None
) -> None:
    async def scene() -> Any:
        async with connected(quick_config(faults=[fault])) as (_, connection):
            speaking = context(connection)
            await speaking.push("Hello.", continue_=False)
            return (await received(speaking))[-1]

    error = unhurried(scene())
    assert (error.type, error.status_code, error.error_code) == ("error", status, code)


def test_without_final_the_audio_is_whole_and_the_end_is_never_said() -> None:
    request = {**REQUEST, "transcript": "Hello.", "continue": False}

    async def scene() -> tuple[int, list[Any]]:
        heard_bytes = 0
        async with raw(quick_config(faults=[{"fault": "no_final"}])) as (_, ws):
            await ws.send_json(request)
            async with asyncio.timeout(ENOUGH_S):
                while heard_bytes < len("Hello.") * BYTES_PER_CHAR:
                    heard_bytes += len(base64.b64decode((await ws.receive_json())["data"]))
            return heard_bytes, await told(ws, request, until="error")

    heard_bytes, events = unhurried(scene())
    assert heard_bytes == len("Hello.") * BYTES_PER_CHAR
    assert [event["type"] for event in events] == ["error"], "the context is over, and nobody was told"


def test_an_idle_socket_is_closed_with_the_vendors_words() -> None:
    async def scene() -> tuple[int | None, Any]:
        async with raw(quick_config(tts={"idle_s": 0.05})) as (_, ws):
            async with asyncio.timeout(ENOUGH_S):
                message = await ws.receive()
            return ws.close_code, message.extra

    assert unhurried(scene()) == (1000, "connection idle timeout")


@pytest.mark.parametrize(("encoding", "rate_hz", "size"), [("pcm_f32le", 44100, 4), ("pcm_mulaw", 8000, 1)])
def test_audio_comes_in_the_encoding_that_was_asked_for(encoding: str, rate_hz: int, size: int) -> None:
    form = {"container": "raw", "encoding": encoding, "sample_rate": rate_hz}

    async def scene() -> bytes:
        async with connected() as (_, connection):
            speaking = context(connection, output_format=form)
            await speaking.push("Hello.", continue_=False)
            return audio(await received(speaking))

    pcm = unhurried(scene())
    assert len(pcm) == pytest.approx(len("Hello.") * MS_PER_CHAR / 1000 * rate_hz * size, abs=4 * size)
    if encoding == "pcm_f32le":
        assert 0.05 < np.abs(np.frombuffer(pcm, dtype="<f4")).max() <= 1.0
