"""What ears and voice must know of a behaviour that doesn't speak English: vendors are told, and people where nobody is left to tell."""

from __future__ import annotations

from console.settings import Settings, SttSettings, TtsSettings
from console.vendor_trouble import is_local

_ENGLISH = "en"
_EARS_FOR_ALL = "flux-general-multi"  # Deepgram's default hears English alone; only this one takes a hint
_VOICE_KEYS = "ELEVENLABS_API_KEY or CARTESIA_API_KEY"


def in_language(settings: Settings, language: str) -> Settings:
    """``language``: ISO 639-1. What the settings name themselves stays."""
    if language == _ENGLISH:
        return settings
    return settings.model_copy(update={"stt": _ears(settings.stt, language), "tts": _voice(settings.tts, language)})


def _ears(stt: SttSettings, language: str) -> SttSettings:
    model = stt.model if "model" in stt.model_fields_set else _EARS_FOR_ALL
    hint = {"language_hint": [language]} if model == _EARS_FOR_ALL else {}
    return stt.model_copy(update={"model": model, "options": {**hint, **stt.options}})


def _voice(tts: TtsSettings, language: str) -> TtsSettings:
    """ElevenLabs reads a text in the language that it is in."""
    if tts.vendor() != "cartesia" or {"language", "locale"} & set(tts.options):
        return tts
    return tts.model_copy(update={"options": {"language": language, **tts.options}})


def foreign_to(recogniser: str, voice: str, language: str) -> str:
    """Which of the parts in use don't know the language, and what to set; empty where all do."""
    deaf, dumb = is_local(recogniser), is_local(voice)
    if language == _ENGLISH or not (deaf or dumb):
        return ""
    parts = [*(["recogniser"] if deaf else []), *(["voice"] if dumb else [])]
    keys = [*(["DEEPGRAM_API_KEY"] if deaf else []), *([_VOICE_KEYS] if dumb else [])]
    know = "knows" if len(parts) == 1 else "know"
    return (
        f"the behaviour's language is {language!r}, and the local {' and '.join(parts)} {know} English only: "
        f"set {', and '.join(keys)}"
    )
