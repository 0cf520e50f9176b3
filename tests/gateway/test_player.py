"""The mouth: what it plays, how soon it stops, and that it never tells more than was heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

from agent_core.ports import FailureReason, ProviderError, Speech, WordTiming
from simulation.virtual_loop import run_virtual
from voice_gateway.commands import Sound, SoundKind
from voice_gateway.player import Player, PlayerEvents
from voice_gateway.playout import PlayoutBuffer

SECOND = bytes(32_000)
REPLY = Sound(SoundKind.REPLY, "c1", "one two three four five six seven eight nine ten")
HOLD = Sound(SoundKind.HOLD, "hold", "One moment.")


class Line:
    """A medium that plays in real time."""

    def __init__(self) -> None:
        self._buffer = PlayoutBuffer()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            self._buffer.take(640)
            await asyncio.sleep(0.02)

    async def play(self, pcm: bytes) -> None:
        await self._buffer.put(pcm)

    def clear(self) -> int:
        return self._buffer.clear()

    @property
    def played_bytes(self) -> int:
        return self._buffer.played_bytes

    def frames(self) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def close(self) -> None:
        self._task.cancel()


class Voice:
    """``pieces``: seconds of audio, or an error to raise, or words' timings with one second of audio. ``then``: of each
    later text in its place."""

    name = "voice"

    def __init__(
        self,
        *pieces: Speech | ProviderError,
        pause_s: float = 0.0,
        then: tuple[Speech | ProviderError, ...] | None = None,
    ) -> None:
        self._pieces, self._pause_s, self._then = pieces, pause_s, then
        self.cancelled = False
        self.texts: list[str] = []

    async def speak(self, text: str) -> AsyncGenerator[Speech, None]:
        pieces = self._pieces if self._then is None or not self.texts else self._then
        self.texts.append(text)
        try:
            for piece in pieces:
                await asyncio.sleep(self._pause_s)
                if isinstance(piece, ProviderError):
                    raise piece
                yield piece
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled = True
            raise

    async def close(self) -> None:
        return


class Stage:
    def __init__(self, voice: Voice) -> None:
        self.told: list[tuple[str, ...]] = []
        self.voice, self.line = voice, Line()
        events = PlayerEvents(
            lambda sound_id: self.told.append(("prepared", sound_id)),
            lambda sound_id, reason: self.told.append(("failed", sound_id, reason)),
            lambda spoken: self.told.append(("progressed", spoken)),
            lambda spoken: self.told.append(("finished", spoken)),
            lambda spoken, exact: self.told.append(("broke_off", spoken, "to the word" if exact else "by share")),
        )
        self.player = Player(self.line, voice, {"hold": SECOND}, events)


def on_stage(voice: Voice, scene: Callable[[Stage], Awaitable[None]]) -> Stage:
    async def run() -> Stage:
        stage = Stage(voice)
        await scene(stage)
        await stage.player.close()
        await stage.line.close()
        await asyncio.sleep(0)
        return stage

    return run_virtual(run())


def broken() -> ProviderError:
    return ProviderError(FailureReason.UNAVAILABLE, "voice")


def test_a_reply_is_heard_to_its_end_and_told_so_only_then() -> None:
    async def scene(stage: Stage) -> None:
        stage.player.prepare(REPLY)
        await asyncio.sleep(0.1)
        assert stage.told == [("prepared", "c1")]
        stage.player.start(REPLY)
        await asyncio.sleep(1.9)
        assert not [told for told in stage.told if told[0] == "finished"]
        await asyncio.sleep(0.3)

    stage = on_stage(Voice(Speech(SECOND), Speech(SECOND)), scene)
    assert stage.told[-1] == ("finished", REPLY.text)


def test_how_far_it_was_heard_is_told_every_second() -> None:
    async def scene(stage: Stage) -> None:
        stage.player.prepare(REPLY)
        await asyncio.sleep(0.1)
        stage.player.start(REPLY)
        await asyncio.sleep(4.5)

    told = on_stage(Voice(*[Speech(SECOND)] * 4), scene).told
    progress = [spoken for kind, *rest in told for spoken in rest if kind == "progressed"]
    assert len(progress) >= 3
    assert all(REPLY.text.startswith(spoken) for spoken in progress)
    assert progress == sorted(progress, key=len)


def test_stopping_silences_at_once_and_tells_what_was_heard() -> None:
    async def scene(stage: Stage) -> None:
        stage.player.prepare(REPLY)
        await asyncio.sleep(0.1)
        stage.player.start(REPLY)
        await asyncio.sleep(1.0)
        spoken = stage.player.stop()
        played = stage.line.played_bytes
        await asyncio.sleep(1.0)
        assert stage.line.played_bytes == played
        assert spoken
        assert REPLY.text.startswith(spoken)
        assert len(spoken.split()) <= 5

    told = on_stage(Voice(Speech(SECOND), Speech(SECOND)), scene).told
    assert not [kind for kind, *_ in told if kind == "finished"]


def test_what_is_stopped_is_rendered_no_further() -> None:
    async def scene(stage: Stage) -> None:
        stage.player.prepare(REPLY)
        await asyncio.sleep(0.15)
        stage.player.start(REPLY)
        await asyncio.sleep(0.1)
        stage.player.stop()
        await asyncio.sleep(0.05)
        assert stage.voice.cancelled

    on_stage(Voice(*[Speech(SECOND)] * 20, pause_s=0.1), scene)


def test_with_the_vendors_word_times_the_account_is_exact() -> None:
    words = tuple(WordTiming(word, at * 100.0, at * 100.0 + 90) for at, word in enumerate(REPLY.text.split()))

    async def scene(stage: Stage) -> None:
        stage.player.prepare(REPLY)
        await asyncio.sleep(0.1)
        stage.player.start(REPLY)
        await asyncio.sleep(0.45)
        assert stage.player.stop() == "one two three four"

    on_stage(Voice(Speech(SECOND, words)), scene)


def test_a_voice_that_fails_before_its_first_sound_fails_the_reply_by_reason() -> None:
    async def scene(stage: Stage) -> None:
        stage.player.prepare(REPLY)
        await asyncio.sleep(0.1)

    assert on_stage(Voice(broken()), scene).told == [("failed", "c1", "unavailable")]


def test_a_voice_that_is_mute_fails_the_reply_too() -> None:
    async def scene(stage: Stage) -> None:
        stage.player.prepare(REPLY)
        await asyncio.sleep(0.1)

    assert on_stage(Voice(), scene).told == [("failed", "c1", "invalid")]


def test_of_a_reply_whose_voice_breaks_off_only_what_was_heard_is_told() -> None:
    async def scene(stage: Stage) -> None:
        stage.player.prepare(REPLY)
        await asyncio.sleep(0.1)
        stage.player.start(REPLY)
        await asyncio.sleep(3)

    kind, spoken, known = on_stage(Voice(Speech(SECOND), broken(), pause_s=0.2), scene).told[-1]
    assert (kind, known) == ("broke_off", "by share")
    assert spoken
    assert REPLY.text.startswith(spoken)
    assert spoken != REPLY.text


def test_a_voice_that_breaks_off_in_a_word_is_silenced_before_that_word() -> None:
    words = tuple(WordTiming(word, at * 300.0, at * 300.0 + 250) for at, word in enumerate(REPLY.text.split()[:3]))

    async def scene(stage: Stage) -> None:
        stage.player.prepare(REPLY)
        await asyncio.sleep(0.25)
        stage.player.start(REPLY)
        await asyncio.sleep(3)
        assert stage.line.played_bytes == 850 * 32  # three words' time, and no more of the second

    told = on_stage(Voice(Speech(SECOND, words), broken(), pause_s=0.2), scene).told
    assert told[-1] == ("broke_off", "one two three", "to the word")


def test_what_breaks_off_before_anybody_heard_it_is_rendered_anew() -> None:
    async def scene(stage: Stage) -> None:
        stage.player.prepare(REPLY)
        await asyncio.sleep(0.1)
        stage.player.start(REPLY)
        await asyncio.sleep(2.5)
        assert stage.line.played_bytes == 2 * len(SECOND)

    stage = on_stage(Voice(Speech(SECOND), broken(), then=(Speech(SECOND), Speech(SECOND))), scene)
    assert stage.voice.texts == [REPLY.text, REPLY.text]
    assert stage.told[-1] == ("finished", REPLY.text)


def test_what_breaks_off_and_finds_no_voice_again_fails_by_reason() -> None:
    async def scene(stage: Stage) -> None:
        stage.player.prepare(REPLY)
        await asyncio.sleep(0.1)

    stage = on_stage(Voice(Speech(SECOND), broken(), then=(broken(),)), scene)
    assert stage.told == [("prepared", "c1"), ("failed", "c1", "unavailable")]


def test_a_granted_line_needs_no_voice() -> None:
    async def scene(stage: Stage) -> None:
        stage.player.start(HOLD)
        await asyncio.sleep(1.3)

    assert on_stage(Voice(broken()), scene).told[-1] == ("finished", HOLD.text)


def test_a_reply_that_is_discarded_is_rendered_no_further() -> None:
    async def scene(stage: Stage) -> None:
        stage.player.prepare(REPLY)
        await asyncio.sleep(0.15)
        stage.player.discard(REPLY.sound_id)
        await asyncio.sleep(1)

    stage = on_stage(Voice(*[Speech(SECOND)] * 20, pause_s=0.1), scene)
    assert stage.voice.cancelled
    assert stage.told == [("prepared", "c1")]


def test_a_voice_that_is_slower_than_speech_leaves_gaps_not_losses() -> None:
    async def scene(stage: Stage) -> None:
        stage.player.prepare(REPLY)
        await asyncio.sleep(2.1)
        stage.player.start(REPLY)
        await asyncio.sleep(6)
        assert stage.line.played_bytes == 2 * len(SECOND)

    assert on_stage(Voice(Speech(SECOND), Speech(SECOND), pause_s=2.0), scene).told[-1] == ("finished", REPLY.text)
