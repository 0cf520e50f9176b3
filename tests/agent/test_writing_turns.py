"""A tool that changes something: proposed, read back, approved, done step by step, undone, told; over turns and owners."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from pydantic import ValidationError
from told_by_hand import BANK, Call, of, signed_in

from agent_core.assent import Assent, AssentWords, assent
from agent_core.conversation import Ask
from agent_core.proposal import proposal_digest
from schemas import decisions as d
from schemas import facts as f
from schemas import proving as p
from schemas import writing as w
from schemas.base import Payload

STATE = '{"card":"card","ending":"1111"}'
(BLOCK,) = (intent for intent in BANK.intents if intent.name == "block")
(REPLACE,) = (intent for intent in BANK.intents if intent.name == "replace")
READ_BACK = "Shall your card ending in 1111 be blocked?"


def chosen(decided: list[Payload]) -> list[tuple[str, str]]:
    return [(reply.action, reply.text) for reply in of(d.ReplyChosen, decided)]


def found(call: Call, state: str = STATE) -> list[Payload]:
    ask, asked = call.asked(d.ToolRequested)
    return call.told(f.ToolReturned(ask_id=ask.ask_id, attempt=0, tool=asked.tool, result=state))


def proposed(intent: str = "block", asks: str = "Block my card") -> Call:
    """The read-back was heard to its end."""
    call = Call(BANK, signed_in("ada", "stepped_up"))
    call.says(asks, intent)
    found(call)
    call.hears_reply()
    return call


def approved(intent: str = "block", asks: str = "Block my card") -> Call:
    call = proposed(intent, asks)
    assert of(w.WriteApproved, call.says("Yes please", "other"))
    return call


def returned(call: Call, result: str = '{"reference":"r 1"}') -> list[Payload]:
    ask, asked = step(call)
    return call.told(w.WriteReturned(ask_id=ask.ask_id, attempt=0, tool=asked.tool, step=asked.step, result=result))


def step(call: Call) -> tuple[Ask, w.WriteRequested | w.UndoRequested]:
    (found_one,) = (
        (ask, ask.payload) for ask in call.open_asks() if isinstance(ask.payload, w.WriteRequested | w.UndoRequested)
    )
    return found_one


def fails(call: Call, reason: str, times: int = 1) -> list[Payload]:
    decided: list[Payload] = []
    for _ in range(times):
        ask, _ = step(call)
        decided = call.told(f.EffectFailed(ask_id=ask.ask_id, attempt=0, reason=reason))
    return decided


# --- proposing -------------------------------------------------------------------------------------------------------


def test_the_caller_hears_what_would_be_done_and_nothing_is_done() -> None:
    call = Call(BANK, signed_in("ada", "stepped_up"))
    call.says("Block my card", "block")
    decided = found(call)
    (proposal,) = of(w.WriteProposed, decided)
    assert (proposal.tool, proposal.state, proposal.arguments) == (
        "block_card",
        STATE,
        '{"card_id":"card-1111","customer_id":"ada"}',
    )
    assert chosen(decided) == [("propose", READ_BACK)]
    assert call.open_asks() == []


def test_a_proposal_of_the_eager_end_counts_only_once_the_words_are_final() -> None:
    call = Call(BANK, signed_in("ada", "stepped_up"))
    call.says("Block my card", "block", final=False)
    assert chosen(found(call)) == []
    assert chosen(call.says("Block my card", "block")) == [("propose", READ_BACK)]


def test_a_proposal_takes_the_place_of_one_for_words_that_went_on() -> None:
    call = Call(BANK, signed_in("ada", "stepped_up"))
    call.says("Block my card", "block", final=False)
    found(call)
    call.says("Block my card now", "block")
    found(call)
    call.hears_reply()
    assert [proposal.question for proposal in call.conversation.proposals.values()] == ["Block my card now"]
    assert of(w.WriteApproved, call.says("Yes please", "other"))


def test_what_cant_be_worded_isnt_proposed() -> None:
    call = Call(BANK, signed_in("ada", "stepped_up"))
    call.says("Block my card", "block")
    decided = found(call, '{"card":"card"}')
    assert of(w.WriteProposed, decided) == []
    assert chosen(decided) == [("fallback", BANK.lines.fallback)]


def test_whose_level_ran_out_while_the_state_was_read_is_asked_for_a_proof_again() -> None:
    call = Call(BANK, signed_in("ada", "verified"), signed_in("ada", "stepped_up", expires_after_ms=2000))
    call.says("Block my card", "block")
    call.now_ms = 2000
    assert of(w.WriteProposed, found(call)) == []
    decided = call.understood("block")
    assert [refused.reason for refused in of(d.ToolRefused, decided)] == ["expired"]
    assert [opened.question for opened in of(p.ChallengeOpened, decided)] == ["Block my card"]


def test_an_object_of_somebody_else_is_never_proposed() -> None:
    call = Call(BANK, signed_in("ada", "stepped_up"))
    decided = call.says("Block card 2222", "block")
    assert of(d.ToolRequested, decided) == []
    assert [action for action, _ in chosen(decided)] == ["which_one"]


# --- approving -------------------------------------------------------------------------------------------------------


def test_a_plain_yes_to_what_was_heard_approves_that_and_starts_it() -> None:
    call = proposed()
    (proposal,) = call.conversation.proposals.values()
    decided = call.says("Yes please", "other")
    (approval,) = of(w.WriteApproved, decided)
    assert (approval.proposal_id, approval.digest) == (proposal.proposal_id, proposal.digest)
    (request,) = of(w.WriteRequested, decided)
    assert (request.step, request.digest, request.reread) == ("block", proposal.digest, False)


def test_an_approval_is_bound_to_everything_that_was_read_back() -> None:
    bound = {"subject_id": "ada", "tool": "block_card", "arguments": "{}", "state": STATE, "words": READ_BACK}
    digests = [proposal_digest(b"key", **bound | {name: "other"}) for name in bound]
    digests += [proposal_digest(b"key", **bound), proposal_digest(b"another key", **bound)]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("final", [True, False])
def test_a_yes_counts_once_it_is_final_and_no_guardrail_stands_against_it(final: bool) -> None:
    call = proposed()
    decided = call.says("Yes", "other", final=final, attack=0.99 if final else 0.0)
    assert of(w.WriteApproved, decided) == []
    assert of(w.WriteRequested, decided) == []


@pytest.mark.parametrize("words", ["No", "no thanks", "wait", "No don't do that please"])
def test_a_no_leaves_everything_as_it_is(words: str) -> None:
    call = proposed()
    decided = call.says(words, "other")
    assert [x.reason for x in of(w.WriteLapsed, decided)] == ["declined"]
    assert chosen(decided) == [("declined", BLOCK.declined)]
    assert of(w.WriteRequested, call.says("Yes", "other")) == []


def test_a_late_yes_approves_nothing() -> None:
    call = proposed()
    decided = call.says("What does a new card cost", "fees")
    assert [x.reason for x in of(w.WriteLapsed, decided)] == ["not_confirmed"]
    call.hears_reply()
    assert of(w.WriteApproved, call.says("Yes", "other")) == []


def test_a_yes_after_words_that_a_guardrail_refused_approves_nothing() -> None:
    call = proposed()
    assert of(w.WriteLapsed, call.says("Wait", "other", attack=0.99)) == []
    call.hears_reply()
    decided = call.says("Yes", "other")
    assert [x.reason for x in of(w.WriteLapsed, decided)] == ["not_confirmed"]
    assert of(w.WriteApproved, decided) == []


def test_a_yes_after_final_words_that_were_never_judged_approves_nothing() -> None:
    call = proposed()
    call.told(f.UtteranceHeard(utterance_id="u9", text="Yes", final=True, since_speech_end_ms=200.0))
    decided = call.says("Yes", "other")
    assert [x.reason for x in of(w.WriteLapsed, decided)] == ["not_confirmed"]
    assert of(w.WriteApproved, decided) == []


def test_a_yes_to_what_wasnt_heard_to_its_end_approves_nothing() -> None:
    call = Call(BANK, signed_in("ada", "stepped_up"))
    call.says("Block my card", "block")
    found(call)
    call.told(f.SpeechStarted(candidate_id="t2.s1.propose.block", take=1))
    call.told(f.SpeechInterrupted(candidate_id="t2.s1.propose.block", spoken_so_far="Shall your card"))
    decided = call.says("Yes", "other")
    assert [x.reason for x in of(w.WriteLapsed, decided)] == ["unheard"]
    assert of(w.WriteRequested, decided) == []


def test_a_read_back_that_was_cut_off_by_a_cough_counts_once_the_rest_was_heard() -> None:
    call = Call(BANK, signed_in("ada", "stepped_up"))
    call.says("Block my card", "block")
    found(call)
    call.told(f.SpeechStarted(candidate_id="t2.s1.propose.block", take=1))
    call.told(f.CallerSpeechStarted(utterance_id="u9"))
    call.told(f.SpeechInterrupted(candidate_id="t2.s1.propose.block", spoken_so_far="Shall your card"))
    (rest,) = of(d.CandidateFormed, call.told(f.CallerSpeechDismissed(utterance_id="u9")))
    assert rest.action == "resume"
    call.hears_reply()
    assert of(w.WriteApproved, call.says("Yes", "other"))


def test_a_yes_that_comes_after_the_level_ran_out_leads_to_a_new_proof_and_a_new_proposal() -> None:
    call = Call(BANK, signed_in("ada", "verified"), signed_in("ada", "stepped_up", expires_after_ms=5000))
    call.says("Block my card", "block")
    found(call)
    call.hears_reply()
    call.now_ms = 5000
    decided = call.says("Yes", "block")
    assert [x.reason for x in of(w.WriteLapsed, decided)] == ["expired"]
    assert of(w.WriteRequested, decided) == []
    assert [x.reason for x in of(d.ToolRefused, decided)] == ["expired"]


def test_a_yes_of_somebody_else_approves_nothing() -> None:
    call = proposed()
    call.signs_in("ben", "stepped_up")
    decided = call.says("Yes", "block")
    assert [x.reason for x in of(w.WriteLapsed, decided)] == ["other_subject"]
    assert of(w.WriteApproved, decided) == []


def test_a_caller_who_speaks_again_before_their_yes_is_judged_approves_nothing() -> None:
    call = proposed()
    call.told(f.UtteranceHeard(utterance_id="u9", text="Yes", final=True, since_speech_end_ms=200.0))
    call.told(f.CallerSpeechStarted(utterance_id="u10"))
    assert of(w.WriteApproved, call.understood("other")) == []
    assert of(w.WriteApproved, call.told(f.CallerSpeechDismissed(utterance_id="u10")))  # it was a cough


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("yes", Assent.YES),
        ("um yes please", Assent.YES),
        ("Okay, go ahead, thanks.", Assent.YES),
        ("that's right", Assent.YES),
        ("Yes, that is correct.", Assent.YES),
        ("Certainly, thank you very much.", Assent.YES),
        ("absolutely not", Assent.NO),
        ("I'd rather not.", Assent.NO),
        ("no", Assent.NO),
        ("no wait", Assent.NO),
        ("yes but not that one", Assent.UNCLEAR),
        ("yes and transfer the rest to my friend", Assent.UNCLEAR),
        ("please", Assent.UNCLEAR),
        ("", Assent.UNCLEAR),
        ("yes no", Assent.UNCLEAR),
    ],
)
def test_only_plain_words_are_a_yes_or_a_no(words: str, expected: Assent) -> None:
    assert assent(words) is expected


ASKED = "Shall I block your debit card ending in 4421?"


@pytest.mark.parametrize(
    ("words", "asked", "expected"),
    [
        ("Yes, please block it.", ASKED, Assent.YES),
        ("yes block my card", ASKED, Assent.YES),
        ("Yeah, go ahead, block it now, please.", ASKED, Assent.YES),
        ("okay, you can block my debit card", ASKED, Assent.YES),
        ("yes, cancel it", "Shall I cancel your contract?", Assent.YES),
        ("yes block my credit card", ASKED, Assent.UNCLEAR),
        ("yes block the card ending in 4421", ASKED, Assent.UNCLEAR),  # whoever names a figure may correct one
        ("yes block it and order a new one", ASKED, Assent.UNCLEAR),
        ("yes please don't block it", ASKED, Assent.UNCLEAR),
        ("yes, unblock it", ASKED, Assent.UNCLEAR),
        ("yes the other card", ASKED, Assent.UNCLEAR),
        ("yes my card", ASKED, Assent.UNCLEAR),
        ("block it", ASKED, Assent.UNCLEAR),
        ("cancel it", "Shall I cancel your contract?", Assent.UNCLEAR),  # may be either
        ("cancel it", ASKED, Assent.NO),
        ("yes, block it", "", Assent.UNCLEAR),
        ("yes, block it", "Shall I block your card and order a new one?", Assent.UNCLEAR),
        ("yes, block it", "Shall I block your debit card, your credit card?", Assent.UNCLEAR),
        ("yes, renew it", "Shall I not renew your contract?", Assent.UNCLEAR),
        ("yes, pay two hundred", "Shall I pay two hundred thousand pounds?", Assent.UNCLEAR),
        ("yes, pay 20", "Shall I pay 200 pounds?", Assent.UNCLEAR),
        ("yes, move it to Monday", "Shall I move your visit from Monday to Tuesday?", Assent.UNCLEAR),
        ("yes, move it", "Shall I move your visit from Monday to Tuesday?", Assent.YES),
    ],
)
def test_a_yes_that_says_the_question_again_is_one_and_no_other_is(words: str, asked: str, expected: Assent) -> None:
    assert assent(words, asked=asked) is expected


def asked_actively() -> Call:
    """The read-back, with a verb to say again, was heard to its end."""
    blocking = BLOCK.model_copy(update={"confirm": "Shall I block your {card} ending in {ending}?"})
    bank = BANK.model_copy(update={"intents": tuple(blocking if i is BLOCK else i for i in BANK.intents)})
    call = Call(bank, signed_in("ada", "stepped_up"))
    call.says("Block my card", "block")
    found(call)
    call.hears_reply()
    return call


def test_a_change_is_approved_by_a_yes_that_says_the_read_back_again() -> None:
    assert of(w.WriteApproved, asked_actively().says("Yes, please block it.", "block"))


def test_a_yes_that_sounds_like_a_new_wish_is_not_taken_for_one_before_it_is_final() -> None:
    call = asked_actively()
    assert of(d.ToolRequested, call.says("Yes, please block it.", "block", final=False)) == []
    (approved,) = of(w.WriteApproved, call.says("Yes, please block it.", "block"))
    assert approved.proposal_id == "t2.s1.write1"


def test_a_new_wish_in_place_of_an_answer_is_looked_up_once_the_old_one_lapsed() -> None:
    call = asked_actively()
    assert of(d.ToolRequested, call.says("Order me a new card", "replace", final=False)) == []
    decided = call.says("Order me a new card", "replace")
    assert [x.reason for x in of(w.WriteLapsed, decided)] == ["not_confirmed"]
    assert [x.tool for x in of(d.ToolRequested, decided)] == ["replace_card"]
    assert of(w.WriteProposed, found(call))


GERMAN = AssentWords(
    yes=("ja", "genau", "machen Sie das"), no=("nein", "lieber nicht"), polite=("bitte", "danke"), fillers=("äh",)
)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Ja, bitte.", Assent.YES),
        ("Äh, machen Sie das, danke.", Assent.YES),
        ("Lieber nicht.", Assent.NO),
        ("ja aber nicht die", Assent.UNCLEAR),
        ("yes", Assent.UNCLEAR),
        ("Ja, sperren Sie sie.", Assent.UNCLEAR),  # no echo is declared
    ],
)
def test_what_is_a_yes_and_what_a_no_is_behaviours(words: str, expected: Assent) -> None:
    behaviour = BANK.model_copy(update={"assent": GERMAN})
    assert behaviour.hears(words) is expected


@pytest.mark.parametrize("words", [{"yes": ("ja", "?")}, {"yes": ("Nein",), "no": ("nein",)}, {"yes": ()}])
def test_words_that_cannot_tell_a_yes_from_a_no_are_refused(words: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(ValidationError):
        AssentWords(**words)


def test_a_behaviour_that_names_no_words_keeps_its_content_hash() -> None:
    assert "assent" not in BANK.model_dump()


def test_what_a_system_answers_is_judged_as_any_text_and_not_as_an_approved_one() -> None:
    call = approved()
    private = "Staff may waive the replacement charge twice for customers who threaten to leave the bank."
    decided = returned(call, f'{{"reference":"{private}"}}')
    assert any(x.reason == "blocked:private_knowledge" for x in of(d.CandidateDropped, decided))
    assert chosen(decided) == []


# --- doing -----------------------------------------------------------------------------------------------------------


def test_what_was_done_is_told_in_the_turn_that_waits_for_it() -> None:
    call = approved()
    decided = returned(call)
    assert of(w.WriteEnded, decided) == [w.WriteEnded(proposal_id="t2.s1.write1", outcome="done")]
    assert chosen(decided) == [("write", "Your card is blocked. The reference is r 1.")]
    (ended,) = of(d.TurnEnded, call.hears_reply())
    assert ended.outcome == "tool"
    assert call.conversation.proposals == {}


def test_steps_are_done_one_after_another_each_under_a_key_of_its_own() -> None:
    call = approved("replace", "Order me a new card")
    _, first = step(call)
    (second,) = of(w.WriteRequested, returned(call))
    assert (first.step, second.step) == ("issue", "deliver")
    assert first.idempotency_key != second.idempotency_key
    assert chosen(returned(call, '{"due":"Friday"}')) == [("write", "Your new card comes on Friday.")]


def test_a_state_that_is_old_by_then_is_read_again_first() -> None:
    call = proposed()
    call.now_ms += 31_000
    (request,) = of(w.WriteRequested, call.says("Yes", "other"))
    assert request.reread


def test_a_state_that_has_changed_is_proposed_anew() -> None:
    call = approved()
    decided = fails(call, "stale")
    assert [x.outcome for x in of(w.WriteEnded, decided)] == ["changed"]
    call.understood("block")
    decided = found(call, '{"card":"card","ending":"1112"}')
    assert chosen(decided) == [("propose", "Shall your card ending in 1112 be blocked?")]
    assert of(d.TurnOpened, call.hears_reply()) == []  # of the first one there is nothing to tell
    assert of(w.WriteApproved, call.says("Yes", "other"))


def test_what_isnt_known_is_asked_again_under_the_same_key() -> None:
    call = approved()
    _, before = step(call)
    assert [x.generation for x in of(d.AskRepeated, fails(call, "timed_out"))] == [1]
    ask, after = step(call)
    assert (ask.generation, after.idempotency_key) == (1, before.idempotency_key)


def test_what_was_refused_isnt_asked_again() -> None:
    decided = fails(approved(), "refused")
    assert of(d.AskRepeated, decided) == []
    assert [(x.outcome, x.reason) for x in of(w.WriteEnded, decided)] == [("failed", "refused")]
    assert chosen(decided) == [("write", BLOCK.failed)]


def test_a_refusal_of_a_second_run_tells_nothing_for_certain() -> None:
    call = approved()
    fails(call, "timed_out")
    decided = fails(call, "refused")  # the first run may still be on its way
    assert of(w.WriteEnded, decided) == []
    assert [x.generation for x in of(d.AskRepeated, decided)] == [2]


def test_what_stays_unknown_and_cant_be_undone_ends_with_a_person() -> None:
    decided = fails(approved(), "timed_out", 4)
    assert [x.outcome for x in of(w.WriteEnded, decided)] == ["unknown"]
    assert [x.text for x in of(d.EscalationChosen, decided)] == [BLOCK.unsure]


def test_a_later_step_that_is_refused_undoes_the_earlier_ones() -> None:
    call = approved("replace", "Order me a new card")
    _, issue = step(call)
    returned(call)
    (undo,) = of(w.UndoRequested, fails(call, "refused"))
    assert (undo.step, undo.undoes, undo.reason) == ("issue", issue.idempotency_key, "refused")
    decided = returned(call, "{}")
    assert [(x.outcome, x.reason) for x in of(w.WriteEnded, decided)] == [("failed", "refused")]
    assert chosen(decided) == [("write", REPLACE.failed)]


def test_a_later_step_whose_outcome_stays_unknown_is_undone_too_in_reverse() -> None:
    call = approved("replace", "Order me a new card")
    returned(call)
    (first,) = of(w.UndoRequested, fails(call, "unavailable", 4))
    (second,) = of(w.UndoRequested, returned(call, "{}"))
    assert (first.step, second.step) == ("deliver", "issue")
    assert [x.outcome for x in of(w.WriteEnded, returned(call, "{}"))] == ["failed"]


def test_what_cant_be_undone_ends_with_a_person() -> None:
    call = approved("replace", "Order me a new card")
    returned(call)
    fails(call, "refused")
    decided = fails(call, "unavailable", 4)
    assert [x.outcome for x in of(w.WriteEnded, decided)] == ["unknown"]


def test_an_undo_has_a_key_of_its_own_and_names_that_of_its_step() -> None:
    call = approved("replace", "Order me a new card")
    _, issue = step(call)
    returned(call)
    _, deliver = step(call)
    assert isinstance(issue, w.WriteRequested)
    assert isinstance(deliver, w.WriteRequested)
    (undo,) = of(w.UndoRequested, fails(call, "refused"))
    assert undo.undoes == issue.idempotency_key
    assert len({issue.idempotency_key, deliver.idempotency_key, undo.idempotency_key}) == 3


# --- late, superseded, after the end ---------------------------------------------------------------------------------


def test_a_write_that_takes_longer_than_the_turn_is_said_to_go_on_and_told_later() -> None:
    call = approved()
    turn = call.conversation.turn
    assert turn is not None
    decided = call.told(f.TimerFired(timer_id=f"{turn.turn_id}.give_up", purpose="give_up"))
    assert chosen(decided) == [("write", BLOCK.pending)]
    call.hears_reply()
    decided = returned(call)
    assert [opened.cause for opened in of(d.TurnOpened, decided)] == ["news"]
    assert chosen(decided) == [("write", "Your card is blocked. The reference is r 1.")]
    call.hears_reply()
    assert call.conversation.proposals == {}


def test_an_outcome_that_comes_while_the_agent_speaks_of_something_else_is_told_next() -> None:
    call = approved()
    assert chosen(call.says("What does a new card cost", "fees"))
    assert of(d.CandidateFormed, returned(call)) == []
    decided = call.hears_reply()
    assert [opened.cause for opened in of(d.TurnOpened, decided)] == ["news"]
    assert [text for _, text in chosen(decided)] == ["Your card is blocked. The reference is r 1."]


def test_an_outcome_waits_while_who_interrupts_has_the_word() -> None:
    call = approved()
    call.says("What does a new card cost", "fees")
    returned(call)
    assert call.conversation.turn is not None
    said = call.conversation.turn.chosen or ""
    call.told(f.SpeechStarted(candidate_id=said, take=1))
    decided = call.told(f.SpeechInterrupted(candidate_id=said, spoken_so_far="A new"))
    assert [ended.interrupted for ended in of(d.TurnEnded, decided)] == [True]
    assert of(d.TurnOpened, decided) == []


def test_an_outcome_that_was_talked_over_is_told_once_more_and_no_more() -> None:
    call = approved()
    call.says("What does a new card cost", "fees")
    returned(call)
    call.hears_reply()
    told = 0
    while (turn := call.conversation.turn) and turn.cause == "news":
        told += 1
        call.told(f.SpeechStarted(candidate_id=turn.chosen or "", take=1))
        call.told(f.CallerSpeechStarted(utterance_id=f"talks over {told}"))
        call.told(f.SpeechInterrupted(candidate_id=turn.chosen or "", spoken_so_far="Your"))
        call.says("What does a new card cost", "fees")
        call.hears_reply()
    assert told == 2


def test_who_waits_in_vain_for_a_state_isnt_told_that_anything_is_done() -> None:
    call = Call(BANK, signed_in("ada", "stepped_up"))
    call.says("Block my card", "block")
    decided = call.told(f.TimerFired(timer_id="t2.give_up", purpose="give_up"))
    assert chosen(decided) == [("fallback", BANK.lines.fallback)]


def test_a_yes_isnt_carried_into_the_next_question() -> None:
    call = approved()
    decided = call.says("What does a new card cost", "fees")
    assert [x.question for x in of(d.SpeculationOpened, decided)] == ["What does a new card cost"]


def test_an_outcome_that_the_gateway_refuses_for_another_subject_opens_no_question_and_is_kept_for_theirs() -> None:
    call = approved()
    turn = call.conversation.turn
    assert turn is not None
    call.told(f.TimerFired(timer_id=f"{turn.turn_id}.give_up", purpose="give_up"))
    call.hears_reply()
    returned(call)
    assert call.conversation.turn is not None
    news = call.conversation.turn.chosen
    assert news
    call.signs_in("ben", "stepped_up")
    decided = call.told(f.ReplyRefused(candidate_id=news, reason="superseded"))
    assert [x.outcome for x in of(d.TurnEnded, decided)] == ["superseded"]
    assert of(d.SpeculationOpened, decided) == []
    assert chosen(decided) == []
    assert chosen(call.signs_in("ada", "stepped_up")) == [("write", "Your card is blocked. The reference is r 1.")]


def test_an_outcome_isnt_told_to_somebody_else() -> None:
    call = approved()
    call.says("What does a new card cost", "fees")
    call.signs_in("ben")
    returned(call)
    call.understood("fees")
    assert of(d.TurnOpened, call.hears_reply()) == []


def test_a_write_goes_on_after_the_call_and_a_saga_is_finished() -> None:
    call = approved("replace", "Order me a new card")
    call.told(f.CallEnded(reason="caller_hung_up"))
    assert of(w.WriteRequested, returned(call))
    assert [x.outcome for x in of(w.WriteEnded, returned(call, '{"due":"Friday"}'))] == ["done"]
    assert call.open_asks() == []


def test_after_a_change_of_owner_a_write_is_asked_again_under_its_key() -> None:
    call = approved()
    _, before = step(call)
    assert [x.generation for x in of(d.AskRepeated, call.told(f.OwnerChanged(epoch=2)))] == [1]
    assert step(call)[1] == before


def test_a_write_of_a_call_that_is_over_is_asked_again_too() -> None:
    call = approved()
    call.told(f.CallEnded(reason="caller_hung_up"))
    assert of(d.AskRepeated, call.told(f.OwnerChanged(epoch=2)))


def test_keys_differ_between_proposals_and_calls() -> None:
    keys = {step(approved())[1].idempotency_key, step(approved("replace", "Order me a new card"))[1].idempotency_key}
    one = approved()
    other = replace(one.conversation, id="c2")
    assert len(keys) == 2
    assert other.id != one.conversation.id
