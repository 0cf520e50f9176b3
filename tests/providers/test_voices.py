"""What every vendor's voice does, run against each one's emulator: audio, word times, cancelling, and how it fails."""

from __future__ import annotations

from typing import Any

import pytest

from agent_core.ports import FailureReason, ProviderError, Speech
from tests.emulators.harness import quick_config, running
from tests.providers.voices import (
    BYTES_PER_MS,
    HEAD,
    MS_PER_CHAR,
    TEXT,
    VENDORS,
    WITH_CONTEXTS,
    Vendor,
    Voice,
    audio,
    emulating,
    given_up,
    length_ms,
    quiet,
    said,
    stats,
)
from tests.support import unhurried

EVERY = pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
OVER_CONTEXTS = pytest.mark.parametrize("vendor", WITH_CONTEXTS, ids=lambda vendor: vendor.name)


def spoken(vendor: Vendor, text: str = TEXT) -> list[Speech]:
    async def scene() -> list[Speech]:
        async with emulating(vendor) as (_, voice):
            return await said(voice, text)

    return unhurried(scene())


def failing(vendor: Vendor, *faults: dict[str, Any], **changes: Any) -> tuple[ProviderError, int]:
    """The error, and the bytes of audio before it."""
    heard: list[Speech] = []

    async def listen(voice: Voice) -> None:
        async for piece in voice.speak(TEXT):
            heard.append(piece)

    async def scene() -> ProviderError:
        async with running(quick_config(faults=faults)) as server, vendor.speaking(server.url, **changes) as voice:
            with pytest.raises(ProviderError) as caught:
                await listen(voice)
            return caught.value

    return unhurried(scene()), len(audio(heard))


@EVERY
def test_all_of_the_audio_arrives_as_16_khz_pcm(vendor: Vendor) -> None:
    pieces = spoken(vendor)
    assert length_ms(TEXT) <= len(audio(pieces)) / BYTES_PER_MS <= length_ms(TEXT + " ")
    assert all(len(piece.pcm) % 2 == 0 for piece in pieces)
    assert len(pieces) > 1


@OVER_CONTEXTS
def test_every_word_has_its_time_in_the_utterance(vendor: Vendor) -> None:
    timed = [word for piece in spoken(vendor) for word in piece.words]
    assert [word.word for word in timed] == TEXT.split()
    at = 0
    for word in timed:
        at = TEXT.index(word.word, at)
        assert word.start_ms == pytest.approx(at * MS_PER_CHAR, abs=2)
        assert word.end_ms == pytest.approx((at + len(word.word)) * MS_PER_CHAR, abs=2)
        at += len(word.word)


@EVERY
def test_nothing_to_say_asks_nobody(vendor: Vendor) -> None:
    async def scene() -> tuple[list[Speech], int]:
        async with emulating(vendor) as (server, voice):
            return await said(voice, "  \n"), stats(server).requests

    assert unhurried(scene()) == ([], 0)


@EVERY
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"fault": "rate_limited", "service": "tts", "retry_after_s": 2}, FailureReason.RATE_LIMITED),
        ({"fault": "server_error", "service": "tts"}, FailureReason.UNAVAILABLE),
        ({"fault": "stall_before_audio", "stall_s": 60}, FailureReason.TIMED_OUT),
    ],
)
def test_a_voice_that_does_not_begin_says_why(vendor: Vendor, fault: dict[str, Any], reason: FailureReason) -> None:
    error, heard_bytes = failing(vendor, fault, first_audio_timeout_ms=250)
    assert (error.reason, error.provider, heard_bytes) == (reason, vendor.make("http://nobody").name, 0)


@EVERY
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"fault": "drop_mid_audio", "after_ms": 400}, FailureReason.UNAVAILABLE),
        ({"fault": "drop_mid_audio", "after_ms": 400, "close_code": 1011}, FailureReason.UNAVAILABLE),
        ({"fault": "stall_mid_audio", "after_ms": 400, "stall_s": 60}, FailureReason.TIMED_OUT),
    ],
)
def test_a_voice_that_fails_in_mid_sentence_keeps_what_it_said(
    vendor: Vendor, fault: dict[str, Any], reason: FailureReason
) -> None:
    error, heard_bytes = failing(vendor, fault, stall_ms=250)
    assert error.reason is reason
    assert 0 < heard_bytes <= 400 * BYTES_PER_MS
    assert TEXT not in str(error)


@OVER_CONTEXTS
def test_a_voice_that_never_says_that_it_is_done_is_late_after_all_of_its_audio(vendor: Vendor) -> None:
    error, heard_bytes = failing(vendor, {"fault": "no_final"}, stall_ms=250)
    assert error.reason is FailureReason.TIMED_OUT
    assert heard_bytes >= length_ms(TEXT) * BYTES_PER_MS


@EVERY
def test_a_wrong_key_is_unauthorised_and_stays_out_of_the_error(vendor: Vendor) -> None:
    error, _ = failing(vendor, api_key="wrong-key")
    assert error.reason is FailureReason.UNAUTHORISED
    shown = str(error) + repr(error) + repr(vendor.settings(api_key="wrong-key", voice_id="v"))
    assert "wrong-key" not in shown


@EVERY
def test_no_server_is_unavailable(vendor: Vendor) -> None:
    async def scene() -> ProviderError:
        async with running() as server:
            url = server.url
        async with vendor.speaking(url) as voice:
            with pytest.raises(ProviderError) as caught:
                await said(voice)
            return caught.value

    assert unhurried(scene()).reason is FailureReason.UNAVAILABLE


@EVERY
def test_closing_the_iterator_cancels_the_voice(vendor: Vendor) -> None:
    async def scene() -> int:
        async with emulating(vendor, quick_config(tts={"speed": 20})) as (server, voice):
            await given_up(voice)
            return (await quiet(server)).requests

    assert unhurried(scene()) == 1


@OVER_CONTEXTS
def test_a_rendering_that_is_given_up_at_its_first_sound_was_charged_for_one_sentence(vendor: Vendor) -> None:
    async def scene() -> int:
        async with emulating(vendor) as (server, voice):
            await given_up(voice)
            return (await quiet(server)).characters

    assert unhurried(scene()) == len(HEAD)
