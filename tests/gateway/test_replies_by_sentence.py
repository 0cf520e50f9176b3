"""A reply whose sentences come from the log one by one: in order, once, none that wasn't released, and honestly ended."""

from __future__ import annotations

from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact
from tests.gateway.test_call_machine import answered, puts, replies_started
from voice_gateway.commands import Command, Discard, Prepare, SoundKind, Start, Stop
from voice_gateway.reply_pieces import MAX_BREAKS

REPLY = "t1.s1.answer.fees.0"
FIRST = f"{REPLY}.0"


class Said:
    """A reply of ``t1`` that has begun with its first sentence."""

    def __init__(self, subject_id: str = "") -> None:
        self.machine, self.log = answered()
        self.now_ms = 0.0
        self.commands: list[Command] = []
        if subject_id:
            self.authenticates(subject_id)
        opened = d.TurnOpened(
            cause="utterance",
            utterance_id="u1.1",
            speech_ended_at_us=0,
            hold_marks_ms=(900,),
            holding=("h1",),
            give_up_ms=4000,
            hard_ms=5000,
        )
        self.passes(1000)
        self.log.read_back(self.machine.utterance_ended("What does it cost?", 800.0, self.now_ms, 0.9), self.now_ms)
        self.read(opened)
        self.read(formed(FIRST, "It is free.", 0))
        self.read(d.CandidateAccepted(candidate_id=FIRST))
        self.read(chosen("It is free.", self.log.seq))
        self.prepared(FIRST)

    def do(self, commands: list[Command]) -> list[Command]:
        self.commands += commands
        return commands

    def authenticates(self, subject_id: str, level: str = "known") -> list[Command]:
        there = f.SubjectAuthenticated(subject_id=subject_id, level=level, method="simulated")
        return self.do(self.log.read(there, self.now_ms))

    def read(self, payload: d.Decision) -> list[Command]:
        return self.do(self.log.read(payload, self.now_ms, turn_id="t1"))

    def prepared(self, sound_id: str) -> list[Command]:
        return self.do(self.machine.prepared(sound_id, self.now_ms))

    def finished(self, text: str) -> list[Command]:
        return self.do(self.machine.finished(text, self.now_ms))

    def broke_off(self, heard: str, *, exact: bool) -> list[Command]:
        return self.do(self.machine.broke_off(heard, self.now_ms, exact=exact))

    def passes(self, ms: float) -> list[Command]:
        """Time, in ticks."""
        came: list[Command] = []
        for _ in range(int(ms / 50)):
            self.now_ms += 50
            came += self.do(self.machine.tick(self.now_ms))
        return came

    def facts(self, kind: type[Fact]) -> list[Fact]:
        return [put.payload for put in puts(self.commands) if isinstance(put.payload, kind)]

    def spoken(self) -> list[str]:
        return [c.sound.text for c in self.commands if isinstance(c, Start) and c.sound.kind is SoundKind.REPLY]


def formed(candidate_id: str, text: str, sentence: int) -> d.CandidateFormed:
    return d.CandidateFormed(
        candidate_id=candidate_id,
        speculation=1,
        intent="fees",
        action="answer",
        origin="model",
        text=text,
        reply=REPLY,
        sentence=sentence,
    )


def chosen(text: str, answers_through: int) -> d.ReplyChosen:
    return d.ReplyChosen(
        candidate_id=FIRST,
        text=text,
        intent="fees",
        answers_through=answers_through,
        take=1,
        action="answer",
        more=True,
    )


def released(number: int, text: str, *, last: bool = False) -> d.SentenceReleased:
    sentence_id = REPLY if last else f"{REPLY}.{number}"
    return d.SentenceReleased(candidate_id=FIRST, sentence_id=sentence_id, text=text, last=last)


def test_sentences_follow_each_other_and_the_reply_is_completed_once() -> None:
    said = Said()
    assert replies_started(said.commands) == [FIRST]
    assert said.read(released(1, "It comes by post.")) != []  # rendered while the first one plays
    said.prepared(f"{REPLY}.1")
    assert said.spoken() == ["It is free."]  # one sound at a time
    said.finished("It is free.")
    said.read(released(2, "Anything else?", last=True))
    said.prepared(REPLY)
    assert said.facts(f.SpeechCompleted) == []
    said.finished("It comes by post.")
    said.finished("Anything else?")
    assert said.spoken() == ["It is free.", "It comes by post.", "Anything else?"]
    whole = "It is free. It comes by post. Anything else?"
    assert said.facts(f.SpeechCompleted) == [f.SpeechCompleted(candidate_id=FIRST, spoken=whole)]
    assert len(said.facts(f.SpeechStarted)) == 1
    assert not said.machine.replying


def test_nothing_is_said_that_was_formed_and_not_released() -> None:
    said = Said()
    said.read(formed(f"{REPLY}.1", "Buy shares.", 1))
    said.read(d.CandidateAccepted(candidate_id=f"{REPLY}.1"))
    said.prepared(f"{REPLY}.1")
    said.finished("It is free.")
    said.passes(500)
    assert said.spoken() == ["It is free."]
    assert said.facts(f.SpeechCompleted) == []


def test_a_reply_that_waits_for_its_next_sentence_is_held_and_then_closed() -> None:
    said = Said()
    said.finished("It is free.")
    assert said.facts(f.SpeechProgressed) == [f.SpeechProgressed(candidate_id=FIRST, spoken_so_far="It is free.")]
    held = said.passes(950)
    assert [c.sound.kind for c in held if isinstance(c, Start)] == [SoundKind.HOLD]
    said.finished("One moment.")
    closed = said.passes(4200)
    assert [c.sound.kind for c in closed if isinstance(c, Start)] == [SoundKind.CLOSING]
    said.finished("Please call again.")
    said.read(released(1, "It comes by post.", last=True))
    said.prepared(REPLY)
    assert said.spoken() == ["It is free."]  # the closing line ended the turn


def test_a_sentence_that_comes_while_a_holding_line_plays_follows_it() -> None:
    said = Said()
    said.finished("It is free.")
    said.passes(950)
    said.read(released(1, "It comes by post.", last=True))
    said.prepared(REPLY)
    assert said.spoken() == ["It is free."]
    said.finished("One moment.")
    assert said.spoken() == ["It is free.", "It comes by post."]


def test_a_reply_that_is_cut_ends_with_its_repair() -> None:
    said = Said()
    said.read(d.ReplyCut(candidate_id=FIRST, reason="stalled", repair="Sorry.", guarded_by=()))
    said.prepared(f"{FIRST}.repair")
    said.finished("It is free.")
    said.finished("Sorry.")
    assert said.spoken() == ["It is free.", "Sorry."]
    assert said.facts(f.SpeechCompleted) == [f.SpeechCompleted(candidate_id=FIRST, spoken="It is free. Sorry.")]


def test_a_reply_that_is_cut_without_a_repair_ends_where_it_stands() -> None:
    said = Said()
    said.finished("It is free.")
    said.read(d.ReplyCut(candidate_id=FIRST, reason="stalled", repair="", guarded_by=()))
    assert said.facts(f.SpeechCompleted) == [f.SpeechCompleted(candidate_id=FIRST, spoken="It is free.")]


def test_who_interrupts_in_the_second_sentence_heard_the_first_one_and_a_part() -> None:
    said = Said()
    said.read(released(1, "It comes by post.", last=True))
    said.prepared(REPLY)
    said.finished("It is free.")
    stop = said.do(said.machine.speech_began(said.now_ms))
    assert any(isinstance(command, Stop) for command in stop)
    said.do(said.machine.stopped("It comes", said.now_ms))
    assert said.facts(f.SpeechInterrupted) == [
        f.SpeechInterrupted(candidate_id=FIRST, spoken_so_far="It is free. It comes")
    ]
    assert not said.machine.replying


def test_who_speaks_while_a_reply_waits_for_its_next_sentence_ends_it() -> None:
    said = Said()
    said.finished("It is free.")
    said.do(said.machine.speech_began(said.now_ms))
    assert said.facts(f.SpeechInterrupted) == [f.SpeechInterrupted(candidate_id=FIRST, spoken_so_far="It is free.")]
    said.read(released(1, "It comes by post.", last=True))
    said.prepared(REPLY)
    assert said.spoken() == ["It is free."]


def test_where_no_voice_has_the_next_sentence_one_is_asked_again_and_nothing_is_left_out() -> None:
    said = Said()
    said.read(released(1, "It comes by post."))
    said.do(said.machine.preparation_failed(f"{REPLY}.1", "unavailable", said.now_ms))
    said.read(released(2, "Anything else?", last=True))
    said.finished("It is free.")
    assert [c.sound.text for c in said.passes(450) if isinstance(c, Prepare)] == []
    again = [c.sound.text for c in said.passes(100) if isinstance(c, Prepare)]
    assert again == ["It comes by post.", "Anything else?"]
    said.prepared(REPLY)
    assert said.spoken() == ["It is free."]
    said.prepared(f"{REPLY}.1")
    said.finished("It comes by post.")
    said.finished("Anything else?")
    assert said.spoken() == ["It is free.", "It comes by post.", "Anything else?"]


def test_a_reply_for_which_no_voice_comes_back_is_held_and_closed_with_what_was_heard_told() -> None:
    said = Said()
    said.read(released(1, "It comes by post.", last=True))
    said.prepared(REPLY)
    said.finished("It is free.")
    said.broke_off("It comes", exact=True)
    for _ in range(10):
        said.do(said.machine.preparation_failed(REPLY, "unavailable", said.now_ms))
        said.passes(550)
        if said.machine.playing:
            said.finished(said.machine.playing.text)
    assert said.facts(f.SpeechProgressed)[-1] == f.SpeechProgressed(
        candidate_id=FIRST, spoken_so_far="It is free. It comes"
    )
    assert len(said.facts(f.FallbackPlayed)) == 1
    assert said.facts(f.SpeechCompleted) == []


def test_a_sentence_that_broke_off_goes_on_at_the_next_word_before_the_one_behind_it() -> None:
    said = Said()
    said.read(released(1, "It comes by post."))
    said.prepared(f"{REPLY}.1")
    said.finished("It is free.")
    said.read(released(2, "Anything else?", last=True))
    said.prepared(REPLY)
    rest = [c.sound for c in said.broke_off("It comes", exact=True) if isinstance(c, Prepare)]
    assert [sound.text for sound in rest] == ["by post."]
    said.passes(200)
    said.prepared(f"{REPLY}.1")
    said.finished("by post.")
    said.finished("Anything else?")
    assert said.spoken() == ["It is free.", "It comes by post.", "by post.", "Anything else?"]
    whole = "It is free. It comes by post. Anything else?"
    assert said.facts(f.SpeechCompleted) == [f.SpeechCompleted(candidate_id=FIRST, spoken=whole)]


def test_where_it_is_unknown_how_far_it_was_heard_the_broken_sentence_is_said_again() -> None:
    said = Said()
    said.read(released(1, "It comes by post. Next week, we think.", last=True))
    said.prepared(REPLY)
    said.finished("It is free.")
    said.broke_off("It comes by post. Next week,", exact=False)
    said.prepared(REPLY)
    assert said.spoken()[-1] == "Next week, we think."
    said.do(said.machine.speech_began(said.now_ms))
    said.do(said.machine.stopped("Next", said.now_ms))
    heard = "It is free. It comes by post. Next week,"  # the first time is heard too
    assert said.facts(f.SpeechInterrupted) == [f.SpeechInterrupted(candidate_id=FIRST, spoken_so_far=heard)]


def test_a_reply_breaks_off_in_its_first_sentence_and_still_begins_once() -> None:
    said = Said()
    said.broke_off("It", exact=True)
    said.prepared(FIRST)
    said.finished("is free.")
    said.read(released(1, "It comes by post.", last=True))
    said.prepared(REPLY)
    said.finished("It comes by post.")
    assert len(said.facts(f.SpeechStarted)) == 1
    whole = "It is free. It comes by post."
    assert said.facts(f.SpeechCompleted) == [f.SpeechCompleted(candidate_id=FIRST, spoken=whole)]


def test_a_voice_that_breaks_off_again_and_again_is_asked_no_more() -> None:
    said = Said()
    for _ in range(MAX_BREAKS):
        said.broke_off("", exact=True)
        said.prepared(FIRST)
    assert [c for c in said.broke_off("", exact=True) if isinstance(c, Prepare)] == []
    closed = said.passes(5100)
    said.finished("One moment.")
    closed += said.passes(5100)
    assert SoundKind.CLOSING in [c.sound.kind for c in closed if isinstance(c, Start)]
    assert said.facts(f.SpeechCompleted) == []


def test_who_speaks_when_the_voice_breaks_off_has_the_word() -> None:
    said = Said()
    said.read(released(1, "It comes by post.", last=True))
    said.prepared(REPLY)
    said.finished("It is free.")
    said.broke_off("It comes", exact=True)
    said.do(said.machine.speech_began(said.now_ms))
    said.prepared(REPLY)
    assert said.spoken() == ["It is free.", "It comes by post."]
    heard = "It is free. It comes"
    assert said.facts(f.SpeechInterrupted) == [f.SpeechInterrupted(candidate_id=FIRST, spoken_so_far=heard)]


def test_a_candidate_may_be_rendered_before_its_verdict_and_leaves_only_after_its_choice() -> None:
    machine, log = answered()
    log.read(
        d.TurnOpened(
            cause="utterance",
            utterance_id="u1.1",
            speech_ended_at_us=0,
            hold_marks_ms=(),
            holding=(),
            give_up_ms=4000,
            hard_ms=5000,
        ),
        0.0,
        turn_id="t1",
    )
    ahead = d.CandidateFormed(
        candidate_id=REPLY,
        speculation=1,
        intent="fees",
        action="answer",
        origin="model",
        text="It is free.",
        render_ahead=True,
    )
    commands = log.read(ahead, 0.0, turn_id="t1")
    assert [c.sound.sound_id for c in commands if isinstance(c, Prepare)] == [REPLY]
    assert machine.prepared(REPLY, 0.0) == []


def test_the_next_piece_waits_until_the_log_was_read_after_a_standstill() -> None:
    said = Said()
    said.read(released(1, "It comes by post.", last=True))
    said.prepared(REPLY)
    said.now_ms += 500
    said.do(said.machine.tick(said.now_ms))
    said.finished("It is free.")
    assert said.spoken() == ["It is free."]
    said.do(said.machine.caught_up(said.now_ms))
    assert said.spoken() == ["It is free.", "It comes by post."]


def test_what_is_left_of_a_reply_is_not_begun_for_somebody_else() -> None:
    said = Said("ada")
    said.read(released(1, "It comes by post.", last=True))
    said.broke_off("It is", exact=True)
    said.prepared(REPLY)
    said.authenticates("ben")
    said.prepared(FIRST)
    said.passes(2000)
    assert said.spoken() == ["It is free."]
    assert said.facts(f.SpeechInterrupted) == [f.SpeechInterrupted(candidate_id=FIRST, spoken_so_far="It is")]


def test_what_plays_when_somebody_else_comes_is_the_last_of_its_reply() -> None:
    said = Said("ada")
    said.read(released(1, "It comes by post.", last=True))
    said.prepared(REPLY)
    said.authenticates("ben")
    assert said.facts(f.SpeechInterrupted) == []
    said.finished("It is free.")
    assert said.spoken() == ["It is free."]
    assert said.facts(f.SpeechInterrupted) == [f.SpeechInterrupted(candidate_id=FIRST, spoken_so_far="It is free.")]


def test_who_gains_a_level_or_was_nobody_hears_the_reply_to_its_end() -> None:
    for before in ("ada", ""):
        said = Said(before)
        said.read(released(1, "It comes by post.", last=True))
        said.prepared(REPLY)
        said.authenticates("ada", "verified")
        said.finished("It is free.")
        said.finished("It comes by post.")
        assert said.spoken() == ["It is free.", "It comes by post."]
        assert len(said.facts(f.SpeechCompleted)) == 1


def test_a_reply_whose_turn_ended_before_its_broken_piece_was_said_anew_is_told_as_cut_off() -> None:
    said = Said()
    said.read(released(1, "", last=True))
    said.broke_off("It is", exact=True)
    said.read(d.TurnEnded(outcome="reply", candidate_id=FIRST, interrupted=True))
    said.prepared(FIRST)
    assert said.spoken() == ["It is free."]
    assert said.facts(f.SpeechInterrupted) == [f.SpeechInterrupted(candidate_id=FIRST, spoken_so_far="It is")]
    assert said.facts(f.SpeechCompleted) == []


def test_what_plays_when_its_turn_has_ended_is_the_last_of_its_reply_and_not_gone_on_with() -> None:
    said = Said()
    said.read(released(1, "It comes by post.", last=True))
    said.prepared(REPLY)
    said.read(d.TurnEnded(outcome="reply", candidate_id=FIRST, interrupted=True))
    over = said.broke_off("It", exact=True)
    assert [c.sound_id for c in over if isinstance(c, Discard)] == [REPLY]
    said.passes(1000)
    assert said.spoken() == ["It is free."]
    assert said.facts(f.SpeechInterrupted) == [f.SpeechInterrupted(candidate_id=FIRST, spoken_so_far="It")]
    assert said.facts(f.SpeechCompleted) == []


def test_a_reply_that_was_said_to_its_end_is_completed_though_its_turn_has_ended() -> None:
    said = Said()
    said.read(released(1, "", last=True))
    said.read(d.TurnEnded(outcome="reply", candidate_id=FIRST))
    said.finished("It is free.")
    assert said.facts(f.SpeechCompleted) == [f.SpeechCompleted(candidate_id=FIRST, spoken="It is free.")]
    assert said.facts(f.SpeechInterrupted) == []
