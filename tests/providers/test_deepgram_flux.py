"""Flux's adapter through the real SDK against the emulator, and the pure parts on messages of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame

from agent_core.ports import (
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
from emulators.server import EmulatorServer
from emulators.voice import tone
from providers.audio_timeline import AudioTimeline
from providers.deepgram_flux import DeepgramFlux, FluxSession, FluxSettings
from providers.flux_turns import FluxTurns
from tests.emulators.harness import KEY, quick_config, running
from tests.support import unhurried

TEXT = "I lost my card"
STT = {"transcripts": [TEXT, "thank you"]}


def speech(ms: int) -> bytes:
    return tone("a" * (ms // 20), 20).astype("<i2").tobytes()


def silence(ms: int) -> bytes:
    return np.zeros(16 * ms, dtype="<i2").tobytes()


CALL = silence(400) + speech(1200) + silence(600) + speech(800) + silence(600)


def recogniser(server: EmulatorServer, **changes: Any) -> DeepgramFlux:
    defaults: dict[str, Any] = {"api_key": KEY, "url": server.url}
    return DeepgramFlux(FluxSettings(**(defaults | changes)))


async def push(session: FluxSession, pcm: bytes, frame_ms: int = 20) -> None:
    for at in range(0, len(pcm), 32 * frame_ms):
        await session.push(pcm[at : at + 32 * frame_ms])


async def until(session: FluxSession, last: type, count: int = 1) -> list[RecogniserEvent]:
    """Events up to the ``count``-th of the type ``last``, or to the end."""
    seen: list[RecogniserEvent] = []
    async with asyncio.timeout(20):
        async for event in session.events():
            seen.append(event)
            if sum(isinstance(e, last) for e in seen) == count:
                break
    return seen


def hear(
    pcm: bytes, last: type = TurnEnded, count: int = 1, faults: list[dict[str, Any]] | None = None, **changes: Any
) -> list[RecogniserEvent]:
    async def scene() -> list[RecogniserEvent]:
        async with running(quick_config(stt=STT, faults=faults or [])) as server:
            flux = recogniser(server, **changes)
            session = await flux.open()
            await push(session, pcm)
            try:
                return await until(session, last, count)
            finally:
                await flux.close()

    return unhurried(scene())


def kinds(events: list[RecogniserEvent]) -> list[str]:
    return [type(event).__name__ for event in events if not isinstance(event, TurnUpdated)]


def failure(events: list[RecogniserEvent]) -> ProviderError:
    assert isinstance(events[-1], RecogniserFailed)
    return events[-1].error


def test_a_call_is_heard_turn_by_turn() -> None:
    events = hear(CALL, count=2)
    assert kinds(events) == ["TurnStarted", "TurnMaybeEnded", "TurnEnded"] * 2
    ended = [event for event in events if isinstance(event, TurnEnded)]
    assert [event.text for event in ended] == [TEXT, "thank you"]
    eager = next(event for event in events if isinstance(event, TurnMaybeEnded))
    assert eager.text == TEXT
    assert 0.4 <= eager.confidence <= 0.7 <= ended[0].confidence
    assert ended[0].speech_end_ms == pytest.approx(1600, abs=40)
    assert ended[0].audio_ms == pytest.approx(1800, abs=40)


def test_words_show_up_while_the_caller_speaks() -> None:
    updates = [event.text for event in hear(CALL) if isinstance(event, TurnUpdated)]
    assert updates
    assert all(TEXT.startswith(text) for text in updates)
    assert updates == sorted(set(updates), key=len)


def test_sound_is_not_deflated_though_the_sdk_agreed_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    deflated: list[bytes] = []

    def noted(self: PerMessageDeflate, frame: Frame) -> Frame:
        deflated.append(bytes(frame.data))
        return encode(self, frame)

    encode = PerMessageDeflate.encode
    monkeypatch.setattr(PerMessageDeflate, "encode", noted)
    assert kinds(hear(CALL)) == ["TurnStarted", "TurnMaybeEnded", "TurnEnded"]
    assert deflated == []


def test_a_turn_ends_though_its_audio_stops() -> None:
    events = hear(speech(600), idle_fill_ms=40)
    assert kinds(events) == ["TurnStarted", "TurnMaybeEnded", "TurnEnded"]


def test_positions_are_those_of_the_pushed_audio_whatever_was_filled_in() -> None:
    async def scene() -> TurnEnded:
        async with running(quick_config(stt=STT)) as server:
            flux = recogniser(server, idle_fill_ms=20)
            session = await flux.open()
            await push(session, silence(500))
            await asyncio.sleep(0.4)  # the gap that is filled
            await push(session, speech(1000) + silence(600))
            ended = (await until(session, TurnEnded))[-1]
            await flux.close()
            assert isinstance(ended, TurnEnded)
            return ended

    assert unhurried(scene()).speech_end_ms == pytest.approx(1500, abs=100)


def test_the_timeline_takes_every_filling_out_again() -> None:
    timeline = AudioTimeline()
    timeline.pushed(100)
    timeline.filled(80)
    timeline.filled(80)
    timeline.pushed(100)
    timeline.filled(40)
    assert timeline.sent_ms == 400
    assert [timeline.pushed_ms(ms) for ms in (50, 100, 180, 260, 300, 360, 400)] == [50, 100, 100, 100, 140, 200, 200]


def test_options_reach_the_query_and_win() -> None:
    events = hear(CALL, options={"eager_eot_threshold": 0.6, "keyterm": ["card", "iban"], "mip_opt_out": True})
    eager = next(event for event in events if isinstance(event, TurnMaybeEnded))
    assert eager.confidence == pytest.approx(0.65)


def opening(config: dict[str, Any], **changes: Any) -> ProviderError:
    async def scene() -> ProviderError:
        async with running(quick_config(stt=STT, **config)) as server:
            flux = recogniser(server, **changes)
            with pytest.raises(ProviderError) as caught:
                await flux.open()
            await flux.close()
            return caught.value

    return unhurried(scene())


@pytest.mark.parametrize(
    ("faults", "changes", "reason"),
    [
        ([], {"api_key": "dg-wrong"}, FailureReason.UNAUTHORISED),
        ([], {"model": "nova-3"}, FailureReason.REFUSED),
        ([{"fault": "rate_limited", "service": "stt"}], {}, FailureReason.RATE_LIMITED),
        ([{"fault": "server_error", "service": "stt", "status": 503}], {}, FailureReason.UNAVAILABLE),
        ([{"fault": "no_connected"}], {"connect_timeout_ms": 150}, FailureReason.TIMED_OUT),
        ([], {"url": "http://127.0.0.1:9"}, FailureReason.UNAVAILABLE),
    ],
)
def test_a_session_that_does_not_open_says_why(
    faults: list[dict[str, Any]], changes: dict[str, Any], reason: FailureReason
) -> None:
    error = opening({"faults": faults}, **changes)
    assert error.reason is reason
    assert KEY not in str(error)
    assert "dg-wrong" not in str(error)


def test_retry_after_of_the_handshake_is_read() -> None:
    faults = [{"fault": "rate_limited", "service": "stt", "retry_after_s": 2}]
    assert opening({"faults": faults}).retry_after_s == 2.0


@pytest.mark.parametrize(
    ("fault", "reason", "detail"),
    [
        ({"fault": "close_mid_turn", "code": 1011}, FailureReason.UNAVAILABLE, "1011"),
        ({"fault": "close_mid_turn", "code": 1000}, FailureReason.UNAVAILABLE, "closed"),
        ({"fault": "error_then_close"}, FailureReason.UNAVAILABLE, "INTERNAL_SERVER_ERROR"),
        ({"fault": "silent_stall"}, FailureReason.TIMED_OUT, "silent"),
    ],
)
def test_a_recogniser_that_goes_in_mid_turn_is_an_event_and_the_end(
    fault: dict[str, Any], reason: FailureReason, detail: str
) -> None:
    events = hear(CALL, last=type(None), faults=[fault], stall_ms=400)
    assert kinds(events) == ["TurnStarted", "RecogniserFailed"]
    assert failure(events).reason is reason
    assert detail in failure(events).detail


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "duplicate_sequence", "every": 1},
        {"fault": "missing_sequence", "every": 2},
        {"fault": "missing_sequence", "every": 3},
        {"fault": "missing_sequence", "every": 4},
        {"fault": "missing_sequence", "every": 5},
        {"fault": "slow_updates"},
        {"fault": "words_without_times"},
        {"fault": "eager_resumed_eager"},
    ],
)
def test_the_contract_holds_whatever_gets_lost(fault: dict[str, Any]) -> None:
    events = hear(CALL + silence(1000), count=2, faults=[fault], idle_fill_ms=40)
    check_contract(events)
    ended = [event.text for event in events if isinstance(event, TurnEnded)]
    assert len(ended) == 2
    assert all(full.startswith(text) for full, text in zip([TEXT, "thank you"], ended, strict=True))


def check_contract(events: list[RecogniserEvent]) -> None:
    open_, eager = False, None
    for event in events:
        if isinstance(event, TurnStarted):
            assert not open_
            open_ = True
            continue
        assert open_
        if isinstance(event, TurnMaybeEnded):
            assert eager is None
            eager = event.text
        elif isinstance(event, TurnResumed):
            assert eager is not None
            eager = None
        elif isinstance(event, TurnEnded):
            assert eager is None or event.text == eager
            open_, eager = False, None
        else:
            assert isinstance(event, TurnUpdated)
            assert eager is None


def test_words_without_times_leave_the_end_of_speech_unknown() -> None:
    ended = hear(CALL, faults=[{"fault": "words_without_times"}])[-1]
    assert isinstance(ended, TurnEnded)
    assert ended.speech_end_ms is None


def test_an_end_taken_back_is_said_to_be() -> None:
    events = hear(CALL, faults=[{"fault": "eager_resumed_eager"}])
    assert kinds(events) == ["TurnStarted", "TurnMaybeEnded", "TurnResumed", "TurnMaybeEnded", "TurnEnded"]


def test_a_turn_stuck_after_its_eager_end_is_ended() -> None:
    events = hear(speech(600) + silence(3000), faults=[{"fault": "eager_without_end"}], eot_timeout_ms=500)
    assert kinds(events) == ["TurnStarted", "TurnMaybeEnded", "TurnEnded"]
    check_contract(events)


def test_closing_ends_the_events_and_may_be_done_twice() -> None:
    async def scene() -> list[RecogniserEvent]:
        async with running(quick_config(stt=STT)) as server:
            flux = recogniser(server)
            session = await flux.open()
            await push(session, speech(300))
            await session.close()
            await session.close()
            await session.push(speech(300))
            events = [event async for event in session.events()]
            await flux.close()
            left = [task for task in asyncio.all_tasks() if "FluxSession" in repr(task.get_coro())]
            assert left == []
            return events

    assert not any(isinstance(event, RecogniserFailed) for event in unhurried(scene()))


def test_a_recogniser_that_is_gone_does_not_hold_up_the_call() -> None:
    async def scene() -> None:
        async with running(quick_config(stt=STT, faults=[{"fault": "close_mid_turn"}])) as server:
            session = await recogniser(server).open()
            async with asyncio.timeout(20):
                for _ in range(20):  # far more than the backlog holds
                    await push(session, speech(1000))
                events = [event async for event in session.events()]
                await session.close()
            assert isinstance(events[-1], RecogniserFailed)

    unhurried(scene())


def test_a_socket_that_takes_no_audio_does_not_hold_up_the_call() -> None:
    class Mute:
        close_timeout = 10

        async def __aiter__(self) -> AsyncIterator[str]:
            await asyncio.Event().wait()
            yield ""

    class Deaf:
        """Says Connected, then neither speaks nor listens."""

        _websocket = Mute()

        async def recv(self) -> dict[str, Any]:
            return {"type": "Connected", "sequence_id": 0}

        async def send_media(self, pcm: bytes) -> None:
            await asyncio.Event().wait()

        async def send_close_stream(self) -> None:
            await asyncio.Event().wait()

    async def scene() -> ProviderError:
        settings = FluxSettings(api_key=KEY, stall_ms=100)
        session = FluxSession("flux", settings, nullcontext(), Deaf(), lambda gone: None)
        await session.begin()
        async with asyncio.timeout(20):
            await push(session, silence(20_000))  # twice what may wait
            events = [event async for event in session.events()]
            await session.close()
        return failure(events)

    assert unhurried(scene()).reason is FailureReason.TIMED_OUT


# --- messages of their own -------------------------------------------------------------------------------------------


def info(sequence: int, event: str, text: str, *, turn: int = 0, at_s: float = 1.0) -> dict[str, Any]:
    return {
        "type": "TurnInfo",
        "sequence_id": sequence,
        "event": event,
        "turn_index": turn,
        "transcript": text,
        "words": [],
        "audio_window_end": at_s,
        "end_of_turn_confidence": 0.5,
    }


def taken(*messages: dict[str, Any]) -> list[RecogniserEvent]:
    turns = FluxTurns("flux", lambda ms: ms, stuck_ms=2000)
    return [event for message in messages for event in turns.take(message)]


def test_a_lost_start_a_lost_resumed_and_a_lost_end_are_made_good() -> None:
    lost_start = taken(info(1, "Update", "I"), info(2, "EndOfTurn", "I lost"))
    assert kinds(lost_start) == ["TurnStarted", "TurnEnded"]
    lost_resumed = taken(info(1, "StartOfTurn", "I"), info(2, "EagerEndOfTurn", "I"), info(3, "EndOfTurn", "I lost"))
    assert kinds(lost_resumed) == ["TurnStarted", "TurnMaybeEnded", "TurnResumed", "TurnEnded"]
    lost_end = taken(
        info(1, "StartOfTurn", "I"), info(3, "StartOfTurn", "So", turn=1), info(4, "EndOfTurn", "So", turn=1)
    )
    assert kinds(lost_end) == ["TurnStarted", "TurnEnded", "TurnStarted", "TurnEnded"]
    for events in (lost_start, lost_resumed, lost_end):
        check_contract(events)


def test_a_message_from_the_past_is_not_heard_again() -> None:
    past = info(2, "Update", "I lost")
    events = taken(info(1, "StartOfTurn", "I"), past, info(3, "EagerEndOfTurn", "I lost it"), past)
    assert kinds(events) == ["TurnStarted", "TurnMaybeEnded"]


def test_a_late_end_of_a_turn_that_was_ended_here_is_ignored() -> None:
    events = taken(
        info(1, "EagerEndOfTurn", "I", at_s=1.0),
        info(2, "Update", "I", at_s=3.1),
        info(3, "EndOfTurn", "I", at_s=3.2),
        info(4, "StartOfTurn", "So", turn=1, at_s=4.0),
    )
    assert kinds(events) == ["TurnStarted", "TurnMaybeEnded", "TurnEnded", "TurnStarted"]


def test_what_is_not_for_us_says_nothing_and_what_is_broken_is_a_failure() -> None:
    assert taken({"type": "Connected", "sequence_id": 0}, {"type": "Warning", "sequence_id": 1}, {}) == []
    (failed,) = taken({"type": "TurnInfo", "sequence_id": 1, "event": "Update"})
    assert isinstance(failed, RecogniserFailed)
    assert failed.error.reason is FailureReason.INVALID


@pytest.mark.parametrize(
    "changed",
    [
        {"words": ["I"]},
        {"words": {"end": 1}},
        {"audio_window_end": float("nan")},
        {"audio_window_end": None},
        {"turn_index": float("inf")},
        {"words": [{"end": float("inf")}]},
    ],
)
def test_a_turn_of_another_shape_is_a_failure_of_the_vendor_and_no_bug_of_ours(changed: dict[str, Any]) -> None:
    (failed,) = taken({**info(1, "Update", "I", at_s=1.0), **changed})
    assert isinstance(failed, RecogniserFailed)
    assert failed.error.reason is FailureReason.INVALID


def test_half_of_a_character_is_replaced_in_what_was_heard() -> None:
    events = taken(info(1, "EndOfTurn", "I \ud83d see", at_s=1.0))
    assert [event.text for event in events if isinstance(event, TurnEnded)] == ["I \ufffd see"]
