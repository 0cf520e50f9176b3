"""The agent's mouth: renders replies ahead of their start, plays one sound at a time, and knows how much was heard."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from agent_core.audio import BYTES_PER_MS
from agent_core.ports import FailureReason, ProviderError, SpeechSynthesiser, WordTiming
from voice_gateway.commands import Sound
from voice_gateway.media import Media
from voice_gateway.spoken import pcm_ms, spoken_prefix

_LOG = logging.getLogger(__name__)
PIECE_BYTES = 3200  # 100 ms: what is handed to the medium at a time, so that stopping is quick
PROGRESS_EVERY_S = 1.0
POLL_S = 0.01
UNHEARD_TRIES = 3  # of a rendering that breaks off before it was started: nobody notices that it is begun anew


class PlayerEvents(NamedTuple):
    prepared: Callable[[str], None]
    failed: Callable[[str, str], None]
    progressed: Callable[[str], None]
    finished: Callable[[str], None]
    broke_off: Callable[[str, bool], None]  # what was heard, and whether that is known to the word


class _Rendering:
    """Audio of one text as it comes from the voice."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.pcm = bytearray()
        self.words: list[WordTiming] = []
        self.started = False
        self.complete = False
        self.failure: ProviderError | None = None
        self.grew = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def begin_anew(self) -> None:
        self.pcm.clear()
        self.words.clear()
        self.failure = None

    @property
    def playable_bytes(self) -> int:
        """Up to where it may be played: a voice that broke off in a word is silenced before that word, where its times
        are known."""
        if self.failure is None or not self.words:
            return len(self.pcm)
        ends_ms = (word.end_ms for word in self.words if word.end_ms <= pcm_ms(len(self.pcm)))
        return min(len(self.pcm), 2 * math.ceil(max(ends_ms, default=0.0) * BYTES_PER_MS / 2))


class Player:
    """``granted``: phrase id → 16 kHz PCM16 rendered beforehand, so that no vendor stands in a granted line's way."""

    def __init__(
        self, media: Media, voice: SpeechSynthesiser, granted: Mapping[str, bytes], events: PlayerEvents
    ) -> None:
        self._media, self._voice, self._granted, self._events = media, voice, granted, events
        self._renderings: dict[str, _Rendering] = {}
        self._playing: asyncio.Task[None] | None = None
        self._current: _Rendering | None = None
        self._began_at_bytes = 0

    def prepare(self, sound: Sound) -> None:
        rendering = _Rendering(sound.text)
        self._renderings[sound.sound_id] = rendering
        rendering.task = asyncio.create_task(self._render(sound.sound_id, rendering))

    def discard(self, sound_id: str) -> None:
        rendering = self._renderings.pop(sound_id, None)
        if rendering and rendering.task:
            rendering.task.cancel()

    def start(self, sound: Sound) -> None:
        rendering = self._renderings.pop(sound.sound_id, None)
        if rendering is None:
            rendering = _Rendering(sound.text)
            rendering.pcm.extend(self._granted[sound.sound_id])
            rendering.complete = True
        rendering.started = True
        self._current = rendering
        self._began_at_bytes = self._media.played_bytes
        self._playing = asyncio.create_task(self._play(rendering))

    @property
    def measured_by(self) -> str:
        """How it is known what was heard of what plays: as in ``SpeechInterrupted``."""
        return "" if self._current is None else "word_times" if self._current.words else "share"

    def stop(self) -> str:
        """Silences at once; returns what was heard of it."""
        self._media.clear()
        heard = self._heard()
        if self._playing:
            self._playing.cancel()
        if self._current and self._current.task:
            self._current.task.cancel()
        self._playing = self._current = None
        return heard

    async def close(self) -> None:
        tasks = [r.task for r in self._renderings.values() if r.task]
        tasks += [self._playing] if self._playing else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _render(self, sound_id: str, rendering: _Rendering) -> None:
        try:
            for _ in range(UNHEARD_TRIES):
                rendering.begin_anew()
                await self._render_once(sound_id, rendering)
                if rendering.failure is None or rendering.started or not rendering.pcm:
                    break
        finally:
            rendering.complete = True
            rendering.grew.set()
        if not rendering.pcm:
            failure = rendering.failure
            _LOG.warning("no voice for a reply: %s", failure or "it was mute")
            self._events.failed(sound_id, (failure.reason if failure else FailureReason.INVALID).value)

    async def _render_once(self, sound_id: str, rendering: _Rendering) -> None:
        try:
            async for piece in self._voice.speak(rendering.text):
                first = not rendering.pcm
                rendering.pcm.extend(piece.pcm)
                rendering.words.extend(piece.words)
                rendering.grew.set()
                if first and rendering.pcm:
                    self._events.prepared(sound_id)
        except ProviderError as error:
            rendering.failure = error

    async def _play(self, rendering: _Rendering) -> None:
        sent, progress_due = 0, asyncio.get_running_loop().time() + PROGRESS_EVERY_S
        while True:
            piece = bytes(rendering.pcm[sent : min(sent + PIECE_BYTES, rendering.playable_bytes)])
            if piece:
                await self._media.play(piece)
                sent += len(piece)
            elif rendering.complete:
                break
            else:
                rendering.grew.clear()
                await rendering.grew.wait()
            if asyncio.get_running_loop().time() >= progress_due:
                progress_due += PROGRESS_EVERY_S
                self._events.progressed(self._heard())
        while self._media.played_bytes - self._began_at_bytes < sent:  # noqa: ASYNC110 - a medium announces nothing
            await asyncio.sleep(POLL_S)
        heard, whole = self._heard(), " ".join(rendering.text.split())
        self._playing = self._current = None
        if rendering.failure is None and rendering.pcm:
            self._events.finished(whole)
        else:
            self._events.broke_off(heard, bool(rendering.words))

    def _heard(self) -> str:
        rendering = self._current
        if rendering is None:
            return ""
        played_ms = pcm_ms(self._media.played_bytes - self._began_at_bytes)
        total_ms = pcm_ms(len(rendering.pcm)) if rendering.complete and not rendering.failure else None
        return spoken_prefix(rendering.text, played_ms, total_ms, rendering.words)
