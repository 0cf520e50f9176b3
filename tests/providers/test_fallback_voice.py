"""Several voices: who speaks when one fails, for how long it is passed over, and under whose name phrases are kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from agent_core.ports import FailureReason, ProviderError, Speech
from providers.fallback_voice import PASSED_OVER_S, FallbackVoice
from providers.phrase_store import PhraseStore

SOUND = b"\1\0" * 160


class Voice:
    """``script``: for each text in turn, what is yielded or raised; afterwards it speaks well."""

    def __init__(self, name: str, *script: list[bytes | FailureReason]) -> None:
        self.name = name
        self.asked = 0
        self._script = list(script)

    async def speak(self, text: str) -> AsyncGenerator[Speech, None]:
        self.asked += 1
        for step in self._script.pop(0) if self._script else [SOUND, SOUND]:
            if isinstance(step, FailureReason):
                raise ProviderError(step, self.name)
            yield Speech(step)

    async def close(self) -> None:
        return


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


async def said(voice: FallbackVoice) -> bytes:
    return b"".join([piece.pcm async for piece in voice.speak("Hello there.")])


def test_the_next_voice_speaks_where_the_first_makes_no_sound() -> None:
    told: list[ProviderError] = []
    vendor, local = Voice("vendor", [FailureReason.UNAVAILABLE]), Voice("local")
    voice = FallbackVoice([vendor, local], told.append)
    assert asyncio.run(said(voice)) == SOUND * 2
    assert [(error.provider, error.reason) for error in told] == [("vendor", FailureReason.UNAVAILABLE)]


def test_a_voice_that_says_it_is_done_and_was_mute_has_failed() -> None:
    voice = FallbackVoice([Voice("vendor", []), Voice("local")])
    assert asyncio.run(said(voice)) == SOUND * 2
    assert voice.name == "local"


def test_a_voice_that_failed_is_passed_over_for_a_while() -> None:
    clock, vendor = Clock(), Voice("vendor", [FailureReason.TIMED_OUT])
    voice = FallbackVoice([vendor, Voice("local")], now_s=clock)
    asyncio.run(said(voice))
    asyncio.run(said(voice))
    assert (vendor.asked, voice.name) == (1, "local")
    clock.now_s += PASSED_OVER_S
    assert voice.name == "vendor"
    asyncio.run(said(voice))
    assert vendor.asked == 2


def test_a_wrong_key_is_passed_over_for_good() -> None:
    clock, vendor = Clock(), Voice("vendor", [FailureReason.UNAUTHORISED])
    voice = FallbackVoice([vendor, Voice("local")], now_s=clock)
    asyncio.run(said(voice))
    clock.now_s += 1e6
    asyncio.run(said(voice))
    assert (vendor.asked, voice.name) == (1, "local")


def test_a_voice_that_breaks_off_is_not_replaced_in_mid_sentence() -> None:
    local = Voice("local")
    voice = FallbackVoice([Voice("vendor", [SOUND, FailureReason.UNAVAILABLE]), local])
    with pytest.raises(ProviderError):
        asyncio.run(said(voice))
    assert (local.asked, voice.name) == (0, "local")


def test_with_all_voices_gone_the_last_error_is_raised_and_all_are_tried_again() -> None:
    one, two = Voice("one", [FailureReason.UNAVAILABLE]), Voice("two", [FailureReason.UNAVAILABLE])
    voice = FallbackVoice([one, two])
    with pytest.raises(ProviderError) as error:
        asyncio.run(said(voice))
    assert error.value.provider == "two"
    assert asyncio.run(said(voice)) == SOUND * 2


def test_a_phrase_is_kept_under_the_name_of_the_voice_that_spoke_it(tmp_path: Path) -> None:
    voice = FallbackVoice([Voice("vendor", [FailureReason.UNAUTHORISED]), Voice("local")])
    asyncio.run(PhraseStore(voice, tmp_path).render("One moment."))
    healthy = Voice("vendor", [SOUND * 3])
    again = asyncio.run(PhraseStore(FallbackVoice([healthy]), tmp_path).render("One moment."))
    assert (healthy.asked, again) == (1, SOUND * 3)


def test_a_phrase_whose_voice_breaks_off_is_said_whole_by_the_next(tmp_path: Path) -> None:
    voice = FallbackVoice([Voice("vendor", [SOUND, FailureReason.UNAVAILABLE]), Voice("local")])
    assert asyncio.run(PhraseStore(voice, tmp_path).render("One moment.")) == SOUND * 2


def test_a_phrase_that_no_voice_can_say_is_an_error_not_a_loop(tmp_path: Path) -> None:
    broken: list[bytes | FailureReason] = [SOUND, FailureReason.UNAVAILABLE]
    voice = FallbackVoice([Voice("one", *[broken] * 9), Voice("two", *[broken] * 9)])
    with pytest.raises(ProviderError):
        asyncio.run(PhraseStore(voice, tmp_path).render("One moment."))
