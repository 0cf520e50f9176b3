"""The local voice: no key, no network. Text goes to the best voice engine that this machine has, piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from agent_core.audio import pcm_silence
from agent_core.ports import FailureReason, ProviderError, Speech
from providers.command_voice import espeak_voice, flite_voice
from providers.joe_voice import JoeVoice
from providers.number_words import say_numbers
from providers.piper_voice import PiperVoice
from providers.speech_text import say_digits, spoken_pieces

SENTENCE_PAUSE_MS = 160
CLAUSE_PAUSE_MS = 60


class VoiceEngine(Protocol):
    """Makes audio of a sentence, blocking. Raises ``ProviderError``; used by one thread at a time."""

    name: str

    def render(self, text: str) -> bytes: ...

    def close(self) -> None: ...


ENGINES: dict[str, Callable[[], VoiceEngine]] = {
    "piper": PiperVoice,
    "joe": JoeVoice,
    "flite": flite_voice,
    "espeak-ng": espeak_voice,
}
"""By name, the preferred first. Piper and Joe are one neural voice: Piper pronounces it through GPL code in another
process and is there only where somebody installed that extra. The last two are programs that a machine may have.

Measured on two cores over 46 of the bank's texts (Whisper tiny.en listening; a third of the errors are "9" for "nine"):
word error, first audio p50 / p95, real-time factor: piper 6 %, 56 / 109 ms, 0.03; joe 6 %, 79 / 195 ms, 0.04;
flite 11 %, 31 / 50 ms, 0.01; espeak-ng 17 %, 14 / 19 ms, 0.004.
"""


class LocalVoice:
    """A ``SpeechSynthesiser`` over one engine. No word timings: the engines don't tell them.

    The audio of the first clause comes while the rest is still being made; closing the iterator stops after the piece
    that is being made.
    """

    def __init__(self, engine: VoiceEngine) -> None:
        self.name = f"local-voice:{engine.name}"
        self._engine = engine
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="local-voice")

    async def speak(self, text: str) -> AsyncGenerator[Speech, None]:
        loop = asyncio.get_running_loop()
        pieces = spoken_pieces(say_numbers(say_digits(text)))
        for index, piece in enumerate(pieces):
            try:
                pcm = await loop.run_in_executor(self._thread, self._engine.render, piece)
            except ProviderError as error:  # by the name that this voice goes by, which says that it is local
                raise ProviderError(error.reason, self.name, error.detail) from error
            if index < len(pieces) - 1:
                pcm += pcm_silence(SENTENCE_PAUSE_MS if piece[-1] in ".!?\"')" else CLAUSE_PAUSE_MS)
            yield Speech(pcm)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.close)
        self._thread.shutdown(wait=False)


def open_local_voice(order: Sequence[str] = tuple(ENGINES)) -> LocalVoice:
    """The first voice of ``order`` that this machine has. Slow (about 1 s): call it off the event loop.

    Raises ``ProviderError(MISSING)`` that says for each what to install; ``ValueError`` for a name that isn't one.
    """
    missing: list[str] = []
    for name in order:
        if name not in ENGINES:
            raise ValueError(f"no local voice {name!r}: there are {', '.join(ENGINES)}")
        try:
            return LocalVoice(ENGINES[name]())
        except ProviderError as error:
            missing.append(f"{name}: {error.detail or error.reason.value}")
    raise ProviderError(FailureReason.MISSING, "local-voice", "; ".join(missing))
