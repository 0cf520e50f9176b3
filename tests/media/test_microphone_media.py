"""The microphone, against a sound card of our own: half duplex unless echo is cancelled, clear words where there is none."""

from __future__ import annotations

import asyncio
import builtins
import sys
import types
from typing import Any

import numpy as np
import pytest

from agent_core.ports import FRAME_BYTES
from voice_gateway.media import MediaError, MediaFailure
from voice_gateway.microphone_media import MicrophoneMedia, WebRtcEchoCanceller

VOICE = b"\1\2" * (FRAME_BYTES // 2)
AGENT = b"\5\6" * (FRAME_BYTES // 2)


class SoundCard:
    """Stands for ``sounddevice.RawStream``: the test moves it on, one frame at a time."""

    current: SoundCard

    def __init__(self, *, callback: Any, finished_callback: Any, **_: object) -> None:
        self.callback, self.finished = callback, finished_callback
        self.closed = False
        SoundCard.current = self

    def start(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True
        self.finished()

    async def tick(self, heard: bytes) -> bytes:
        out = bytearray(FRAME_BYTES)
        self.callback(heard, memoryview(out), FRAME_BYTES // 2, None, None)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return bytes(out)


@pytest.fixture
def sound_card(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("sounddevice")
    module.RawStream = SoundCard  # type: ignore[attr-defined]
    module.PortAudioError = OSError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sounddevice", module)


@pytest.mark.usefixtures("sound_card")
def test_the_microphone_counts_as_silent_while_the_agent_is_heard() -> None:
    async def scenario() -> tuple[list[bytes], list[bytes], int]:
        media = MicrophoneMedia()
        frames, card = media.frames(), SoundCard.current
        heard, sent = [], [await card.tick(VOICE)]
        heard.append(await anext(frames))
        await media.play(AGENT * 2)
        for _ in range(4):
            sent.append(await card.tick(VOICE))
            heard.append(await anext(frames))
        await media.close()
        assert [frame async for frame in frames] == []
        assert card.closed
        return heard, sent, media.played_bytes

    heard, sent, played = asyncio.run(scenario())
    assert heard == [VOICE] + [bytes(FRAME_BYTES)] * 4
    assert sent == [bytes(FRAME_BYTES)] * 2 + [AGENT] * 2 + [bytes(FRAME_BYTES)]
    assert played == 2 * FRAME_BYTES


@pytest.mark.usefixtures("sound_card")
def test_clear_stops_the_agent_with_the_next_frame() -> None:
    async def scenario() -> tuple[int, bytes]:
        media = MicrophoneMedia()
        card = SoundCard.current
        playing = asyncio.get_running_loop().create_task(media.play(AGENT * 50))
        await card.tick(VOICE)
        dropped = media.clear()
        await playing
        await card.tick(VOICE)
        silent = await card.tick(VOICE)
        await media.close()
        return dropped, silent

    assert asyncio.run(scenario()) == (49 * FRAME_BYTES, bytes(FRAME_BYTES))


@pytest.mark.usefixtures("sound_card")
def test_a_device_that_goes_away_is_the_call_s_error() -> None:
    async def scenario() -> None:
        media = MicrophoneMedia()
        SoundCard.current.finished()
        async for _ in media.frames():
            pass

    with pytest.raises(MediaError) as lost:
        asyncio.run(scenario())
    assert lost.value.reason is MediaFailure.DEVICE_LOST


@pytest.mark.parametrize(("error", "says"), [(ImportError, "ledgerline"), (OSError, "libportaudio2")])
def test_a_missing_library_is_told_with_what_to_install(
    error: type[Exception], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_import = builtins.__import__

    def fail(name: str, *rest: Any) -> Any:
        if name == "sounddevice":
            raise error("not here")
        return real_import(name, *rest)

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(builtins, "__import__", fail)

    async def scenario() -> None:
        MicrophoneMedia()

    with pytest.raises(MediaError) as missing:
        asyncio.run(scenario())
    assert missing.value.reason is MediaFailure.NO_LIBRARY
    assert says in str(missing.value)


@pytest.mark.usefixtures("sound_card")
def test_no_sound_card_is_told_with_another_way_to_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise OSError("Error querying device -1")

    monkeypatch.setattr(sys.modules["sounddevice"], "RawStream", refuse)

    async def scenario() -> None:
        MicrophoneMedia()

    with pytest.raises(MediaError, match="--wav or --script") as none:
        asyncio.run(scenario())
    assert none.value.reason is MediaFailure.NO_DEVICE


def test_the_agent_s_echo_is_taken_out_of_what_the_microphone_hears() -> None:
    """White noise from the loudspeaker comes back half as loud, 40 ms later; after two seconds little of it is left."""
    canceller = WebRtcEchoCanceller()
    played = (np.random.default_rng(3).standard_normal(16_000 * 4) * 4000).astype("<i2").reshape(-1, 320)
    echo = np.concatenate([np.zeros(640), played.reshape(-1) * 0.5]).astype("<i2")[: played.size].reshape(-1, 320)
    left = []
    for out, back in zip(played, echo, strict=True):
        canceller.played(out.tobytes())
        left.append(np.frombuffer(canceller.heard(back.tobytes()), "<i2"))

    level_before = np.std(echo[100:].astype(float))
    level_after = np.std(np.concatenate(left[100:]).astype(float))
    assert level_after < level_before / 10
