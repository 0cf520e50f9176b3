"""Which recogniser, voice and detector a call uses: a vendor where its key is set, the local part otherwise.

A vendor's local understudy stands behind it, so a wrong key or a dropped connection costs quality, not the call.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from agent_core.ports import ProviderError, SpeechRecogniser, SpeechSynthesiser
from console.emulated import SAID, said_emulated
from console.settings import LlmSettings, Settings, SttSettings, TtsSettings
from providers.fallback_voice import FallbackVoice


class Speech(NamedTuple):
    recognisers: list[SpeechRecogniser]
    voice: SpeechSynthesiser
    in_use: tuple[str, ...]  # for the screen and for the event CallArrived

    async def close(self) -> None:
        for recogniser in self.recognisers:
            await recogniser.close()
        await self.voice.close()


async def open_speech(settings: Settings) -> Speech:
    """Raises ``ProviderError`` where neither vendor nor local part can be had."""
    loop = asyncio.get_running_loop()
    voices = await loop.run_in_executor(None, _voices, settings.tts)
    recognisers = _recognisers(settings.stt)
    await (await recognisers[-1].open()).close()  # the local one loads its model: before the first ring, not after
    in_use = (
        f"stt:{recognisers[0].name}{await said_emulated(settings.stt.url)}",
        f"tts:{voices[0].name}{await said_emulated(settings.tts.url)}",
    )
    return Speech(recognisers, FallbackVoice(voices), in_use)


def models_in_use(settings: LlmSettings) -> tuple[str, ...]:
    """Which language models answer, as ``open_speech`` names ears and voice."""
    providers = settings.all()
    if not providers:
        return ("llm:approved",)
    return tuple(f"llm:{p.name}/{p.model}{SAID if p.emulated else ''}" for p in providers)


def _recognisers(settings: SttSettings) -> list[SpeechRecogniser]:
    from providers.local_recogniser import LocalRecogniser

    vendor = settings.provider == "deepgram" or (settings.provider == "auto" and settings.api_key is not None)
    recognisers: list[SpeechRecogniser] = []
    if vendor:
        from providers.deepgram_flux import DeepgramFlux, FluxSettings

        key = settings.api_key.get_secret_value() if settings.api_key else ""
        recognisers.append(DeepgramFlux(FluxSettings(api_key=key, url=settings.url, options=settings.options)))
    recognisers.append(LocalRecogniser())
    return recognisers


def _voices(settings: TtsSettings) -> list[SpeechSynthesiser]:
    vendor = settings.provider == "elevenlabs" or (settings.provider == "auto" and settings.api_key is not None)
    voices: list[SpeechSynthesiser] = []
    if vendor:
        from providers.elevenlabs_voice import ElevenLabsSettings, ElevenLabsVoice

        voices.append(
            ElevenLabsVoice(
                ElevenLabsSettings(
                    api_key=settings.api_key.get_secret_value() if settings.api_key else "",
                    voice_id=settings.voice,
                    model=settings.model,
                    url=settings.url,
                    options=settings.options,
                )
            )
        )
    from providers.local_voice import ENGINES, open_local_voice

    try:
        voices.append(open_local_voice((settings.voice,) if settings.voice in ENGINES else tuple(ENGINES)))
    except ProviderError:
        if not voices:
            raise
    return voices
