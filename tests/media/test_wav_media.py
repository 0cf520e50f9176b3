"""A call made of clips: the caller keeps to its cues, the line plays in real time and tells the truth about it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from agent_core.audio import pcm_silence
from agent_core.ports import FRAME_BYTES
from agent_core.wav import write_wav
from simulation.virtual_loop import run_virtual as run
from voice_gateway.media import FollowsAgent
from voice_gateway.recording import StereoRecorder
from voice_gateway.scripted_caller import Cue, KeepSilent, Press, Say
from voice_gateway.wav_media import WavMedia

SECOND_BYTES = 32_000
FRAME_S = 0.021  # what is decided a frame at a time can be a frame late


def sound(duration_ms: int, level: int = 8000) -> bytes:
    return np.full(16 * duration_ms, level, "<i2").tobytes()


CLIP = sound(1000) + pcm_silence(200)


class Call:
    """Drives a medium the way the gateway does and keeps the times (seconds from the start of the call)."""

    def __init__(self, media: WavMedia) -> None:
        self.media = media
        self.began: list[float] = []
        self.frames = 0
        self.hung_up_at = 0.0

    async def listen(self, on_frame: Callable[[float], Awaitable[None]] | None = None) -> None:
        loop = asyncio.get_running_loop()
        start, speaking = loop.time(), False
        async for frame in self.media.frames():
            assert len(frame) == FRAME_BYTES
            now = loop.time() - start
            loud = any(frame)
            if loud and not speaking:
                self.began.append(round(now - 0.02, 3))
            speaking = loud
            self.frames += 1
            if on_frame is not None:
                await on_frame(round(now, 3))
        self.hung_up_at = round(loop.time() - start, 3)


def at(moments: dict[float, Callable[[], Awaitable[None]]]) -> Callable[[float], Awaitable[None]]:
    async def on_frame(now: float) -> None:
        for moment in [moment for moment in moments if moment <= now]:
            await moments.pop(moment)()

    return on_frame


def test_frames_arrive_in_real_time_one_every_20_ms() -> None:
    async def scenario() -> Call:
        call = Call(WavMedia([], hang_up_after_ms=1000, patience_ms=2000))
        await call.listen()
        return call

    call = run(scenario())
    assert call.hung_up_at == pytest.approx(3.02, abs=0.03)
    assert call.frames == round(call.hung_up_at / 0.02) - 1


def test_the_caller_waits_for_the_agent_to_finish_and_again_after_each_clip() -> None:
    async def scenario() -> Call:
        media = WavMedia.from_clips([CLIP, CLIP], pause_ms=500)
        call = Call(media)
        await call.listen(at({2.0: media.agent_idle, 9.0: media.agent_idle, 15.0: media.agent_idle}))
        return call

    call = run(scenario())
    assert call.began == pytest.approx([2.5, 9.5], abs=FRAME_S)
    assert call.hung_up_at == pytest.approx(18.0, abs=0.05)


def test_an_idle_agent_of_before_the_clip_is_no_cue_for_the_next() -> None:
    async def scenario() -> Call:
        media = WavMedia([Say(CLIP), Say(CLIP)], patience_ms=20_000)
        call = Call(media)
        await call.listen(at({1.0: media.agent_idle, 2.0: media.agent_idle, 8.0: media.agent_idle}))
        return call

    assert run(scenario()).began == pytest.approx([1.5, 8.5], abs=FRAME_S)


def test_sound_of_the_agent_after_its_idle_puts_the_caller_s_turn_off() -> None:
    async def scenario() -> Call:
        media = WavMedia([Say(CLIP, pause_ms=500)])
        call = Call(media)

        async def hold() -> None:
            asyncio.get_running_loop().create_task(media.play(sound(1000)))

        await call.listen(at({1.0: media.agent_idle, 1.2: hold}))
        return call

    assert run(scenario()).began == [pytest.approx(2.72, abs=0.03)]


def test_the_caller_interrupts_in_mid_answer() -> None:
    async def scenario() -> tuple[Call, int, int]:
        media = WavMedia([Say(CLIP), Say(CLIP, after=Cue.AGENT_STARTED, pause_ms=1500)])
        call, dropped = Call(media), 0
        answer = sound(5000)

        async def reply() -> None:
            asyncio.get_running_loop().create_task(media.play(answer))
            await media.agent_started()

        async def barge_in() -> None:
            nonlocal dropped
            dropped = media.clear()

        await call.listen(at({0.5: media.agent_idle, 3.0: reply, 5.0: barge_in, 7.0: media.agent_idle}))
        return call, dropped, media.played_bytes

    call, dropped, played = run(scenario())
    assert call.began == pytest.approx([1.0, 4.5], abs=FRAME_S)
    assert played + dropped == 5 * SECOND_BYTES
    assert played == pytest.approx(2 * SECOND_BYTES, abs=2 * FRAME_BYTES)


def test_silence_lasts_as_long_as_it_says_while_the_agent_asks() -> None:
    async def scenario() -> Call:
        media = WavMedia([KeepSilent(9500), Say(CLIP)])
        call = Call(media)

        async def ask() -> None:
            asyncio.get_running_loop().create_task(media.play(sound(1000)))
            await media.agent_started()

        await call.listen(at({1.0: media.agent_idle, 9.0: ask, 10.0: media.agent_idle, 14.0: media.agent_idle}))
        return call

    assert run(scenario()).began == [pytest.approx(10.52, abs=0.03)]


def test_a_silent_agent_does_not_hold_the_call_up_for_ever() -> None:
    async def scenario() -> Call:
        call = Call(WavMedia([Say(CLIP)], patience_ms=5000))
        await call.listen()
        return call

    call = run(scenario())
    assert call.began == pytest.approx([5.5], abs=FRAME_S)
    assert call.hung_up_at < 20


def test_the_true_end_of_speech_leaves_the_clip_s_silence_out() -> None:
    async def scenario() -> list[float]:
        start = asyncio.get_running_loop().time()
        media = WavMedia([Say(pcm_silence(300) + CLIP), Say(pcm_silence(500))], patience_ms=1000)
        await Call(media).listen()
        return [end - start for end in media.true_speech_end_at]

    ends = run(scenario())
    assert ends == [pytest.approx(1.0 + 0.5 + 0.3 + 1.0, abs=0.021)]


def test_play_holds_the_voice_back_until_little_is_waiting() -> None:
    async def scenario() -> tuple[float, int]:
        media = WavMedia([], patience_ms=10_000)
        loop = asyncio.get_running_loop()
        listening = loop.create_task(Call(media).listen())
        await asyncio.sleep(0.5)
        began = loop.time()
        await media.play(sound(2000))
        took, played = loop.time() - began, media.played_bytes
        await media.close()
        await listening
        return took, played

    took, played = run(scenario())
    assert took == pytest.approx(1.9, abs=0.03)
    assert played == pytest.approx(1.9 * SECOND_BYTES, abs=2 * FRAME_BYTES)


def test_hanging_up_ends_the_frames_and_lets_a_blocked_voice_go() -> None:
    async def scenario() -> tuple[Call, int]:
        media = WavMedia([Say(CLIP)])
        call = Call(media)
        loop = asyncio.get_running_loop()
        listening = loop.create_task(call.listen())
        playing = loop.create_task(media.play(sound(60_000)))
        await asyncio.sleep(1.0)
        await media.close()
        await media.close()
        await playing
        await listening
        await media.play(sound(1000))
        return call, media.played_bytes

    call, played = run(scenario())
    assert call.hung_up_at == pytest.approx(1.0, abs=0.03)
    assert played == pytest.approx(SECOND_BYTES, abs=2 * FRAME_BYTES)


def test_the_line_plays_on_while_nobody_reads_the_caller() -> None:
    async def scenario() -> int:
        media = WavMedia([])
        frames = media.frames()
        await anext(frames)
        playing = asyncio.get_running_loop().create_task(media.play(sound(3000)))
        await asyncio.sleep(4.0)
        played = media.played_bytes
        await media.close()
        await playing
        await frames.aclose()  # type: ignore[attr-defined]
        return played

    assert run(scenario()) == 3 * SECOND_BYTES


def test_a_recording_that_breaks_the_line_is_the_call_s_error() -> None:
    class Broken(StereoRecorder):
        def agent(self, pcm: bytes, began_at_s: float) -> None:
            raise RuntimeError("broken recorder")

    async def scenario(path: Path) -> None:
        recorder = Broken(path, asyncio.get_running_loop().time())
        media = WavMedia([], recorder=recorder)
        await media.play(sound(50))
        try:
            await Call(media).listen()
        finally:
            recorder.close()

    with pytest.raises(RuntimeError, match="broken recorder"):
        run(scenario(Path("/dev/null")))


def test_both_sides_are_recorded_where_they_were_heard(tmp_path: Path) -> None:
    async def scenario() -> None:
        recorder = StereoRecorder(tmp_path / "call.wav", asyncio.get_running_loop().time())
        media = WavMedia([Say(sound(1000, 5000), pause_ms=0)], hang_up_after_ms=1000, recorder=recorder)
        call = Call(media)

        async def reply() -> None:
            asyncio.get_running_loop().create_task(media.play(sound(700, -3000)))

        await call.listen(at({1.0: media.agent_idle, 3.0: reply, 4.0: media.agent_idle}))
        recorder.close()

    run(scenario())
    raw = np.frombuffer((tmp_path / "call.wav").read_bytes()[44:], "<i2").reshape(-1, 2)
    caller, agent = np.flatnonzero(raw[:, 0]), np.flatnonzero(raw[:, 1])
    assert (caller[0] / 16, caller[-1] / 16) == (pytest.approx(1000, abs=21), pytest.approx(2000, abs=21))
    assert (agent[0] / 16, agent[-1] / 16) == (pytest.approx(3000, abs=41), pytest.approx(3700, abs=41))
    assert set(raw[caller, 0]) == {5000}
    assert set(raw[agent, 1]) == {-3000}


def test_an_hour_long_clip_is_said_at_a_frame_s_cost(tmp_path: Path) -> None:
    write_wav(tmp_path / "hour.wav", bytes(3600 * SECOND_BYTES))

    async def scenario() -> int:
        from agent_core.wav import load_wav

        media = WavMedia([Say(load_wav(tmp_path / "hour.wav").pcm)], patience_ms=1000)
        call = Call(media)
        await call.listen()
        return call.frames

    assert run(scenario()) > 3600 * 50


def test_a_wav_medium_follows_the_agent() -> None:
    assert isinstance(WavMedia([]), FollowsAgent)


def test_who_is_to_key_in_a_code_that_never_came_is_told_apart() -> None:
    """Keys that are known count for nothing."""
    media = WavMedia([Press(lambda: ""), Press(lambda: "42#"), Press(lambda: "")], patience_ms=100.0)
    run(Call(media).listen())
    assert media.keyed_nothing == 2
