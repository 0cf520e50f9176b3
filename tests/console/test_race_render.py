"""What a person sees: on a wide screen, on a small one, without colour, without Unicode, and in a log file."""

from __future__ import annotations

import io
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console, RenderableType

from console.architecture_picture import architecture_svg
from console.call_summary import summary
from console.commands.call import tell
from console.event_lines import is_routine
from console.live import RaceView
from console.picture import picture_svg
from console.race_fold import fold
from console.race_model import CallRace
from console.race_render import Canvas, frame, overview
from console.recorded_call import load
from console.settings import load_settings
from console.show import event_lines, render_call
from projections.call_report import report_call
from tests.calls.commands import forget_settings
from tests.console.told import SPEECH_ENDED_S, Told, hedged_and_blocked

RECORDED = Path(__file__).parent.parent / "golden" / "demo_call.jsonl"


def _drawn(renderable: RenderableType, width: int = 100, height: int = 40) -> str:
    console = Console(width=width, height=height, file=io.StringIO(), color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def _frame(told: Told, at_ms: float, canvas: Canvas) -> str:
    return _drawn(frame(told.call, "a title", SPEECH_ENDED_S + at_ms / 1000, canvas), canvas.width, canvas.height)


def _recorded_until(read_s: float) -> CallRace:
    call = CallRace()
    for event, at_s in load(RECORDED):
        if at_s <= read_s:
            call = fold(call, event, at_s)
    return call


def test_a_turn_shows_its_race_with_milliseconds_and_reasons() -> None:
    shown = " ".join(_frame(hedged_and_blocked(), 2600, Canvas(140, 50)).split())
    for fact in (
        "heard (eager) 300 ms",
        "✗ card_fees 900 ms",
        "blocked by private_knowledge: internal_figure",
        "♪ hold 951 ms",
        "“Let me check that.”",
        "★ lost_card 1,300 ms",
        "vendor-a 1,000 ms",
        "2 of 2 guards passed",
        "cancelled: a sibling won",
        "★ decided 1,300 ms",
        "► first reply 1,500 ms",
        "⊣ said only",
        "3,500 ms left",
        "held 1× · first reply 1,500 ms · interrupted",
    ):
        assert fact in shown


def test_the_screen_says_plainly_what_is_emulated() -> None:
    shown = _frame(hedged_and_blocked(), 2600, Canvas(100, 40))
    assert "EMULATED, no real vendor: ears" in shown
    assert "nothing emulated" not in shown


def test_a_call_with_local_parts_alone_says_that_nothing_is_emulated() -> None:
    told = Told().arrives("stt:local-recogniser", "tts:local-voice:piper", "llm:approved", "embeddings:minilm")
    assert "no keys, no network, nothing emulated" in _drawn(frame(told.call, "", 30.0, Canvas(100, 40)))


def test_what_is_emulated_twice_is_named_once() -> None:
    shown = _drawn(frame(_recorded_until(30), "", 30.0, Canvas(100, 40)))
    assert re.search(r"EMULATED, no real vendor: answers\s*$", shown, re.MULTILINE)


@pytest.mark.parametrize(("width", "height"), [(100, 40), (80, 24), (60, 20)])
def test_at_every_moment_the_screen_fits_the_terminal(width: int, height: int) -> None:
    canvas = Canvas(width, height)
    call = CallRace()
    for event, read_s in load(RECORDED):
        call = fold(call, event, read_s)
        if is_routine(event):
            continue
        lines = _drawn(
            frame(call, "a rather long title of a demonstration", read_s, canvas), width, height
        ).splitlines()
        assert len(lines) <= height
        assert max(map(len, lines)) <= width


def test_on_a_small_screen_the_decisive_lanes_stay() -> None:
    shown = _frame(hedged_and_blocked(), 2600, Canvas(80, 20))
    for lane in ("✗ card_fees", "♪ hold", "★ decided", "► first reply", "budget"):
        assert lane in shown
    assert re.search(r"… \d more", shown)


def test_earlier_turns_shrink_and_say_what_was_really_said() -> None:
    answered_s = next(at_s for event, at_s in load(RECORDED) if (event.turn_id, event.type) == ("t4", "SpeechStarted"))
    shown = _drawn(frame(_recorded_until(answered_s), "", answered_s, Canvas(100, 40)))
    assert "✓ t3  “How long will the new" in shown
    assert re.search(r"said only “A new card takes .*” ⊣", shown)
    assert "╭─ t4 “Wait, stop. What are your opening hours?”" in shown


def test_without_unicode_everything_is_still_there_in_ascii() -> None:
    shown = _frame(hedged_and_blocked(), 2600, Canvas(140, 50, ascii_only=True))
    assert shown.isascii()
    assert "x card_fees" in shown
    assert "~ hold" in shown


def test_words_that_ascii_cannot_spell_do_not_break_the_screen() -> None:
    told = Told().hears(300, "Café, 20 £", final=True, opens=True)
    shown = _frame(told, 400, Canvas(100, 40, ascii_only=True))
    assert '"Caf?, 20 ?"' in shown


def test_while_the_caller_waits_the_budget_runs_down() -> None:
    told = Told().hears(300, "I lost my card", final=True, opens=True)
    assert "4,500 ms left" in _frame(told, 500, Canvas(100, 40))
    assert "giving up: 900 ms to the closing line" in _frame(told, 5100, Canvas(100, 40))


def test_away_from_a_terminal_there_is_one_plain_line_an_event() -> None:
    file = io.StringIO()
    told = hedged_and_blocked()
    with RaceView("a title", ["llm:approved"], Console(file=file, width=80)) as view:
        for event in told.events:
            view.event(event, event.accepted_at_us / 1e6)
    written = file.getvalue()
    assert "\x1b" not in written
    lines = written.splitlines()
    assert lines[0] == "ledgerline · a title"
    numbered = [line for line in lines if re.match(r" +\d+ ", line)]
    assert any("SpeechInterrupted" in line and 'spoken_so_far="About lost"' in line for line in numbered)
    assert any("BLOCK private_knowledge@1" in line for line in numbered)
    assert not any("pass language" in line for line in numbered)  # a verdict with nothing to say


def test_on_a_terminal_the_last_picture_stays_with_every_turn_in_short() -> None:
    file = io.StringIO()
    console = Console(file=file, width=100, height=40, force_terminal=True, color_system=None)
    with RaceView("a title", [], console) as view:
        for event in hedged_and_blocked().events:
            view.event(event, event.accepted_at_us / 1e6)
    assert "✓ t1  “I lost my card” → lost_card" in file.getvalue()
    assert "blocked by private_knowledge" in file.getvalue()


def test_the_overview_holds_every_turn_of_the_call() -> None:
    shown = _drawn(overview(_recorded_until(1000), "", 70.0, Canvas(100, 40)))
    assert all(f" t{number} " in shown for number in range(1, 11))
    assert "call over: agent hung up" in shown


def test_a_conversation_is_shown_from_its_events_alone() -> None:
    shown = _drawn(render_call([read.event for read in load(RECORDED)]), width=120)
    for fact in (
        "events 38-145",
        "speculation 1",
        "its beginning was blocked",
        "investment_advice",
        "call over: agent hung up",
    ):
        assert fact in shown
    assert "┄" in shown  # idle time was cut
    assert shown.count("budget") == 7  # turns in which the caller said something


def test_one_line_an_event_names_seq_moment_turn_kind_and_type() -> None:
    events = [read.event for read in load(RECORDED)]
    lines = list(event_lines(events))
    assert len(lines) == len(events)
    assert re.match(r" +1 +0 ms +- +fact +CallArrived ", lines[0])
    assert all("\n" not in line for line in lines)
    assert any(re.search(r"t5 +decision +ReplyChosen +candidate_id=t5\.s1\.refuse", line) for line in lines)


def test_the_summary_tells_holds_from_replies_and_where_to_look_deeper() -> None:
    report = report_call(hedged_and_blocked().events, recording="data/recordings/call-1.wav")
    assert report is not None
    shown = _drawn(summary(report))
    assert re.search(r"t1 +“I lost my card” +lost_card +reply, cut off +1× +951 ms +1,500 ms", shown)
    for line in (
        "data/recordings/call-1.wav",
        "ledgerline show call-1",
        "ledgerline replay call-1",
        "ledgerline verify",
    ):
        assert line in shown


def test_what_looks_deeper_reads_the_log_that_the_call_stands_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forget_settings(monkeypatch, tmp_path)
    report = report_call(hedged_and_blocked().events)
    assert report is not None
    reported: Any = SimpleNamespace(report=report)
    tell(reported, load_settings(tmp_path / "my calls", "kafka://127.0.0.1:9092"))
    shown = "".join(capsys.readouterr().out.split())  # a line may be folded
    where = f"--data'{tmp_path}/mycalls'--logkafka://127.0.0.1:9092"
    assert f"show{report.call_id}{where}" in shown
    assert f"verify{where}" in shown
    tell(reported, load_settings())
    assert "--data" not in capsys.readouterr().out


def test_on_a_small_screen_the_summary_keeps_its_figures() -> None:
    report = report_call(hedged_and_blocked().events)
    assert report is not None
    shown = _drawn(summary(report), width=80)
    assert re.search(r"reply, cut off +1× +951 ms +1,500 ms", shown)
    assert max(map(len, shown.splitlines())) <= 80


def test_the_summary_leaves_the_unknown_open() -> None:
    told = Told().hears(500, "Hm", final=True, opens=True)
    report = report_call(told.events)
    assert report is not None
    assert re.search(r"t1 +“Hm” +- +open +- +- +-", _drawn(summary(report)))


def test_the_pictures_of_the_readme_are_those_that_the_code_draws() -> None:
    pictures = Path(__file__).parent.parent.parent / "docs" / "pictures"
    assert (pictures / "demo-terminal.svg").read_text() == picture_svg(load(RECORDED))
    assert (pictures / "architecture.svg").read_text() == architecture_svg()
    assert "https://fonts" not in picture_svg(load(RECORDED))
