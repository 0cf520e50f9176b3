"""One call, as a state machine: what the gateway knows, and what it may do about it. No I/O, no clock.

Times are ms on the gateway's own monotonic clock and come in as arguments. Every method returns the commands to carry
out, in order. This file is what comes in: the call, the caller, the log. What goes out is in ``call_sounds``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent_core.barge_in import breaks_off, hesitates
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact
from schemas.event import Event
from voice_gateway.call_sounds import MAX_PREPARED, CallSounds
from voice_gateway.commands import Answer, Command, SoundKind, Stop
from voice_gateway.overlap import Overlap
from voice_gateway.waiting import Waiting, standing_plan


class CallMachine(CallSounds):
    # --- the call ---

    def begin(self, now_ms: float) -> list[Command]:
        """Takes the call. The fact ``CallArrived`` is put before, by whoever let it ring."""
        self._last_tick_ms = now_ms  # it may stand still before its first tick too
        return [self._put(f.CallTaken(take=self.take, gateway_id=self._gateway_id))]

    def remember(self, history: Iterable[Event]) -> None:
        """What the log held of this call before this gateway took it: call it before ``begin``. Nothing is acted upon."""
        for event in history:
            if isinstance(event.payload, Fact) and event.payload.SUPERSEDES:
                self._last_caller_seq = event.seq
            if isinstance(event.payload, f.SubjectAuthenticated):
                self._subject_id = event.payload.subject_id
            if isinstance(event.payload, d.TurnOpened):
                self._turn_id = event.turn_id
                self._utterance_of[event.turn_id or ""] = event.payload.utterance_id
            self._note_what_is_owed(event)

    def _note_what_is_owed(self, event: Event) -> None:
        """Before this gateway's grant is read: what the caller waits for because the former gateway didn't say it."""
        payload = event.payload
        if isinstance(payload, d.TurnOpened):
            self._owed_turn = (event.turn_id or "", payload.utterance_id)
        elif isinstance(payload, d.TurnEnded | f.SpeechStarted):  # of an earlier turn, such a report may come late
            if self._owed_turn and self._owed_turn[0] == event.turn_id:
                self._owed_turn = None
        elif isinstance(payload, f.CallerSpeechStarted):
            self._owed_speech = payload.utterance_id
        elif isinstance(payload, f.CallerSpeechDismissed | f.UtteranceHeard):
            self._owed_speech = None
        elif isinstance(payload, f.HoldingPlayed):
            self._last_hold = payload.phrase_id
        elif isinstance(payload, f.FallbackPlayed):
            self._owed_speech = None
            self._over |= {part for part in (event.turn_id, payload.utterance_id) if part}

    def tick(self, now_ms: float) -> list[Command]:
        """Call it every 20-50 ms."""
        if self.ended or self.evicted:
            return []
        commands = list(self._after_a_gap(now_ms))
        self._last_tick_ms = now_ms
        commands += [*self._judge(now_ms), *self._dismiss_in_time(now_ms)]
        return [*commands, *self._prepare_ahead(now_ms), *self._on_time(now_ms)]

    # --- what the caller does ---

    def speech_began(self, now_ms: float) -> list[Command]:
        """The caller's voice. It stops what is playing, at once or, where the grant says so, once it is an interruption."""
        if self.caller_speaking:  # behind an "uh", they go on
            self._quiet_since_ms = None
        if self.ended or self.evicted or self.caller_speaking:
            return []
        self._given_up_on = False
        if self._overlap:
            self._overlap.voice(True, now_ms)
            return self._judge(now_ms)
        if self.playing and self._grant and self._grant.yields:
            self._overlap = Overlap(self._grant.yields, self._grant.fillers, self.playing, now_ms)
            return []
        return self._interrupt(now_ms)

    def voice(self, active: bool, now_ms: float) -> list[Command]:
        """The caller's voice went silent, or came back, within what they say."""
        commands = self._voice(active, now_ms)
        self._quiet_since_ms = None if active else now_ms
        return commands

    def _voice(self, active: bool, now_ms: float) -> list[Command]:
        overlap = self._overlap
        if active and self._given_up_on:
            return self.speech_began(now_ms)
        if overlap is None:
            return []
        if active and not overlap.voiced and (self.playing is None or self.playing.sound_id != overlap.sound_id):
            self._overlap = None  # what it was over has ended meanwhile
            return self.speech_began(now_ms)
        commands = self._judge(now_ms)
        overlap.voice(active, now_ms)
        return commands

    def words(self, text: str, now_ms: float) -> list[Command]:
        """What is known of the caller's words while they speak."""
        commands = self._judge(now_ms)  # by what was known so far
        if spoken_over := self._overlap or self._stopped_by:
            spoken_over.words(text)
        return commands or self._judge(now_ms)

    def key_pressed(self, key: str, now_ms: float) -> list[Command]:
        """A key of the caller's phone: 0-9, * or #. Who keys something in has heard enough of a reply."""
        if self.ended or self.evicted:
            return []
        heard_enough = self.playing is not None and self.playing.kind is SoundKind.REPLY
        return [*([Stop()] if heard_enough else self._leave_reply()), self._put(f.KeyPressed(key=key))]

    def speech_dismissed(self, now_ms: float) -> list[Command]:
        """What sounded like speech had no words."""
        self._overlap, self._given_up_on = None, False
        if self._unfinished:
            return self._wait_out("", now_ms)
        return self._dismiss(now_ms, "no_words") if self.caller_speaking else []

    def maybe_ended(self, text: str, speech_ended_ms: float, now_ms: float, confidence: float | None) -> list[Command]:
        """Eager end of turn."""
        return self._heard(text, speech_ended_ms, now_ms, confidence, final=False)

    def utterance_ended(
        self, text: str, speech_ended_ms: float, now_ms: float, confidence: float | None
    ) -> list[Command]:
        return self._heard(text, speech_ended_ms, now_ms, confidence, final=True)

    def resumed(self, now_ms: float) -> list[Command]:
        """The caller goes on after an eager end of turn."""
        if self.ended or self.evicted:
            return []
        if self._overlap or self._stopped_by or self._kept_back:  # that end of turn, a backchannel's or so, told nobody
            return self.voice(True, now_ms)
        self.caller_speaking = True
        self._waiting = None
        commands: list[Command] = [Stop()] if self.playing else []
        return [*commands, self._put(f.UtteranceResumed(utterance_id=self._utterance_id))]

    def _judge(self, now_ms: float) -> list[Command]:
        if self._overlap is None or self.ended or self.evicted:
            return []
        return self._interrupt(now_ms) if self._overlap.stops(now_ms) else []

    def _interrupt(self, now_ms: float) -> list[Command]:
        """The caller has the word. Stops what is playing, before anything else."""
        overlap, self._overlap = self._overlap, None
        self._stopped_by = overlap if self.playing else None
        self._quiet_since_ms = None
        self.caller_speaking = True
        self._interrupted_wait = (self._utterance_id, self._waiting) if self._waiting else None
        self._cut_off = self.replying
        self._waiting = None
        self._hesitation, self._told, self._kept_back, self._unfinished = "", False, False, None
        self._utterances += 1
        self._utterance_id = f"u{self.take}.{self._utterances}"
        commands: list[Command] = [Stop()] if self.playing else self._leave_reply()
        started = f.CallerSpeechStarted(
            utterance_id=self._utterance_id, spoke_over_ms=now_ms - overlap.began_ms if overlap else None
        )
        commands.append(self._put(started))
        return commands

    def _dismiss(self, now_ms: float, why: str, text: str = "") -> list[Command]:
        """It was no interruption: the conversation goes on where it stood."""
        if self._hesitates:  # whatever sounded behind it
            why, text = "filler" if why == "no_words" else why, f"{self._hesitation} {text}".strip()
            self._hesitation = ""
        self.caller_speaking, self._stopped_by = False, None
        dismissed = f.CallerSpeechDismissed(utterance_id=self._utterance_id, why=why, text=text)
        if self._interrupted_wait:  # the caller still waits for the answer to what they said before
            self._utterance_id, self._waiting = self._interrupted_wait
        elif self._cut_off and self._grant:  # and for the rest of what was being said
            self._waiting = Waiting(now_ms, "", (), (), self._grant.hard_ms, final=True)
        return [self._put(dismissed)]

    def _dismiss_in_time(self, now_ms: float) -> list[Command]:
        """A reply that was stopped doesn't wait for words for ever, nor does anybody for what follows on an "uh"."""
        stopped, yields = self._stopped_by, self._grant.yields if self._grant else None
        wordless = self._hesitates or (stopped is not None and not stopped.wordy)
        if yields is None or self._quiet_since_ms is None or not wordless:
            return []
        if now_ms - self._quiet_since_ms < yields.resume_after_ms:
            return []
        if self._unfinished:
            return self._tell_what_there_is(now_ms, *self._unfinished)
        self._given_up_on = not self._hesitates
        return self._dismiss(now_ms, "no_words")

    def _heard(
        self, text: str, speech_ended_ms: float, now_ms: float, confidence: float | None, *, final: bool
    ) -> list[Command]:
        if self.ended or self.evicted:
            return []
        commands = self._judge(now_ms)
        if not self.caller_speaking and (self._waiting is None or self._waiting.final):
            commands.extend(self.speech_began(now_ms))  # a recogniser that is faster than the voice activity
        spoken_over = self._overlap or self._stopped_by
        if spoken_over and spoken_over.is_backchannel(text):
            return [*commands, *self._let_pass(text, now_ms)] if final else commands
        if self._is_filler(text):
            self._kept_back = True
            return [*commands, *(self._wait_out(text, now_ms) if final else [])]
        if self._overlap:
            commands.extend(self._interrupt(now_ms))
        if not self._told and self._grant and breaks_off(text, self._grant.unfinished):
            self._kept_back = True
            if final:
                self._stopped_by, self._unfinished = None, (speech_ended_ms, confidence)
                commands += self._wait_out(text, now_ms)
            return commands
        return [*commands, *self._tell(text, speech_ended_ms, now_ms, confidence, final=final)]

    def _tell(
        self, text: str, speech_ended_ms: float, now_ms: float, confidence: float | None, *, final: bool
    ) -> list[Command]:
        self._told, self._kept_back, self._unfinished = True, False, None
        self.caller_speaking, self._stopped_by, self._given_up_on = False, None, False
        self._interrupted_wait = None
        self._speech_ended_ms = speech_ended_ms
        self._wait(now_ms, final=final)
        heard = f.UtteranceHeard(
            utterance_id=self._utterance_id,
            text=f"{self._hesitation} {text}".strip(),
            final=final,
            confidence=confidence,
            since_speech_end_ms=now_ms - speech_ended_ms,
        )
        return [self._put(heard)]

    @property
    def _hesitates(self) -> bool:
        """Whether all that is known of what the caller says was kept back."""
        return bool(self._hesitation) and not self._told

    def _is_filler(self, text: str) -> bool:
        """An "uh" alone, unless the log knows of other words of this utterance."""
        untold = self._overlap is not None or not self._told
        return untold and self._grant is not None and hesitates(text, self._grant.fillers)

    def _wait_out(self, text: str, now_ms: float) -> list[Command]:
        """Who thinks aloud hasn't said all: over the agent it changes nothing, else what follows belongs to it."""
        if self._overlap:
            return self._let_pass(text, now_ms)
        self._hesitation = f"{self._hesitation} {text}".strip()
        if self._quiet_since_ms is None:
            self._quiet_since_ms = now_ms
        return []

    def _tell_what_there_is(self, now_ms: float, speech_ended_ms: float, confidence: float | None) -> list[Command]:
        """Nothing followed on words that nobody ends with: they are answered all the same. The marks of the wait count from
        now, since nobody looks anything up for who thinks."""
        told = self._tell("", speech_ended_ms, now_ms, confidence, final=True)
        if self._waiting:
            self._waiting.since_ms = now_ms
        return told

    def _let_pass(self, text: str, now_ms: float) -> list[Command]:
        """A backchannel: the agent goes on, or goes on again where it had stopped already."""
        overlap, self._overlap = self._overlap, None
        if overlap is None:
            return self._dismiss(now_ms, "backchannel", text)
        self._backchannels += 1
        utterance_id = f"b{self.take}.{self._backchannels}"
        return [self._put(f.BackchannelHeard(utterance_id=utterance_id, sound_id=overlap.sound_id, text=text))]

    # --- what plays ---

    def finished(self, spoken: str, now_ms: float) -> list[Command]:
        return self._then_yield(super().finished(spoken, now_ms), now_ms)

    def broke_off(self, spoken: str, now_ms: float, *, exact: bool) -> list[Command]:
        return self._then_yield(super().broke_off(spoken, now_ms, exact=exact), now_ms)

    def _then_yield(self, commands: list[Command], now_ms: float) -> list[Command]:
        """Who goes on when the agent has fallen silent has the word."""
        if self._overlap and self._overlap.voiced and self.playing is None and not self.ended:
            return [*commands, *self._interrupt(now_ms)]
        return commands

    # --- what the log says ---

    def read(self, event: Event, now_ms: float) -> list[Command]:
        """An effective event of this conversation, in order."""
        payload = event.payload
        self._read_back(event.event_id)
        if isinstance(payload, Fact) and payload.SUPERSEDES:
            self._last_caller_seq = event.seq
        if self.evicted:
            return []
        return list(self._on_event(event, now_ms))

    def _read_back(self, event_id: str) -> None:
        """The inbox keeps the order of a gateway's facts, so with one of them all before it are dealt with: what isn't
        on the log was put aside as a dead letter, and never will be."""
        if event_id in self._unread:
            for before in list(self._unread):
                del self._unread[before]
                if before == event_id:
                    return

    def _on_event(self, event: Event, now_ms: float) -> Iterator[Command]:
        payload, turn_id = event.payload, event.turn_id or ""
        if self._grant is None:
            self._note_what_is_owed(event)
        if isinstance(payload, f.CallTaken) and self._loses_to(payload):
            self.evicted = True
            yield from [Stop()] if self.playing else []
        elif isinstance(payload, d.StandingGranted) and payload.take == self.take:
            self._grant = payload
            if not self.answered and not self.ended:
                self.answered = True
                yield Answer()
                yield self._put(f.CallAnswered(take=self.take))
                self._take_over_waiting(payload, now_ms)
        elif isinstance(payload, f.SubjectAuthenticated):
            former, self._subject_id = self._subject_id, payload.subject_id
            if former not in ("", payload.subject_id):
                yield from self._end_here(now_ms)  # the rest of it is not for whoever is there now
        elif isinstance(payload, d.TurnOpened):
            yield from self._turn_opened(turn_id, payload, now_ms)
        elif isinstance(payload, d.CandidateFormed):
            self._texts[payload.candidate_id] = payload.text
            if payload.reply:
                self._reply_of[payload.candidate_id] = payload.reply
            if payload.render_ahead:
                yield from self._prepare_candidate(turn_id, payload.candidate_id)
        elif isinstance(payload, d.CandidateAccepted):
            yield from self._prepare_candidate(turn_id, payload.candidate_id)
        elif isinstance(payload, d.CandidateDropped | d.SpeculationDropped):
            dropped = payload.candidate_id if isinstance(payload, d.CandidateDropped) else None
            yield from self._discard(only=dropped)
        elif isinstance(payload, d.Spoken):
            yield from self._reply_chosen(turn_id, payload, now_ms)
        elif isinstance(payload, d.SentenceReleased):
            released, last = payload, payload.last
            yield from self._released(released.candidate_id, released.sentence_id, released.text, now_ms, last=last)
        elif isinstance(payload, d.ReplyCut):
            repair_id = f"{payload.candidate_id}.repair"
            yield from self._released(payload.candidate_id, repair_id, payload.repair, now_ms, last=True)
        elif isinstance(payload, d.TurnEnded):
            if self._chosen and self._chosen[1] == turn_id:
                self._chosen = self._next = None
            if self._reply and self._reply.turn_id == turn_id:
                yield from self._end_here(now_ms)
            if turn_id == self._turn_id:
                yield from self._discard(keep=self.playing.sound_id if self.playing else None)

    def _prepare_candidate(self, turn_id: str, candidate_id: str) -> Iterator[Command]:
        """Not the whole of what is prepared by sentence."""
        by_sentence = candidate_id in self._reply_of.values()
        if turn_id == self._turn_id and not by_sentence and len(self._preparing) < MAX_PREPARED:
            yield from self._prepare(candidate_id)

    def _loses_to(self, taken: f.CallTaken) -> bool:
        """A later take, or another gateway's that took the same number first."""
        return taken.take > self.take or (taken.take == self.take and taken.gateway_id != self._gateway_id)

    def _turn_opened(self, turn_id: str, opened: d.TurnOpened, now_ms: float) -> Iterator[Command]:
        yield from self._discard(keep=self.playing.sound_id if self.playing else None)
        self._turn_id, self._texts, self._reply_of = turn_id, {}, {}
        self._utterance_of[turn_id] = opened.utterance_id
        if opened.utterance_id in self._over:
            self._over.add(turn_id)
            return
        if opened.utterance_id and self._waiting and opened.utterance_id == self._utterance_id:
            self._waiting.plan(opened.hold_marks_ms, opened.holding, opened.hard_ms)
        elif not opened.utterance_id and self._waiting is None and not self.caller_speaking:
            plan = opened.hold_marks_ms, opened.holding  # marks only where the caller keyed something in
            self._waiting = Waiting(now_ms, "", *plan, opened.hard_ms, final=True)

    # --- waiting ---

    def _wait(self, now_ms: float, *, final: bool = True) -> None:
        """From the end of speech on the caller waits; until a turn is read, by the standing grant's marks."""
        grant = self._grant
        since = self._speech_ended_ms if self._speech_ended_ms is not None else now_ms
        if self._waiting and self._waiting.utterance_id == self._utterance_id:
            self._waiting.since_ms, self._waiting.final = since, final
        elif grant:
            plan = standing_plan(grant, self._utterances)
            self._waiting = Waiting(since, self._utterance_id, grant.hold_marks_ms, plan, grant.hard_ms, final=final)

    def _take_over_waiting(self, grant: d.StandingGranted, now_ms: float) -> None:
        """The former gateway died before it answered the caller: from now on the caller waits for this one."""
        utterance_id = self._owed_speech
        if utterance_id is None and self._owed_turn:
            _, utterance_id = self._owed_turn
        if utterance_id is None or self._waiting or self.caller_speaking:
            return
        plan = standing_plan(grant, self._utterances)
        self._waiting = Waiting(now_ms, utterance_id, grant.hold_marks_ms, plan, grant.hard_ms, final=True)
