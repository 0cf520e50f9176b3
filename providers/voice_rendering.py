"""One text as audio over a vendor's contexts: its first sentence, then the rest, so that what is given up early costs little.

The rest is sent when the first sound was taken: soon enough for speech without a gap. A rendering ahead of its choice
that is cancelled before then was charged for one sentence.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NamedTuple

from agent_core.ports import FailureReason, ProviderError, Speech, WordTiming
from providers.voice_dialect import Piece
from providers.voice_socket import OpenContext
from providers.voice_sockets import VoiceSockets
from providers.whole_samples import WholeSamples
from providers.word_timing import WordsFromCharacters

_BYTES_PER_MS = 32  # 16 kHz PCM16
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[^a-z])")
_SHORTEST_CHARS = 20  # less is no sentence to begin with: "Mr.", "Yes."


class Waits(NamedTuple):
    """Longest waits: for the first audio of a context, and for more. While there is audio to play, more may take as
    long as the first: nobody hears that it is late."""

    first_audio_ms: int
    stall_ms: int

    def next_ms(self, *, begun: bool, ahead_ms: float) -> float:
        return max(self.stall_ms, min(ahead_ms, self.first_audio_ms)) if begun else self.first_audio_ms


def in_two(text: str) -> list[str]:
    """The first sentence with a space behind it, and the rest; or all of it. Every word is in one of them."""
    text = " ".join(text.split())
    for end in _SENTENCE_END.finditer(text):
        if end.start() >= _SHORTEST_CHARS:
            return [text[: end.start()] + " ", text[end.end() :]]
    return [text]


async def render(sockets: VoiceSockets, text: str, waits: Waits) -> AsyncGenerator[Speech, None]:
    """Audio as it is made, words timed from the start of ``text``. A last word may come with no audio.

    Raises ``ProviderError``; what was yielded before stays true. Closing the iterator closes the context at once.
    """
    waiting, rendered = deque(in_two(text)), _Rendered()
    while waiting:
        context = await sockets.begin()
        rendered.begin_context()
        said: list[str] = []
        try:
            async with aclosing(_in_one_context(context, waiting, said, rendered, waits)) as pieces:
                async for speech in pieces:
                    yield speech
        except ProviderError as error:
            if error.reason is not FailureReason.UNAVAILABLE or not context.warm or rendered.heard_of_context:
                raise
            waiting.extendleft(reversed(said))  # a socket that had died while nobody looked costs no reply
        finally:
            context.close()
    if not rendered.sent_bytes:
        raise ProviderError(FailureReason.INVALID, sockets.name, "no audio")
    if last := rendered.last_word():
        yield Speech(b"", last)


async def _in_one_context(
    context: OpenContext, waiting: deque[str], said: list[str], rendered: _Rendered, waits: Waits
) -> AsyncGenerator[Speech, None]:
    """Speaks what waits, until all of it is spoken or the context takes no more text."""

    def say() -> None:
        said.append(waiting.popleft())
        context.say(said[-1], last=not waiting)

    say()
    while True:
        if waiting and rendered.heard_of_context and not context.takes_text() and not context.at_hand():
            return  # it expired while nobody took its audio: what is left goes to another one
        wait_ms = waits.next_ms(begun=rendered.heard_of_context, ahead_ms=rendered.ahead_ms(_now_ms()))
        piece = await context.next(wait_ms)
        if piece is None:
            return
        speech = rendered.take(piece, _now_ms())
        if speech.pcm or speech.words:
            yield speech
        if waiting and rendered.heard_of_context and context.takes_text():
            say()


class _Rendered:
    """What has come of the text so far, over all contexts."""

    def __init__(self) -> None:
        self.sent_bytes = 0
        self.heard_of_context = False
        self._began_bytes = 0
        self._first_audio_ms: float | None = None
        self._samples = WholeSamples()
        self._letters = WordsFromCharacters()

    def begin_context(self) -> None:
        self._began_bytes, self._samples, self.heard_of_context = self.sent_bytes, WholeSamples(), False

    def ahead_ms(self, now_ms: float) -> float:
        """Audio that can't have been played yet."""
        played_ms = 0.0 if self._first_audio_ms is None else now_ms - self._first_audio_ms
        return max(0.0, self.sent_bytes / _BYTES_PER_MS - played_ms)

    def take(self, piece: Piece, now_ms: float) -> Speech:
        pcm = self._samples.take(piece.pcm)
        words = self._words(piece)
        self.sent_bytes += len(pcm)
        if pcm:
            self.heard_of_context = True
            self._first_audio_ms = now_ms if self._first_audio_ms is None else self._first_audio_ms
        return Speech(pcm, words)

    def last_word(self) -> tuple[WordTiming, ...]:
        return self._letters.finish()

    def _words(self, piece: Piece) -> tuple[WordTiming, ...]:
        if piece.characters is not None:
            return self._letters.take(*piece.characters, offset_ms=self.sent_bytes / _BYTES_PER_MS)
        began_ms = self._began_bytes / _BYTES_PER_MS
        return tuple(WordTiming(w.word, began_ms + w.start_ms, began_ms + w.end_ms) for w in piece.words)


def _now_ms() -> float:
    return asyncio.get_running_loop().time() * 1000
