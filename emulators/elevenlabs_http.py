"""ElevenLabs over HTTP: ``POST /v1/text-to-speech/{voice}/stream``, raw audio in chunks."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from emulators.cut import cut_connection
from emulators.draws import draw_for
from emulators.faults import Service
from emulators.speaking import AudioDropped, Synthesise, Voice
from emulators.state import EmulatorState, Refusal
from emulators.voice import OutputFormat, output_format

_STATUS_WORDS = {401: "invalid_api_key", 429: "too_many_concurrent_requests"}
_DEFAULT_FORMAT = "mp3_44100_128"


class SpeechOverHttp:
    def __init__(self, state: EmulatorState, synthesise: Synthesise | None) -> None:
        self._state = state
        self._synthesise = synthesise

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v1/text-to-speech/{voice}/stream", self.stream)]

    async def stream(self, request: web.Request) -> web.StreamResponse:
        if not self._state.accepts(request.headers.get("xi-api-key")):
            self._state.refused(Service.TTS, 401)
            return _error(401, "Invalid API key")
        try:
            form = output_format(request.query.get("output_format", _DEFAULT_FORMAT))
            text = _text(await request.json())
        except ValueError as error:
            self._state.refused(Service.TTS, 400)
            return _error(400, str(error))
        voice_id = request.match_info["voice"]
        draw = draw_for(self._state.config.seed, request.headers, fallback=f"{voice_id} {text}", kind="speech")
        admitted = self._state.admit(Service.TTS, draw, voice_id)
        if isinstance(admitted, Refusal):
            return _error(admitted.status, "The request was turned away.", admitted.headers())
        with self._state.serving(Service.TTS):
            voice = Voice(self._state, admitted.struck, form, self._synthesise, admitted.draw)
            return await self._speak(request, voice, text)

    async def _speak(self, request: web.Request, voice: Voice, text: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": _content_type(voice.form)})
        response.enable_chunked_encoding()
        try:
            async for chunk in voice.speak(text):
                if not response.prepared:  # the vendor's headers come with the first audio
                    await response.prepare(request)
                await response.write(chunk.audio)
        except AudioDropped:
            cut_connection(request)
        if not response.prepared:
            await response.prepare(request)
        await response.write_eof()
        return response


def _text(body: Any) -> str:
    text = body.get("text") if isinstance(body, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise ValueError("text: a string that isn't empty")
    return text


def _content_type(form: OutputFormat) -> str:
    return "audio/basic" if form.encoding == "ulaw" else "audio/pcm"


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    detail = {"status": _STATUS_WORDS.get(status, "error"), "message": message}
    return web.json_response({"detail": detail}, status=status, headers=headers)
