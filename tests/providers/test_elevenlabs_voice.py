"""ElevenLabs' adapter against the emulator: audio, word times, cancelling, and every way in which a voice fails."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from agent_core.ports import FailureReason, ProviderError, Speech
from emulators.elevenlabs_http import SpeechOverHttp
from emulators.server import EmulatorServer
from emulators.state import EmulatorState
from providers.elevenlabs_voice import ElevenLabsSettings, ElevenLabsVoice
from providers.word_timing import WordsFromCharacters
from tests.emulators.harness import KEY, quick_config, running

TEXT = "Your card is blocked."
MS_PER_CHAR = 60
BOTH = pytest.mark.parametrize("transport", ["websocket", "http"])


def voice(url: str, **changes: Any) -> ElevenLabsVoice:
    defaults: dict[str, Any] = {"api_key": KEY, "voice_id": "amy", "url": url}
    return ElevenLabsVoice(ElevenLabsSettings(**(defaults | changes)))


async def spoken(server: EmulatorServer, text: str = TEXT, **changes: Any) -> list[Speech]:
    speaker = voice(server.url, **changes)
    try:
        return [piece async for piece in speaker.speak(text)]
    finally:
        await speaker.close()


def failing(config: dict[str, Any], **changes: Any) -> tuple[ProviderError, int]:
    """The error, and the bytes of audio before it."""
    heard: list[Speech] = []

    async def listen(speaker: ElevenLabsVoice) -> None:
        async for piece in speaker.speak(TEXT):
            heard.append(piece)

    async def scene() -> ProviderError:
        async with running(quick_config(**config)) as server:
            speaker = voice(server.url, **changes)
            with pytest.raises(ProviderError) as caught:
                await listen(speaker)
            await speaker.close()
            return caught.value

    return asyncio.run(scene()), sum(len(piece.pcm) for piece in heard)


@BOTH
def test_all_of_the_audio_arrives_as_16_khz_pcm(transport: str) -> None:
    async def scene() -> list[Speech]:
        async with running() as server:
            return await spoken(server, transport=transport)

    pieces = asyncio.run(scene())
    assert sum(len(piece.pcm) for piece in pieces) >= len(TEXT) * MS_PER_CHAR * 32
    assert all(len(piece.pcm) % 2 == 0 for piece in pieces)
    assert len(pieces) > 1


def test_every_word_has_its_time_in_the_utterance() -> None:
    async def scene() -> list[Speech]:
        async with running() as server:
            return await spoken(server, transport="websocket")

    words = [word for piece in asyncio.run(scene()) for word in piece.words]
    assert [word.word for word in words] == TEXT.split()
    for word in words:
        begins = TEXT.index(word.word) * MS_PER_CHAR
        assert word.start_ms == pytest.approx(begins, abs=2)
        assert word.end_ms == pytest.approx(begins + len(word.word) * MS_PER_CHAR, abs=2)


def test_a_word_may_begin_in_one_piece_and_end_in_the_next() -> None:
    words = WordsFromCharacters()
    assert words.take("a ca", [0, 10, 20, 30], [10] * 4, 0.0)[0].word == "a"
    (card,) = words.take("rd b", [0, 10, 20, 30], [10] * 4, 40.0)
    assert (card.word, card.start_ms, card.end_ms) == ("card", 20.0, 60.0)
    (last,) = words.finish()
    assert (last.word, last.start_ms, last.end_ms) == ("b", 70.0, 80.0)
    assert words.finish() == ()


def test_options_pass_through_to_where_the_vendor_takes_them() -> None:
    async def scene() -> tuple[str, Any]:
        taken: dict[str, Any] = {}

        async def handler(request: web.Request) -> web.WebSocketResponse:
            ws = web.WebSocketResponse()
            await ws.prepare(request)
            taken["query"] = request.query_string
            taken["first"] = await ws.receive_json()
            for three_bytes in ("AQID", "BAUG"):
                await ws.send_json({"audio": three_bytes, "isFinal": None})
            await ws.send_json({"isFinal": True})
            await ws.close()
            return ws

        app = web.Application()
        app.add_routes([web.get("/v1/text-to-speech/{voice}/stream-input", handler)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        speaker = voice(
            f"ws://127.0.0.1:{runner.addresses[0][1]}/v1/",
            options={"voice_settings": {"speed": 1.1}, "language_code": "en", "enable_logging": False},
        )
        pieces = [piece async for piece in speaker.speak("Hi")]
        assert [piece.pcm for piece in pieces] == [b"\1\2", b"\3\4\5\6"]  # never half a sample
        await speaker.close()
        await runner.cleanup()
        return taken["query"], taken["first"]

    query, first = asyncio.run(scene())
    assert "language_code=en" in query
    assert "enable_logging=false" in query
    assert "output_format=pcm_16000" in query
    assert first == {"text": " ", "voice_settings": {"speed": 1.1}}


def test_an_endpoint_without_the_websocket_is_used_over_http() -> None:
    async def scene() -> tuple[int, ElevenLabsVoice]:
        app = web.Application()
        app.add_routes(SpeechOverHttp(EmulatorState(quick_config()), None).routes())
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        speaker = voice(url)
        sizes = [sum([len(piece.pcm) async for piece in speaker.speak(TEXT)]) for _ in range(2)]
        assert sizes[0] == sizes[1]
        with pytest.raises(ProviderError) as caught:
            await anext(voice(url, transport="websocket").speak(TEXT))
        assert caught.value.reason is FailureReason.REFUSED
        await speaker.close()
        await runner.cleanup()
        return sizes[0], speaker

    assert asyncio.run(scene())[0] == len(TEXT) * MS_PER_CHAR * 32


def test_nothing_to_say_asks_nobody() -> None:
    async def scene() -> list[Speech]:
        async with running() as server:
            return await spoken(server, "  \n", api_key="wrong")

    assert asyncio.run(scene()) == []


@BOTH
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"fault": "rate_limited", "service": "tts", "retry_after_s": 2}, FailureReason.RATE_LIMITED),
        ({"fault": "server_error", "service": "tts"}, FailureReason.UNAVAILABLE),
        ({"fault": "stall_before_audio", "stall_s": 60}, FailureReason.TIMED_OUT),
    ],
)
def test_a_voice_that_does_not_begin_says_why(transport: str, fault: dict[str, Any], reason: FailureReason) -> None:
    error, heard_bytes = failing({"faults": [fault]}, transport=transport, first_audio_timeout_ms=150)
    assert error.reason is reason
    assert heard_bytes == 0
    assert error.retry_after_s == fault.get("retry_after_s")


@BOTH
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"fault": "drop_mid_audio", "after_ms": 400}, FailureReason.UNAVAILABLE),
        ({"fault": "drop_mid_audio", "after_ms": 400, "close_code": 1011}, FailureReason.UNAVAILABLE),
        ({"fault": "stall_mid_audio", "after_ms": 400, "stall_s": 60}, FailureReason.TIMED_OUT),
    ],
)
def test_a_voice_that_fails_in_mid_sentence_keeps_what_it_said(
    transport: str, fault: dict[str, Any], reason: FailureReason
) -> None:
    error, heard_bytes = failing({"faults": [fault]}, transport=transport, stall_ms=150)
    assert error.reason is reason
    assert 0 < heard_bytes <= 400 * 32
    assert TEXT not in str(error)


@BOTH
def test_a_wrong_key_is_unauthorised_and_stays_out_of_the_error(transport: str) -> None:
    error, _ = failing({}, transport=transport, api_key="xi-wrong")
    assert error.reason is FailureReason.UNAUTHORISED
    assert "xi-wrong" not in str(error) + repr(ElevenLabsSettings(api_key="xi-wrong", voice_id="v"))


@BOTH
def test_no_server_is_unavailable(transport: str) -> None:
    async def scene() -> ProviderError:
        async with running() as server:
            url = server.url
        speaker = voice(url, transport=transport)
        with pytest.raises(ProviderError) as caught:
            await anext(speaker.speak(TEXT))
        await speaker.close()
        return caught.value

    assert asyncio.run(scene()).reason is FailureReason.UNAVAILABLE


@BOTH
def test_closing_the_iterator_cancels_the_voice(transport: str) -> None:
    config = quick_config(faults=[{"fault": "stall_mid_audio", "after_ms": 200, "stall_s": 60}])

    async def scene() -> dict[str, Any]:
        async with running(config) as server, aiohttp.ClientSession() as http:
            speaker = voice(server.url, transport=transport)
            pieces = speaker.speak(TEXT)
            assert (await anext(pieces)).pcm
            await pieces.aclose()
            stats: dict[str, Any] = {"in_flight": 1}
            async with asyncio.timeout(10):
                while stats["in_flight"]:
                    async with http.get(f"{server.url}/_stats") as response:
                        stats = (await response.json())["tts"]
            await speaker.close()
            return stats

    assert asyncio.run(scene())["requests"] == 1
