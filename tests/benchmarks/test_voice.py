"""The voice benchmark measures what it says: a hold is no reply, a stall is seen, a cut-in is one."""

from __future__ import annotations

import pytest

from agent_core.behaviour_loader import load
from benchmarks.voice import PRICES, WAYS, Measured, cost_micros, emulated, row, silent
from benchmarks.voice_cpu import by_owner
from benchmarks.voice_systems.far_end import measured, spoken_ms
from benchmarks.voice_systems.plan import Plan, Ran, Turn
from benchmarks.voice_systems.process import SYSTEMS
from benchmarks.voice_systems.said import QUESTIONS, clip, question
from benchmarks.voice_virtual import calls_heard
from console.settings import EXAMPLE_BEHAVIOUR
from simulation.virtual_loop import run_virtual
from voice_gateway.scripted_caller import Utterance

SAID = [Utterance(began_at_s=0.0, speech_end_s=1.0), Utterance(began_at_s=5.0, speech_end_s=6.0)]


def frames(*began_at_s: float, count: int = 3) -> list[float]:
    return [began + 0.02 * n for began in began_at_s for n in range(count)]


def test_a_hold_is_a_sound_and_never_a_reply() -> None:
    hold, reply = frames(1.9), frames(3.0)
    first, _ = measured(SAID, hold + reply, lambda at: at >= 3.0)
    assert (first.first_sound_ms, first.first_reply_ms, first.held) == (900.0, 2000.0, True)


def test_a_turn_in_which_nothing_but_holds_is_heard_has_no_reply() -> None:
    first, _ = measured(SAID, frames(1.9, 3.5), lambda at: False)
    assert (first.first_sound_ms, first.first_reply_ms, first.held) == (900.0, None, True)


def test_sound_over_the_callers_words_is_a_cut_in_and_answers_no_turn() -> None:
    first, second = measured(SAID, frames(2.0, 5.5, 7.0))
    assert (first.cut_in, second.cut_in) == (False, True)
    assert second.first_sound_ms == 1000.0


def test_a_turn_that_is_never_answered_counts_as_silent() -> None:
    first, second = measured(SAID, frames(2.0))
    assert (second.first_sound_ms, second.first_reply_ms, second.held) == (None, None, False)
    assert silent([first, second], 1200) == 1
    assert silent([first, second], 900) == 2


def test_how_much_was_heard_tells_a_fragment_from_an_answer() -> None:
    first, _ = measured(SAID, frames(2.0, count=20))
    assert first.heard_ms == 400
    assert first.expected_ms == spoken_ms(question(0).reply) > 2000


def test_a_stall_is_seen_in_the_tail_and_in_the_silence() -> None:
    usual = [Turn(700.0 + n, 700.0 + n, False, False, 3000.0, 3000.0) for n in range(95)]
    stalled = [Turn(10_600.0, 10_600.0, False, False, 3000.0, 3000.0) for _ in range(5)]
    ran = Ran(usual + stalled, cpu_s=30.0, call_s=600.0, rss_idle_bytes=0, rss_most_bytes=20_000_000, failures=[])
    asked = {"requests": 300, "prompt_tokens": 1000, "cached_tokens": 400, "completion_tokens": 100}
    cells = row("x", 10, Measured(ran, asked))
    assert cells[1] == 100
    assert cells[4] == pytest.approx(10_600, abs=1)
    assert cells[10:12] == ("5.0%", "5.0%")
    assert cells[13] == 3.0
    assert cells[15:] == ("3.00", pytest.approx(2.0))


def test_cached_tokens_cost_what_the_list_says_of_them() -> None:
    asked = {"requests": 1, "prompt_tokens": 1000, "cached_tokens": 400, "completion_tokens": 100}
    assert cost_micros(asked) == 600 * PRICES["input"] + 400 * PRICES["cached_input"] + 100 * PRICES["output"]


def test_plans_and_results_survive_the_pipe_between_the_processes() -> None:
    plan = Plan("bare", "http://127.0.0.1:1", 2, 3, "/nowhere", 1, {"model": "one"})
    assert Plan.from_json(plan.as_json()) == plan
    ran = Ran([Turn(1.0, None, True, False, 40.0, 3000.0)], 1.5, 60.0, 1, 2, ["TimeoutError"])
    assert Ran.from_json(ran.as_json()) == ran


def test_every_way_names_a_system_and_no_two_are_called_alike() -> None:
    assert {way.system for way in WAYS} == set(SYSTEMS)
    assert len({way.name for way in WAYS}) == len(WAYS)


def test_what_is_asked_is_what_the_bank_answers() -> None:
    answered = {intent.name for intent in load(EXAMPLE_BEHAVIOUR).intents if intent.answer}
    assert {asked.intent for asked in QUESTIONS} <= answered
    assert len({asked.text for asked in QUESTIONS}) == len({asked.reply for asked in QUESTIONS}) == len(QUESTIONS)


def test_the_emulated_recogniser_ends_no_turn_within_a_clip() -> None:
    lines = emulated(4).stt.utterances(())
    for turn, line in enumerate(lines):
        assert line.text == question(turn).text
        assert line.duration_ms is not None
        assert 0 < clip(turn).duration_ms - line.duration_ms <= 200


def test_callers_are_answered_on_a_virtual_clock() -> None:
    turns = run_virtual(calls_heard(load(EXAMPLE_BEHAVIOUR), emulated(2), calls=2, turns=2), inline_executor=True)
    assert len(turns) == 4
    assert all(turn.first_reply_ms and turn.expected_ms and turn.heard_ms > 0.8 * turn.expected_ms for turn in turns)


def test_what_a_library_does_for_an_sdk_is_the_sdks_and_a_thread_that_waits_costs_nothing() -> None:
    looks = by_owner(
        [
            "main (benchmarks/voice_systems/process.py:112);ask (providers/openai.py:9);send (openai/_client.py:7);"
            "dumps (json/__init__.py:2) 3",
            "main (benchmarks/voice_systems/process.py:112);push (voice_gateway/ears.py:1);judge (providers/voice_activity.py:5);"
            "run (onnxruntime/capi/session.py:3) 2",
            "main (benchmarks/voice_systems/process.py:112);run (asyncio/runners.py:118) 9",
            "run (threading.py:982);_worker (concurrent/futures/thread.py:81) 40",
        ]
    )
    assert looks == {"OpenAI's SDK, with httpx and pydantic": 3, "voice activity: Silero on onnxruntime": 2}
