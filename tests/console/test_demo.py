"""``ledgerline demo`` ends with what the race showed, and fails visibly where it showed less."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

import console.demo_stage
from console.call import CallMade
from console.call_session import MakeView, Reported
from console.commands import demo
from console.moments_table import moments_table
from console.settings import Settings
from projections.call_report import report_call
from projections.moments import MomentKind, moments_of
from schemas import facts as f
from schemas import proving as p
from schemas.event import Event
from tests.console.moments_told import race

HERE = ("stt:local-recogniser", "tts:local-voice:x", "llm:north/chat (emulated)")
ELSEWHERE = ("stt:local-recogniser", "tts:local-voice:x")


def _held(
    monkeypatch: pytest.MonkeyPatch, events: list[Event], providers: tuple[str, ...], keyed_nothing: int = 0
) -> None:
    """The demo's call, once it is over, has these events."""
    report = report_call(events)
    assert report is not None
    media = SimpleNamespace(keyed_nothing=keyed_nothing)
    made = SimpleNamespace(providers=providers, log_failure=None, recording_failure=None, media=media)

    async def hold_demo(settings: Settings, make_view: MakeView | None = None) -> Reported:
        return Reported(cast(CallMade, made), report, events)

    monkeypatch.setattr(console.demo_stage, "hold_demo", hold_demo)


def _without_the_backchannel() -> list[Event]:
    return [event for event in race().events if not isinstance(event.payload, f.BackchannelHeard)]


def _without_the_step_up() -> list[Event]:
    """The code was sent, by whom ever, and the caller never gave it."""
    told = race().say(0, p.CodeSent(ask_id="t1.proof1.code", attempt=0, code_digest="d"))
    return [event for event in told.events if not isinstance(event.payload, p.ProofAccepted)]


def _run(folder: Path, *, as_json: bool = False) -> int:
    return demo.run(data=folder, log=None, as_json=as_json)


def test_a_call_that_shows_all_of_the_race_succeeds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _held(monkeypatch, race().events, HERE)
    assert _run(tmp_path) == 0
    shown = capsys.readouterr().out
    for words in ("a hedge won", "vendor-b answered", "a step-up", "stepped_up by phone_code", "1,500"):
        assert words in shown
    assert "didn't happen" not in shown


def test_a_call_that_lacks_a_moment_says_which_and_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _held(monkeypatch, _without_the_backchannel(), HERE)
    assert _run(tmp_path) == 1
    told = capsys.readouterr()
    assert "the call didn't show a backchannel\n" in told.err
    assert "didn't happen" in told.out


def test_where_workers_elsewhere_decide_what_they_dont_show_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _held(monkeypatch, _without_the_backchannel(), ELSEWHERE)
    assert _run(tmp_path) == 0
    assert "workers elsewhere decided it" in capsys.readouterr().err


def test_where_another_demo_on_the_same_log_got_the_code_it_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _held(monkeypatch, _without_the_step_up(), HERE, keyed_nothing=1)
    assert _run(tmp_path) == 0
    told = capsys.readouterr().err
    assert "'press: code' keyed in nothing: another process decided this call" in told
    assert "the call didn't show a step-up\n" in told
    assert "another demo or call on this log decided it" in told


def test_as_json_it_is_the_calls_report_and_its_moments(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _held(monkeypatch, race().events, HERE)
    assert _run(tmp_path, as_json=True) == 0
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert printed["call_id"] == "call-1"
    assert {moment["kind"] for moment in printed["moments"]} == set(MomentKind)
    assert [moment["seq"] for moment in printed["moments"]] == sorted(moment["seq"] for moment in printed["moments"])


@pytest.mark.parametrize("width", [80, 120])
def test_the_moments_fit_the_terminal_and_can_be_drawn_in_ascii(width: int) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Console(file=file, width=width, color_system=None).print(moments_table(moments_of(race().events)))
    file.seek(0)
    lines = file.read().splitlines()
    assert any("a barge-in" in line and "t2" in line for line in lines)
    assert max(map(len, lines)) <= width
