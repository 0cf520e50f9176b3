"""Deepgram Flux: ``GET /v2/listen``, speech recognition that decides when the caller's turn is over.

Wire format: Deepgram's Flux reference, as its SDK and the plugins of LiveKit and Pipecat read it. Every message carries
``sequence_id``, counted from 0 over all types; positions are seconds of audio.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import WSMsgType, web

from emulators.draws import LABEL_HEADER, Draw, draw_for
from emulators.faults import (
    CloseMidTurn,
    DuplicateSequence,
    EagerResumedEager,
    EagerWithoutEnd,
    EndOnTimeout,
    ErrorThenClose,
    MissingSequence,
    NoConnected,
    Service,
    SilentStall,
    SlowUpdates,
    Struck,
    WordsWithoutTimes,
)
from emulators.flux_audio import AudioIn
from emulators.flux_hearing import Hearing, Recognise, RecognisedHearing, ScriptedHearing
from emulators.flux_query import ListenQuery, parsed, reconfigured
from emulators.flux_turns import Event, Happening, Trigger, TurnMachine, TurnRules
from emulators.state import Admitted, EmulatorState, Refusal, Served

_WORD_CONFIDENCE = 0.97
_INTERNAL = 1011


class FluxApi:
    def __init__(self, state: EmulatorState, recognise: Recognise | None) -> None:
        self._state = state
        self._recognise = recognise
        self._turns_ended: dict[str, int] = {}  # by label, for transcripts that go on after a reconnect

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v2/listen", self.listen)]

    async def listen(self, request: web.Request) -> web.StreamResponse:
        key, protocol = _key(request)
        if not self._state.accepts(key):
            self._state.refused(Service.STT, 401)
            return _refusal(401, "INVALID_AUTH", "Invalid credentials.")
        try:
            query = parsed(request.query)
        except ValueError as error:
            self._state.refused(Service.STT, 400)
            return _refusal(400, "Bad Request", str(error))
        label = query.tags[0] if query.tags else "call"
        draw = draw_for(self._state.config.seed, request.headers, fallback=label, kind="listen")
        admitted = self._state.admit(Service.STT, draw, query.model)
        if isinstance(admitted, Refusal):
            return _refusal(admitted.status, "REFUSED", "The request was turned away.", admitted.headers())
        named = draw.label if LABEL_HEADER in request.headers else label
        with self._state.serving(Service.STT) as served:
            ws = web.WebSocketResponse(protocols=(protocol,) if protocol else ())
            ws.headers["dg-request-id"] = draw.digest("request")
            await ws.prepare(request)
            session = _Session(ws, self._state, admitted, query, self._hearing(query, named), served)
            try:
                await session.run()
            finally:
                self._turns_ended[named] = self._turns_ended.get(named, 0) + session.turns_ended
            return ws

    def _hearing(self, query: ListenQuery, label: str) -> Hearing:
        if self._recognise is not None:
            return RecognisedHearing(self._recognise)
        settings = self._state.config.stt
        first = self._turns_ended.get(label, 0) if settings.resume_transcripts else 0
        return ScriptedHearing(settings.utterances(query.tags), settings.words_per_s, first)


class _Session:
    """One connection."""

    def __init__(
        self,
        ws: web.WebSocketResponse,
        state: EmulatorState,
        admitted: Admitted,
        query: ListenQuery,
        hearing: Hearing,
        served: Served,
    ) -> None:
        self._ws, self._state, self._query, self._hearing, self._served = ws, state, query, hearing, served
        self._draw, self._struck = admitted.draw, admitted.struck
        settings = state.config.stt
        slow = self._struck.get(SlowUpdates)
        update_every_s = slow.every_s if slow else settings.update_every_s
        self._audio = AudioIn(query.encoding, query.rate_hz, settings.speech_dbfs)
        self._machine = TurnMachine(self._rules, start_ms=settings.start_ms, update_every_ms=update_every_s * 1000)
        self._out = _Outbox(ws, self._draw.digest("request"), self._struck)
        self._eager_was_empty = False

    @property
    def turns_ended(self) -> int:
        return self._machine.turn

    async def run(self) -> None:
        if not self._struck.get(NoConnected):
            await self._out.send({"type": "Connected"})
        async for message in self._ws:
            if message.type is WSMsgType.BINARY:
                await self._hear(message.data)
            elif message.type is WSMsgType.TEXT and not await self._obey(message.data):
                break
            if self._ws.closed:
                return
        if self._ws.close_code is None:
            await self._ws.close(code=1000)

    async def _hear(self, raw: bytes) -> None:
        for pcm, speech in self._audio.frames(raw):
            self._hearing.push(pcm)
            await self._tell(self._machine.frame(speech))
            await self._mid_turn_faults()
            if self._ws.closed:
                return

    async def _obey(self, raw: str) -> bool:
        """Take a text message; False where it ends the stream."""
        try:
            message = json.loads(raw)
            kind = message["type"]
        except (ValueError, KeyError, TypeError):
            kind, message = None, {}
        if kind == "CloseStream":
            await self._tell(self._machine.force_end())
            return False
        if kind == "ForceEndTurn":
            await self._tell(self._machine.force_end())
        elif kind == "Configure":
            await self._configure(message)
        else:
            description = "The message isn't one of Configure, ForceEndTurn, CloseStream."
            await self._out.send({"type": "Error", "code": "UNPARSABLE_CLIENT_MESSAGE", "description": description})
            await self._ws.close(code=1008)
            return False
        return True

    async def _configure(self, message: Mapping[str, Any]) -> None:
        try:
            self._query = reconfigured(self._query, message)
        except (ValueError, TypeError) as error:
            failure = {"code": "INVALID_CONFIGURATION", "error_code": "INVALID_CONFIGURATION"}
            await self._out.send({"type": "ConfigureFailure", **failure, "description": str(error)})
            return
        if self._machine.in_turn_ms is not None:
            self._machine.retime(self._timed(self._machine.turn))
        success: dict[str, Any] = {
            "type": "ConfigureSuccess",
            "thresholds": self._query.thresholds.as_json(),
            "keyterms": list(self._query.keyterms),
        }
        if self._query.language_hints:
            success["language_hints"] = list(self._query.language_hints)
        await self._out.send(success)

    async def _tell(self, happenings: Iterable[Happening]) -> None:
        for happening in happenings:
            words = await self._hearing.words(happening)
            if happening.event is Event.EAGER:
                self._eager_was_empty = not words
            # An eager transcript is never empty, and only what was said can be taken back.
            if self._eager_was_empty and happening.event in (Event.EAGER, Event.RESUMED):
                continue
            await self._out.send(self._turn_info(happening, words))

    async def _mid_turn_faults(self) -> None:
        in_turn_ms = self._machine.in_turn_ms
        if in_turn_ms is None:
            return
        struck = self._struck
        for fault in (struck.get(CloseMidTurn), struck.get(SilentStall), struck.get(ErrorThenClose)):
            if fault is not None and fault.turn == self._machine.turn and in_turn_ms >= fault.after_speech_ms:
                await self._show(fault)

    async def _show(self, fault: CloseMidTurn | SilentStall | ErrorThenClose) -> None:
        self._served.cut_off = True
        if isinstance(fault, SilentStall):
            self._out.silent = True
        elif isinstance(fault, CloseMidTurn):
            await self._ws.close(code=fault.code)
        else:
            await self._out.send({"type": "Error", "code": fault.code, "description": "An internal error."})
            await self._ws.close(code=_INTERNAL)

    def _rules(self, turn: int) -> TurnRules | None:
        return self._timed(turn) if self._hearing.can_start(turn) else None

    def _timed(self, turn: int) -> TurnRules:
        settings, thresholds = self._state.config.stt, self._query.thresholds
        end_ms = settings.end_ms
        if settings.mode == "realistic":
            draw = Draw(self._draw.seed, self._draw.label, "turn", turn)
            latency = settings.realistic_end
            end_ms = draw.lognormal("end of turn", median=latency.median_ms, p95=latency.p95_ms)
        eager_ms = end_ms * (settings.eager_ms / settings.end_ms if settings.end_ms else 1.0)
        slow = self._state.slowness(Service.STT)
        unending = (fault := self._struck.get(EagerWithoutEnd)) is not None and fault.turn == turn
        by_timeout = self._struck.get(EndOnTimeout) is not None or thresholds.eot_threshold >= 1.0
        twice = self._struck.get(EagerResumedEager)
        return TurnRules(
            eager_ms=None if thresholds.eager_eot_threshold is None or by_timeout else eager_ms * slow,
            end_ms=None if unending or by_timeout else end_ms * slow,
            timeout_ms=None if unending else float(thresholds.eot_timeout_ms),
            not_before_ms=self._hearing.duration_ms(turn),
            eager_twice=twice is not None and twice.turn in (None, turn),
        )

    def _turn_info(self, happening: Happening, words: list[str]) -> dict[str, Any]:
        message: dict[str, Any] = {
            "type": "TurnInfo",
            "event": happening.event.value,
            "turn_index": happening.turn,
            "audio_window_start": happening.window_start_ms / 1000,
            "audio_window_end": happening.audio_ms / 1000,
            "transcript": " ".join(words),
            "words": _timed_words(words, happening, bare=self._struck.get(WordsWithoutTimes) is not None),
            "end_of_turn_confidence": self._confidence(happening),
        }
        if happening.trigger is not None:
            message["trigger"] = happening.trigger.value
        if self._query.language_hints:
            message["languages_hinted"] = list(self._query.language_hints)
        if self._query.model == "flux-general-multi" and words:
            message["languages"] = [self._query.language_hints[0] if self._query.language_hints else "en"]
        return message

    def _confidence(self, happening: Happening) -> float:
        thresholds = self._query.thresholds
        if happening.event is Event.EAGER:
            return round(((thresholds.eager_eot_threshold or 0.0) + thresholds.eot_threshold) / 2, 3)
        if happening.event is Event.END and happening.trigger is Trigger.MODEL:
            return round((thresholds.eot_threshold + 1.0) / 2, 3)
        return 0.1


class _Outbox:
    """Stamps every message with the request and the next sequence id; shows the faults of a lossy sender."""

    def __init__(self, ws: web.WebSocketResponse, request_id: str, struck: Struck) -> None:
        self._ws, self._request_id = ws, request_id
        self._next = 0
        self._doubled, self._lost = struck.get(DuplicateSequence), struck.get(MissingSequence)
        self.silent = False

    async def send(self, message: Mapping[str, Any]) -> None:
        sequence, self._next = self._next, self._next + 1
        if self.silent or (self._lost and sequence and sequence % self._lost.every == 0):
            return
        stamped = {**message, "request_id": self._request_id, "sequence_id": sequence}
        await self._ws.send_json(stamped)
        if self._doubled and sequence and sequence % self._doubled.every == 0:
            await self._ws.send_json(stamped)


def _timed_words(words: list[str], happening: Happening, *, bare: bool) -> list[dict[str, Any]]:
    """Words spread evenly over the speech so far."""
    start_ms, end_ms = happening.speech_start_ms, happening.speech_end_ms
    if bare or start_ms is None or end_ms is None:
        return [{"word": word, "confidence": _WORD_CONFIDENCE} for word in words]
    each_ms = (end_ms - start_ms) / max(1, len(words))
    return [
        {
            "word": word,
            "confidence": _WORD_CONFIDENCE,
            "start": round((start_ms + index * each_ms) / 1000, 3),
            "end": round((start_ms + (index + 1) * each_ms) / 1000, 3),
        }
        for index, word in enumerate(words)
    ]


def _key(request: web.Request) -> tuple[str | None, str | None]:
    """The key, and the websocket protocol to agree to where the key came as one (browsers have no headers)."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme in ("Token", "Bearer", "token", "bearer"):
        return key, None
    offered = [part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if len(offered) == 2 and offered[0] in ("token", "bearer"):
        return offered[1], offered[0]
    return None, None


def _refusal(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"err_code": code, "err_msg": message}, status=status, headers=headers)
