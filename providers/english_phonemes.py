"""English text to eSpeak's phonemes without eSpeak: gruut's lexicon of 124,000 words (MIT) and its model for the rest.

Only the data package ``gruut-lang-en`` and ``python-crfsuite`` (MIT) are used. The features of the model are those that
it was trained with: gruut 2.4, ``gruut/g2p.py``.
"""

from __future__ import annotations

import base64
import re
import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from functools import lru_cache
from typing import Any

from agent_core.ports import FailureReason, ProviderError

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|[.,!?;:…–—]|\s-\s")
_BREAKS = {"…": ".", "–": ",", "—": ",", " - ": ","}
_LETTER_A = ("ˈe", "ɪ")  # the lexicon's "a" is the article
_REACH = 3  # letters that the model sees to either side
_LONGEST_ACRONYM = 5
_HISSING = ("s", "z", "ʃ", "ʒ")
_VOICELESS = ("p", "t", "k", "f", "θ")


class EnglishPhonemes:
    """For one thread at a time; the lexicon takes 0.2 s and 30 MB. Raises ``ProviderError(MISSING)`` from the constructor."""

    def __init__(self, provider: str, install: str) -> None:
        try:
            import gruut_lang_en  # type: ignore[import-not-found, import-untyped, unused-ignore]
            import pycrfsuite  # type: ignore[import-not-found, import-untyped, unused-ignore]
        except ImportError as error:
            raise ProviderError(FailureReason.MISSING, provider, f"no {error.name}: {install}") from error
        folder = gruut_lang_en.get_lang_dir() / "espeak"
        with closing(sqlite3.connect(f"file:{folder / 'lexicon.db'}?mode=ro", uri=True)) as lexicon:
            # Of words with several pronunciations the common one, which has the lowest order, is read last.
            rows = lexicon.execute("SELECT word, phonemes FROM word_phonemes ORDER BY pron_order DESC")
            self._lexicon: dict[str, str] = dict(rows)
        self._model: Any = pycrfsuite.Tagger()
        self._model.open(str(folder / "g2p" / "model.crf"))
        self._cached = lru_cache(4096)(self._word)

    def __call__(self, text: str) -> list[str]:
        """One symbol an item: phonemes, stress marks, " " between words, and the punctuation that the voice knows."""
        symbols: list[str] = []
        for token in _TOKEN.findall(text):
            if not token[0].isalpha():
                if symbols and symbols[-1] not in ",.!?;:":
                    symbols.append(_BREAKS.get(token, token))
                continue
            word = self._cached(token.replace("’", "'"))
            symbols += [" ", *word] if symbols else word
        return symbols

    def _word(self, word: str) -> tuple[str, ...]:
        phonemes = self._known(word.lower())
        if phonemes is None and word.isupper() and len(word) <= _LONGEST_ACRONYM:
            phonemes = tuple(phoneme for letter in word for phoneme in self._letter(letter.lower()))
        if phonemes is None:
            phonemes = self._guessed(word.lower())
        # Decomposed: the voice's symbols are single code points, and its g is the IPA letter.
        spelled = unicodedata.normalize("NFD", "".join(phonemes))
        return tuple("ɡ" if symbol == "g" else symbol for symbol in spelled)

    def _letter(self, letter: str) -> tuple[str, ...]:
        return _LETTER_A if letter == "a" else self._known(letter) or ()

    def _known(self, word: str) -> tuple[str, ...] | None:
        if word in self._lexicon:
            return tuple(self._lexicon[word].split())
        if word.endswith("'s") and (stem := self._known(word[:-2])):
            return (*stem, *_possessive(stem[-1]))
        return None

    def _guessed(self, word: str) -> tuple[str, ...]:
        letters = word.replace("'", "")
        tags = self._model.tag([_features(letters, index) for index in range(len(letters))])
        parts = (part for tag in tags for part in base64.b64decode(tag).decode().split("|"))
        return tuple(part for part in parts if part != "_")


def _possessive(last: str) -> tuple[str, ...]:
    if last.endswith(_HISSING):
        return ("ᵻ", "z")
    return ("s",) if last.endswith(_VOICELESS) else ("z",)


def _features(word: str, index: int) -> dict[str, str | bool | float]:
    return dict(_feature_items(word, index))


def _feature_items(word: str, index: int) -> Iterator[tuple[str, str | bool | float]]:
    def encoded(at: int) -> str:
        return base64.b64encode(word[at].encode()).decode("ascii")

    yield "bias", 1.0
    yield "grapheme", encoded(index)
    if index == 0:
        yield "begin", True
    if index == len(word) - 1:
        yield "end", True
    for distance in range(1, _REACH + 1):
        if index >= distance:
            yield f"grapheme-{distance}", encoded(index - distance)
        if index < len(word) - distance:
            yield f"grapheme+{distance}", encoded(index + distance)
