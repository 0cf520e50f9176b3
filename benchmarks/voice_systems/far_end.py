"""The caller's end of one call, the same for every system: speech in real time, and what is heard of the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from agent_core.ports import FRAME_MS
from benchmarks.meter import Meter
from benchmarks.voice_systems.plan import Turn
from benchmarks.voice_systems.said import clip, question
from voice_gateway.scripted_caller import Say, Utterance
from voice_gateway.wav_media import WavMedia

PAUSE_MS = 300.0  # between the agent's last sound and the caller's next word
PATIENCE_MS = 14_000.0  # above what a stall takes, so that a late reply is still heard as one
HANG_UP_AFTER_MS = 300.0
MS_PER_CHAR = 40.0  # the emulated voice's: brisk


class FarEnd:
    """``media`` is what a system listens and plays to. ``is_reply``: whether a frame that was heard belonged to a reply."""

    def __init__(self, call_id: str, turns: int, directory: Path) -> None:
        self.call_id = call_id
        self._turns = turns
        self._meter = Meter(directory / f"{call_id}.wav", asyncio.get_running_loop().time())
        said = [Say(clip(turn).pcm, pause_ms=PAUSE_MS) for turn in range(turns)]
        self.media = WavMedia(said, hang_up_after_ms=HANG_UP_AFTER_MS, patience_ms=PATIENCE_MS, recorder=self._meter)

    @property
    def label(self) -> str:
        """Names the emulator's draws of the turn that the caller began last, as the owner of a call names its turns."""
        return f"{self.call_id}/t{len(self.media.said) + 1}|answer.{question(len(self.media.said) - 1).intent}"

    def close(self) -> None:
        self._meter.close()

    def heard(self, is_reply: Callable[[float], bool] = lambda at: True) -> list[Turn]:
        return measured(self.media.said, self._meter.audible_at, is_reply)


def measured(
    said: Sequence[Utterance], audible_at: Sequence[float], is_reply: Callable[[float], bool] = lambda at: True
) -> list[Turn]:
    """A turn lasts from the true end of the caller's words to the beginning of the next ones."""
    turns = []
    for number, utterance in enumerate(said):
        end = utterance.speech_end_s
        if end is None:
            continue
        until = said[number + 1].began_at_s if number + 1 < len(said) else float("inf")
        within = [at for at in audible_at if end <= at < until]
        replies = [at for at in within if is_reply(at)]
        turns.append(
            Turn(
                first_sound_ms=_first_ms(within, end),
                first_reply_ms=_first_ms(replies, end),
                held=bool(within) and not (replies and replies[0] == within[0]),
                cut_in=any(utterance.began_at_s <= at < end for at in audible_at),
                heard_ms=len(within) * FRAME_MS,
                expected_ms=spoken_ms(question(number).reply),
            )
        )
    return turns


def spoken_ms(text: str) -> float:
    """How much of the emulated voice's tone is audible: it is silent between words."""
    return sum(char.isalnum() for char in text) * MS_PER_CHAR


def _first_ms(moments: Sequence[float], since_s: float) -> float | None:
    return round((min(moments) - since_s) * 1000, 1) if moments else None
