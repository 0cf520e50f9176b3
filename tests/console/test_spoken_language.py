"""A behaviour that doesn't speak English: what its ears and its voice are told, and what a person is where they can't."""

from __future__ import annotations

import pytest

from console.settings import Settings, SttSettings, TtsSettings
from console.spoken_language import foreign_to, in_language


def told(stt: SttSettings | None = None, tts: TtsSettings | None = None, language: str = "de") -> Settings:
    return in_language(Settings(stt=stt or SttSettings(), tts=tts or TtsSettings()), language)


def test_ears_for_german_are_asked_for_the_multilingual_model_with_a_hint() -> None:
    stt = told(SttSettings(provider="deepgram", options={"keyterm": ["IBAN"]})).stt
    assert (stt.model, stt.options) == ("flux-general-multi", {"language_hint": ["de"], "keyterm": ["IBAN"]})


def test_what_the_settings_say_of_the_language_stays() -> None:
    stt = told(SttSettings(model="flux-general-multi", options={"language_hint": ["de", "en"]})).stt
    assert stt.options == {"language_hint": ["de", "en"]}
    assert told(SttSettings(model="flux-general-en")).stt.options == {}, "it takes no hint"
    assert told(tts=TtsSettings(provider="cartesia", options={"locale": "de-AT"})).tts.options == {"locale": "de-AT"}
    assert told(tts=TtsSettings(provider="cartesia", options={"language": "fr"})).tts.options == {"language": "fr"}


def test_cartesia_is_told_which_language_it_reads() -> None:
    assert told(tts=TtsSettings(provider="cartesia")).tts.options == {"language": "de"}
    assert told(tts=TtsSettings(provider="elevenlabs")).tts.options == {}


def test_english_needs_no_word() -> None:
    settings = Settings(stt=SttSettings(provider="deepgram"), tts=TtsSettings(provider="cartesia"))
    assert in_language(settings, "en") is settings


@pytest.mark.parametrize(
    ("ears", "voice", "said"),
    [
        ("local-recogniser", "local-voice:joe", "recogniser and voice know English only: set DEEPGRAM_API_KEY, and"),
        ("local", "elevenlabs", "the local recogniser knows English only: set DEEPGRAM_API_KEY"),
        ("deepgram-flux", "local", "the local voice knows English only: set ELEVENLABS_API_KEY or CARTESIA_API_KEY"),
    ],
)
def test_local_parts_that_know_english_alone_are_told_of(ears: str, voice: str, said: str) -> None:
    assert said in foreign_to(ears, voice, "de")
    assert foreign_to(ears, voice, "en") == ""


def test_vendors_know_it() -> None:
    assert foreign_to("deepgram-flux", "cartesia", "de") == ""
