"""The example call on real audio: heard, decided, guarded and spoken, on the virtual clock."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from agent_core.guardrails.base import GuardInput, Verdict
from agent_core.guardrails.grounding import GUARDRAIL as GROUNDING
from console.call import CallParts
from projections.call_report import CallReport
from projections.moments import MomentKind, moments_of
from projections.turn_report import TurnReport
from providers.whisper import shared_whisper
from schemas import decisions as d
from schemas import facts as f
from tests.calls import answered
from tests.calls.answered import DISCLOSED, LOST_CARD, Held, answer, follows, hold, local_parts, says
from tests.speech.word_error import word_errors
from voice_gateway.gateway import NotAnsweredError

MOST_WORD_ERROR = 0.15
LONGEST_S = 150
LISTENED_MS = 20_000  # Whisper hears 30 s at most


@cache
def demo() -> Held:
    return answered.demo(answered.kept("demo"))


def data_of(held: Held) -> Path:
    return held.made.recording.parent.parent


def turn_of(report: CallReport, words: str) -> TurnReport:
    return next(turn for turn in report.turns if words in (turn.heard or "").lower())


def test_the_demo_shows_every_moment_of_the_race() -> None:
    found = moments_of(demo().events)
    assert set(found) == set(MomentKind)
    told = {kind: moment.told for kind, moment in found.items()}
    assert "grounding" in told[MomentKind.GUARDRAIL]
    assert "south answered; north hadn't" in told[MomentKind.HEDGE]
    assert "stepped_up by phone_code" in told[MomentKind.STEP_UP]
    assert (demo().report.duration_s or 0) <= LONGEST_S


def test_what_a_guardrail_blocked_is_never_said() -> None:
    assert "in two working days" in " ".join(formed.text for formed in demo().payloads(d.CandidateFormed))
    assert "two working days" not in " ".join(demo().spoken)


def test_a_card_is_blocked_once_a_code_was_keyed_in_and_a_read_back_approved() -> None:
    assert "credit card is blocked now" in (turn_of(demo().report, "yes").spoken or "")


def test_what_the_gateway_saw_keeps_its_distances_on_a_virtual_clock() -> None:
    seen = f.SpeechStarted | f.SpeechCompleted | f.CallerSpeechStarted | f.UtteranceHeard
    told = [event for event in demo().events if isinstance(event.payload, seen)]
    later_us = [event.occurred_at_us - event.accepted_at_us for event in told]
    assert max(later_us) - min(later_us) < 100_000


def test_the_agent_says_first_that_it_is_an_ai() -> None:
    first = demo().report.agent_turns[0]
    assert first.cause == "greeting"
    assert DISCLOSED in (first.spoken or "")
    assert demo().spoken[0] == first.spoken


def test_a_lost_card_is_answered_with_the_approved_first_step() -> None:
    turn = turn_of(demo().report, "lost")
    assert (turn.outcome, turn.intent) == ("reply", "lost_card")
    assert "freeze the card" in (turn.spoken or "")


def test_an_interrupted_answer_keeps_only_what_was_said() -> None:
    turn = turn_of(demo().report, "how long")
    assert turn.interrupted
    assert turn.chosen
    assert turn.spoken
    (cut,) = demo().payloads(f.SpeechInterrupted)
    assert turn.chosen.startswith(cut.spoken_so_far)
    assert turn.spoken.endswith(cut.spoken_so_far)  # behind what was held with
    assert len(cut.spoken_so_far) < len(turn.chosen) / 2


def test_the_interrupting_question_is_answered() -> None:
    turn = turn_of(demo().report, "opening hours")
    assert turn.outcome == "reply"
    assert "Monday to Friday" in (turn.spoken or "")


def test_advice_on_shares_is_refused() -> None:
    turn = turn_of(demo().report, "shares")
    assert "can't give advice" in (turn.spoken or "")


def test_a_silent_caller_is_asked_whether_they_are_there() -> None:
    asked = [turn for turn in demo().report.agent_turns if turn.cause == "silence"]
    assert [turn.spoken for turn in asked] == ["Are you still there?"]


def test_goodbye_closes_the_call() -> None:
    turn = turn_of(demo().report, "goodbye")
    assert turn.outcome == "close"
    assert demo().report.ended == "agent_hung_up"


def test_the_recording_holds_what_was_reported_as_spoken() -> None:
    heard = " ".join(listen(answered.one_channel(demo().made.recording, 1)))
    said = " ".join(demo().spoken)
    rate = word_errors(said, heard) / len(said.split())
    assert rate <= MOST_WORD_ERROR, f"{rate:.2f}: {heard}"


def test_the_log_verifies_and_replays_identically() -> None:
    answered.assert_sound(data_of(demo()))
    assert answered.replays_identically(data_of(demo()), demo().made.call_id)


def test_the_call_says_what_it_used() -> None:
    (arrived,) = demo().payloads(f.CallArrived)
    assert arrived.providers == demo().report.providers
    assert [re.split(":", name)[0] for name in arrived.providers] == ["stt", "tts", "llm", "llm", "embeddings"]
    assert [name for name in arrived.providers if "emulated" in name] == [
        "llm:north/chat (emulated)",
        "llm:south/chat (emulated)",
    ]


def with_all_the_time_in_the_world() -> CallParts:
    """No turn is ended by its budget: how fast this machine hears and speaks is not what is tested."""
    behaviour = local_parts().behaviour
    marks = {"give_up_ms": 50_000, "hard_ms": 60_000}
    budget = behaviour.budget.model_copy(update=marks)
    return local_parts()._replace(behaviour=behaviour.model_copy(update={"budget": budget}))


def test_a_call_in_real_time_is_answered(tmp_path: Path) -> None:
    script = answered.write_script(
        tmp_path, f"caller:\n  - wav: {LOST_CARD}\n    after: agent_started\n    pause_ms: 300\nhang_up_after_ms: 300\n"
    )
    held = asyncio.run(answer(tmp_path / "data", follows(script), with_all_the_time_in_the_world()))
    turn = turn_of(held.report, "lost")
    assert (turn.outcome, turn.intent) == ("reply", "lost_card")
    assert turn.latency_ms.first_reply is not None
    answered.assert_sound(tmp_path / "data")


def break_grounding(monkeypatch: pytest.MonkeyPatch, breaks_on: Callable[[str], bool]) -> None:
    """The guardrail raises for every text that ``breaks_on`` names, once the behaviour was loaded."""
    local_parts()
    sound = type(GROUNDING).judge

    def broken(self: Any, subject: GuardInput) -> Verdict:
        if breaks_on(subject.text):
            raise RuntimeError("out of order")
        return sound(self, subject)

    monkeypatch.setattr(type(GROUNDING), "judge", broken)


def test_a_guardrail_that_fails_blocks_speech(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_grounding(monkeypatch, lambda text: "freeze the card" in text)
    held = hold(tmp_path, says(LOST_CARD))
    verdicts = [v for v in held.payloads(d.VerdictIssued) if v.guardrail == GROUNDING.name and not v.passed]
    assert verdicts
    assert {verdict.reasons for verdict in verdicts} == {("guardrail_failed:RuntimeError",)}
    assert "freeze" in " ".join(candidate.text for candidate in held.payloads(d.CandidateFormed))
    assert not [said for said in held.spoken if "freeze" in said or "sorry to hear" in said]
    (turn,) = held.report.turns
    assert (turn.outcome, turn.spoken) == ("fallback", local_parts().behaviour.lines.fallback)


def test_with_a_guardrail_that_fails_all_but_what_was_granted_only_granted_lines_are_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour = local_parts().behaviour
    granted = {behaviour.lines.closing, *(phrase.text for phrase in behaviour.holding)}
    break_grounding(monkeypatch, lambda text: text not in granted)
    held = hold(tmp_path, says(LOST_CARD))
    spoken = " ".join(held.spoken)
    assert behaviour.lines.closing in spoken
    for line in granted:
        spoken = spoken.replace(line, "")
    assert not spoken.strip()
    assert [turn.heard for turn in held.report.turns] == ["Hi, I lost my credit card."]
    assert held.report.ended == "no_service"


def test_with_a_guardrail_that_fails_from_the_start_nothing_is_granted_and_the_call_is_left_ringing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_grounding(monkeypatch, lambda text: True)
    with pytest.raises(NotAnsweredError):
        hold(tmp_path, says(LOST_CARD))


def listen(pcm: bytes) -> list[str]:
    """What the recogniser hears in a long recording, cut where nobody speaks."""
    step = 32 * 500
    pieces: list[bytes] = [b""]
    for at in range(0, len(pcm), step):
        piece = pcm[at : at + step]
        if answered.loudness(piece) > 50:
            pieces[-1] += piece
        elif answered.loudness(pieces[-1]) > 50 and len(pieces[-1]) > 32 * 300:
            pieces.append(b"")
    whisper = shared_whisper()
    texts = [whisper.transcribe(piece).text for piece in pieces if len(piece) > 32 * 300]
    assert all(len(piece) < 32 * LISTENED_MS for piece in pieces)
    return texts
