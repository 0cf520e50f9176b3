"""Every invariant, checked on what one run left behind."""

from __future__ import annotations

from simulation.guardrail_invariants import guardrails
from simulation.guest_invariants import guests
from simulation.hedge_invariants import hedges
from simulation.interruption_invariants import floors, holds_vary, interruptions
from simulation.late_read_invariants import late_reads
from simulation.log_invariants import LOG_INVARIANTS, spool_keeps
from simulation.proof_invariants import proofs
from simulation.raw_log import read_raw
from simulation.recompute_invariant import recomputes
from simulation.sentence_invariants import pieces, sentences
from simulation.silence_invariant import silence
from simulation.speech_invariants import sounds, takes_effect_once
from simulation.tool_invariants import sounds_of_tools, tools
from simulation.turn_invariants import turns
from simulation.violation import Violation
from simulation.world import Run
from simulation.write_invariants import writes

MOST_OF_A_KIND = 3  # one mistake often shows in many places


def check(run: Run) -> list[Violation]:
    log = read_raw(run.durable)
    found = [Violation("no_process_fails", message) for message in run.died_of]
    for invariant in LOG_INVARIANTS:
        found += invariant(log, run.durable)
    found += spool_keeps(run.traces, run.durable)
    found += turns(log, run.behaviour)
    found += recomputes(log, run.durable)
    counted, wrong = floors(run.traces, run.behaviour, run.standstills)
    found += wrong
    found += interruptions(log, run.behaviour)
    found += holds_vary(run.traces)
    found += sounds(log, counted, run.standstills)
    found += takes_effect_once(log, run.traces)
    found += sentences(log, run.durable, run.behaviour)
    found += pieces(log, run.traces)
    found += guardrails(log, run.behaviour)
    found += guests(log, run.durable, run.behaviour)
    found += hedges(log, run.behaviour, stood_still=bool(run.standstills))
    found += tools(log, run.durable)
    found += sounds_of_tools(log, run.traces)
    found += late_reads(log, run.durable)
    found += writes(log, run.durable)
    found += proofs(log, run.durable)
    found += silence(log, counted, run.behaviour, run.standstills)
    kept: list[Violation] = []
    for violation in found:
        if sum(other.invariant == violation.invariant for other in kept) < MOST_OF_A_KIND:
            kept.append(violation)
    return kept
