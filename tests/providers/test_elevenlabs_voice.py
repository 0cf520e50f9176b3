"""ElevenLabs' adapter beyond what every voice does (test_voices.py): options, alignment, an endpoint without websockets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web

from agent_core.ports import FailureReason, ProviderError
from emulators.elevenlabs_http import SpeechOverHttp
from emulators.state import EmulatorState
from providers.word_timing import WordsFromCharacters
from tests.emulators.harness import quick_config
from tests.providers.vendor_server import serving
from tests.providers.voices import ELEVENLABS, ELEVENLABS_HTTP, TEXT, Vendor, Voice, audio, length_ms, said
from tests.support import unhurried

MULTI = "/v1/text-to-speech/{voice}/multi-stream-input"


class Answering:
    """A server that keeps what it was told, and answers each finished context with ``pieces`` (base64)."""

    def __init__(self, *pieces: str, **named: Any) -> None:
        self.query = ""
        self.messages: list[dict[str, Any]] = []
        self._pieces, self._named = pieces, named

    async def answer(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        self.query = request.query_string
        async for received in ws:
            message = json.loads(received.data)
            self.messages.append(message)
            if message.get("close_context"):
                context = {"contextId": message["context_id"]}
                for piece in self._pieces:
                    await ws.send_json({"audio": piece, "isFinal": None, **context, **self._named})
                await ws.send_json({"isFinal": True, **context})
        return ws


def test_a_word_may_begin_in_one_piece_and_end_in_the_next() -> None:
    words = WordsFromCharacters()
    assert words.take("a ca", [0, 10, 20, 30], [10] * 4, 0.0)[0].word == "a"
    (card,) = words.take("rd b", [0, 10, 20, 30], [10] * 4, 40.0)
    assert (card.word, card.start_ms, card.end_ms) == ("card", 20.0, 60.0)
    (last,) = words.finish()
    assert (last.word, last.start_ms, last.end_ms) == ("b", 70.0, 80.0)
    assert words.finish() == ()


def test_a_character_in_two_halves_is_one_again() -> None:
    words = WordsFromCharacters()
    assert words.take(["\ud83d", "\ude00", " "], [0, 10, 20], [10] * 3, 0.0)[0].word == "\U0001f600"


def test_options_pass_through_to_where_the_vendor_takes_them() -> None:
    options = {"voice_settings": {"speed": 1.1}, "language_code": "en", "enable_logging": False}
    vendor = Answering("AQID", "BAUG")

    async def scene() -> list[bytes]:
        async with (
            serving(MULTI, vendor.answer) as url,
            ELEVENLABS.speaking(f"{url.replace('http', 'ws')}/v1/", options=options) as voice,
        ):
            return [piece.pcm for piece in await said(voice, "Hi")]

    assert unhurried(scene()) == [b"\1\2", b"\3\4\5\6"]  # never half a sample
    for part in ("language_code=en", "enable_logging=false", "output_format=pcm_16000", "inactivity_timeout=180"):
        assert part in vendor.query
    opening, text, finishing = vendor.messages
    assert (opening["text"], opening["voice_settings"]) == (" ", {"speed": 1.1})
    assert (text["text"], text["flush"]) == ("Hi ", True)
    assert finishing["close_context"] is True
    assert len({message["context_id"] for message in vendor.messages}) == 1


def test_the_other_spelling_of_its_alignment_is_read_too() -> None:
    times = {"chars": list("Hi "), "charsStartTimesMs": [0, 50, 90], "charsDurationsMs": [50, 40, 10]}
    vendor = Answering("AQIDBA==", normalizedAlignment=times)

    async def scene() -> list[tuple[str, float, float]]:
        async with serving(MULTI, vendor.answer) as url, ELEVENLABS.speaking(url) as voice:
            return [(w.word, w.start_ms, w.end_ms) for piece in await said(voice, "Hi") for w in piece.words]

    assert unhurried(scene()) == [("Hi", 0.0, 90.0)]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("max_active_conversations", FailureReason.RATE_LIMITED),
        ("quota_exceeded", FailureReason.RATE_LIMITED),
        ("invalid_api_key", FailureReason.UNAUTHORISED),
        ("internal_error", FailureReason.UNAVAILABLE),
        ("voice_not_found", FailureReason.REFUSED),
    ],
)
def test_what_the_vendor_says_went_wrong_has_a_reason_of_ours(told: str, reason: FailureReason) -> None:
    async def refusing(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.receive()
        await ws.send_json({"error": told, "message": f"You said: {TEXT}", "code": 1008})
        await ws.close(code=1008)
        return ws

    async def scene() -> ProviderError:
        async with serving(MULTI, refusing) as url, ELEVENLABS.speaking(url) as voice:
            with pytest.raises(ProviderError) as caught:
                await said(voice)
            return caught.value

    error = unhurried(scene())
    assert error.reason is reason
    assert TEXT not in str(error)


@pytest.mark.parametrize("vendor", [ELEVENLABS, ELEVENLABS_HTTP], ids=lambda vendor: vendor.name)
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, FailureReason.REFUSED),
        (403, FailureReason.UNAUTHORISED),
        (429, FailureReason.RATE_LIMITED),
        (503, FailureReason.UNAVAILABLE),
    ],
)
def test_a_voice_that_does_not_begin_says_why(vendor: Vendor, status: int, reason: FailureReason) -> None:
    """Refused before anything is spoken: at the handshake, or by the answer's status."""

    async def refusing(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"retry-after": "7"}, text=f"You said: {TEXT}")

    async def scene() -> ProviderError:
        async with serving("/{path:.*}", refusing, "*") as url, vendor.speaking(url) as voice:
            with pytest.raises(ProviderError) as caught:
                await said(voice)
            return caught.value

    error = unhurried(scene())
    assert (error.reason, error.detail, error.retry_after_s) == (reason, f"HTTP {status}", 7)


@pytest.mark.parametrize(
    ("last_words", "reason"),
    [
        ({"error": "internal_error", "code": 1008}, FailureReason.UNAVAILABLE),
        ({"error": "quota_exceeded", "code": 1008}, FailureReason.RATE_LIMITED),
        (None, FailureReason.UNAVAILABLE),  # closed as if all were well, and nobody said that it was the end
    ],
)
def test_a_voice_that_fails_in_mid_sentence_keeps_what_it_said(
    last_words: dict[str, Any] | None, reason: FailureReason
) -> None:
    async def breaking_off(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        context_id = (await ws.receive_json())["context_id"]
        await ws.send_json({"audio": "AQIDBA==", "isFinal": None, "contextId": context_id})
        if last_words:
            await ws.send_json(last_words)
        await ws.close(code=1000)
        return ws

    heard: list[bytes] = []

    async def listen(voice: Voice) -> None:
        async for piece in voice.speak(TEXT):
            heard.append(piece.pcm)

    async def scene() -> ProviderError:
        async with serving(MULTI, breaking_off) as url, ELEVENLABS.speaking(url) as voice:
            with pytest.raises(ProviderError) as caught:
                await listen(voice)
            return caught.value

    error = unhurried(scene())
    assert (heard, error.reason) == ([b"\1\2\3\4"], reason)
    assert TEXT not in str(error)


def test_an_endpoint_without_the_websocket_is_used_over_http() -> None:
    async def scene() -> tuple[list[int], FailureReason]:
        state = EmulatorState(quick_config())
        (route,) = SpeechOverHttp(state, None).routes()
        async with serving(route.path, route.handler, route.method) as url:
            async with ELEVENLABS.speaking(url, transport="auto") as voice:
                lengths = [len(audio(await said(voice))) for _ in range(2)]
            async with ELEVENLABS.speaking(url) as voice:
                with pytest.raises(ProviderError) as caught:
                    await said(voice)
            return lengths, caught.value.reason

    assert unhurried(scene()) == ([length_ms(TEXT) * 32] * 2, FailureReason.REFUSED)
