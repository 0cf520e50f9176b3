"""Emulated Flux: its turn machine on frames, and its wire format through the deepgram SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import aiohttp
import numpy as np
import pytest
from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment
from multidict import MultiDict

from emulators.config import Utterance
from emulators.flux_audio import AudioIn
from emulators.flux_hearing import Recognise, ScriptedHearing
from emulators.flux_query import Thresholds, parsed, reconfigured
from emulators.flux_turns import Event, Happening, Trigger, TurnMachine, TurnRules
from emulators.server import EmulatorServer
from emulators.voice import OutputFormat, encoded, tone
from tests.emulators.harness import KEY, quick_config, running
from tests.support import unhurried

NORMAL = TurnRules(eager_ms=100, end_ms=200, timeout_ms=5000)


def machine(rules: TurnRules | None = NORMAL, update_every_ms: float = 1e9) -> TurnMachine:
    return TurnMachine(lambda turn: rules, start_ms=60, update_every_ms=update_every_ms)


def heard(turns: TurnMachine, *spans: tuple[bool, int]) -> list[Happening]:
    """Feed (speech, ms) spans."""
    return [h for speech, ms in spans for _ in range(ms // 20) for h in turns.frame(speech)]


def events(happenings: Iterable[Happening]) -> list[tuple[str, float]]:
    return [(h.event.value, h.audio_ms) for h in happenings]


def test_a_turn_starts_seems_over_and_ends_at_its_marks() -> None:
    happened = heard(machine(), (False, 500), (True, 1000), (False, 1000))
    assert events(happened) == [("StartOfTurn", 560), ("EagerEndOfTurn", 1600), ("EndOfTurn", 1700)]
    assert {(h.speech_start_ms, h.turn) for h in happened} == {(500, 0)}
    assert (happened[-1].speech_end_ms, happened[-1].trigger) == (1500, Trigger.MODEL)


def test_a_short_pause_takes_the_eager_end_back() -> None:
    happened = heard(machine(), (True, 500), (False, 140), (True, 300), (False, 300))
    assert [h.event for h in happened] == [Event.START, Event.EAGER, Event.RESUMED, Event.EAGER, Event.END]
    assert {h.turn for h in happened} == {0}


def test_the_next_turn_has_the_next_index_and_its_own_window() -> None:
    happened = heard(machine(), (True, 500), (False, 400), (True, 500), (False, 400))
    ends = [h for h in happened if h.event is Event.END]
    assert [(h.turn, h.window_start_ms, h.audio_ms) for h in ends] == [(0, 0, 700), (1, 700, 1600)]


def test_without_audio_nothing_ends_and_without_eager_the_end_comes_alone() -> None:
    turns = machine(TurnRules(eager_ms=None, end_ms=200, timeout_ms=5000))
    assert [h.event for h in heard(turns, (True, 500))] == [Event.START]
    assert turns.in_turn_ms == 500
    assert [h.event for h in heard(turns, (False, 200))] == [Event.END]


def test_a_turn_that_the_model_never_ends_ends_on_its_timeout_or_when_forced() -> None:
    endless = TurnRules(eager_ms=None, end_ms=None, timeout_ms=700)
    happened = heard(machine(endless), (True, 500), (False, 800))
    assert (happened[-1].event, happened[-1].audio_ms, happened[-1].trigger) == (Event.END, 1200, Trigger.TIMEOUT)
    turns = machine(endless)
    heard(turns, (True, 500))
    assert [(h.event, h.trigger) for h in turns.force_end()] == [(Event.END, Trigger.MANUAL)]
    assert list(turns.force_end()) == []


def test_an_utterance_with_a_length_is_not_ended_by_a_pause_within_it() -> None:
    rules = TurnRules(eager_ms=100, end_ms=200, timeout_ms=5000, not_before_ms=1500)
    happened = heard(machine(rules), (True, 500), (False, 500), (True, 600), (False, 300))
    assert events(happened) == [("StartOfTurn", 60), ("EagerEndOfTurn", 1700), ("EndOfTurn", 1800)]


def test_updates_come_every_quarter_second_of_audio_before_and_within_turns() -> None:
    happened = heard(machine(update_every_ms=250), (False, 1000))
    assert events(happened) == [("Update", 260), ("Update", 520), ("Update", 780)]


def test_clicks_start_no_turn_and_nothing_to_hear_starts_none() -> None:
    assert heard(machine(), (True, 40), (False, 500)) == []
    assert heard(machine(None), (True, 2000), (False, 500)) == []


def test_scripted_words_show_up_one_after_another_and_are_all_there_at_the_end() -> None:
    hearing = ScriptedHearing([Utterance(text="I have lost my card")], words_per_s=4)
    turns = machine(update_every_ms=250)

    async def scene() -> list[tuple[str, int]]:
        happened = heard(turns, (True, 900), (False, 300))
        return [(h.event.value, len(await hearing.words(h))) for h in happened]

    shown = unhurried(scene())
    assert shown[0] == ("StartOfTurn", 1)
    assert [event for event, _ in shown if event != "Update"] == ["StartOfTurn", "EagerEndOfTurn", "EndOfTurn"]
    counts = [count for event, count in shown if event == "Update"][: len(shown) - 3]
    assert counts == sorted(counts)
    assert dict(shown)["EagerEndOfTurn"] == dict(shown)["EndOfTurn"] == 5


@pytest.mark.parametrize(("encoding", "rate_hz"), [("linear16", 16_000), ("linear16", 48_000), ("mulaw", 8000)])
def test_speech_is_told_from_silence_in_each_encoding(encoding: str, rate_hz: int) -> None:
    samples = np.concatenate([np.zeros(16_000, dtype=np.int16), tone("a" * 10, 60)])
    raw = encoded(samples, OutputFormat("ulaw" if encoding == "mulaw" else "pcm", rate_hz))
    audio = AudioIn(encoding, rate_hz, -45.0)
    pieces = [raw[at : at + 2 * rate_hz // 25 + 1] for at in range(0, len(raw), 2 * rate_hz // 25 + 1)]
    flags = [speech for piece in pieces for _, speech in audio.frames(piece)]
    assert abs(len(flags) - 80) <= 1
    assert not any(flags[:49])
    assert all(flags[51:78])


def query(**changes: str) -> Any:
    fields = {"model": "flux-general-en", "encoding": "linear16", "sample_rate": "16000", **changes}
    return MultiDict({key: value for key, value in fields.items() if value})


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "nova-3"},
        {"encoding": ""},
        {"encoding": "opus"},
        {"sample_rate": "many"},
        {"eot_threshold": "0.4"},
        {"eager_eot_threshold": "0.8"},
        {"eot_timeout_ms": "100"},
        {"language_hint": "de"},
    ],
)
def test_a_query_outside_its_bounds_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"must|isn't|invalid|needs"):
        parsed(query(**wrong))


def test_configure_keeps_what_it_leaves_out_and_replaces_keyterms() -> None:
    before = parsed(query(eager_eot_threshold="0.4", keyterm="card"))
    after = reconfigured(before, {"thresholds": {"eot_timeout_ms": 900}, "keyterms": ["iban"]})
    assert after.thresholds == Thresholds(0.4, 0.7, 900)
    assert after.keyterms == ("iban",)
    with pytest.raises(ValueError, match="eager_eot_threshold"):
        reconfigured(before, {"thresholds": {"eager_eot_threshold": 0.8}})


# --- through the SDK -------------------------------------------------------------------------------------------------


def client(server: EmulatorServer, key: str = KEY) -> AsyncDeepgramClient:
    ws = server.url.replace("http", "ws")
    environment = DeepgramClientEnvironment(base=server.url, production=ws, agent=ws, agent_rest=server.url)
    return AsyncDeepgramClient(api_key=key, environment=environment)


def speech(ms: int) -> bytes:
    return encoded(tone("a" * (ms // 20), 20), OutputFormat("pcm", 16_000))


def silence(ms: int) -> bytes:
    return bytes(32 * ms)


def chunked(pcm: bytes) -> list[bytes]:
    return [pcm[at : at + 2560] for at in range(0, len(pcm), 2560)]


async def session(server: EmulatorServer, pcm: bytes, **options: Any) -> list[dict[str, Any]]:
    """Everything that one connection says to this audio, sent as fast as it goes."""
    connect: Any = client(server).listen.v2.connect
    defaults = {"model": "flux-general-en", "encoding": "linear16", "sample_rate": 16000}
    async with asyncio.timeout(20), connect(**{**defaults, "eager_eot_threshold": 0.4, **options}) as socket:

        async def send() -> None:
            for chunk in chunked(pcm):
                await socket.send_media(chunk)
            await socket.send_close_stream()

        sending = asyncio.create_task(send())
        said: list[dict[str, Any]] = []
        try:
            said += [m async for m in _dicts(socket)]
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        return said


async def _dicts(socket: Any) -> Any:
    from websockets.exceptions import ConnectionClosed

    try:
        async for message in socket:
            yield message if isinstance(message, dict) else message.dict()
    except ConnectionClosed as closed:
        yield {"type": "closed", "code": closed.rcvd.code if closed.rcvd else None}


def run(
    pcm: bytes, faults: list[dict[str, Any]] | None = None, recognise: Recognise | None = None, **options: Any
) -> list[dict[str, Any]]:
    async def scene() -> list[dict[str, Any]]:
        config = quick_config(stt={"transcripts": ["I lost my card", "thank you"]}, faults=faults or [])
        async with running(config, recognise=recognise) as server:
            return await session(server, pcm, **options)

    return unhurried(scene())


def turns_of(messages: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    return [
        (m["event"], m["turn_index"], m["transcript"])
        for m in messages
        if m["type"] == "TurnInfo" and m["event"] != "Update"
    ]


CALL = silence(400) + speech(1200) + silence(600) + speech(800) + silence(600)


def test_a_call_of_two_turns_follows_the_protocol() -> None:
    messages = run(CALL)
    assert messages[0]["type"] == "Connected"
    assert [m["sequence_id"] for m in messages] == list(range(len(messages)))
    first, second = "I lost my card", "thank you"
    assert turns_of(messages) == [
        ("StartOfTurn", 0, "I"),
        ("EagerEndOfTurn", 0, first),
        ("EndOfTurn", 0, first),
        ("StartOfTurn", 1, "thank"),
        ("EagerEndOfTurn", 1, second),
        ("EndOfTurn", 1, second),
    ]
    end = next(m for m in messages if m.get("event") == "EndOfTurn")
    assert [word["word"] for word in end["words"]] == first.split()
    assert (end["words"][0]["start"], end["words"][-1]["end"]) == (0.4, 1.6)
    assert end["audio_window_end"] == pytest.approx(1.8, abs=0.03)
    assert end["trigger"] == "model"
    assert end["end_of_turn_confidence"] >= 0.7
    updates = [m for m in messages if m.get("event") == "Update"]
    assert len(updates) >= 8
    assert updates[0]["transcript"] == ""


def test_eager_ends_come_only_where_they_are_asked_for() -> None:
    assert "EagerEndOfTurn" not in [event for event, _, _ in turns_of(run(CALL, eager_eot_threshold=None))]


def test_configure_and_force_end_turn_are_answered() -> None:
    async def scene() -> list[dict[str, Any]]:
        async with running(quick_config(stt={"transcripts": ["I lost my card"]})) as server:
            connect: Any = client(server).listen.v2.connect
            options = {"model": "flux-general-en", "encoding": "linear16", "sample_rate": 16000}
            async with asyncio.timeout(20), connect(**options) as socket:
                await socket.send_force_end_turn()
                await socket.send_configure({"type": "Configure", "thresholds": {"eot_timeout_ms": 900}})
                await socket.send_configure({"type": "Configure", "thresholds": {"eot_timeout_ms": 9}})
                await socket.send_media(speech(400))
                await socket.send_force_end_turn()
                await socket.send_close_stream()
                return [message async for message in _dicts(socket)]

    messages = [m for m in unhurried(scene()) if m.get("event") != "Update"]
    assert [m.get("event", m["type"]) for m in messages] == [
        "Connected",
        "ConfigureSuccess",
        "ConfigureFailure",
        "StartOfTurn",
        "EndOfTurn",
    ]
    assert messages[1]["thresholds"]["eot_timeout_ms"] == 900
    assert messages[-1]["trigger"] == "manual"


def test_a_wrong_key_and_a_wrong_query_fail_the_handshake() -> None:
    async def scene() -> list[int | None]:
        async with running() as server:
            connects: list[Any] = [
                client(server, "wrong").listen.v2.connect(model="flux-general-en"),
                client(server).listen.v2.connect(model="flux-general-en", encoding="linear16"),
            ]
            statuses: list[int | None] = []
            for connect in connects:
                with pytest.raises(ApiError) as caught:
                    await connect.__aenter__()
                statuses.append(caught.value.status_code)
            return statuses

    assert unhurried(scene()) == [401, 400]


def test_a_browser_brings_its_key_as_a_protocol() -> None:
    async def scene() -> str:
        async with running() as server, aiohttp.ClientSession() as http:
            url = f"{server.url}/v2/listen?model=flux-general-en&encoding=linear16&sample_rate=16000"
            async with http.ws_connect(url, protocols=("token", KEY)) as ws:
                return str((await ws.receive_json())["type"])

    assert unhurried(scene()) == "Connected"


def test_a_real_recogniser_hears_each_turn_by_itself() -> None:
    lengths: list[int] = []

    def recognise(pcm: bytes) -> str:
        lengths.append(len(pcm) // 32)
        return f"turn {len(lengths)}"

    ended = [text for event, _, text in turns_of(run(CALL, recognise=recognise)) if event == "EndOfTurn"]
    assert ended == ["turn 1", "turn 2"]  # the end repeats the eager text: one recognition a turn
    assert 1300 <= lengths[0] <= 1700
    assert 900 <= lengths[1] <= 1300


def test_what_is_not_understood_is_no_eager_end() -> None:
    heard_events = turns_of(run(CALL, recognise=lambda pcm: ""))
    assert [event for event, _, _ in heard_events] == ["StartOfTurn", "EndOfTurn"] * 2


def test_a_new_connection_may_go_on_where_the_last_one_ended() -> None:
    async def scene(resume: bool) -> list[str]:
        stt = {"transcripts": ["one", "two"], "resume_transcripts": resume}
        faults = [{"fault": "close_mid_turn", "turn": 1, "times": 1}]
        async with running(quick_config(stt=stt, faults=faults)) as server:
            said = [*turns_of(await session(server, CALL)), *turns_of(await session(server, CALL))]
            return [text for event, _, text in said if event == "EndOfTurn"]

    assert unhurried(scene(resume=True)) == ["one", "two"]
    assert unhurried(scene(resume=False)) == ["one", "one", "two"]


def test_transcripts_may_be_chosen_by_tag() -> None:
    async def scene() -> list[str]:
        stt = {"transcripts": ["default"], "transcripts_by_tag": {"call-7": ["seven"]}}
        async with running(quick_config(stt=stt)) as server:
            said = [*turns_of(await session(server, CALL, tag="call-7")), *turns_of(await session(server, CALL))]
            return [text for event, _, text in said if event == "EndOfTurn"]

    assert unhurried(scene()) == ["seven", "default"]


def test_realistic_ends_are_drawn_per_turn_and_repeat() -> None:
    async def scene() -> list[float]:
        stt = {"transcripts": ["one", "two"], "mode": "realistic"}
        async with running(quick_config(stt=stt)) as server:
            messages = await session(server, speech(600) + silence(6000) + speech(600) + silence(6000))
            return [m["audio_window_end"] for m in messages if m.get("event") == "EndOfTurn"]

    first = unhurried(scene())
    assert len(first) == 2
    assert first == unhurried(scene())
    assert first[0] - 0.6 != pytest.approx(first[1] - 6.6 - 0.6)


# --- faults ----------------------------------------------------------------------------------------------------------


def test_a_socket_closed_in_mid_turn_has_its_code() -> None:
    messages = run(CALL, [{"fault": "close_mid_turn", "code": 1011}])
    assert messages[-1] == {"type": "closed", "code": 1011}
    assert [event for event, _, _ in turns_of(messages)] == ["StartOfTurn"]


def test_an_error_is_said_before_the_socket_closes() -> None:
    messages = run(CALL, [{"fault": "error_then_close"}])
    assert (messages[-2]["type"], messages[-2]["code"]) == ("Error", "INTERNAL_SERVER_ERROR")


def test_a_silent_stall_says_nothing_more() -> None:
    messages = run(CALL, [{"fault": "silent_stall"}])
    assert [event for event, _, _ in turns_of(messages)] == ["StartOfTurn"]
    assert messages[-1]["type"] == "TurnInfo"


def test_sequence_ids_double_or_go_missing() -> None:
    doubled = [m["sequence_id"] for m in run(CALL, [{"fault": "duplicate_sequence", "every": 3}])]
    assert doubled[:7] == [0, 1, 2, 3, 3, 4, 5]
    lost = [m["sequence_id"] for m in run(CALL, [{"fault": "missing_sequence", "every": 3}])]
    assert lost[:5] == [0, 1, 2, 4, 5]


def test_an_eager_end_may_be_taken_back_or_never_be_followed() -> None:
    twice = turns_of(run(CALL, [{"fault": "eager_resumed_eager", "turn": 0}]))
    assert [event for event, turn, _ in twice if turn == 0] == [
        "StartOfTurn",
        "EagerEndOfTurn",
        "TurnResumed",
        "EagerEndOfTurn",
        "EndOfTurn",
    ]
    assert [text for _, turn, text in twice if turn == 0][1:] == ["I lost my", "I lost my", *["I lost my card"] * 2]
    stuck = run(speech(600) + silence(8000), [{"fault": "eager_without_end"}])
    assert turns_of(stuck)[1][0] == "EagerEndOfTurn"
    assert turns_of(stuck)[2:] == [("EndOfTurn", 0, "I lost my card")]  # only the end of the stream ends it
    assert stuck[-1]["trigger"] == "manual"


def test_an_end_on_timeout_waits_for_it() -> None:
    messages = run(speech(600) + silence(2000), [{"fault": "end_on_timeout"}], eot_timeout_ms=1000)
    end = next(m for m in messages if m.get("event") == "EndOfTurn")
    assert end["trigger"] == "timeout"
    assert end["audio_window_end"] == pytest.approx(1.6, abs=0.03)


def test_updates_may_be_slow_words_may_have_no_times_and_connected_may_never_come() -> None:
    messages = run(
        CALL, [{"fault": "slow_updates", "every_s": 2}, {"fault": "words_without_times"}, {"fault": "no_connected"}]
    )
    assert messages[0]["type"] == "TurnInfo"
    assert sum(m.get("event") == "Update" for m in messages) <= 1
    assert all("start" not in word or word["start"] is None for m in messages for word in m["words"])
