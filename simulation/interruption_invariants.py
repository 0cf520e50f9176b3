"""Invariants of interruptions: who follows stops nothing; who stopped the agent and didn't mean to hears the rest of it,
word for word; and no holding line is heard twice in a row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from agent_core.behaviour import Behaviour
from schemas import decisions as d
from simulation.floor import read
from simulation.history import Did, GatewayTrace
from simulation.raw_log import RawLog, Rec
from simulation.speech_invariants import Standstills
from simulation.violation import Violation


def floors(
    traces: list[GatewayTrace], behaviour: Behaviour, standstills: Standstills
) -> tuple[list[GatewayTrace], list[Violation]]:
    """The traces as the caller's voice counts in them, and where a gateway took it otherwise."""
    counted: list[GatewayTrace] = []
    found: list[Violation] = []
    for trace in traces:
        reading = read(trace, behaviour.barge_in, standstills.get(trace.name, []))
        counted.append(replace(trace, acts=reading.acts))
        for invariant, at_s, message in reading.wrong:
            who = f"{trace.name} (take {trace.take} of {trace.call_id}) at {at_s - 1000:.3f} s"
            found.append(Violation(invariant, f"{who}: {message}"))
    return counted, found


@dataclass
class _Stopped:
    """A reply that the caller's voice stopped, and nobody judged yet."""

    candidate_id: str
    rest: str


def interruptions(log: RawLog, behaviour: Behaviour) -> Iterator[Violation]:
    if behaviour.barge_in is None:
        return
    stopped: dict[str, _Stopped] = {}
    texts: dict[tuple[str, str], str] = {}
    for step in log.steps:
        fact = step[0]
        where = f"{fact.conversation_id} seq {fact.seq} {fact.type}"
        judged = [rec for rec in step if rec.type == "InterruptionJudged"]
        waiting = stopped.get(fact.conversation_id)
        if waiting and fact.type in ("UtteranceHeard", "CallerSpeechDismissed"):
            genuine = fact.type == "UtteranceHeard"
            if [rec.payload["genuine"] for rec in judged] != [genuine]:
                yield Violation(
                    "interruptions_judged", f"{where}: {waiting.candidate_id} was stopped, and isn't judged"
                )
            if not genuine:
                yield from _goes_on(step, where, waiting)
            del stopped[fact.conversation_id]
        elif judged:
            yield Violation("interruptions_judged", f"{where}: nothing was stopped")
        if fact.type in ("CallTaken", "SubjectAuthenticated"):  # of the former gateway's caller; or for somebody else
            stopped.pop(fact.conversation_id, None) if fact.type == "CallTaken" else _for_another(stopped, fact)
        for rec in step:
            if rec.type == "TurnOpened":  # by a key, or by what was decided for it
                stopped.pop(rec.conversation_id, None)
            if rec.type == "CandidateFormed":
                texts[rec.conversation_id, rec.payload["candidate_id"]] = rec.payload["text"]
            elif rec.type == "ReplyChosen" and rec.payload.get("more"):  # its rest isn't all in one text
                texts[rec.conversation_id, rec.payload["candidate_id"]] = ""
        kinds = {rec.type for rec in step}
        if fact.type == "SpeechInterrupted" and "TurnEnded" in kinds and "TurnOpened" not in kinds:
            candidate = fact.payload["candidate_id"]
            whole = texts[fact.conversation_id, candidate].split()
            heard = len(fact.payload["spoken_so_far"].split())
            stopped[fact.conversation_id] = _Stopped(candidate, " ".join(whole[heard:]))


def _for_another(stopped: dict[str, _Stopped], fact: Rec) -> None:
    if fact.conversation_id in stopped:
        stopped[fact.conversation_id].rest = ""


def _goes_on(step: list[Rec], where: str, stopped: _Stopped) -> Iterator[Violation]:
    said = [r.payload["text"] for r in step if r.type == "CandidateFormed" and r.payload["action"] == "resume"]
    if stopped.rest and said != [stopped.rest]:
        yield Violation("goes_on_where_it_stopped", f"{where}: not the rest of {stopped.candidate_id}, word for word")


def holds_vary(traces: list[GatewayTrace]) -> Iterator[Violation]:
    """No gateway plays the holding line that it let out last."""
    for trace in traces:
        last, usable = "", 0
        for act in trace.acts:
            if act.event and isinstance(act.event.payload, d.StandingGranted):
                usable = sum(phrase.pragmatic != "repair" for phrase in act.event.payload.phrases)
            elif act.did is Did.SOUND_BEGAN and act.sound and act.sound.kind == "hold":
                if act.sound.sound_id == last and usable > 1:
                    yield Violation("holds_vary", f"{trace.name} of {trace.call_id}: {last} twice in a row")
                last = act.sound.sound_id
