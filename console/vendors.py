"""Which recogniser, voice and detector a call uses: a vendor where its key is set, the local part otherwise.

A vendor's local understudy stands behind it, so a wrong key or a dropped connection costs quality, not the call.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing
from typing import NamedTuple

from agent_core.ports import FailureReason, ProviderError, SpeechRecogniser, SpeechSynthesiser
from console.emulated import SAID, is_emulator
from console.settings import ConfigurationError, LlmSettings, Settings, SttSettings, TtsSettings
from console.vendor_trouble import VendorTrouble, is_local
from providers.fallback_voice import FallbackVoice

_HOPELESS = frozenset({FailureReason.UNAUTHORISED, FailureReason.MISSING})
_PROBE = "Hello."  # what each process has the vendor's voice say once, unheard


class Speech(NamedTuple):
    """``local_voice``: None where none is installed. ``emulated``: names of parts behind which an emulator stands."""

    recognisers: list[SpeechRecogniser]
    voice: SpeechSynthesiser
    local_voice: SpeechSynthesiser | None
    emulated: frozenset[str]
    trouble: VendorTrouble

    def in_use(self) -> tuple[str, ...]:
        """As it is now, for the screen and for the event CallArrived: a vendor that failed is not in use."""
        names = (("stt", self.recognisers[0].name), ("tts", self.voice.name))
        return tuple(f"{part}:{name}{SAID if name in self.emulated else ''}" for part, name in names)

    def deaf(self, error: ProviderError) -> None:
        """Told when a recogniser fails in mid-call."""
        self.trouble.tell("stt", error, _instead(error, "the local recogniser listens instead"))

    async def close(self) -> None:
        for recogniser in self.recognisers:
            await recogniser.close()
        await self.voice.close()


async def open_speech(settings: Settings, trouble: VendorTrouble) -> Speech:
    """Tries each part before the first ring, so that a wrong key is known and a model is loaded before a caller waits.

    Raises ``ProviderError`` where neither vendor nor local part can be had, ``ConfigurationError``.
    """
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as opened:
        every = _recognisers(settings.stt)
        for recogniser in every:
            opened.push_async_callback(recogniser.close)
        recognisers = await _that_listen(every, trouble)
        for deaf in every:
            if deaf not in recognisers:
                await deaf.close()
        voices = await loop.run_in_executor(None, _voices, settings.tts)
        local = next((voice for voice in voices if is_local(voice.name)), None)
        instead = "the local voice speaks instead" if local else ""
        voice = FallbackVoice(voices, lambda error: trouble.tell("tts", error, _instead(error, instead)))
        opened.push_async_callback(voice.close)
        if not is_local(voice.name):
            await _try(voice)
        emulated: set[str] = set()
        for url, parts in ((settings.stt.url, recognisers), (settings.tts.url, voices)):
            if await is_emulator(url):
                emulated |= {part.name for part in parts if not is_local(part.name)}
        opened.pop_all()  # from here on they are the caller's to close
        return Speech(recognisers, voice, local, frozenset(emulated), trouble)


async def _that_listen(recognisers: list[SpeechRecogniser], trouble: VendorTrouble) -> list[SpeechRecogniser]:
    """Those that opened come first; those that may come back stand behind them. Raises ``ProviderError`` for none."""
    opened: list[SpeechRecogniser] = []
    failed: list[SpeechRecogniser] = []
    errors: list[ProviderError] = []
    for recogniser in recognisers:
        try:
            await (await recogniser.open()).close()
            opened.append(recogniser)
        except ProviderError as error:
            errors.append(error)
            (failed if error.reason not in _HOPELESS else []).append(recogniser)
    for why in errors:
        if not is_local(why.provider):  # a local part that isn't there is missed only where nobody else listens
            trouble.tell("stt", why, "the local recogniser listens instead" if opened else "")
    if not opened:
        raise errors[-1]
    return opened + failed


async def _try(voice: SpeechSynthesiser) -> None:
    """A first word of audio, or the ``ProviderError`` of the last voice."""
    async with aclosing(voice.speak(_PROBE)) as pieces:
        async for _ in pieces:
            return


def _instead(error: ProviderError, instead: str) -> str:
    return "" if is_local(error.provider) else instead


def models_in_use(settings: LlmSettings) -> tuple[str, ...]:
    """Which language models answer, as ``open_speech`` names ears and voice."""
    providers = settings.all()
    if not providers:
        return ("llm:approved",)
    return tuple(f"llm:{p.name}/{p.model}{SAID if p.emulated else ''}" for p in providers)


def _recognisers(settings: SttSettings) -> list[SpeechRecogniser]:
    from providers.local_recogniser import LocalRecogniser

    recognisers: list[SpeechRecogniser] = []
    if settings.wants_vendor():
        from providers.deepgram_flux import DeepgramFlux, FluxSettings

        flux = FluxSettings(
            api_key=_key(settings, "LEDGERLINE_STT__API_KEY or DEEPGRAM_API_KEY"),
            model=settings.model,
            url=settings.url,
            options=settings.options,
        )
        recognisers.append(DeepgramFlux(flux))
    recognisers.append(LocalRecogniser())
    return recognisers


def _voices(settings: TtsSettings) -> list[SpeechSynthesiser]:
    voices: list[SpeechSynthesiser] = []
    vendor = settings.vendor()
    if vendor == "elevenlabs":
        voices.append(_elevenlabs(settings))
    elif vendor == "cartesia":
        voices.append(_cartesia(settings))
    from providers.local_voice import ENGINES, open_local_voice

    try:
        voices.append(open_local_voice((settings.voice,) if settings.voice in ENGINES else tuple(ENGINES)))
    except ProviderError:
        if not voices:
            raise
    return voices


def _elevenlabs(settings: TtsSettings) -> SpeechSynthesiser:
    from providers.elevenlabs_voice import DEFAULT_MODEL, DEFAULT_VOICE, ElevenLabsSettings, ElevenLabsVoice

    return ElevenLabsVoice(
        ElevenLabsSettings(
            api_key=_key(settings, "LEDGERLINE_TTS__API_KEY or ELEVENLABS_API_KEY"),
            voice_id=settings.voice or DEFAULT_VOICE,
            model=settings.model or DEFAULT_MODEL,
            url=settings.url,
            options=settings.options,
        )
    )


def _cartesia(settings: TtsSettings) -> SpeechSynthesiser:
    from providers.cartesia_voice import DEFAULT_MODEL, DEFAULT_VOICE, CartesiaSettings, CartesiaVoice

    return CartesiaVoice(
        CartesiaSettings(
            api_key=_key(settings, "LEDGERLINE_TTS__API_KEY or CARTESIA_API_KEY"),
            voice_id=settings.voice or DEFAULT_VOICE,
            model=settings.model or DEFAULT_MODEL,
            url=settings.url,
            options=settings.options,
        )
    )


def _key(settings: SttSettings | TtsSettings, variables: str) -> str:
    if settings.api_key is None:
        raise ConfigurationError(f"{settings.provider} needs a key: set {variables}, or choose another provider")
    return settings.api_key.get_secret_value()
