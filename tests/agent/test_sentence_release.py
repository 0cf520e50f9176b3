"""A reply that starts with its first sentence: what lets it start, go on and end, and how it is cut short honestly."""

from __future__ import annotations

import msgspec
import pytest
from pydantic import ValidationError

from agent_core.behaviour import Behaviour, GuardrailSetting
from agent_core.hedging import Hedge, Hedging
from agent_core.release import Release
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Payload
from simulation.small_bank import FORBIDDEN, small_bank
from tests.agent.told_by_hand import BANK, Call, of

REPAIR = "Sorry, I have to leave it there."
ONE, TWO, THREE = "I have blocked your card.", "A new one is on its way.", "Is there anything else?"
WHOLE = f"{ONE} {TWO} {THREE}"


def by_sentence(**changes: object) -> Behaviour:
    routing = BANK.routing.model_copy(update={"attempts": 2})
    release = Release(by="sentence", repair=REPAIR)
    return BANK.model_copy(update={"release": release, "routing": routing} | changes)


class Streamed:
    """A call in which the caller lost a card, if nothing else is said, and the model's answers come by sentence."""

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        final: bool = True,
        says: str = "I lost my card",
        intent: str = "lost_card",
    ) -> None:
        self.call = Call(behaviour or by_sentence())
        told = self.call.told(f.UtteranceHeard(utterance_id="u1", text=says, final=final, since_speech_end_ms=200.0))
        while asks := [a for a in self.call.open_asks() if not isinstance(a.payload, d.CompletionAsked)]:
            told += self.call.answer(asks[0], intent)
        (self.ask,) = self.call.open_asks()

    def sentence(self, index: int, text: str, *, attempt: int = 0, last: bool = False) -> list[Payload]:
        return self.call.told(
            f.SentenceReturned(
                ask_id=self.ask.ask_id,
                attempt=attempt,
                index=index,
                last=last,
                text=text,
                provider="p",
                model="m",
                elapsed_ms=1.0,
            )
        )

    def whole(self, text: str = WHOLE, *, attempt: int = 0) -> list[Payload]:
        return self.call.told(
            f.CompletionReturned(ask_id=self.ask.ask_id, attempt=attempt, text=text, provider="p", model="m")
        )

    def fails(self, attempt: int = 0) -> list[Payload]:
        return self.call.told(f.EffectFailed(ask_id=self.ask.ask_id, attempt=attempt, reason="timed_out"))

    @property
    def reply(self) -> str:
        return f"{self.ask.ask_id}.0.0"

    def started(self) -> list[Payload]:
        return self.call.told(f.SpeechStarted(candidate_id=self.reply, take=1))

    def running(self) -> set[int]:
        """The attempts that are still wanted."""
        ask = self.call.conversation.asks[self.ask.ask_id]
        return set(range(ask.attempts)) - ask.done if ask.open else set()


def test_a_reply_starts_with_its_first_sentence_and_goes_on_as_the_next_ones_pass() -> None:
    streamed = Streamed()
    (chosen,) = of(d.ReplyChosen, streamed.sentence(0, ONE))
    assert (chosen.candidate_id, chosen.text, chosen.more) == (streamed.reply, ONE, True)
    assert streamed.running() == {0}  # its siblings lost
    (second,) = of(d.SentenceReleased, streamed.sentence(1, TWO))
    assert (second.candidate_id, second.text, second.last) == (streamed.reply, TWO, False)
    assert of(d.SentenceReleased, streamed.sentence(2, THREE, last=True)) == []  # the whole is judged first
    (last,) = of(d.SentenceReleased, streamed.whole())
    assert (last.text, last.last) == (THREE, True)
    streamed.started()
    (ended,) = of(d.TurnEnded, streamed.call.told(f.SpeechCompleted(candidate_id=streamed.reply, spoken=WHOLE)))
    assert ended.outcome == "reply"
    assert streamed.call.conversation.transcript[-1].text == WHOLE


def test_an_answer_of_one_sentence_waits_for_every_guardrail() -> None:
    streamed = Streamed()
    assert of(d.CandidateFormed, streamed.sentence(0, ONE, last=True)) == []
    (chosen,) = of(d.ReplyChosen, streamed.whole(ONE))
    assert (chosen.text, chosen.more) == (ONE, False)


def test_a_sentence_that_comes_out_of_order_or_from_a_loser_is_never_released() -> None:
    streamed = Streamed()
    assert streamed.sentence(1, TWO) == []
    streamed.sentence(0, ONE)
    assert streamed.sentence(2, THREE) == []
    assert streamed.sentence(0, TWO, attempt=1) == []
    assert streamed.sentence(1, TWO, attempt=1) == []


def test_what_is_released_is_what_was_formed_before_the_choice_too() -> None:
    streamed = Streamed(final=False)
    streamed.sentence(0, ONE)
    streamed.sentence(1, TWO)
    streamed.whole()
    decided = streamed.call.told(
        f.UtteranceHeard(utterance_id="u1", text="I lost my card", final=True, since_speech_end_ms=200.0)
    )
    (chosen,) = of(d.ReplyChosen, decided)
    assert chosen.text == ONE
    assert [(r.text, r.last) for r in of(d.SentenceReleased, decided)] == [(TWO, False), (THREE, True)]
    assert of(d.CandidateDropped, decided) == []


@pytest.mark.parametrize("blocked", FORBIDDEN)
def test_a_blocked_sentence_is_never_released_and_the_reply_is_repaired(blocked: str) -> None:
    streamed = Streamed()
    streamed.sentence(0, ONE)
    streamed.started()
    decided = streamed.sentence(1, blocked)
    assert of(d.SentenceReleased, decided) == []
    (cut,) = of(d.ReplyCut, decided)
    assert cut.reason.startswith("blocked:")
    assert cut.repair == REPAIR
    assert streamed.running() == set()
    assert streamed.whole(f"{ONE} {blocked} {TWO}") == []
    said = f"{ONE} {REPAIR}"
    (ended,) = of(d.TurnEnded, streamed.call.told(f.SpeechCompleted(candidate_id=streamed.reply, spoken=said)))
    assert ended.outcome == "reply"


def test_a_whole_that_is_blocked_cuts_the_reply_before_its_last_sentence() -> None:
    streamed = Streamed()
    streamed.sentence(0, ONE)
    streamed.sentence(1, FORBIDDEN[2], last=True)
    decided = streamed.whole(f"{ONE} {FORBIDDEN[2]}")
    assert of(d.SentenceReleased, decided) == []
    assert len(of(d.ReplyCut, decided)) == 1


def test_a_stream_that_fails_in_mid_reply_cuts_it_and_says_why() -> None:
    streamed = Streamed()
    streamed.sentence(0, ONE)
    streamed.started()
    (cut,) = of(d.ReplyCut, streamed.fails())
    assert (cut.reason, cut.repair) == ("timed_out", REPAIR)


def test_a_stream_that_fails_before_the_choice_leaves_the_turn_to_its_sibling() -> None:
    streamed = Streamed(final=False)
    streamed.sentence(0, ONE)
    (dropped,) = of(d.CandidateDropped, streamed.fails())
    assert dropped.reason == "cut_short:timed_out"
    assert streamed.running() == {1}
    streamed.sentence(0, TWO, attempt=1)
    decided = streamed.call.told(
        f.UtteranceHeard(utterance_id="u1", text="I lost my card", final=True, since_speech_end_ms=200.0)
    )
    (chosen,) = of(d.ReplyChosen, decided)
    assert chosen.text == TWO


def test_a_stream_that_fails_behind_its_first_sentence_is_hedged_as_one_that_fails_before_it() -> None:
    hedging = Hedging(answer=Hedge(now=1, late=1))
    routing = BANK.routing.model_copy(update={"attempts": 1, "hedging": hedging})
    streamed = Streamed(by_sentence(routing=routing), final=False)
    streamed.sentence(0, ONE)
    (again,) = of(d.AttemptAsked, streamed.fails())
    assert (again.attempt, again.reason) == (1, "failed")


def test_a_sentence_that_is_blocked_before_the_choice_takes_its_answer_with_it() -> None:
    streamed = Streamed(final=False)
    streamed.sentence(0, ONE)
    dropped = of(d.CandidateDropped, streamed.sentence(1, FORBIDDEN[0]))
    assert {candidate.candidate_id for candidate in dropped} == {streamed.reply, f"{streamed.ask.ask_id}.0.1"}
    assert streamed.running() == {1}
    assert of(d.CandidateFormed, streamed.whole(f"{ONE} {FORBIDDEN[0]}")) == []


def test_a_stream_that_stalls_in_mid_reply_is_waited_for_as_long_as_a_first_word() -> None:
    streamed = Streamed()
    (timer,) = of(d.TimerSet, streamed.sentence(0, ONE))
    assert timer.purpose == "sentence"
    assert timer.due_at_us == round(len(ONE) * 65.0 * 1000) + BANK.budget.hold_marks_ms[0] * 1000
    streamed.started()
    assert timer.timer_id in streamed.call.conversation.timers
    streamed.sentence(1, TWO)
    assert of(d.ReplyCut, streamed.call.told(f.TimerFired(timer_id=timer.timer_id, purpose="sentence"))) == []
    (later,) = (t for t in streamed.call.conversation.timers.values() if t.purpose == "sentence")
    (cut,) = of(d.ReplyCut, streamed.call.told(f.TimerFired(timer_id=later.timer_id, purpose="sentence")))
    assert cut.reason == "stalled"


def test_a_new_owner_cuts_the_reply_whose_stream_died_with_the_former_one() -> None:
    streamed = Streamed()
    streamed.sentence(0, ONE)
    decided = streamed.call.told(f.OwnerChanged(epoch=2))
    (cut,) = of(d.ReplyCut, decided)
    assert cut.reason == "owner_changed"
    assert of(d.AskRepeated, decided) == []


def test_sentences_of_two_runs_never_make_one_reply() -> None:
    streamed = Streamed(final=False)
    streamed.sentence(0, ONE)
    decided = streamed.call.told(f.OwnerChanged(epoch=2))
    (dropped,) = of(d.CandidateDropped, decided)
    assert dropped.reason == "run_lost"
    assert streamed.sentence(1, TWO) == []
    (formed,) = of(d.CandidateFormed, streamed.sentence(0, THREE))
    assert formed.reply.endswith(".g1")


def test_what_follows_is_not_said_to_another_subject() -> None:
    streamed = Streamed()
    streamed.call.signs_in("ada")
    streamed.sentence(0, ONE)
    streamed.started()
    decided = streamed.call.signs_in("ben")
    (cut,) = of(d.ReplyCut, decided)
    assert cut.reason == "other_subject"
    assert of(d.SentenceReleased, streamed.sentence(1, TWO)) == []


def test_a_reply_that_was_refused_is_chosen_again_with_all_that_was_released() -> None:
    streamed = Streamed()
    streamed.sentence(0, ONE)
    streamed.sentence(1, TWO)
    (again,) = of(d.ReplyChosen, streamed.call.told(f.ReplyRefused(candidate_id=streamed.reply, reason="superseded")))
    assert (again.text, again.more) == (f"{ONE} {TWO}", True)
    (last,) = of(d.SentenceReleased, streamed.whole())
    assert (last.text, last.last) == (THREE, True)


def test_a_reply_that_is_cut_off_before_all_of_it_was_known_goes_on_with_the_repair() -> None:
    streamed = Streamed()
    streamed.sentence(0, ONE)
    streamed.started()
    streamed.call.told(f.CallerSpeechStarted(utterance_id="u2"))
    streamed.call.told(f.SpeechInterrupted(candidate_id=streamed.reply, spoken_so_far="I have"))
    (resumed,) = of(d.CandidateFormed, streamed.call.told(f.CallerSpeechDismissed(utterance_id="u2")))
    assert resumed.text == f"blocked your card. {REPAIR}"


def test_a_step_that_was_cut_short_was_not_said() -> None:
    noted, asks_for_app = "I have noted your journey.", "Have you got your app at hand?"
    streamed = Streamed(says="I am going abroad", intent="travel")
    streamed.sentence(0, noted)
    streamed.started()
    streamed.fails()
    streamed.call.told(f.SpeechCompleted(candidate_id=streamed.reply, spoken=f"{noted} {REPAIR}"))
    assert streamed.call.conversation.procedures == {}
    whole = Streamed(says="I am going abroad", intent="travel")
    whole.sentence(0, noted)
    whole.sentence(1, asks_for_app, last=True)
    whole.whole(f"{noted} {asks_for_app}")
    whole.started()
    whole.call.told(f.SpeechCompleted(candidate_id=whole.reply, spoken=f"{noted} {asks_for_app}"))
    assert whole.call.conversation.procedures == {"travel": 1}


def test_a_whole_that_does_not_begin_with_what_was_said_is_not_said_behind_it() -> None:
    streamed = Streamed()
    streamed.sentence(0, ONE)
    streamed.started()
    decided = streamed.whole(f"{TWO} {THREE}")
    assert of(d.SentenceReleased, decided) == []
    assert [(cut.reason, cut.repair) for cut in of(d.ReplyCut, decided)] == [("not_its_sentences", REPAIR)]


def test_a_reply_goes_on_though_an_attempt_that_lost_to_it_fails() -> None:
    streamed = Streamed()
    streamed.sentence(0, ONE)
    streamed.started()
    assert of(d.ReplyCut, streamed.fails(attempt=1)) == []
    assert [released.text for released in of(d.SentenceReleased, streamed.sentence(1, TWO))] == [TWO]


def test_a_repair_that_a_guardrail_blocks_is_not_said() -> None:
    streamed = Streamed(by_sentence(release=Release(by="sentence", repair=FORBIDDEN[1])))
    streamed.sentence(0, ONE)
    streamed.started()
    (cut,) = of(d.ReplyCut, streamed.fails())
    assert cut.repair == ""


@pytest.mark.parametrize(("reason", "again"), [("unavailable", 1), ("refused", 0)])
def test_what_was_refused_behind_its_first_sentence_is_not_asked_again(reason: str, again: int) -> None:
    routing = BANK.routing.model_copy(update={"attempts": 1, "hedging": Hedging(answer=Hedge(now=1, late=1))})
    streamed = Streamed(by_sentence(routing=routing), final=False)
    streamed.sentence(0, ONE)
    decided = streamed.call.told(f.EffectFailed(ask_id=streamed.ask.ask_id, attempt=0, reason=reason))
    assert len(of(d.AttemptAsked, decided)) == again


def test_a_guardrail_that_holds_the_release_makes_it_whole() -> None:
    guardrails = tuple(
        g.model_copy(update={"holds_release": True}) if g.name == "grounding" else g for g in BANK.guardrails
    )
    streamed = Streamed(by_sentence(guardrails=guardrails))
    assert streamed.sentence(0, ONE) == []
    (chosen,) = of(d.ReplyChosen, streamed.whole())
    assert (chosen.text, chosen.more) == (WHOLE, False)


@pytest.mark.parametrize(("holds", "sentences"), [(None, 0), (False, 1)])
def test_a_required_guest_is_heard_before_the_first_word_unless_behaviour_says_otherwise(
    holds: bool | None, sentences: int
) -> None:
    guest = GuardrailSetting(
        name="compliance", means="guest", budget_ms=300, silence="block", judges="models", holds_release=holds
    )
    streamed = Streamed(by_sentence(guardrails=(*BANK.guardrails, guest)))
    decided = streamed.sentence(0, ONE)
    assert len(of(d.ReplyChosen, decided)) == sentences
    assert of(d.GuestAsked, decided) == []
    asked = of(d.GuestAsked, streamed.whole())
    assert len(asked) == 1
    (timer,) = (t for t in streamed.call.conversation.timers.values() if t.purpose == "guest")
    silent = streamed.call.told(f.TimerFired(timer_id=timer.timer_id, purpose="guest"))
    assert of(d.SentenceReleased, silent) == []
    assert len(of(d.ReplyCut, silent)) == sentences


def test_by_sentence_needs_an_approved_repair() -> None:
    with pytest.raises(ValidationError, match="repair"):
        Release(by="sentence")


def test_behaviours_without_a_release_keep_their_content_hash() -> None:
    written = msgspec.json.decode(small_bank().canonical())
    assert "release" not in written
    assert not any("holds_release" in guardrail for guardrail in written["guardrails"])
