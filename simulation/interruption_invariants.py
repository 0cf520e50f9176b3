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


class _Interruptions:
    """One conversation."""

    def __init__(self) -> None:
        self._stopped: _Stopped | None = None
        self._texts: dict[str, str] = {}
        self._subject: str | None = None
        self._of_another = False  # what the open turn has came about for somebody else

    def take(self, step: list[Rec]) -> Iterator[Violation]:
        fact = step[0]
        where = f"{fact.conversation_id} seq {fact.seq} {fact.type}"
        judged = [rec.payload["genuine"] for rec in step if rec.type == "InterruptionJudged"]
        stopped = self._stopped
        if stopped and fact.type in ("UtteranceHeard", "CallerSpeechDismissed"):
            genuine = fact.type == "UtteranceHeard"
            if judged != [genuine]:
                yield Violation(
                    "interruptions_judged", f"{where}: {stopped.candidate_id} was stopped, and isn't judged"
                )
            if not genuine:
                yield from _goes_on(step, where, stopped)
            self._stopped = None
        elif judged:
            yield Violation("interruptions_judged", f"{where}: nothing was stopped")
        if fact.type == "SpeechInterrupted" and any(rec.type == "TurnEnded" for rec in step):
            self._stopped = self._cut(fact.payload["candidate_id"], fact.payload["spoken_so_far"])
        for rec in step:
            self._note(rec)

    def _cut(self, candidate_id: str, heard: str) -> _Stopped:
        rest = self._texts[candidate_id].split()[len(heard.split()) :]
        return _Stopped(candidate_id, "" if self._of_another else " ".join(rest))

    def _note(self, rec: Rec) -> None:
        if rec.type in ("CallTaken", "ConversationClosed", "TurnOpened"):
            self._stopped = None  # of the former gateway's caller; of one who left; something else is said already
        if rec.type in ("TurnOpened", "SpeculationOpened"):
            self._of_another = False
        elif rec.type == "SubjectAuthenticated":
            self._of_another |= self._subject not in (None, rec.payload["subject_id"])
            self._subject = rec.payload["subject_id"]
            if self._of_another and self._stopped:
                self._stopped.rest = ""
        elif rec.type == "CandidateFormed":
            self._texts[rec.payload["candidate_id"]] = rec.payload["text"]
        elif rec.type == "ReplyChosen" and rec.payload.get("more"):  # its rest isn't all in one text
            self._texts[rec.payload["candidate_id"]] = ""


def interruptions(log: RawLog, behaviour: Behaviour) -> Iterator[Violation]:
    if behaviour.barge_in is None:
        return
    calls: dict[str, _Interruptions] = {}
    for step in log.steps:
        yield from calls.setdefault(step[0].conversation_id, _Interruptions()).take(step)


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
