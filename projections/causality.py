"""What led to an event, and what came of it: by the cause that it names, else by what it speaks of.

A decision names its cause, and so does the outcome of an ask. What a gateway reports names what it played, heard or
waited for; a timer that fires names the decision that set it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from schemas import decisions as d
from schemas import facts as f
from schemas.base import Payload
from schemas.event import Event


class Linked(NamedTuple):
    """``depth``: how many links away."""

    event: Event
    depth: int


class Causality:
    """Of one conversation. ``events``: its effective events, in order."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._parent: dict[str, Event] = {}
        self._children: dict[str, list[Event]] = defaultdict(list)
        by_id: dict[str, Event] = {}
        said: dict[tuple[str, str], Event] = {}  # (what is spoken of, its name) → the newest event that said so
        for event in events:
            parent = by_id.get(event.causation_id) or _spoken_of(event.payload, said)
            if parent is not None:
                self._parent[event.event_id] = parent
                self._children[parent.event_id].append(event)
            by_id[event.event_id] = event
            for named in _names(event.payload):
                said[named] = event

    def causes(self, event: Event) -> list[Linked]:
        """From the nearest one up to the fact that began it all."""
        found: list[Linked] = []
        parent = self._parent.get(event.event_id)
        while parent is not None:
            found.append(Linked(parent, len(found) + 1))
            parent = self._parent.get(parent.event_id)
        return found

    def effects(self, event: Event) -> list[Linked]:
        """All of them, in the order of the log."""
        found: list[Linked] = []
        waiting = [Linked(event, 0)]
        while waiting:
            cause, depth = waiting.pop()
            links = [Linked(child, depth + 1) for child in self._children.get(cause.event_id, ())]
            found += links
            waiting += links
        return sorted(found, key=lambda link: link.event.seq)


def _names(payload: Payload) -> list[tuple[str, str]]:
    """What later events may speak of as this event's."""
    if isinstance(payload, d.TimerSet):
        return [("timer", payload.timer_id)]
    if isinstance(payload, d.StandingGranted):
        return [("grant", "")]
    if isinstance(payload, d.CandidateFormed | d.Spoken):
        return [("candidate", payload.candidate_id)]
    if isinstance(payload, f.SpeechStarted):
        return [("playing", payload.candidate_id)]
    if isinstance(payload, d.TurnOpened) and payload.utterance_id:
        return [("waiting", payload.utterance_id)]
    if isinstance(payload, f.CallerSpeechStarted | f.UtteranceHeard):
        return [("utterance", payload.utterance_id)]
    if isinstance(payload, f.CallArrived | f.CallTaken):
        return [("call", "")]
    return []


def _spoken_of(payload: Payload, said: dict[tuple[str, str], Event]) -> Event | None:
    if isinstance(payload, f.TimerFired):
        return said.get(("timer", payload.timer_id))
    if isinstance(payload, f.HoldingPlayed | f.FallbackPlayed):
        return said.get(("waiting", payload.utterance_id)) or said.get(("grant", ""))
    if isinstance(payload, f.CallAnswered):
        return said.get(("grant", ""))
    if isinstance(payload, f.CallTaken | f.CallEnded):
        return said.get(("call", ""))
    if isinstance(payload, f.CallerSpeechDismissed | f.UtteranceHeard | f.UtteranceResumed):
        return said.get(("utterance", payload.utterance_id))
    candidate_id: str = getattr(payload, "candidate_id", "")
    return said.get(("playing", candidate_id)) or said.get(("candidate", candidate_id))
