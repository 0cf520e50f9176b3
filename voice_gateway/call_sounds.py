"""What a gateway lets out, and when: replies that were decided, and lines that were granted. No I/O, no clock.

What may be said comes from the log alone; what may be played without asking was granted on the log:

    waiting for an answer:  speech end ── hold mark 1 ── hold mark 2 ── ... ── hard mark
    the log is silent:                    holding line    holding line         closing line, which ends the turn

A reply is started only if it names this gateway's take, its turn isn't over, every superseding fact of the caller that
this gateway has put was read back, and none that it has read is newer than what the reply answers. What the log releases of
it later is said after what plays, and waited for like an answer where it doesn't come in time.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact
from schemas.event import derived_id
from voice_gateway.commands import CatchUp, Command, Discard, HangUp, Prepare, Put, Sound, SoundKind, Start, Stop
from voice_gateway.overlap import Overlap
from voice_gateway.reply_pieces import ReplyPieces
from voice_gateway.waiting import Waiting, granted_line, standing_plan

GAP_MS = 200.0  # a loop that stood still longer reads to the log's end before it starts anything
MAX_CLOSINGS = 2  # closing lines in a row, with no reply between them, before the call is given up
MAX_PREPARED = 2  # voices rendering at once for one call
RENDER_MS = 250.0  # a chosen reply is nearly there for so long: no second holding line cuts in ahead of it
VOICE_AGAIN_MS = 500.0  # until voices that all failed are asked again for what a reply goes on with


class CallSounds:
    """The half of ``CallMachine`` that speaks. Times are ms on the gateway's own monotonic clock."""

    def __init__(self, call_id: str, gateway_id: str, take: int) -> None:
        self.call_id, self.take = call_id, take
        self._gateway_id = gateway_id
        self._facts = 0
        self._last_tick_ms: float | None = None
        self._behind = False
        self.evicted = self.ended = self.answered = False
        self._grant: d.StandingGranted | None = None
        # the caller
        self.caller_speaking = False
        self._utterance_id = ""
        self._utterances = self._backchannels = 0
        self._unread: dict[str, bool] = {}  # facts that were put and not read back, in order → whether they supersede
        self._last_caller_seq = 0
        self._speech_ended_ms: float | None = None  # of the newest utterance
        self._subject_id = ""  # who was authenticated last
        # the turn
        self._turn_id: str | None = None
        self._utterance_of: dict[str, str] = {}  # turn -> utterance
        self._over: set[str] = set()  # turns and utterances that a closing line ended
        self._started_turns: set[str] = set()
        self._waiting: Waiting | None = None
        self._interrupted_wait: tuple[str, Waiting] | None = None  # as it stood when the newest speech began
        self._cut_off = False  # whether the newest speech stopped a reply
        self._overlap: Overlap | None = None  # the caller's voice over what plays, while it needn't stop it
        self._stopped_by: Overlap | None = None  # the one that did, until its words are final
        self._quiet_since_ms: float | None = None  # the caller's voice is silent
        self._given_up_on = False  # no word came of it in time, and the recogniser may still listen to it
        self._told, self._hesitation = False, ""  # of the newest utterance: are words told; kept back before them
        self._kept_back = False  # its newest end of turn told nobody: a filler's, or in mid-sentence
        self._unfinished: tuple[float, float | None] | None = None  # kept back: when the words ended, how sure they are
        self._owed_turn: tuple[str, str] | None = None  # of what the former gateway left unanswered: turn, utterance
        self._owed_speech: str | None = None  # what the caller was saying when it died
        # sounds
        self.playing: Sound | None = None
        self._texts: dict[str, str] = {}  # candidate -> text, of the open turn
        self._preparing: dict[str, bool] = {}  # candidate -> whether its first audio is there
        self._chosen: tuple[d.Spoken, str] | None = None  # to be started, and its turn
        self._chosen_ms = 0.0
        self._line_over_ms = 0.0  # the newest granted line was
        self._next: ReplyPieces | None = None  # what is known of the one that is to be started
        self._reply: ReplyPieces | None = None  # the one that was started and isn't over
        self._voiceless_until_ms = 0.0
        self._reply_of: dict[str, str] = {}  # sentence -> the reply that it is of, in the open turn
        self._hang_up_after: dict[str, str] = {}  # candidate -> reason
        self._closings = 0
        self._last_hold = ""  # the holding line that the caller heard last

    # --- replies ---

    def _reply_chosen(self, turn_id: str, chosen: d.Spoken, now_ms: float) -> Iterator[Command]:
        refusal = self._refusal(turn_id, chosen)
        if refusal:
            yield from self._refuse(chosen, turn_id, refusal)
            return
        self._chosen, self._next = (chosen, turn_id), ReplyPieces(chosen, turn_id)
        self._chosen_ms = now_ms
        if self._texts.get(chosen.candidate_id) != chosen.text:  # it was chosen before, and has grown since
            yield from self._discard(only=chosen.candidate_id)
        self._texts[chosen.candidate_id] = chosen.text
        if isinstance(chosen, d.CloseChosen):
            self._hang_up_after[chosen.candidate_id] = "agent_hung_up"
        elif isinstance(chosen, d.EscalationChosen):
            self._hang_up_after[chosen.candidate_id] = "handed_over"
        yield from self._discard(keep=chosen.candidate_id)
        yield from self._prepare(chosen.candidate_id)
        yield from self._start_reply(now_ms)

    def _refusal(self, turn_id: str, chosen: d.Spoken) -> str | None:
        """Why this reply may not be started, or None."""
        if chosen.take != self.take:
            return "other_take"
        if turn_id in self._started_turns:
            return "already_started"
        if turn_id in self._over or self._utterance_of.get(turn_id, "") in self._over:
            return "turn_over"
        if self.caller_speaking or any(self._unread.values()) or self._last_caller_seq > chosen.answers_through:
            return "superseded"
        return None

    def prepared(self, sound_id: str, now_ms: float) -> list[Command]:
        """The first audio of a reply is there."""
        if sound_id in self._preparing:
            self._preparing[sound_id] = True
        return [*self._start_reply(now_ms), *self._go_on(now_ms)]

    def preparation_failed(self, sound_id: str, reason: str, now_ms: float) -> list[Command]:
        """No voice could render a reply, or what it goes on with: that is waited for. Either ends at the hard mark, by the
        closing line that is rendered already."""
        self._preparing.pop(sound_id, None)
        if self._chosen and self._chosen[0].candidate_id == sound_id:
            turn_id, self._chosen, self._next = self._chosen[1], None, None
            if not (self._waiting or self.playing or self.caller_speaking):  # begun by a former gateway
                self._wait_to_go_on(turn_id, now_ms)
            return [self._put(f.SpeechFailed(candidate_id=sound_id, reason=reason, take=self.take), turn_id)]
        if self._reply and any(piece.sound_id == sound_id for piece in self._reply.ahead):
            self._voiceless_until_ms = now_ms + VOICE_AGAIN_MS
        return []

    def progressed(self, spoken_so_far: str) -> list[Command]:
        """How far the reply that plays was heard; another gateway could go on from here."""
        if self.playing is None or self.playing.kind is not SoundKind.REPLY or self.ended:
            return []
        return [self._progress(self._reply, spoken_so_far)] if self._reply else []

    def finished(self, spoken: str, now_ms: float) -> list[Command]:
        """What was playing was heard to its end."""
        sound, self.playing = self.playing, None
        if sound is None:
            return []
        if sound.kind is not SoundKind.REPLY:
            self._line_over_ms = now_ms
            if sound.kind is SoundKind.CLOSING and self._closings >= MAX_CLOSINGS:
                return [HangUp("no_service"), *self.media_ended("no_service")]
            return [*self._start_reply(now_ms), *self._go_on(now_ms)]
        if self._reply is None:
            return []
        self._reply.over(spoken)
        return list(self._go_on(now_ms, ran_dry=True))

    def broke_off(self, spoken: str, now_ms: float, *, exact: bool) -> list[Command]:
        """The voice of what was playing broke off, and all that there is of it was played: ``spoken``, known to the word or
        not. Nothing of a reply is left out: a voice is asked for the rest, and it is waited for like an answer."""
        sound, self.playing = self.playing, None
        if sound is None or self._reply is None:
            return []
        self._reply.broke_off(sound, spoken, exact=exact)
        return [*self._prepare_ahead(now_ms), *self._go_on(now_ms, ran_dry=True)]

    def stopped(self, spoken_so_far: str, now_ms: float, measured_by: str = "") -> list[Command]:
        """What was playing was silenced; only ``spoken_so_far`` of it was heard, ``measured_by`` as in the fact."""
        sound, self.playing = self.playing, None
        if self.evicted:
            return []
        if sound is None or sound.kind is not SoundKind.REPLY:
            return self._leave_reply()
        return self._leave_reply(spoken_so_far, measured_by)

    def _start_reply(self, now_ms: float) -> Iterator[Command]:
        """Starts the chosen reply if it is there and may be started now."""
        yield from self._after_a_gap(now_ms)
        if self._chosen is None or self.playing or self._behind or self.ended or self.evicted:
            return
        if self._overlap and self._overlap.voiced:  # what the caller speaks over is done: they have the word
            return
        chosen, turn_id = self._chosen
        refusal = self._refusal(turn_id, chosen)
        if refusal:
            self._chosen = self._next = None
            yield from self._discard(whole=self._whole_of(chosen.candidate_id))
            yield from self._refuse(chosen, turn_id, refusal)
            return
        if not self._preparing.get(chosen.candidate_id):
            return
        self._chosen = None
        del self._preparing[chosen.candidate_id]
        self._started_turns.add(turn_id)
        self._waiting = None
        self._closings = 0
        self.playing = Sound(SoundKind.REPLY, chosen.candidate_id, chosen.text)
        self._reply, self._next = self._next, None
        since = now_ms - self._speech_ended_ms if self._speech_ended_ms and self._utterance_of.get(turn_id) else None
        yield Start(self.playing)
        yield self._put(
            f.SpeechStarted(candidate_id=chosen.candidate_id, take=self.take, since_speech_end_ms=since), turn_id
        )
        yield from self._prepare_ahead(now_ms)

    # --- what a reply goes on with ---

    @property
    def replying(self) -> bool:
        """Whether a reply has begun and isn't over, though nothing of it may play."""
        return self._reply is not None

    @property
    def more_to_say(self) -> bool:
        """Whether something comes after what plays, or is waited for."""
        return self._reply is not None and not self._reply.last

    def _released(self, candidate_id: str, piece_id: str, text: str, now_ms: float, *, last: bool) -> Iterator[Command]:
        """The log lets the reply go on with this."""
        known = (reply for reply in (self._reply, self._next) if reply)
        reply = next((one for one in known if one.candidate_id == candidate_id and not one.complete), None)
        if reply is None:
            return
        reply.release(piece_id, text, last=last)
        yield from self._prepare_ahead(now_ms)
        yield from self._go_on(now_ms)

    def _go_on(self, now_ms: float, *, ran_dry: bool = False) -> Iterator[Command]:
        """The next piece of the reply if it is there; its end if there is none; else it is waited for."""
        reply = self._reply
        if reply is None or self.playing or self.ended or self.evicted:
            return
        if reply.ahead and self._preparing.get(reply.ahead[0].sound_id) and not self._behind:
            piece = reply.ahead.pop(0)
            del self._preparing[piece.sound_id]
            self.playing, self._waiting = piece, None
            yield Start(piece)
            yield from self._prepare_ahead(now_ms)
        elif reply.cut_short:
            self._waiting = None
            yield from self._leave_reply(only=self._whole_of(reply.candidate_id))
        elif reply.last:
            self._reply, self._waiting = None, None
            yield self._put(f.SpeechCompleted(candidate_id=reply.candidate_id, spoken=reply.said), reply.turn_id)
            reason = self._hang_up_after.get(reply.candidate_id)
            if reason:
                yield HangUp(reason)
                yield from self.media_ended(reason)
        elif ran_dry and self._grant:
            self._wait_to_go_on(reply.turn_id, now_ms)
            yield self._progress(reply, "")

    def _wait_to_go_on(self, turn_id: str, now_ms: float) -> None:
        if self._grant:
            plan, marks_ms = standing_plan(self._grant, self._utterances), self._grant.hold_marks_ms
            utterance_id = self._utterance_of.get(turn_id, "")
            self._waiting = Waiting(now_ms, utterance_id, marks_ms, plan, self._grant.hard_ms, final=True)

    def _end_here(self, now_ms: float) -> Iterator[Command]:
        """Nothing of the reply that began is said after what plays of it."""
        if self._reply:
            self._reply.end_here()
            yield from self._go_on(now_ms)

    def _prepare_ahead(self, now_ms: float) -> Iterator[Command]:
        """The next pieces, as far as voices are there and free."""
        if self._reply is None or self._reply.voiceless or now_ms < self._voiceless_until_ms:
            return
        for piece in self._reply.ahead:
            if len(self._preparing) < MAX_PREPARED - (self.playing is not None):
                self._texts[piece.sound_id] = piece.text
                yield from self._prepare(piece.sound_id)

    def _progress(self, reply: ReplyPieces, spoken: str) -> Put:
        heard = reply.heard(spoken)
        return self._put(f.SpeechProgressed(candidate_id=reply.candidate_id, spoken_so_far=heard), reply.turn_id)

    def _leave_reply(self, spoken: str = "", measured_by: str = "", *, only: str | None = None) -> list[Command]:
        """Of a reply that began, only what was heard of it counts. What is prepared goes with it: the caller has the word.
        ``only``: nothing but what is prepared of this reply."""
        reply = self._reply
        if reply is None:
            return []
        self._reply = None
        interrupted = f.SpeechInterrupted(
            candidate_id=reply.candidate_id, spoken_so_far=reply.heard(spoken), measured_by=measured_by
        )
        return [*self._discard(whole=only), self._put(interrupted, reply.turn_id)]

    # --- lines that were granted ---

    def _on_time(self, now_ms: float) -> Iterator[Command]:
        """Plays what was granted for this moment, if nobody decided in time."""
        waiting, grant = self._waiting, self._grant
        if waiting is None or grant is None or self.playing or self.caller_speaking:
            return
        since_ms = now_ms - waiting.since_ms
        if since_ms >= waiting.hard_ms:
            yield from self._close(grant.closing, since_ms)
            return
        if self._nearly_there(waiting, now_ms):
            return
        mark = waiting.due(since_ms)
        phrase = granted_line(grant, mark.phrase_id, self._last_hold) if mark else None
        if mark is None or phrase is None:
            return
        self._last_hold = phrase.phrase_id
        self.playing = Sound(SoundKind.HOLD, phrase.phrase_id, phrase.text)
        yield Start(self.playing)
        held = f.HoldingPlayed(
            phrase_id=phrase.phrase_id,
            utterance_id=waiting.utterance_id,
            mark_ms=mark.at_ms,
            since_speech_end_ms=since_ms,
            text=phrase.text,
        )
        yield self._put(held, self._turn_of(waiting.utterance_id))

    def _nearly_there(self, waiting: Waiting, now_ms: float) -> bool:
        """Whether the answer is being rendered on the heels of a line: another one would only delay it. Who has heard
        nothing yet gets theirs in time."""
        just_heard = self._line_over_ms > waiting.since_ms and now_ms - self._line_over_ms < RENDER_MS
        return just_heard and self._chosen is not None and now_ms - self._chosen_ms < RENDER_MS

    def _close(self, closing: d.GrantedPhrase, since_ms: float) -> Iterator[Command]:
        """The hard mark: starting the closing line ends the turn, and any later reply of it is refused."""
        waiting, self._waiting = self._waiting, None
        utterance_id = waiting.utterance_id if waiting else ""
        turn_id = self._turn_of(utterance_id)
        self._over |= {turn_id} if turn_id else set()
        self._over |= {utterance_id} if utterance_id else set()
        self._closings += 1
        self._reply = None
        if self._chosen:
            chosen, chosen_turn = self._chosen
            self._chosen = self._next = None
            yield from self._refuse(chosen, chosen_turn, "turn_over")
        yield from self._discard()
        self.playing = Sound(SoundKind.CLOSING, closing.phrase_id, closing.text)
        yield Start(self.playing)
        closed = f.FallbackPlayed(
            phrase_id=closing.phrase_id, utterance_id=utterance_id, since_speech_end_ms=since_ms, text=closing.text
        )
        yield self._put(closed, turn_id)

    # --- rendering ---

    def _prepare(self, candidate_id: str) -> Iterator[Command]:
        if candidate_id not in self._preparing and candidate_id in self._texts:
            self._preparing[candidate_id] = False
            yield Prepare(Sound(SoundKind.REPLY, candidate_id, self._texts[candidate_id]))

    def _discard(
        self, *, keep: str | None = None, only: str | None = None, whole: str | None = None
    ) -> Iterator[Command]:
        """``keep``: a reply that stays, with its sentences; ``whole``: one that goes, with its sentences."""
        for candidate_id in list(self._preparing):
            kept = keep is not None and self._whole_of(candidate_id) == self._whole_of(keep)
            named = only in (None, candidate_id) and whole in (None, self._whole_of(candidate_id))
            if named and not kept:
                del self._preparing[candidate_id]
                yield Discard(candidate_id)
                characters = len(self._texts.get(candidate_id, ""))
                yield self._put(f.RenderingWasted(candidate_id=candidate_id, characters=characters), self._turn_id)

    def _whole_of(self, candidate_id: str) -> str:
        return self._reply_of.get(candidate_id, candidate_id)

    def _refuse(self, chosen: d.Spoken, turn_id: str, reason: str) -> Iterator[Command]:
        yield self._put(f.ReplyRefused(candidate_id=chosen.candidate_id, reason=reason), turn_id)

    # --- the call ---

    def media_ended(self, reason: str = "caller_hung_up") -> list[Command]:
        if self.ended or self.evicted:
            return []
        commands: list[Command] = [Stop()] if self.playing else self._leave_reply()
        self.ended = True
        return [*commands, self._put(f.CallEnded(reason=reason))]

    def _after_a_gap(self, now_ms: float) -> Iterator[Command]:
        """The loop stood still: what was decided meanwhile must be read first. Whatever wakes up first looks, not only
        the tick."""
        if self._last_tick_ms is not None and now_ms - self._last_tick_ms > GAP_MS and not self._behind:
            self._behind = True
            yield CatchUp()

    def caught_up(self, now_ms: float) -> list[Command]:
        self._behind = False
        return [*self._start_reply(now_ms), *self._go_on(now_ms)]

    def _turn_of(self, utterance_id: str) -> str | None:
        if not utterance_id:
            return self._turn_id
        return next((t for t, u in reversed(self._utterance_of.items()) if u == utterance_id), None)

    def _put(self, payload: Fact, turn_id: str | None = None) -> Put:
        self._facts += 1
        event_id = derived_id(self.call_id, "gateway", self._gateway_id, self.take, self._facts)
        self._unread[event_id] = payload.SUPERSEDES
        return Put(event_id, payload, turn_id)
