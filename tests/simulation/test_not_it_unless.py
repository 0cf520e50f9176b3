"""What tells a log that decides from a log that is only written: slow it and the agent is slow; cut it and only what was
granted is heard."""

from __future__ import annotations

from agent_core.behaviour import Budget
from simulation.history import Act, Did
from simulation.invariants import check
from simulation.ledger import Latencies
from simulation.run import play
from simulation.small_bank import SHORT, small_bank
from simulation.world import Run, Scene

LATER_S = 2.0
SCRIPT = ("I lost my card", "What does a new card cost", "I am going abroad", "Okay done", "Should I buy shares")


def _later(budget: Budget) -> Budget:
    later_ms = round(LATER_S * 1000)
    return budget.model_copy(
        update={
            "hold_marks_ms": tuple(mark + later_ms for mark in budget.hold_marks_ms),
            "give_up_ms": budget.give_up_ms + later_ms,
            "hard_ms": budget.hard_ms + later_ms,
        }
    )


def _acts(run: Run) -> list[Act]:
    (trace,) = run.traces
    return trace.acts


def _waits(run: Run) -> list[tuple[float, dict[str, float]]]:
    """Each end of speech, and how long after it each kind of sound began first, before the caller spoke again."""
    waits: list[tuple[float, dict[str, float]]] = []
    for act in _acts(run):
        if act.did is Did.CALLER_ENDED and act.since_s is not None:
            waits.append((act.since_s, {}))
        elif act.did is Did.SOUND_BEGAN and act.sound and waits:
            waits[-1][1].setdefault(act.sound.kind, act.at_s - waits[-1][0])
    return waits


def test_each_reply_waits_for_its_own_acknowledgement_and_for_no_other() -> None:
    usual = play(1, Scene(frozenset(), mixed=False, script=SCRIPT, latencies=Latencies(steady=True)))
    late = play(
        1,
        Scene(
            frozenset(),
            mixed=False,
            script=SCRIPT,
            behaviour=small_bank(_later(SHORT)),
            latencies=Latencies(acknowledge_s=LATER_S, steady=True),
        ),
    )
    assert check(usual) == []
    assert check(late) == []
    delays = [slow["reply"] - fast["reply"] for (_, fast), (_, slow) in zip(_waits(usual), _waits(late), strict=True)]
    assert len(delays) == len(SCRIPT)
    assert all(2.0 <= round(delay, 6) <= 2.5 for delay in delays), delays


def test_with_the_follow_stream_cut_only_what_was_granted_is_heard_at_its_marks() -> None:
    cut_at_s = 1002.0  # after the greeting, before the caller's first words are final
    run = play(1, Scene(frozenset(), mixed=False, script=SCRIPT, latencies=Latencies(cut_follow_at_s=cut_at_s)))
    assert check(run) == []
    began = [act.sound for act in _acts(run) if act.did is Did.SOUND_BEGAN and act.at_s > cut_at_s and act.sound]
    assert {sound.kind for sound in began} == {"hold", "closing"}
    first_hold_s, hard_s = SHORT.hold_marks_ms[0] / 1000, SHORT.hard_ms / 1000
    waits = [heard for _, heard in _waits(run)]
    assert waits
    for heard in waits:
        assert first_hold_s <= heard["hold"] <= first_hold_s + 0.1
        assert hard_s <= heard["closing"] <= hard_s + 0.1
    assert sum(record.body.type == "ReplyChosen" for record in run.durable.log) >= 2  # the owner went on deciding
