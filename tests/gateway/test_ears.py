"""The ears: who decides what a turn is, what happens when the recogniser is lost, and when the caller is only noise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from agent_core.ports import (
    FRAME_BYTES,
    FailureReason,
    ProviderError,
    RecogniserEvent,
    RecogniserFailed,
    TurnEnded,
    TurnMaybeEnded,
    TurnResumed,
    TurnStarted,
    TurnUpdated,
)
from simulation.virtual_loop import run_virtual
from voice_gateway.ears import DEAF_FOR_MS, MOST_KEPT_MS, PRE_ROLL_MS, SPEECH_AFTER_MS, UNHEARD_AFTER_MS, Ear, Ears

LOUD = b"\1\0" * (FRAME_BYTES // 2)
QUIET = bytes(FRAME_BYTES)
FRAME_S = 0.02


class Activity:
    """Speech where a frame isn't zero."""

    def push(self, pcm: bytes) -> float:
        return 1.0 if any(pcm) else 0.0

    def reset(self) -> None:
        return


class Session:
    def __init__(self, takes_s: float = 0.0) -> None:
        self.pushed: list[bytes] = []
        self._takes_s = takes_s
        self.closed = False
        self._events: asyncio.Queue[RecogniserEvent | None] = asyncio.Queue()

    def say(self, *events: RecogniserEvent | None) -> None:
        for event in events:
            self._events.put_nowait(event)

    async def push(self, pcm: bytes) -> None:
        if self._takes_s:
            await asyncio.sleep(self._takes_s)
        self.pushed.append(pcm)

    async def events(self) -> AsyncIterator[RecogniserEvent]:
        while (event := await self._events.get()) is not None:
            yield event

    async def close(self) -> None:
        self.closed = True
        self.say(None)


class Recogniser:
    """``failures``: what its first openings raise. ``slow_s``: how long each takes. ``frame_s``: how long it takes a frame."""

    def __init__(self, name: str, *failures: FailureReason, slow_s: float = 0.0, frame_s: float = 0.0) -> None:
        self.name = name
        self.sessions: list[Session] = []
        self.tried = 0
        self._failures = list(failures)
        self._slow_s, self._frame_s = slow_s, frame_s

    async def open(self) -> Session:
        self.tried += 1
        await asyncio.sleep(self._slow_s)
        if self._failures:
            raise ProviderError(self._failures.pop(0), self.name)
        self.sessions.append(Session(self._frame_s))
        return self.sessions[-1]

    async def close(self) -> None:
        return


class Scene:
    def __init__(self, *recognisers: Recogniser) -> None:
        self.recognisers = recognisers
        self.told: list[tuple[Any, ...]] = []
        self.voices: list[bool] = []
        self.partials: list[str] = []
        self.failures: list[tuple[str, FailureReason]] = []
        ear = Ear(
            lambda: self.told.append(("began",)),
            lambda text, ended_ms, confidence: self.told.append(("maybe", text)),
            lambda text, ended_ms, confidence: self.told.append(("ended", text, round(self.now_ms() - ended_ms))),
            lambda: self.told.append(("resumed",)),
            lambda: self.told.append(("dismissed",)),
            lambda active: self.voices.append(active),
            lambda text: self.partials.append(text),
        )
        self.ears = Ears(list(recognisers), Activity(), ear, self.now_ms, self._failed)

    def _failed(self, error: ProviderError) -> None:
        self.failures.append((error.provider, error.reason))

    @staticmethod
    def now_ms() -> float:
        return asyncio.get_running_loop().time() * 1000

    async def hear(self, frame: bytes, ms: float) -> None:
        for _ in range(round(ms / 20)):
            await asyncio.sleep(FRAME_S)
            await self.ears.push(frame)

    @property
    def words(self) -> list[Any]:
        return [told[:2] for told in self.told]


def play(scene: Callable[[], Coroutine[Any, Any, Scene]]) -> Scene:
    async def run() -> Scene:
        played = await scene()
        await played.ears.close()
        return played

    return run_virtual(run())


def dropped(name: str = "vendor") -> RecogniserFailed:
    return RecogniserFailed(ProviderError(FailureReason.UNAVAILABLE, name))


def test_voice_activity_tells_that_the_caller_speaks_before_the_recogniser_does() -> None:
    async def scene() -> Scene:
        scene = Scene(Recogniser("vendor"))
        await scene.ears.open()
        await scene.hear(LOUD, SPEECH_AFTER_MS - 20)
        assert scene.told == []
        await scene.hear(LOUD, 20)
        scene.recognisers[0].sessions[0].say(TurnStarted(0.0))
        await scene.hear(LOUD, 100)
        return scene

    assert play(scene).told == [("began",)]


def test_a_voice_is_told_as_it_goes_silent_and_comes_back_within_what_is_said() -> None:
    async def scene() -> Scene:
        scene = Scene(Recogniser("vendor"))
        await scene.ears.open()
        await scene.hear(LOUD, 400)
        await scene.hear(QUIET, SPEECH_AFTER_MS - 20)
        assert scene.voices == []
        await scene.hear(QUIET, 100)
        await scene.hear(LOUD, 400)
        return scene

    played = play(scene)
    assert played.told == [("began",)]
    assert played.voices == [False, True]


def test_words_are_told_as_they_become_known() -> None:
    async def scene() -> Scene:
        scene = Scene(Recogniser("vendor"))
        await scene.ears.open()
        scene.recognisers[0].sessions[0].say(
            TurnStarted(0.0), TurnUpdated("", 100.0), TurnUpdated("uh", 200.0), TurnUpdated("uh huh", 300.0)
        )
        await scene.hear(LOUD, 400)
        return scene

    assert play(scene).partials == ["uh", "uh huh"]


def test_a_click_is_no_speech() -> None:
    async def scene() -> Scene:
        scene = Scene(Recogniser("vendor"))
        await scene.ears.open()
        for _ in range(5):
            await scene.hear(LOUD, SPEECH_AFTER_MS - 40)
            await scene.hear(QUIET, 400)
        return scene

    assert play(scene).told == []


def test_the_recogniser_decides_what_a_turn_is_and_where_it_ended() -> None:
    async def scene() -> Scene:
        scene = Scene(Recogniser("vendor"))
        await scene.ears.open()
        await scene.hear(LOUD, 1000)
        await scene.hear(QUIET, 300)
        session = scene.recognisers[0].sessions[0]
        session.say(TurnMaybeEnded("my", 0.5, 1000.0, 1100.0), TurnResumed("my", 1200.0))
        session.say(TurnMaybeEnded("my card", 0.5, 1000.0, 1300.0), TurnEnded("my card", 0.9, 1000.0, 1300.0))
        await scene.hear(QUIET, 20)
        return scene

    assert play(scene).told == [
        ("began",),
        ("maybe", "my"),
        ("resumed",),
        ("maybe", "my card"),
        ("ended", "my card", 300),
    ]


def test_where_the_vendor_names_no_end_of_speech_voice_activity_knows_it() -> None:
    async def scene() -> Scene:
        scene = Scene(Recogniser("vendor"))
        await scene.ears.open()
        await scene.hear(LOUD, 600)
        await scene.hear(QUIET, 400)
        scene.recognisers[0].sessions[0].say(TurnEnded("hello", 0.9, None, 1000.0))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return scene

    (_, ended) = play(scene).told
    assert ended == ("ended", "hello", 380)


def test_speech_never_ends_in_the_future_whatever_the_vendor_says() -> None:
    async def scene() -> Scene:
        scene = Scene(Recogniser("vendor"))
        await scene.ears.open()
        await scene.hear(LOUD, 600)
        scene.recognisers[0].sessions[0].say(TurnEnded("hello", 0.9, 5000.0, 600.0))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return scene

    assert play(scene).told[-1] == ("ended", "hello", 0)


def test_sound_without_words_is_dismissed() -> None:
    async def scene() -> Scene:
        scene = Scene(Recogniser("vendor"))
        await scene.ears.open()
        await scene.hear(LOUD, 400)
        scene.recognisers[0].sessions[0].say(TurnStarted(0.0), TurnEnded(" ", 0.0, None, 900.0))
        await scene.hear(QUIET, 100)
        return scene

    assert play(scene).told == [("began",), ("dismissed",)]


def test_speech_of_which_the_recogniser_says_nothing_is_dismissed_in_the_end() -> None:
    async def scene() -> Scene:
        scene = Scene(Recogniser("vendor"))
        await scene.ears.open()
        await scene.hear(LOUD, 400)
        await scene.hear(QUIET, UNHEARD_AFTER_MS - 20)
        assert scene.told == [("began",)]
        await scene.hear(QUIET, 40)
        return scene

    assert play(scene).told == [("began",), ("dismissed",)]


def test_the_successor_of_a_lost_recogniser_hears_the_whole_turn() -> None:
    async def scene() -> Scene:
        scene = Scene(Recogniser("vendor"))
        await scene.ears.open()
        await scene.hear(QUIET, 2000)
        await scene.hear(LOUD, 600)
        scene.recognisers[0].sessions[0].say(TurnStarted(2000.0), dropped())
        await scene.hear(LOUD, 400)
        first, second = scene.recognisers[0].sessions
        assert first.closed
        assert [any(frame) for frame in second.pushed].count(True) == 50
        assert [any(frame) for frame in second.pushed].count(False) == PRE_ROLL_MS // 20 - 1
        second.say(TurnEnded("all of it", 0.9, PRE_ROLL_MS + 1000.0, 1600.0))
        await scene.hear(QUIET, 100)
        return scene

    assert play(scene).words == [("began",), ("ended", "all of it")]


def test_frames_that_come_while_a_successor_hears_the_past_stand_behind_it() -> None:
    async def scene() -> Scene:
        scene = Scene(Recogniser("vendor", frame_s=0.015))
        await scene.ears.open()
        await scene.hear(LOUD, 400)
        scene.recognisers[0].sessions[0].say(dropped())
        for number in range(1, 60):
            await scene.hear(bytes([number]) * FRAME_BYTES, 20)
        return scene

    heard = [0 if frame == LOUD else frame[-1] for frame in play(scene).recognisers[0].sessions[1].pushed]
    assert heard == sorted(heard)
    assert (heard[0], heard[-1] > 40) == (0, True)


def test_nothing_of_half_a_minute_is_lost_with_its_recogniser() -> None:
    async def scene() -> Scene:
        scene = Scene(Recogniser("vendor"))
        await scene.ears.open()
        await scene.hear(LOUD, 25_000)
        scene.recognisers[0].sessions[0].say(TurnStarted(0.0), TurnUpdated("my card and", 24_900.0), dropped())
        await scene.hear(LOUD, 5_000)
        assert len(scene.recognisers[0].sessions[1].pushed) == 30_000 // 20
        return scene

    assert play(scene).words == [("began",)]


def test_of_a_turn_too_long_to_keep_the_words_are_told_and_the_rest_is_heard_as_another() -> None:
    async def scene() -> Scene:
        scene = Scene(Recogniser("vendor"))
        await scene.ears.open()
        await scene.hear(LOUD, MOST_KEPT_MS + 10_000)
        known_to_ms = MOST_KEPT_MS + 9_800.0
        scene.recognisers[0].sessions[0].say(TurnStarted(0.0), TurnUpdated("a long story", known_to_ms), dropped())
        await scene.hear(LOUD, 400)
        second = scene.recognisers[0].sessions[1]
        assert len(second.pushed) == 600 // 20  # what came behind the words that are known
        second.say(TurnStarted(20.0), TurnEnded("and its end", 0.9, 600.0, 900.0))
        await scene.hear(QUIET, 300)
        return scene

    assert play(scene).told[:2] == [("began",), ("ended", "a long story", 200)]
    assert play(scene).words[2:] == [("began",), ("ended", "and its end")]


def test_a_long_turn_of_which_no_word_is_known_is_heard_anew_as_far_as_it_is_kept() -> None:
    async def scene() -> Scene:
        scene = Scene(Recogniser("vendor"))
        await scene.ears.open()
        await scene.hear(LOUD, MOST_KEPT_MS + 10_000)
        scene.recognisers[0].sessions[0].say(dropped())
        await scene.hear(LOUD, 400)
        assert len(scene.recognisers[0].sessions[1].pushed) >= MOST_KEPT_MS // 20
        return scene

    assert play(scene).words == [("began",)]


def test_positions_of_a_successor_count_from_what_it_was_told() -> None:
    async def scene() -> Scene:
        scene = Scene(Recogniser("vendor"))
        await scene.ears.open()
        await scene.hear(QUIET, 2000)
        await scene.hear(LOUD, 600)
        scene.recognisers[0].sessions[0].say(dropped())
        await scene.hear(LOUD, 400)
        await scene.hear(QUIET, 200)
        scene.recognisers[0].sessions[1].say(TurnEnded("words", 0.9, PRE_ROLL_MS - 20 + 1000.0, 1700.0))
        await scene.hear(QUIET, 20)
        return scene

    assert play(scene).told[-1] == ("ended", "words", 200)


def test_words_that_were_eager_stand_when_their_recogniser_is_lost() -> None:
    async def scene() -> Scene:
        scene = Scene(Recogniser("vendor"))
        await scene.ears.open()
        await scene.hear(LOUD, 600)
        await scene.hear(QUIET, 100)
        scene.recognisers[0].sessions[0].say(TurnMaybeEnded("my card", 0.5, None, 700.0), dropped())
        await scene.hear(QUIET, 3000)
        return scene

    assert play(scene).words == [("began",), ("maybe", "my card"), ("ended", "my card")]


def test_with_no_recogniser_at_all_what_is_known_of_the_words_ends_the_turn() -> None:
    async def scene() -> Scene:
        vendor = Recogniser("vendor")
        scene = Scene(vendor)
        await scene.ears.open()
        vendor._failures = [FailureReason.UNAVAILABLE] * 1000
        await scene.hear(LOUD, 600)
        vendor.sessions[0].say(TurnUpdated("my", 500.0), dropped())
        await scene.hear(QUIET, DEAF_FOR_MS - 100)
        assert scene.words == [("began",)]
        await scene.hear(QUIET, 200)
        return scene

    assert play(scene).words == [("began",), ("ended", "my")]


def test_a_session_whose_events_end_is_a_lost_recogniser() -> None:
    async def scene() -> Scene:
        scene = Scene(Recogniser("vendor"))
        await scene.ears.open()
        scene.recognisers[0].sessions[0].say(None)
        await scene.hear(QUIET, 100)
        assert len(scene.recognisers[0].sessions) == 2
        return scene

    assert play(scene).failures == [("vendor", FailureReason.UNAVAILABLE)]


def test_a_recogniser_with_a_wrong_key_is_asked_last_from_then_on() -> None:
    async def scene() -> Scene:
        vendor, local = Recogniser("vendor", FailureReason.UNAUTHORISED), Recogniser("local")
        scene = Scene(vendor, local)
        await scene.ears.open()
        local.sessions[0].say(dropped("local"))
        await scene.hear(QUIET, 100)
        assert (vendor.tried, local.tried) == (1, 2)
        return scene

    assert play(scene).failures == [
        ("vendor", FailureReason.UNAUTHORISED),
        ("local", FailureReason.UNAVAILABLE),
    ]


def test_a_recogniser_that_was_lost_twice_gives_way_to_the_next() -> None:
    async def scene() -> Scene:
        vendor, local = Recogniser("vendor"), Recogniser("local")
        scene = Scene(vendor, local)
        await scene.ears.open()
        for session in (0, 1):
            vendor.sessions[session].say(dropped())
            await scene.hear(QUIET, 100)
        assert (len(vendor.sessions), len(local.sessions)) == (2, 1)
        return scene

    play(scene)


def test_in_mid_call_a_slow_recogniser_is_not_waited_for_where_another_stands_behind_it() -> None:
    async def scene() -> Scene:
        vendor, local = Recogniser("vendor", slow_s=0.0), Recogniser("local")
        scene = Scene(vendor, local)
        await scene.ears.open()
        vendor._slow_s = 30.0
        vendor.sessions[0].say(dropped())
        await scene.hear(QUIET, 2000)
        assert len(local.sessions) == 1
        return scene

    assert ("vendor", FailureReason.TIMED_OUT) in play(scene).failures


def test_none_that_opens_is_an_error_of_the_last() -> None:
    async def scene() -> None:
        scene = Scene(Recogniser("vendor", FailureReason.UNAUTHORISED), Recogniser("local", FailureReason.MISSING))
        with pytest.raises(ProviderError) as error:
            await scene.ears.open()
        assert (error.value.provider, error.value.reason) == ("local", FailureReason.MISSING)

    run_virtual(scene())


def test_a_mistake_behind_the_ears_is_raised_not_swallowed() -> None:
    async def scene() -> None:
        scene = Scene(Recogniser("vendor"))

        def broken(*_: object) -> None:
            raise ZeroDivisionError

        scene.ears._ear = scene.ears._ear._replace(ended=broken)
        await scene.ears.open()
        scene.recognisers[0].sessions[0].say(TurnEnded("hello", 0.9, None, 0.0))
        with pytest.raises(ZeroDivisionError):
            await scene.hear(QUIET, 100)
        await scene.ears.close()

    run_virtual(scene())
