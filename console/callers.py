"""Who calls: files, a script, or somebody at the microphone."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

from agent_core.ports import SpeechSynthesiser
from agent_core.wav import Clip, load_wav
from console.failures import UsageError
from voice_gateway.media import Media
from voice_gateway.recording import StereoRecorder
from voice_gateway.script import CallScript, load_clips, load_script, script_acts
from voice_gateway.scripted_caller import CallerAct
from voice_gateway.wav_media import WavMedia

MakeMedia = Callable[[StereoRecorder], Media]


class Prepare(Protocol):
    """``newest_message``: what the caller's own phone got last; a scripted caller keys the code in it."""

    def __call__(
        self, voice: SpeechSynthesiser, newest_message: Callable[[], str] = lambda: ""
    ) -> Awaitable[MakeMedia]: ...


class Caller(NamedTuple):
    """``make_media`` is asked once, when the call rings."""

    title: str
    prepare: Prepare


def files_caller(wavs: list[Path]) -> Caller:
    """Each file is one thing that the caller says. Raises ``AudioError`` before anything rings."""
    clips = [load_wav(path) for path in wavs]
    _tell_warnings(clips)

    async def prepare(voice: SpeechSynthesiser, newest_message: Callable[[], str] = lambda: "") -> MakeMedia:
        return lambda recorder: WavMedia.from_clips([clip.pcm for clip in clips], recorder=recorder)

    return Caller(", ".join(path.name for path in wavs), prepare)


def script_caller(path: Path) -> Caller:
    """Raises ``ScriptError`` before anything rings."""
    script = load_script(path)
    clips = load_clips(script, path.parent)
    _tell_warnings(clips.values())

    async def prepare(voice: SpeechSynthesiser, newest_message: Callable[[], str] = lambda: "") -> MakeMedia:
        async def speak(text: str) -> bytes:
            return b"".join([piece.pcm async for piece in voice.speak(text)])

        acts = await script_acts(script, clips, speak, newest_message)
        return lambda recorder: _scripted(script, acts, recorder)

    return Caller(script.title or path.name, prepare)


def _scripted(script: CallScript, acts: list[CallerAct], recorder: StereoRecorder) -> Media:
    return WavMedia(
        acts,
        hang_up_after_ms=float(script.hang_up_after_ms),
        patience_ms=float(script.patience_ms),
        recorder=recorder,
    )


def _tell_warnings(clips: Iterable[Clip]) -> None:
    for clip in clips:
        for warning in clip.warnings:
            print(f"ledgerline: {warning}", file=sys.stderr)


def microphone_caller(*, echo_cancellation: bool) -> Caller:
    """Raises ``MediaError`` before anything rings."""
    from voice_gateway.microphone_media import MicrophoneMedia, require_sound_devices

    require_sound_devices()

    async def prepare(voice: SpeechSynthesiser, newest_message: Callable[[], str] = lambda: "") -> MakeMedia:
        return lambda recorder: MicrophoneMedia(echo_cancellation=echo_cancellation, recorder=recorder)

    return Caller("microphone", prepare)


def choose_caller(wavs: list[Path], script: Path | None, *, mic: bool, echo_cancellation: bool) -> Caller:
    """Raises ``UsageError`` unless exactly one kind of caller was named, and what that kind raises."""
    if (bool(wavs), script is not None, mic).count(True) != 1:
        raise UsageError("say who calls with exactly one of --wav FILE (may be repeated), --script FILE.yaml, --mic")
    if script is not None:
        return script_caller(script)
    if mic:
        return microphone_caller(echo_cancellation=echo_cancellation)
    return files_caller(wavs)
