"""One call: carries out what its state machine says, with real sound, a real recogniser, a real voice and the log."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent_core.ports import ProviderError, SpeechRecogniser, SpeechSynthesiser, VoiceActivity
from schemas.event import Event
from schemas.facts import UtteranceHeard
from streams.clock import GatewayClock
from streams.fact_writer import FactWriter, fact_event
from streams.tail import ConversationTail
from voice_gateway.call_machine import CallMachine
from voice_gateway.commands import (
    Answer,
    CatchUp,
    Command,
    Discard,
    HangUp,
    Prepare,
    Put,
    Sound,
    SoundKind,
    Start,
    Stop,
)
from voice_gateway.ears import Ear, Ears
from voice_gateway.fact_spool import FactSpool
from voice_gateway.media import FollowsAgent, HasKeypad, Media, MediaError
from voice_gateway.player import Player, PlayerEvents

_LOG = logging.getLogger(__name__)
ANSWER_TIMEOUT_S = 10.0  # a call whose standing grant doesn't come is left unanswered
DRAIN_S = 5.0
IDLE_TICK_S = 0.05


class NotAnsweredError(Exception):
    """The log granted nothing in time: the call was left ringing."""


@dataclass(frozen=True)
class Line:
    """What a call is made of. ``granted``: phrase id → audio, rendered before the call is answered. ``on_deafness``: told
    of each failure of a recogniser."""

    media: Media
    recognisers: list[SpeechRecogniser]
    voice: SpeechSynthesiser
    voice_activity: VoiceActivity
    granted: Mapping[str, bytes]
    on_deafness: Callable[[ProviderError], None] = lambda error: None


@dataclass
class Heard:
    """Moments of a call on the event loop's clock (s), for whoever measures it."""

    answered_at: float | None = None
    sounds: list[tuple[float, SoundKind, str]] = field(
        default_factory=list
    )  # when each began; of a reply its first piece
    speech_ended_at: dict[str, float] = field(default_factory=dict)  # by utterance: the end that was believed
    hung_up: str | None = None  # why, where the agent did
    unsent_facts: int = 0


class Gateway:
    def __init__(
        self,
        call_id: str,
        gateway_id: str,
        take: int,
        line: Line,
        writer: FactWriter,
        tail: ConversationTail,
        *,
        on_event: Callable[[Event], None] = lambda event: None,
    ) -> None:
        self._call_id, self._line, self._tail, self._on_event = call_id, line, tail, on_event
        self._machine = CallMachine(call_id, gateway_id, take)
        self._spool = FactSpool(writer)
        self._clock = GatewayClock()
        self._player = Player(
            line.media,
            line.voice,
            line.granted,
            PlayerEvents(self._prepared, self._voice_failed, self._progressed, self._finished, self._broke_off),
        )
        self._ears = Ears(
            line.recognisers,
            line.voice_activity,
            Ear(
                self._began,
                self._maybe_ended,
                self._ended,
                self._resumed,
                self._dismissed,
                self._voice_heard,
                self._words_known,
            ),
            self._now_ms,
            line.on_deafness,
        )
        self._answered = asyncio.Event()
        self._over = asyncio.Event()
        self._catching_up: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self.heard = Heard()

    async def run(self) -> Heard:
        """From the ring to the end of the call. Raises ``NotAnsweredError``, ``ProviderError`` (no recogniser)."""
        self._machine.remember(await self._tail.begin())
        reading = asyncio.create_task(self._read_log())
        reading.add_done_callback(_tell_failure)  # what was granted carries the call without it
        helpers: list[asyncio.Task[Any]] = [asyncio.create_task(self._spool.run())]
        try:
            self._do(self._machine.begin(self._now_ms()))
            await self._until_answered()
            await self._ears.open()
            listening = asyncio.create_task(self._listen())
            helpers += [asyncio.create_task(self._tick()), listening, asyncio.create_task(self._over.wait())]
            if isinstance(self._line.media, HasKeypad):
                helpers.append(asyncio.create_task(self._take_keys(self._line.media)))
            done, _ = await asyncio.wait(helpers, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except BaseException:
            self._do(self._machine.media_ended("gateway_stopped"))
            raise
        finally:
            await self._close([reading, *helpers])
        return self.heard

    async def _close(self, helpers: list[asyncio.Task[Any]]) -> None:
        await self._ears.close()
        await self._player.close()
        await self._line.media.close()
        self._do(self._machine.media_ended())
        self.heard.unsent_facts = await self._spool.drained(DRAIN_S)
        if self._catching_up:
            helpers.append(self._catching_up)
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, *self._telling, return_exceptions=True)

    # --- inputs ---

    async def _until_answered(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._answered.wait()
        except TimeoutError:
            raise NotAnsweredError("the log granted nothing in time, so the call was left ringing") from None

    async def _listen(self) -> None:
        reason = "caller_hung_up"
        try:
            async for frame in self._line.media.frames():
                await self._ears.push(frame)
        except MediaError as error:
            _LOG.warning("the line is gone: %s", error)
            reason = "media_failed"
        self._do(self._machine.media_ended(reason))

    async def _take_keys(self, media: HasKeypad) -> None:
        async for key in media.keys():
            self._do(self._machine.key_pressed(key, self._now_ms()))
        await self._over.wait()  # it ends with the call, and doesn't end it

    async def _tick(self) -> None:
        while True:
            self._do(self._machine.tick(self._now_ms()))
            await asyncio.sleep(IDLE_TICK_S)

    async def _read_log(self) -> None:
        async for event in self._tail.events():
            self._take(event)

    def _take(self, event: Event) -> None:
        self._on_event(event)
        self._do(self._machine.read(event, self._now_ms()))

    async def _catch_up(self) -> None:
        async for event in self._tail.to_end():
            self._take(event)
        self._do(self._machine.caught_up(self._now_ms()))

    def _began(self) -> None:
        self._do(self._machine.speech_began(self._now_ms()))

    def _maybe_ended(self, text: str, ended_ms: float, confidence: float | None) -> None:
        self._do(self._machine.maybe_ended(text, ended_ms, self._now_ms(), confidence))

    def _ended(self, text: str, ended_ms: float, confidence: float | None) -> None:
        self._do(self._machine.utterance_ended(text, ended_ms, self._now_ms(), confidence))

    def _resumed(self) -> None:
        self._do(self._machine.resumed(self._now_ms()))

    def _dismissed(self) -> None:
        self._do(self._machine.speech_dismissed(self._now_ms()))

    def _voice_heard(self, active: bool) -> None:
        self._do(self._machine.voice(active, self._now_ms()))

    def _words_known(self, text: str) -> None:
        self._do(self._machine.words(text, self._now_ms()))

    def _prepared(self, sound_id: str) -> None:
        self._do(self._machine.prepared(sound_id, self._now_ms()))

    def _voice_failed(self, sound_id: str, reason: str) -> None:
        self._do(self._machine.preparation_failed(sound_id, reason, self._now_ms()))

    def _progressed(self, spoken_so_far: str) -> None:
        self._do(self._machine.progressed(spoken_so_far))

    def _finished(self, spoken: str) -> None:
        sound = self._machine.playing
        self._fell_silent(sound, self._machine.finished(spoken, self._now_ms()))

    def _broke_off(self, spoken: str, exact: bool) -> None:
        sound = self._machine.playing
        self._fell_silent(sound, self._machine.broke_off(spoken, self._now_ms(), exact=exact))

    def _fell_silent(self, sound: Sound | None, commands: list[Command]) -> None:
        self._do(commands)
        if sound and sound.kind is not SoundKind.HOLD and not self._machine.replying:  # else the caller still waits
            self._tell_media(idle=True)

    # --- commands ---

    def _do(self, commands: Iterable[Command]) -> None:
        for command in commands:
            self._carry_out(command)

    def _carry_out(self, command: Command) -> None:
        if isinstance(command, Put):
            if isinstance(command.payload, UtteranceHeard):
                ended_at = asyncio.get_running_loop().time() - command.payload.since_speech_end_ms / 1000
                self.heard.speech_ended_at[command.payload.utterance_id] = ended_at
            self._spool.put(
                fact_event(
                    self._call_id,
                    command.payload,
                    event_id=command.event_id,
                    turn_id=command.turn_id,
                    occurred_at_us=self._clock.now_us(),
                )
            )
        elif isinstance(command, Answer):
            self.heard.answered_at = asyncio.get_running_loop().time()
            self._answered.set()
        elif isinstance(command, Prepare):
            self._player.prepare(command.sound)
        elif isinstance(command, Discard):
            self._player.discard(command.sound_id)
        elif isinstance(command, Start):
            self._player.start(command.sound)
            if command.sound.piece == 0:
                sound = command.sound
                self.heard.sounds.append((asyncio.get_running_loop().time(), sound.kind, sound.sound_id))
                if sound.kind is SoundKind.REPLY:
                    self._tell_media(idle=False)
        elif isinstance(command, Stop):
            measured_by = self._player.measured_by
            spoken = self._player.stop()
            self._do(self._machine.stopped(spoken, self._now_ms(), measured_by))
        elif isinstance(command, CatchUp):
            self._catching_up = asyncio.create_task(self._catch_up())
            self._catching_up.add_done_callback(_tell_failure)
        elif isinstance(command, HangUp):
            self.heard.hung_up = command.reason
            self._over.set()

    def _tell_media(self, *, idle: bool) -> None:
        """A scripted caller waits for the agent; a real line doesn't care."""
        media = self._line.media
        if isinstance(media, FollowsAgent):
            task = asyncio.create_task(_await(media.agent_idle() if idle else media.agent_started()))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    @staticmethod
    def _now_ms() -> float:
        return asyncio.get_running_loop().time() * 1000


def _tell_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception():
        _LOG.error("the log can't be read on; the call goes on with what was granted", exc_info=task.exception())


async def _await(told: object) -> None:
    with contextlib.suppress(MediaError):
        await told  # type: ignore[misc]
