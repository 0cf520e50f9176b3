"""Which turn an event of a conversation tells something about: by utterance or candidate, else the turn that it names.

Gateways report playback by candidate, and what they hear by utterance; neither names a turn in its envelope.
"""

from __future__ import annotations

from schemas import decisions as d
from schemas.base import Payload
from schemas.event import Happening


class Attribution:
    """Feed it each event of one conversation, in order."""

    def __init__(self) -> None:
        self._turns: set[str] = set()
        self._by_utterance: dict[str, str] = {}
        self._by_candidate: dict[str, str] = {}

    def turn_of(self, event: Happening) -> str | None:
        payload: Payload = event.payload
        if isinstance(payload, d.TurnOpened) and event.turn_id:
            self._turns.add(event.turn_id)
            if payload.utterance_id:
                self._by_utterance[payload.utterance_id] = event.turn_id
            return event.turn_id
        utterance_id = getattr(payload, "utterance_id", "")
        if utterance_id:
            return self._by_utterance.get(utterance_id)
        candidate_id = getattr(payload, "candidate_id", "")
        found = self._by_candidate.get(candidate_id) if candidate_id else None
        if found is None and event.turn_id in self._turns:
            found = event.turn_id
            if found and isinstance(payload, d.CandidateFormed):
                self._by_candidate[candidate_id] = found
        return found
