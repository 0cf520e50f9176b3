"""Cut-ins: the agent began to speak while the caller only paused, and the caller went on.

Seen on the log as a sound of the agent for which the caller had waited, and the same caller's voice within
``GOES_ON_WITHIN_MS`` of it: too soon to be an answer to what is said (people need some 200 ms to react at all, and have
heard a word or two by then). A voice that turns out to be a backchannel or a noise was none.
"""

from __future__ import annotations

from schemas import facts as f
from schemas.event import Happening

GOES_ON_WITHIN_MS = 500.0


class CutIns:
    """A fold of one conversation."""

    def __init__(self) -> None:
        self._sound: tuple[str, int] | None = None  # turn, and when the agent began, by the gateway's clock
        self._went_on: dict[str, str] = {}  # utterance that may yet be nothing -> turn that it was cut in

    def take(self, event: Happening) -> str | None:
        """The turn in which the agent cut in, once that is certain."""
        payload = event.payload
        if isinstance(payload, f.SpeechStarted | f.HoldingPlayed | f.FallbackPlayed):
            waited = payload.since_speech_end_ms is not None and event.turn_id
            self._sound = (event.turn_id, event.occurred_at_us) if waited and event.turn_id else None
        elif isinstance(payload, f.UtteranceResumed):
            return self._cut_in(event.occurred_at_us)
        elif isinstance(payload, f.CallerSpeechStarted):
            began_us = event.occurred_at_us - round((payload.spoke_over_ms or 0.0) * 1000)
            turn_id = self._cut_in(began_us)
            if turn_id:
                self._went_on[payload.utterance_id] = turn_id
        elif isinstance(payload, f.CallerSpeechDismissed):
            self._went_on.pop(payload.utterance_id, None)
        elif isinstance(payload, f.UtteranceHeard):
            return self._went_on.pop(payload.utterance_id, None)
        return None

    def _cut_in(self, began_us: int) -> str | None:
        sound, self._sound = self._sound, None
        if sound is None or not 0 <= began_us - sound[1] <= GOES_ON_WITHIN_MS * 1000:
            return None
        return sound[0]
