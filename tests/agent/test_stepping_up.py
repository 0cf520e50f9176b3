"""A caller who needs a higher level is asked for a proof, gives it in words or on the keypad, and goes on where they were."""

from __future__ import annotations

import pytest
from told_by_hand import BANK, Call, of, signed_in

from agent_core.given_proofs import answer_in, code_digest, keyed_in
from agent_core.proofs import Means, ProofMethod, Proofs, method_for
from agent_core.subject import Level, Subject, authenticated
from schemas import decisions as d
from schemas import facts as f
from schemas import proving as p
from schemas import writing as w
from schemas.base import Payload

CODE = "421556"
PROOFS = BANK.proofs
assert PROOFS is not None
PASSCODE, PHONE = PROOFS.methods


def verified(*, asks: str = "Block my card", intent: str = "block") -> Call:
    """A caller whom the app authenticated, and who wants what needs a code."""
    call = Call(BANK, signed_in("ada", "verified"))
    call.says(asks, intent)
    return call


def sent(call: Call, code: str = CODE) -> list[Payload]:
    ask, asked = call.asked(p.CodeAsked)
    digest = code_digest(b"key", asked.challenge_id, code)
    return call.told(p.CodeSent(ask_id=ask.ask_id, attempt=0, code_digest=digest))


def asked_for_code(call: Call) -> Call:
    sent(call)
    call.hears_reply()
    return call


def chosen(decided: list[Payload]) -> list[tuple[str, str]]:
    return [(reply.action, reply.text) for reply in of(d.ReplyChosen, decided)]


def test_the_caller_is_asked_once_the_code_is_on_its_way() -> None:
    call = verified()
    assert call.conversation.turn is not None
    assert call.conversation.turn.chosen is None
    assert chosen(sent(call)) == [("challenge", PHONE.ask)]


def test_no_code_is_sent_while_the_caller_may_still_go_on() -> None:
    call = Call(BANK, signed_in("ada", "verified"))
    assert of(p.CodeAsked, call.says("Block my card", "block", final=False)) == []
    assert of(p.CodeAsked, call.says("Block my card", "block"))


@pytest.mark.parametrize("words", ["four two one five five six", "it's 421556", "um 4 2 1 5 5 6 I think"])
def test_the_right_code_in_words_raises_the_level_and_takes_up_what_they_wanted(words: str) -> None:
    call = asked_for_code(verified())
    decided = call.says(words, "block")
    assert of(p.ProofAccepted, decided) == [
        p.ProofAccepted(challenge_id="t2.proof1", method="phone", level="stepped_up", lasts_ms=30_000)
    ]
    assert [x.question for x in of(d.SpeculationOpened, decided)][-1] == "Block my card"
    (request,) = of(d.ToolRequested, decided)
    assert (request.tool, request.level) == ("block_card", "stepped_up")


def test_a_code_proves_once() -> None:
    call = asked_for_code(verified())
    assert of(p.ProofAccepted, call.says(CODE, "other"))
    assert of(p.ProofAccepted, call.says(CODE, "other")) == []
    assert of(p.ProofAccepted, call.keys(CODE)) == []


def test_the_right_code_on_the_keypad_does_the_same() -> None:
    call = asked_for_code(verified())
    decided = call.keys(CODE)
    assert [opened.cause for opened in of(d.TurnOpened, decided)] == ["keys"]
    assert of(p.ProofAccepted, decided)
    assert of(d.ToolRequested, call.understood("block"))


def test_keys_that_come_while_the_agent_still_speaks_count_once_it_is_silent() -> None:
    call = verified()
    sent(call)
    call.told(f.SpeechStarted(candidate_id="t2.s1.challenge.block", take=1))
    assert of(p.ProofAccepted, call.keys(CODE)) == []
    assert of(p.ProofAccepted, call.told(f.SpeechInterrupted(candidate_id="t2.s1.challenge.block", spoken_so_far="I")))


def test_a_caller_who_stops_in_the_middle_of_their_keys_is_asked_whether_they_are_there() -> None:
    call = asked_for_code(verified())
    decided = call.keys("42")
    timer = of(d.TimerSet, decided)[-1]
    assert timer.purpose == "silence"
    fired = call.told(f.TimerFired(timer_id=timer.timer_id, purpose="silence"))
    assert [opened.cause for opened in of(d.TurnOpened, fired)] == ["silence"]
    call.hears_reply()
    assert of(p.ProofAccepted, call.keys("1556"))


def test_a_star_begins_the_keys_anew() -> None:
    call = asked_for_code(verified())
    assert of(p.ProofAccepted, call.keys(f"99*{CODE}"))


def test_a_wrong_code_is_asked_for_again_and_the_third_ends_with_a_person() -> None:
    call = asked_for_code(verified())
    for left in (2, 1):
        decided = call.says("one one one one one one", "other")
        assert of(p.ProofRefused, decided) == [
            p.ProofRefused(challenge_id="t2.proof1", reason="wrong", attempts_left=left)
        ]
        assert chosen(decided) == [("challenge", PHONE.again)]
        call.hears_reply()
    decided = call.says("two two two two two two", "other")
    assert [x.attempts_left for x in of(p.ProofRefused, decided)] == [0]
    assert [x.reason for x in of(d.EscalationChosen, decided)] == ["locked"]
    assert of(p.ProofAccepted, decided) == []


def test_who_is_locked_out_isnt_asked_again_and_the_right_code_is_too_late() -> None:
    call = asked_for_code(verified())
    for _ in range(3):
        call.says("one one one one one one", "other")
        call.hears_reply()
    assert of(p.ProofAccepted, call.says("four two one five five six", "other")) == []
    call.hears_reply()
    decided = call.says("Block my card", "block")
    assert of(p.ChallengeOpened, decided) == []
    assert [x.reason for x in of(d.EscalationChosen, decided)] == ["locked"]


def test_a_code_that_is_too_old_is_refused_and_another_one_is_sent() -> None:
    call = asked_for_code(verified())
    call.now_ms += PHONE.valid_ms
    decided = call.says("four two one five five six", "other")
    assert [x.reason for x in of(p.ProofRefused, decided)] == ["expired"]
    (opened,) = of(p.ChallengeOpened, decided)
    assert opened.question == "Block my card"
    assert of(p.CodeAsked, decided)
    assert chosen(sent(call, "999888")) == [("challenge", PHONE.ask)]
    call.hears_reply()
    assert of(p.ProofAccepted, call.says("nine nine nine eight eight eight", "other"))


def test_where_no_code_can_be_sent_the_caller_hears_so() -> None:
    call = verified()
    decided = call.told(f.EffectFailed(ask_id="t2.proof1.code", attempt=0, reason="unavailable"))
    assert PROOFS is not None
    assert chosen(decided) == [("challenge", PROOFS.unavailable)]


def test_other_words_in_between_are_answered_and_the_code_still_counts() -> None:
    call = asked_for_code(verified())
    assert chosen(call.says("What does a new card cost", "fees"))
    call.hears_reply()
    assert of(p.ProofAccepted, call.says("four two one five five six", "other"))


def test_the_code_that_was_sent_serves_another_wish_and_the_newest_is_taken_up() -> None:
    call = asked_for_code(verified())
    decided = call.says("No, order me a new card", "replace")
    assert of(p.CodeAsked, decided) == []
    assert chosen(decided) == [("challenge", PHONE.ask)]
    call.hears_reply()
    decided = call.keys(CODE)
    assert of(p.ProofAccepted, decided)
    assert [opened.question for opened in of(d.SpeculationOpened, decided)] == ["No, order me a new card"]
    assert [asked.tool for asked in of(d.ToolRequested, call.understood("replace"))] == ["replace_card"]


def test_a_caller_of_two_minds_isnt_left_without_a_code() -> None:
    call = asked_for_code(verified())
    for words, intent in [("No, order me a new card", "replace"), ("No, block it", "block")] * 3:
        assert chosen(call.says(words, intent)) == [("challenge", PHONE.ask)]
        call.hears_reply()
    assert of(p.ProofAccepted, call.keys(CODE))


@pytest.mark.parametrize(
    ("first", "then", "taken_up"),
    [
        ("Block card 3333", "No, block card 4444", "No, block card 4444"),
        ("Block card 3333", "Please just block it", "Block card 3333"),
        ("Block my card", "Block it now", "Block it now"),
    ],
)
def test_words_that_name_no_thing_dont_take_the_place_of_words_that_do(first: str, then: str, taken_up: str) -> None:
    call = asked_for_code(verified(asks=first))
    call.says(then, "block")
    call.hears_reply()
    assert [opened.question for opened in of(d.SpeculationOpened, call.keys(CODE))] == [taken_up]


def test_a_level_that_was_proved_ends_with_its_time() -> None:
    call = asked_for_code(verified())
    call.says("four two one five five six", "other")
    call.now_ms += 30_000
    assert call.conversation.subject is not None
    assert call.conversation.subject.authentication(Level.STEPPED_UP, call.now_ms * 1000) is None


def test_digits_of_the_words_that_a_code_is_sent_for_are_no_code() -> None:
    call = verified(asks="Block my card 4929 0000 0000 1111")
    assert chosen(sent(call)) == [("challenge", PHONE.ask)]
    assert of(p.ProofRefused, [event.payload for event in call.events]) == []
    assert call.conversation.wrong_proofs == 0


def test_somebody_else_who_signs_in_cant_use_the_code_of_the_one_before() -> None:
    call = asked_for_code(verified())
    call.signs_in("ben")
    assert of(p.ProofAccepted, call.says("four two one five five six", "other")) == []


def test_what_was_taken_up_again_behind_a_keyed_code_is_worked_on_anew_for_somebody_else() -> None:
    call = asked_for_code(verified())
    call.keys(CODE)
    (asked,) = of(d.ToolRequested, call.understood("block"))
    dropped = [x.reason for x in of(d.SpeculationDropped, call.signs_in("ben"))]
    assert (asked.tool, dropped) == ("block_card", ["other_subject"])
    assert call.conversation.turn is not None
    assert call.conversation.turn.question == "Block my card"


# --- knowledge -------------------------------------------------------------------------------------------------------


def known() -> Call:
    call = Call(BANK, signed_in("ada", "known"))
    call.says("Is my new card on its way", "card")
    call.hears_reply()
    return call


def test_an_answer_is_checked_by_the_company_and_then_counts() -> None:
    call = known()
    decided = call.says("it's four two one five", "other")
    (asked,) = of(p.ProofAsked, decided)
    assert (asked.method, asked.answer) == ("passcode", "4215")
    assert of(p.ProofAccepted, decided) == []
    decided = call.told(p.ProofReturned(ask_id=asked.ask_id, attempt=0, passed=True))
    assert [x.level for x in of(p.ProofAccepted, decided)] == ["verified"]
    assert of(d.ToolRequested, call.understood("card"))


def test_who_talks_over_the_check_gains_no_attempt() -> None:
    call = known()
    for _ in range(3):
        assert of(p.ProofAsked, call.says("one one one one", "other"))
        call.told(f.CallerSpeechStarted(utterance_id="talks over"))
    decided = call.says("Is my new card on its way", "card")
    assert [x.reason for x in of(d.EscalationChosen, decided)] == ["locked"]


def test_where_nobody_can_check_the_attempt_doesnt_count() -> None:
    call = known()
    (asked,) = of(p.ProofAsked, call.says("four two one five", "other"))
    decided = call.told(f.EffectFailed(ask_id=asked.ask_id, attempt=0, reason="timed_out"))
    assert of(p.ProofRefused, decided) == [
        p.ProofRefused(challenge_id="t2.proof1", reason="unchecked", attempts_left=3)
    ]


def test_a_write_from_a_known_caller_leads_over_both_proofs() -> None:
    call = Call(BANK, signed_in("ada", "known"))
    assert chosen(call.says("Block my card", "block")) == [("challenge", PASSCODE.ask)]
    call.hears_reply()
    (asked,) = of(p.ProofAsked, call.says("four two one five", "other"))
    call.told(p.ProofReturned(ask_id=asked.ask_id, attempt=0, passed=True))
    assert of(p.CodeAsked, call.understood("block"))
    asked_for_code(call)
    assert of(p.ProofAccepted, call.says("four two one five five six", "block"))
    assert of(w.WriteProposed, call.tool_found("card", "ignored")) == []  # the state lacks what the words need


def test_nobody_proves_anything_who_isnt_known_at_all() -> None:
    assert [action for action, _ in chosen(Call().says("Block my card", "block"))] == ["sign_in"]


# --- what is given, and which method ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ("four two one five five six", "421556"),
        ("my card ends in 4421 and the code is 421556", "421556"),
        ("double one double one double one", "111111"),
        ("I don't know", None),
        ("42", None),
    ],
)
def test_digits_are_found_in_what_was_said(said: str, given: str | None) -> None:
    assert answer_in(PHONE, said) == given


@pytest.mark.parametrize(
    ("keys", "given"), [("42155", None), ("421556", "421556"), ("12#", "12"), ("12*421556", "421556")]
)
def test_keys_are_whole_by_their_number_or_by_the_hash(keys: str, given: str | None) -> None:
    assert keyed_in(PHONE, keys) == given


def test_a_codes_digest_belongs_to_its_challenge_and_conversation() -> None:
    digests = {code_digest(key, challenge, CODE) for key in (b"one", b"two") for challenge in ("a", "b")}
    assert len(digests) == 4
    assert all(CODE not in digest for digest in digests)


def subject(level: str) -> Subject:
    return authenticated(None, signed_in("ada", level), 1, 0)


def test_the_way_to_a_level_leads_over_what_a_method_needs() -> None:
    assert PROOFS is not None
    assert method_for(PROOFS, subject("known"), Level.STEPPED_UP, 0) == PASSCODE
    assert method_for(PROOFS, subject("verified"), Level.STEPPED_UP, 0) == PHONE
    assert method_for(PROOFS, None, Level.VERIFIED, 0) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"gives": Level.KNOWN},
        {"gives": Level.NONE},
        {"needs": Level.NONE},
        {"message": "your code"},
        {"digits": None},
        {"means": Means.KNOWLEDGE},
    ],
)
def test_a_method_that_contradicts_itself_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        ProofMethod.model_validate(PHONE.model_dump() | wrong)


def test_two_methods_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="a second method phone"):
        Proofs(methods=(PHONE, PHONE), unavailable="No.")
