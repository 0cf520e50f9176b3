"""Who has the floor: the checker's own reading of when the caller's voice counts, from what a gateway's ears told it.

While the agent says something the caller may follow it ("mm-hm"): that takes nothing. Other words take the floor at once,
and so does any voice that lasts. ``read`` gives a gateway's acts with the caller's replaced by what they amount to, for
the rules that ask whether the caller speaks or waits; and it looks whether the gateway took it the same way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import zip_longest

from msgspec.structs import replace

from agent_core.barge_in import BargeIn
from schemas import facts as f
from simulation.history import Act, Did, GatewayTrace
from simulation.line import duration_s

_TOLERANCE_S = 0.16  # three ticks of the gateway
_TICK_S = 0.06
_EPSILON_S = 1e-6


@dataclass
class FloorReading:
    """``acts``: as they count. ``wrong``: (invariant, moment, what), of what the gateway took otherwise."""

    acts: list[Act] = field(default_factory=list)
    wrong: list[tuple[str, float, str]] = field(default_factory=list)


@dataclass
class _Over:
    """The caller's voice over a sound, or since then."""

    sound_id: str
    line: str
    voice_since_s: float | None
    words: str = ""
    quiet_since_s: float | None = None


class _Floor:
    def __init__(self, barge_in: BargeIn, standstills: list[tuple[float, float]]) -> None:
        self._rule, self._standstills = barge_in, standstills
        self._playing: tuple[str, str] | None = None  # id and text
        self._sound_began_s = 0.0
        self._ended_s: float | None = None  # a sound ended by itself, and what came then isn't known
        self._over: _Over | None = None  # the caller follows, as far as is known
        self._speaks = False  # the caller has the floor
        self._stopped: _Over | None = None  # what took it from the agent, until the words are final
        self._paused = False  # after an eager end of turn that counts
        self._given_up = False
        self._may_start = False  # ``CallerSpeechStarted`` may be put
        self._passes = False  # the newest words were a backchannel's
        self.reading = FloorReading()

    def take(self, act: Act, then: Act | None) -> None:
        """``then``: what the gateway did next."""
        self._after_sound(act)
        stopped = self._was_stopped(act, then)
        self._by_time(act.at_s, heard=act.did in _HEARD or stopped)
        handler = _HANDLERS.get(act.did)
        if handler:
            handler(self, act)
        else:
            self.reading.acts.append(act)
        if act.did is Did.SOUND_ENDED and not stopped:
            self._ended_s = act.at_s

    # --- time ---

    def _by_time(self, now_s: float, *, heard: bool) -> None:
        over = self._over
        if over and over.voice_since_s is not None:
            most_ms = self._rule.backchannel_ms if over.words else self._rule.yield_after_ms
            due_s = over.voice_since_s + most_ms / 1000
            if now_s >= due_s - _EPSILON_S and (heard or not self._may_miss(due_s, now_s)):
                self._takes_floor(due_s)
        stopped = self._stopped
        if stopped and stopped.quiet_since_s is not None and not stopped.words:
            due_s = stopped.quiet_since_s + self._rule.resume_after_ms / 1000
            stood_s = sum(max(0.0, end - max(began, stopped.quiet_since_s)) for began, end in self._standstills)
            if now_s > due_s + stood_s + _TOLERANCE_S:
                self._wrong(
                    "resumes_in_time", now_s, f"no word for {now_s - stopped.quiet_since_s:.2f} s, and it waits"
                )
                self._stopped = None

    def _was_stopped(self, act: Act, then: Act | None) -> bool:
        if act.did is not Did.SOUND_ENDED or act.sound is None:
            return False
        if then and isinstance(then.payload, f.SpeechInterrupted) and act.sound.kind == "reply":
            # over a holding line it may be of the reply whose next sentence is waited for; a voice may break off under both
            return act.sound.duration_s > duration_s(act.sound.text) - _EPSILON_S
        return act.at_s < self._sound_began_s + act.sound.duration_s - _EPSILON_S

    def _may_miss(self, due_s: float, now_s: float) -> bool:
        """Between two looks of the gateway, or while it stood still, a sound may end by itself before it is stopped."""
        stood = any(began <= due_s and end >= now_s - _EPSILON_S for began, end in self._standstills)
        return stood or now_s - due_s <= _TICK_S

    def _takes_floor(self, at_s: float) -> None:
        self._stopped, self._over = (self._over if self._playing else None), None
        if self._stopped:
            self._stopped.quiet_since_s = None
        self._speaks = self._may_start = True
        self._paused = False
        self.reading.acts.append(Act(at_s, Did.CALLER_BEGAN))

    # --- the caller ---

    def _began(self, act: Act) -> None:
        if self._speaks:
            return
        self._given_up = False
        if self._over:
            self._over.voice_since_s = self._over.voice_since_s or act.at_s
        elif self._playing:
            self._over = _Over(*self._playing, voice_since_s=act.at_s)
        else:
            self._takes_floor(act.at_s)

    def _voiced(self, act: Act) -> None:
        over = self._over
        if self._stopped:
            self._stopped.quiet_since_s = None
        if self._given_up:
            self._began(act)
        elif over and over.voice_since_s is None:
            if self._playing is None or self._playing[0] != over.sound_id:
                self._over = None
                self._began(act)
            else:
                over.voice_since_s = act.at_s

    def _quiet(self, act: Act) -> None:
        if self._over:
            self._over.voice_since_s = None
        if self._stopped:
            self._stopped.quiet_since_s = act.at_s

    def _words(self, act: Act) -> None:
        if self._stopped:
            self._stopped.words = act.text
        if self._over:
            self._over.words = act.text
            if not self._follows(self._over, act.text):
                self._takes_floor(act.at_s)

    def _end_of_turn(self, act: Act) -> None:
        if not self._speaks and not self._paused:
            self._began(act)
        over = self._over or self._stopped
        self._passes = over is not None and self._follows(over, act.text)
        if self._passes and over:
            if act.did is Did.CALLER_ENDED:
                if self._stopped:
                    self._back(act)
                self._over = None
            return
        if self._over:
            self._takes_floor(act.at_s)
        self._stopped, self._speaks, self._given_up = None, False, False
        self._paused = act.did is Did.CALLER_PAUSED
        self.reading.acts.append(act)

    def _resumed(self, act: Act) -> None:
        if self._over or self._stopped:
            self._voiced(act)
            return
        self._speaks = True
        self.reading.acts.append(act)

    def _dismissed(self, act: Act) -> None:
        self._over, self._given_up = None, False
        if self._speaks:
            self._back(act)

    def _back(self, act: Act) -> None:
        """It was no interruption."""
        self._speaks, self._stopped = False, None
        self.reading.acts.append(replace(act, did=Did.CALLER_DISMISSED))

    # --- the agent ---

    def _sound_began(self, act: Act) -> None:
        if act.sound:
            self._playing = act.sound.sound_id, act.sound.text
            self._sound_began_s = act.at_s
        self.reading.acts.append(act)

    def _sound_ended(self, act: Act) -> None:
        self._playing = None
        self.reading.acts.append(act)

    def _after_sound(self, act: Act) -> None:
        """Who goes on when the agent falls silent has the floor; between two sentences it doesn't."""
        ended_s, self._ended_s = self._ended_s, None
        if ended_s is None or (act.did is Did.SOUND_BEGAN and act.at_s == ended_s):
            return
        if self._over and self._over.voice_since_s is not None:
            self._takes_floor(ended_s)

    def _put(self, act: Act) -> None:
        payload = act.payload
        if isinstance(payload, f.CallerSpeechStarted):
            if not self._may_start:
                self._wrong("backchannel_stops_nothing", act.at_s, "the agent gave way to one who follows")
            self._may_start = False
        elif isinstance(payload, f.UtteranceHeard) and self._passes:
            self._wrong("backchannel_opens_no_turn", act.at_s, "a backchannel was told as an utterance")
        elif isinstance(payload, f.BackchannelHeard) and not self._passes:
            self._wrong(
                "backchannel_opens_no_turn", act.at_s, "words that ask for an answer were told as a backchannel"
            )
        elif isinstance(payload, f.CallerSpeechDismissed) and self._stopped:  # with no words: that is all it may be
            stopped = self._stopped
            since = act.at_s - stopped.quiet_since_s if stopped.quiet_since_s is not None else None
            if since is None or since < self._rule.resume_after_ms / 1000 - _EPSILON_S or stopped.words:
                self._wrong("resumes_in_time", act.at_s, "it went on over one who may still speak")
            self._given_up = True
            self._back(act)
        self.reading.acts.append(act)

    def _follows(self, over: _Over, text: str) -> bool:
        asked = "?" in over.line
        known = {_plain(p) for p in self._rule.backchannels if not (asked and p in self._rule.answers)}
        return _plain(text) in known  # simulated callers hum once at a time

    def _wrong(self, invariant: str, at_s: float, message: str) -> None:
        self.reading.wrong.append((invariant, at_s, message))


def read(trace: GatewayTrace, barge_in: BargeIn | None, standstills: list[tuple[float, float]]) -> FloorReading:
    """``barge_in`` None: any voice of the caller counts as it comes."""
    if barge_in is None:
        return FloorReading(list(trace.acts))
    floor = _Floor(barge_in, standstills)
    for act, then in zip_longest(trace.acts, trace.acts[1:]):
        floor.take(act, then)
    return floor.reading


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()


_HEARD = frozenset(
    {
        Did.CALLER_BEGAN,
        Did.CALLER_VOICED,
        Did.CALLER_QUIET,
        Did.CALLER_WORDS,
        Did.CALLER_PAUSED,
        Did.CALLER_ENDED,
        Did.CALLER_RESUMED,
    }
)
_HANDLERS = {
    Did.CALLER_BEGAN: _Floor._began,
    Did.CALLER_VOICED: _Floor._voiced,
    Did.CALLER_QUIET: _Floor._quiet,
    Did.CALLER_WORDS: _Floor._words,
    Did.CALLER_PAUSED: _Floor._end_of_turn,
    Did.CALLER_ENDED: _Floor._end_of_turn,
    Did.CALLER_RESUMED: _Floor._resumed,
    Did.CALLER_DISMISSED: _Floor._dismissed,
    Did.SOUND_BEGAN: _Floor._sound_began,
    Did.SOUND_ENDED: _Floor._sound_ended,
    Did.PUT: _Floor._put,
}
