"""While a caller waits, the line is not dead for longer than the marks say, as long as the gateway itself lives.

The clock of a wait starts at the end of the caller's speech, or where a reply ran out of sentences. It stops when a reply,
its next sentence or the closing line begins, and when the caller speaks again. A standstill of the gateway's own loop is added to what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent_core.behaviour import Behaviour
from schemas.facts import SpeechCompleted, SpeechInterrupted
from simulation.history import Act, Did, GatewayTrace
from simulation.raw_log import RawLog
from simulation.speech_invariants import Standstills
from simulation.violation import Violation

TOLERANCE_S = 0.16  # three ticks of the gateway
_ENDS = (Did.OVER, Did.EVICTED, Did.DIED)


@dataclass
class _Wait:
    since_s: float
    owed_s: float  # no sound is owed before this moment: the gateway didn't know, or was playing
    holds: bool  # whether a holding line is due at the first mark
    held: bool = False
    asked: bool = False  # by the caller's words: no end of a reply that they stopped is an answer to them


class _Watch:
    def __init__(self, trace: GatewayTrace, behaviour: Behaviour, standstills: list[tuple[float, float]]) -> None:
        self._trace, self._standstills = trace, standstills
        self._first_s = behaviour.budget.hold_marks_ms[0] / 1000
        self._hard_s = behaviour.budget.hard_ms / 1000
        self._wait: _Wait | None = None
        self._dry: _Wait | None = None  # since the newest reply, or sentence of one, was over
        self._before_speech: _Wait | None = None
        self._cut_off = False
        self._playing = ""

    def run(self, owes_at_start: bool) -> Iterator[str]:
        for act in self._trace.acts:
            yield from self._look(act.at_s)
            if act.did in _ENDS:
                return
            if act.did is Did.ANSWERED and owes_at_start:
                self._wait = _Wait(act.at_s, act.at_s, holds=False)
            else:
                self._take(act)

    def _look(self, now_s: float) -> Iterator[str]:
        wait = self._wait
        if wait is None or self._playing:
            return
        for mark_s, due in ((self._hard_s, True), (self._first_s, wait.holds and not wait.held)):
            deadline = max(wait.since_s + mark_s, wait.owed_s) + TOLERANCE_S
            deadline += self._stood_still(wait.since_s, now_s)
            if due and now_s > deadline:
                yield (
                    f"nothing was heard for {now_s - wait.since_s:.2f} s, since {wait.since_s - 1000:.3f} s"
                    f" (mark {mark_s:.1f} s)"
                )
                self._wait = None
                return

    def _take(self, act: Act) -> None:
        if act.did in (Did.CALLER_PAUSED, Did.CALLER_ENDED):
            held = self._wait.held if self._wait else False
            self._wait = _Wait(act.since_s or act.at_s, act.at_s, holds=True, held=held, asked=True)
        elif act.did in (Did.CALLER_BEGAN, Did.CALLER_RESUMED):
            if act.did is Did.CALLER_BEGAN:
                self._before_speech, self._cut_off = self._wait, self._playing == "reply"
            self._wait = None
        elif act.did is Did.CALLER_DISMISSED:
            if self._before_speech:
                self._wait = self._before_speech
                self._wait.owed_s = act.at_s
            elif self._cut_off:
                self._wait = _Wait(act.at_s, act.at_s, holds=False)
        elif act.did is Did.SOUND_BEGAN and act.sound:
            self._playing = act.sound.kind
            if act.sound.kind == "hold" and self._wait:
                self._wait.held = True
            elif act.sound.kind != "hold":
                self._wait = None
        elif act.did is Did.SOUND_ENDED:
            asked = self._wait is not None and self._wait.asked
            if self._playing == "reply" and not asked:  # more may be to come, unless its end is told in the same moment
                self._wait = self._dry = _Wait(act.at_s, act.at_s, holds=True)
            self._playing = ""
            if self._wait:
                self._wait.owed_s = act.at_s
        elif act.did is Did.PUT and isinstance(act.payload, SpeechCompleted | SpeechInterrupted):
            self._wait = None if self._wait is self._dry else self._wait
            self._before_speech = None if self._before_speech is self._dry else self._before_speech

    def _stood_still(self, begin_s: float, end_s: float) -> float:
        return sum(max(0.0, min(end, end_s) - max(began, begin_s)) for began, end in self._standstills)


def silence(
    log: RawLog, traces: list[GatewayTrace], behaviour: Behaviour, standstills: Standstills
) -> Iterator[Violation]:
    owing = _owing(log)
    for trace in traces:
        owes = owing.get((trace.call_id, trace.take), False)
        for message in _Watch(trace, behaviour, standstills.get(trace.name, [])).run(owes):
            yield Violation("never_silent", f"{trace.name} (take {trace.take} of {trace.call_id}): {message}")


def _owing(log: RawLog) -> dict[tuple[str, int], bool]:
    """(call, take) -> whether a turn was open once the log knew of that take."""
    owing: dict[tuple[str, int], bool] = {}
    open_turn: dict[str, bool] = {}
    for step in log.steps:
        for rec in step:
            if rec.type == "TurnOpened":
                open_turn[rec.conversation_id] = True
            elif rec.type == "TurnEnded":
                open_turn[rec.conversation_id] = False
        if step[0].type == "CallTaken":
            owing[step[0].conversation_id, step[0].payload["take"]] = open_turn.get(step[0].conversation_id, False)
    return owing
