"""English becomes the voice's symbols: from the lexicon, by the model where it has no word, letter by letter for ATM."""

from __future__ import annotations

import base64
import sqlite3
import sys
import types
from pathlib import Path

import pytest

from providers.english_phonemes import EnglishPhonemes

LEXICON = [
    ("go", 0, "ɡ ˈo ʊ"),
    ("read", 1, "ɹ ˈɛ d"),
    ("read", 0, "ɹ ˈiː d"),
    ("a", 0, "ɐ"),
    ("t", 0, "t ˈiː"),
    ("m", 0, "ˈɛ m"),
    ("pin", 0, "p ˈɪ n"),
    ("boss", 0, "b ˈɔ s"),
    ("i'm", 0, "a ɪ m"),
]


class Tagger:
    """Stands for the trained model: says each letter, drops e, and shows what it was told about it."""

    seen: list[dict[str, object]]

    def open(self, path: str) -> None:
        assert path.endswith("espeak/g2p/model.crf")

    def tag(self, features: list[dict[str, object]]) -> list[str]:
        Tagger.seen = features
        letters = [base64.b64decode(str(letter["grapheme"])).decode() for letter in features]
        said = [{"e": "_", "x": "k|s"}.get(letter, letter) for letter in letters]
        return [base64.b64encode(part.encode()).decode() for part in said]


@pytest.fixture
def phonemes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EnglishPhonemes:
    (tmp_path / "espeak").mkdir()
    with sqlite3.connect(tmp_path / "espeak" / "lexicon.db") as lexicon:
        lexicon.execute("CREATE TABLE word_phonemes (id INTEGER PRIMARY KEY, word, pron_order, phonemes, role)")
        lexicon.executemany("INSERT INTO word_phonemes (word, pron_order, phonemes) VALUES (?, ?, ?)", LEXICON)
    lexicon.close()
    data, model = types.ModuleType("gruut_lang_en"), types.ModuleType("pycrfsuite")
    data.get_lang_dir = lambda: tmp_path  # type: ignore[attr-defined]
    model.Tagger = Tagger  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gruut_lang_en", data)
    monkeypatch.setitem(sys.modules, "pycrfsuite", model)
    return EnglishPhonemes("joe", "install it")


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("Go.", "ɡˈoʊ."),
        ("read, read!", "ɹˈiːd, ɹˈiːd!"),
        ("I’m a boss", "aɪm ɐ bˈɔs"),
        ("boss's pin's", "bˈɔsᵻz pˈɪnz"),
        ("an ATM", "an ˈeɪtˈiːˈɛm"),
        ("PIN", "pˈɪn"),
        ("go … go - go", "ɡˈoʊ. ɡˈoʊ, ɡˈoʊ"),
        ("... go ?!", "ɡˈoʊ?"),
        ("text", "tkst"),
        ("gage", "ɡaɡ"),
        ("—", ""),
    ],
)
def test_words_become_symbols(text: str, symbols: str, phonemes: EnglishPhonemes) -> None:
    assert "".join(phonemes(text)) == symbols


def test_the_model_is_told_what_it_was_trained_with(phonemes: EnglishPhonemes) -> None:
    phonemes("wax")
    w, a, x = (base64.b64encode(letter.encode()).decode() for letter in "wax")
    assert Tagger.seen == [
        {"bias": 1.0, "grapheme": w, "begin": True, "grapheme+1": a, "grapheme+2": x},
        {"bias": 1.0, "grapheme": a, "grapheme-1": w, "grapheme+1": x},
        {"bias": 1.0, "grapheme": x, "grapheme-1": a, "grapheme-2": w, "end": True},
    ]
