"""``replay --all``, ``--what-if``, ``--realtime``: many calls, in several processes, and one at its own pace."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import wave
from pathlib import Path
from typing import Any

import pytest

from agent_core.behaviour import Behaviour
from benchmarks.race_behaviour import race_behaviour
from benchmarks.replay import record_calls
from console.commands import debug, replay_all, show_at, what_if, why
from console.commands.realtime import at_pace, open_player
from console.failures import UsageError
from console.recorded_call import load
from console.since import since_us
from projections import many_calls
from simulation.virtual_loop import run_virtual

CALLS = 8
GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("many")
    asyncio.run(record_calls(directory, CALLS))
    return directory


def asked(data: Path, change: str, capsys: pytest.CaptureFixture[str], **options: Any) -> tuple[int, dict[str, Any]]:
    usual: dict[str, Any] = {
        "call_id": None,
        "what_if": [change],
        "since": None,
        "offline": True,
        "fail_on": [],
        "every_call": False,
        "seed": None,
        "jobs": 1,
        "data": data,
        "log": None,
        "as_json": True,
    }
    code = what_if.run(**(usual | options))
    return code, json.loads(capsys.readouterr().out)


def test_several_processes_find_what_one_finds(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many_calls, "FEW", 2)
    change = "guardrail=forbid:working days"
    _, one = asked(data, change, capsys, jobs=1, every_call=True)
    code, two = asked(data, change, capsys, jobs=2, every_call=True)
    assert (code, one) == (0, two)
    assert (len(two["calls"]), two["identical"], two["summary"]["judged"]) == (CALLS, False, CALLS)
    changed = [turn for call in two["calls"] for turn in call["turns"] if turn["reply"] == "changed"]
    assert len(changed) == two["summary"]["changed"] > 0
    assert all("working days" in turn["recorded"]["text"] for turn in changed)
    assert two["summary"]["newly_blocked"] >= len(changed)


def test_a_broken_limit_is_the_exit_code(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options: dict[str, Any] = {"fail_on": ["reply-changed>1%", "unknown>100%"]}
    code, found = asked(data, "guardrail=forbid:working days", capsys, **options)
    assert (code, found["failed_on"]) == (1, ["reply-changed>1%"])
    code, found = asked(data, "guardrail=forbid:unheard of", capsys, **options)
    assert (code, found["failed_on"]) == (0, [])


def test_a_limit_that_cannot_be_decided_is_the_exit_code_too(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Offline nobody is asked what another prompt would bring: neither the replies nor their cost are known."""
    limited = ["reply-changed>1%", "cost>10%", "not-judged>0"]
    code, found = asked(data, "prompt=Be very brief.", capsys, fail_on=limited)
    assert found["summary"]["unknown"] > 0
    assert (code, found["failed_on"], found["undecided"]) == (1, [], limited[:2])


def test_calls_whose_behaviour_a_change_does_not_fit_are_named_and_the_others_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = race_behaviour().model_dump(mode="json")
    fields["guardrails"] = [setting for setting in fields["guardrails"] if setting["name"] != "grounding"]
    before = Behaviour.model_validate(fields)
    asyncio.run(record_calls(tmp_path, 1, behaviour=before))
    asyncio.run(record_calls(tmp_path, 1, first=1))
    code, found = asked(tmp_path, "guardrail=without:grounding", capsys, fail_on=["not-judged>0"], every_call=True)
    assert (code, found["summary"]["calls"], found["summary"]["judged"]) == (1, 2, 1)
    not_judged = {call["call_id"]: call["why_not"] for call in found["calls"] if call["why_not"]}
    assert list(not_judged) == ["call-000000"]
    assert not_judged["call-000000"].startswith("does_not_fit: guardrail=without:grounding: the behaviour has none")
    with pytest.raises(UsageError, match="none of this name; it has"):
        asked(tmp_path, "guardrail=without:gruonding", capsys)


def test_every_decision_of_every_call_is_recomputed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay_all.run(since=None, jobs=1, data=data, log=None, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["identical"], found["calls"], found["differing"], found["older_code"]) == (True, CALLS, [], 0)


def test_an_event_of_newer_code_is_the_first_difference_of_its_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(record_calls(tmp_path, 2))
    log = sqlite3.connect(tmp_path / "ledger.db")
    with log:
        log.execute("update log set version = 99 where type = 'ReplyChosen' and conversation_id = 'call-000001'")
    log.close()
    assert replay_all.run(since=None, jobs=1, data=tmp_path, log=None, as_json=True) == 1
    (differing,) = json.loads(capsys.readouterr().out)["differing"]
    assert (differing["call_id"], differing["identical"]) == ("call-000001", False)
    assert differing["first_difference"]["reason"].startswith("unknown_schema")
    _, found = asked(tmp_path, "budget.hold_ms=900", capsys)
    not_judged = {call["call_id"]: call["why_not"] for call in found["calls"] if call["why_not"]}
    assert not_judged == {"call-000001": "unreadable: unknown_schema"}


def test_calls_before_a_time_are_left_out(data: Path) -> None:
    with pytest.raises(UsageError, match="no call began since then"):
        replay_all.run(since="2999-01-01", jobs=1, data=data, log=None, as_json=True)


@pytest.mark.parametrize(
    ("text", "us"),
    [("24h", 1_000_000_000 - 86_400_000_000), ("1970-01-01T00:00:01Z", 1_000_000), ("1970-01-01T00:00:02", 2_000_000)],
)
def test_since_is_a_time_or_how_long_ago(text: str, us: int) -> None:
    assert since_us(text, now_us=1_000_000_000) == us


def test_since_that_is_no_time_says_what_is() -> None:
    with pytest.raises(UsageError, match="24h"):
        since_us("yesterday")


# --- one call --------------------------------------------------------------------------------------------------------


def test_a_turn_is_explained_from_the_log(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert why.run(call_id="last", turn="t2", data=data, log=None, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["turn_id"], told["story"][0].partition(":")[0]) == ("t2", "Heard")
    assert why.run(call_id="last", turn="last", data=data, log=None, as_json=False) == 0
    assert "Chosen at" in capsys.readouterr().out
    with pytest.raises(UsageError, match="it has t1, t2"):
        why.run(call_id="last", turn="t99", data=data, log=None, as_json=False)


def test_one_event_is_shown_with_what_it_changed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show_at.run(call_id="last", seq=2, data=data, log=None, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["event"]["type"], told["before"]["status"], told["after"]["status"]) == (
        "ConversationOpened",
        "new",
        "open",
    )
    assert show_at.run(call_id="last", seq=2, data=data, log=None, as_json=False) == 0
    assert 'status: "new" → "open"' in capsys.readouterr().out
    with pytest.raises(UsageError, match="has events 1 to"):
        show_at.run(call_id="last", seq=99_999, data=data, log=None, as_json=False)


def test_with_no_model_debug_prints_what_one_would_be_sent(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    usual: dict[str, Any] = {"call_id": "last", "turn": "t2", "most_steps": 3, "data": data, "log": None}
    assert debug.run(question="Why so slow?", as_json=True, **usual) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["model"], told["answer"], told["looked"]) == (None, None, [])
    assert [message["role"] for message in told["would_send"]] == ["system", "user"]
    assert "Why so slow?" in told["would_send"][1]["content"]
    with pytest.raises(UsageError, match="what do you want to know"):
        debug.run(question=" ", as_json=True, **usual)


# --- played back -----------------------------------------------------------------------------------------------------


def test_a_call_is_played_back_at_the_pace_at_which_it_was_recorded() -> None:
    events = [event for event, _ in load(GOLDEN / "a_plain_call.jsonl")]
    shown: list[tuple[int, float]] = []

    async def watched() -> float:
        began_s = asyncio.get_running_loop().time()
        await at_pace(events, lambda event, now_s: shown.append((event.seq, now_s - began_s)))
        return asyncio.get_running_loop().time() - began_s

    took_s = run_virtual(watched())
    assert [seq for seq, _ in shown] == [event.seq for event in events]
    assert took_s == pytest.approx((events[-1].accepted_at_us - events[0].accepted_at_us) / 1e6, abs=0.01)
    for (_, at_s), event in zip(shown, events, strict=True):
        assert at_s == pytest.approx((event.accepted_at_us - events[0].accepted_at_us) / 1e6, abs=0.01)


def test_a_call_without_sound_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from voice_gateway import recording_player
    from voice_gateway.media import MediaError, MediaFailure

    def no_library() -> object:
        raise MediaError(MediaFailure.NO_LIBRARY, "no PortAudio here")

    monkeypatch.setattr(recording_player, "sound_library", no_library)
    recording = tmp_path / "call.wav"
    with wave.open(str(recording), "wb") as wav:
        wav.setnchannels(2)
        wav.setsampwidth(2)
        wav.setframerate(16_000)
        wav.writeframes(bytes(640))
    assert open_player(recording) == "no PortAudio here"
    assert "no recording" in str(open_player(tmp_path / "none.wav"))
    recording.write_bytes(b"RIFF")
    assert "can't be played" in str(open_player(recording))


def test_a_guardrail_that_blocks_the_closing_line_is_told_to_leave_the_call_ringing(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(words: str) -> str:
        options: dict[str, Any] = {"seed": None, "jobs": 1, "data": data, "log": None, "as_json": False, "since": None}
        change = f"guardrail=forbid:{words}"
        what_if.run(call_id="last", what_if=[change], offline=True, fail_on=[], every_call=False, **options)
        return capsys.readouterr().out

    ringing = "  now:  nothing: the call isn't answered, since a guardrail blocks the closing line\n"
    assert ringing in told("working on our side")
    assert ringing not in told("zebra")
