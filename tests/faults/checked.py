"""What every fault run must leave behind, whatever struck."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.faults_calls import Ended, Turn
from benchmarks.faults_history import History
from benchmarks.faults_reader import Account, read_by_others
from benchmarks.faults_stage import CALLS, Stage

# What the product promises at the ear, on a machine that has time for it. A test adds by how much this one had none.
A_LINE_WITHIN_MS = 1_200.0
AN_ANSWER_WITHIN_MS = 4_000.0
NOTHING_IS_SAID_LATER_MS = 6_300.0  # the hard mark of the example's behaviour, and what one tick and one frame may add


def slowness_ms(stage: Stage, unstruck: Sequence[Turn]) -> float:
    """What this machine adds by being busy: how long its loop stood still, and the slowest answer with no fault."""
    return stage.standstill_s * 1000 + max(turn.answer_ms or 0.0 for turn in unstruck)


def assert_never_in_dead_air(turns: Sequence[Turn], stage: Stage) -> None:
    """Each caller heard a line in time, and something that ended the turn."""
    assert len(turns) >= CALLS
    late = [turn for turn in turns if (turn.first_ms or 1e9) > A_LINE_WITHIN_MS + stage.standstill_s * 1000]
    assert not late, f"nothing was heard in time (standstill {stage.standstill_s:.2f} s): {late}"
    ends = [turn for turn in turns if (turn.answer_ms or 1e9) > NOTHING_IS_SAID_LATER_MS + stage.standstill_s * 1000]
    assert not ends, f"a turn went on and on: {ends}"


def assert_answered_in_time(turns: Sequence[Turn], stage: Stage, unstruck: Sequence[Turn]) -> None:
    """Each caller heard a reply, and nobody waited longer than an owner may take to be replaced."""
    assert_never_in_dead_air(turns, stage)
    allowed_ms = AN_ANSWER_WITHIN_MS + slowness_ms(stage, unstruck)
    late = [turn for turn in turns if turn.ended is not Ended.REPLY or (turn.answer_ms or 1e9) > allowed_ms]
    assert not late, f"not answered in {allowed_ms:.0f} ms: {late}"


def assert_one_reply_a_turn(stage: Stage) -> None:
    """Each turn that got a reply got one, at the ear."""
    wrong = [turn for turn in stage.turns if turn.replies != (turn.ended in (Ended.REPLY, Ended.FALLBACK))]
    assert not wrong, f"not one reply a turn: {wrong}"


def assert_sound(history: History, stage: Stage) -> None:
    """The log, what was spoken and what was acknowledged agree, and each turn that got a reply got one."""
    assert not history.wrong, "\n".join(history.wrong[:20])
    assert history.most_replies == 1
    assert_one_reply_a_turn(stage)


async def assert_others_agree(stage: Stage, reader: Path, registry: str | None = None) -> Account:
    """Lost, doubled, out of order: none, in the eyes of the independent reader."""
    account = await read_by_others(
        reader,
        stage.url.bootstrap,
        stage.url.topics.log,
        stage.inbox.acknowledged,
        stage.workspace.directory,
        registry,
    )
    assert account.wrong == ({"undecodable": len(stage.foreign)} if stage.foreign else {})
    assert account.effective > len(stage.inbox.acknowledged) > 0
    return account
