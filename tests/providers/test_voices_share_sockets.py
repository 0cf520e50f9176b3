"""Contexts on sockets that stay warm, against both vendors' emulators: few, closed at once, and never heard when stale."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from agent_core.ports import FailureReason, ProviderError, Speech
from emulators.server import EmulatorServer
from emulators.state import ServiceStats
from providers.call_voice import CallVoice
from providers.voice_contexts import OPEN_AT_ONCE
from tests.emulators.harness import quick_config
from tests.providers.voices import TEXT, WITH_CONTEXTS, Vendor, audio, emulating, given_up, quiet, said, stats, words
from tests.support import eventually, unhurried

BOTH = pytest.mark.parametrize("vendor", WITH_CONTEXTS, ids=lambda vendor: vendor.name)
OTHER = "Something else is said here. At once."
SLOW = {"tts": {"speed": 20}}  # real speech comes at a pace: what is given up is still being made


async def asked(server: EmulatorServer, requests: int) -> bool:
    return stats(server).requests >= requests


async def outcome(speaking: Awaitable[list[Speech]]) -> list[str] | ProviderError:
    try:
        return words(await speaking)
    except ProviderError as error:
        return error


@BOTH
def test_one_socket_says_one_text_after_another(vendor: Vendor) -> None:
    async def scene() -> ServiceStats:
        async with emulating(vendor) as (server, voice):
            for _ in range(3):
                assert words(await said(voice)) == TEXT.split()
            return stats(server)

    told = unhurried(scene())
    assert (told.requests, told.sockets) == (3, 1)


@BOTH
def test_a_socket_keeps_nothing_of_what_it_said(vendor: Vendor) -> None:
    async def scene() -> tuple[int, int]:
        async with emulating(vendor) as (server, voice):
            for _ in range(3):
                await said(voice)
                await given_up(voice)
            await quiet(server)
            await said(voice, "And whatever was late has come.")
            (socket,) = voice._sockets._sockets
            return len(socket._listeners), len(socket._contexts._contexts)

    assert unhurried(scene()) == (0, 0)


@BOTH
def test_ten_interruptions_in_a_row_fill_no_socket(vendor: Vendor) -> None:
    async def scene() -> tuple[list[Speech], ServiceStats]:
        async with emulating(vendor, quick_config(**SLOW)) as (server, voice):
            for number in range(10):
                await given_up(voice, f"Answer number {number} is cut off. It had more to say, and never will.")
            return await said(voice), await quiet(server)

    pieces, told = unhurried(scene())
    assert words(pieces) == TEXT.split()
    assert told.refused == {}
    assert told.completed == 11


@BOTH
def test_audio_of_a_context_that_was_closed_is_never_heard(vendor: Vendor) -> None:
    async def scene() -> tuple[bytes, bytes]:
        async with emulating(vendor, quick_config(**SLOW)) as (_, voice):
            alone = audio(await said(voice))
            await given_up(voice, "Wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong.")
            return alone, audio(await said(voice))

    alone, after_another = unhurried(scene())
    assert after_another == alone


@BOTH
def test_two_texts_share_a_socket_and_each_is_heard_whole(vendor: Vendor) -> None:
    async def scene() -> tuple[list[list[str]], ServiceStats]:
        async with emulating(vendor, quick_config(**SLOW)) as (server, voice):
            await said(voice, "Hello.")
            both = await asyncio.gather(said(voice, TEXT), said(voice, OTHER))
            return [words(pieces) for pieces in both], stats(server)

    heard, told = unhurried(scene())
    assert heard == [TEXT.split(), OTHER.split()]
    assert (told.sockets, told.most_in_flight) == (1, 2)


@BOTH
def test_no_socket_holds_more_than_two_open_contexts(vendor: Vendor) -> None:
    async def scene() -> ServiceStats:
        async with emulating(vendor, quick_config(**SLOW)) as (server, voice):
            texts = await asyncio.gather(*(said(voice, f"Call number {number} speaks.") for number in range(6)))
            assert [words(pieces)[2] for pieces in texts] == [str(number) for number in range(6)]
            return stats(server)

    told = unhurried(scene())
    assert told.refused == {}
    assert told.sockets >= 6 / OPEN_AT_ONCE


@BOTH
def test_a_call_never_has_more_than_two_contexts_open(vendor: Vendor) -> None:
    async def scene() -> tuple[list[list[Speech]], ServiceStats]:
        async with emulating(vendor, quick_config(**SLOW)) as (server, voice):
            call = CallVoice(voice)

            async def one() -> list[Speech]:
                return [piece async for piece in call.speak(TEXT)]

            return await asyncio.gather(*(one() for _ in range(5))), stats(server)

    pieces, told = unhurried(scene())
    assert [words(heard) for heard in pieces] == [TEXT.split()] * 5
    assert (told.requests, told.most_in_flight) == (5, OPEN_AT_ONCE)


@BOTH
def test_a_text_that_is_given_up_makes_room_for_the_next_of_its_call(vendor: Vendor) -> None:
    stall: dict[str, Any] = {"fault": "stall_before_audio", "stall_s": 60, "times": OPEN_AT_ONCE}

    async def scene() -> list[str]:
        async with emulating(vendor, quick_config(faults=[stall])) as (server, voice):
            call = CallVoice(voice)

            async def one() -> list[Speech]:
                return [piece async for piece in call.speak(TEXT)]

            stuck = [asyncio.create_task(one()) for _ in range(OPEN_AT_ONCE)]
            await eventually(lambda: asked(server, OPEN_AT_ONCE))
            third = asyncio.create_task(one())
            for task in stuck:
                task.cancel()
            await asyncio.gather(*stuck, return_exceptions=True)
            return words(await third)

    assert unhurried(scene()) == TEXT.split()


@BOTH
def test_a_socket_that_was_closed_while_idle_costs_no_reply_and_is_forgotten(vendor: Vendor) -> None:
    async def scene() -> tuple[list[str], int]:
        async with emulating(vendor) as (server, voice):
            await said(voice, "Hello.")
            port = server.port
            await server.stop()
            await server.start(port=port)
            return words(await said(voice)), len(voice._sockets._sockets)

    assert unhurried(scene()) == (TEXT.split(), 1)


@BOTH
def test_a_socket_that_dies_as_it_is_used_again_costs_no_reply(vendor: Vendor) -> None:
    drop = {"fault": "drop_mid_audio", "after_ms": 0, "times": 1}

    async def scene() -> tuple[list[str], int]:
        async with emulating(vendor) as (server, voice):
            await said(voice, "Hello.")
            server.apply(quick_config(faults=[drop]))
            return words(await said(voice)), stats(server).sockets

    assert unhurried(scene()) == (TEXT.split(), 2)


@BOTH
def test_a_new_socket_that_dies_is_not_tried_again(vendor: Vendor) -> None:
    drop = {"fault": "drop_mid_audio", "after_ms": 0}

    async def scene() -> tuple[ProviderError, int]:
        async with emulating(vendor, quick_config(faults=[drop])) as (server, voice):
            with pytest.raises(ProviderError) as caught:
                await said(voice)
            return caught.value, stats(server).sockets

    error, sockets = unhurried(scene())
    assert (error.reason, sockets) == (FailureReason.UNAVAILABLE, 1)


@BOTH
def test_when_a_socket_dies_a_text_that_was_heard_fails_and_the_other_fails_or_is_said_whole(vendor: Vendor) -> None:
    drop = {"fault": "drop_mid_audio", "after_ms": 400, "times": 1, "close_code": 1011}

    async def scene() -> list[list[str] | ProviderError]:
        async with emulating(vendor, quick_config(**SLOW)) as (server, voice):
            await said(voice, "Hello.")
            server.apply(quick_config(faults=[drop], **SLOW))
            both = await asyncio.gather(*(outcome(said(voice, text)) for text in (TEXT, OTHER)))
            return list(both)

    doomed, beside = unhurried(scene())
    assert isinstance(doomed, ProviderError)
    assert (doomed.reason, "1011" in doomed.detail) == (FailureReason.UNAVAILABLE, True)
    if isinstance(beside, ProviderError):
        assert beside.reason is FailureReason.UNAVAILABLE
    else:
        assert beside == OTHER.split()
