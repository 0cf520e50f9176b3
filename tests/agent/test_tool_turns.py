"""A turn with a tool in it: who may be told, what is said instead, and what becomes of it when somebody else signs in."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from told_by_hand import BANK, Call, of, signed_in, tool_returned

from agent_core.behaviour import Behaviour, GuardrailSetting
from agent_core.conversation import Ask, Conversation
from agent_core.ports import CustomerRecords
from agent_core.subject import Level
from agent_core.tools import registry
from agent_core.tools.base import Tool, ToolResult
from agent_core.tools.card_status import TOOL as CARD_STATUS
from agent_core.tools.card_status import CardStatusArguments
from processors.effects import EffectRunner
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Payload
from simulation.guests import with_guests
from simulation.virtual_loop import run_virtual
from streams.mind import Outcome

QUESTION = "Is my new card on its way"
ASK = "t2.s1.tool.card"
(INTENT,) = (intent for intent in BANK.intents if intent.name == "card")


def chosen(decided: list[Payload]) -> list[tuple[str, str]]:
    return [(p.action, p.text) for p in decided if isinstance(p, d.ReplyChosen)]


def refused(decided: list[Payload]) -> list[str]:
    return [p.reason for p in decided if isinstance(p, d.ToolRefused)]


def test_a_caller_who_is_signed_in_hears_what_the_tool_found() -> None:
    call = Call(BANK, signed_in("ada"))
    (request,) = of(d.ToolRequested, call.says(QUESTION, "card"))
    assert request == d.ToolRequested(
        ask_id=ASK,
        intent="card",
        tool="card_status",
        arguments='{"card_id":"card-1111","customer_id":"ada"}',
        level="verified",
        subject_seq=4,
        timeout_ms=10_000,
    )
    assert chosen(call.tool_found("debit card", "is on its way")) == [("tool", "Your debit card is on its way.")]
    (ended,) = of(d.TurnEnded, call.heard(f"{ASK}.0", "Your debit card is on its way."))
    assert ended == d.TurnEnded(outcome="tool", candidate_id=f"{ASK}.0")


def test_a_read_runs_while_the_caller_may_still_go_on_and_counts_once_they_dont() -> None:
    call = Call(BANK, signed_in("ada"))
    assert of(d.ToolRequested, call.says(QUESTION, "card", final=False))
    assert chosen(call.tool_found()) == []
    decided = call.says(QUESTION, "card")
    assert of(d.TurnCommitted, decided) == [d.TurnCommitted(speculation=1, eager=True)]
    assert [action for action, _ in chosen(decided)] == ["tool"]


@pytest.mark.parametrize(("intent", "question"), [("card", QUESTION), ("block", "Block my card")])
def test_a_turn_without_money_for_models_still_asks_its_tool(intent: str, question: str) -> None:
    written = BANK.model_dump()
    written["budget"] |= {"turn_cost_micros": 10}
    call = Call(Behaviour.model_validate(written), signed_in("ada", "stepped_up"))
    call.told(f.UtteranceHeard(utterance_id="u1", text=question, final=True, since_speech_end_ms=200.0))
    scores = (f.Score(intent, 0.98),)
    decided = call.told(f.ScoresReturned(ask_id="t2.s1.classify", scores=scores, model="by hand", cost_micros=50))
    assert of(d.SpendingStopped, decided)
    decided += call.understood(intent)
    assert of(d.ToolRequested, decided)
    assert chosen(decided) == []


def test_no_model_is_asked_for_what_a_tool_finds() -> None:
    call = Call(BANK, signed_in("ada"))
    assert of(d.CompletionAsked, call.says(QUESTION, "card")) == []


def test_who_isnt_signed_in_hears_how_to_and_nothing_is_asked() -> None:
    decided = Call().says(QUESTION, "card")
    assert refused(decided) == ["not_authenticated"]
    assert of(d.ToolRequested, decided) == []
    assert chosen(decided) == [("sign_in", INTENT.unauthenticated)]


def test_a_level_that_ran_out_is_no_level() -> None:
    call = Call(BANK, signed_in("ada", expires_after_ms=1000))
    call.now_ms = 1000
    assert refused(call.says(QUESTION, "card")) == ["expired"]


def test_a_level_holds_to_its_last_moment() -> None:
    call = Call(BANK, signed_in("ada", expires_after_ms=1000))
    call.now_ms = 999
    assert of(d.ToolRequested, call.says(QUESTION, "card"))


def test_an_object_of_somebody_else_is_asked_back_for_and_not_read() -> None:
    decided = Call(BANK, signed_in("ada")).says("Where is card 2222", "card")
    assert refused(decided) == ["other_subject"]
    assert chosen(decided) == [("which_one", INTENT.which_one)]


def test_words_that_a_guardrail_refuses_reach_no_tool() -> None:
    call = Call(BANK, signed_in("ada"))
    decided = call.says(QUESTION, "card", attack=0.99)
    assert of(d.ToolRequested, decided) == []
    assert of(d.ToolRefused, decided) == []


def test_a_tool_that_fails_ends_in_an_honest_line() -> None:
    call = Call(BANK, signed_in("ada"))
    call.says(QUESTION, "card")
    decided = call.told(f.EffectFailed(ask_id=ASK, attempt=0, reason="unavailable"))
    assert chosen(decided) == [("fallback", BANK.lines.fallback)]


def test_a_result_without_what_the_answer_needs_is_not_said() -> None:
    call = Call(BANK, signed_in("ada"))
    call.says(QUESTION, "card")
    decided = call.told(f.ToolReturned(ask_id=ASK, attempt=0, tool="card_status", result='{"card":"card"}'))
    assert chosen(decided) == [("fallback", BANK.lines.fallback)]


def test_a_tool_that_hangs_is_given_up_with_its_turn() -> None:
    call = Call(BANK, signed_in("ada"))
    call.says(QUESTION, "card")
    call.now_ms = BANK.budget.give_up_ms
    decided = call.told(f.TimerFired(timer_id="t2.give_up", purpose="give_up"))
    assert chosen(decided) == [("fallback", BANK.lines.fallback)]
    assert call.open_asks() == []


def test_numbers_of_a_card_are_not_said_though_a_tool_found_them() -> None:
    guardrails = [g.model_dump() for g in (*BANK.guardrails, GuardrailSetting(name="personal_data"))]
    strict = Behaviour.model_validate(BANK.model_dump() | {"guardrails": guardrails})
    call = Call(strict, signed_in("ada"))
    call.says(QUESTION, "card")
    decided = call.tool_found("card 4111 1111 1111 1111", "is on its way")
    assert d.CandidateDropped(candidate_id=f"{ASK}.0", reason="blocked:personal_data") in decided
    assert [action for action, _ in chosen(decided)] == ["fallback"]


def test_figures_that_a_tool_found_are_grounded_by_it() -> None:
    call = Call(BANK, signed_in("ada"))
    call.says(QUESTION, "card")
    said = chosen(call.tool_found("card", "comes in four days"))
    assert said == [("tool", "Your card comes in four days.")]


# --- signing in while it goes on -------------------------------------------------------------------------------------


def test_who_signs_in_while_the_turn_is_open_is_looked_up_for_after_all() -> None:
    call = Call()
    call.says(QUESTION, "card", final=False)
    decided = call.signs_in("ada")
    assert of(d.CandidateDropped, decided) == [
        d.CandidateDropped(candidate_id="t2.s1.sign_in.card", reason="authorised")
    ]
    assert of(d.ToolRequested, decided)
    call.says(QUESTION, "card")
    assert [action for action, _ in chosen(call.tool_found())] == ["tool"]


def test_a_tool_that_fails_for_who_just_signed_in_leaves_the_turn_something_to_say() -> None:
    call = Call()
    call.says(QUESTION, "card", final=False)
    call.signs_in("ada")
    call.says(QUESTION, "card")
    decided = call.told(f.EffectFailed(ask_id=ASK, attempt=0, reason="timed_out"))
    assert [action for action, _ in chosen(decided)] == ["fallback"]


def test_a_reply_that_was_chosen_and_refused_is_looked_up_for_who_signed_in_meanwhile() -> None:
    call = Call()
    call.says(QUESTION, "card")
    assert of(d.ToolRequested, call.signs_in("ada")) == []  # the reply is at the gateway
    decided = call.told(f.ReplyRefused(candidate_id="t2.s1.sign_in.card", reason="superseded"))
    assert of(d.ToolRequested, decided)


def test_who_signs_in_is_asked_all_the_same_whether_they_are_there() -> None:
    call = Call()
    silence = {t.timer_id for t in call.conversation.timers.values() if t.purpose == "silence"}
    assert silence
    call.signs_in("ada")
    assert silence <= call.conversation.timers.keys()


# --- somebody else signs in ------------------------------------------------------------------------------------------


def test_what_was_asked_for_one_is_never_said_to_another() -> None:
    call = Call(BANK, signed_in("ada"))
    call.says(QUESTION, "card")
    decided = call.signs_in("ben")
    assert d.SpeculationDropped(speculation=1, reason="other_subject") in decided
    assert call.told(tool_returned(ASK, "card", "is Ada's")) == []
    (request,) = of(d.ToolRequested, call.understood("card"))
    assert request.arguments == '{"card_id":"card-2222","customer_id":"ben"}'
    assert chosen(call.tool_found("card", "is Ben's")) == [("tool", "Your card is Ben's.")]


def test_a_greeting_that_is_still_judged_is_for_whoever_is_there() -> None:
    taken = f.CallTaken(take=1, gateway_id="g1")
    call = Call(with_guests(BANK), signed_in("ada"), taken, signed_in("ben"))
    assert [type(event.payload) for event in call.events].count(d.GuestAsked) > 0
    assert of(d.SpeculationOpened, [event.payload for event in call.events]) == []


def test_a_chosen_reply_that_the_gateway_refused_isnt_chosen_again_for_another() -> None:
    call = Call(BANK, signed_in("ada"))
    call.says(QUESTION, "card")
    assert chosen(call.tool_found("card", "is Ada's"))
    assert call.signs_in("ben") == []
    decided = call.told(f.ReplyRefused(candidate_id=f"{ASK}.0", reason="superseded"))
    assert chosen(decided) == []
    assert d.SpeculationDropped(speculation=1, reason="other_subject") in decided


def test_what_was_said_to_one_is_neither_repeated_to_another_nor_shown_to_a_model() -> None:
    call = Call(BANK, signed_in("ada"))
    call.says(QUESTION, "card")
    call.tool_found("card", "is Ada's")
    call.told(f.SpeechStarted(candidate_id=f"{ASK}.0", take=1))
    call.signs_in("ben")
    call.told(f.SpeechCompleted(candidate_id=f"{ASK}.0", spoken="Your card is Ada's."))
    decided = call.says("Say that again", "repeat")
    assert not any("Ada's" in asked.messages for asked in of(d.CompletionAsked, decided))
    assert not any("Ada's" in text for _, text in chosen(decided))


def test_a_reply_that_was_cut_off_isnt_gone_on_with_for_another() -> None:
    call = Call(BANK, signed_in("ada"))
    call.says(QUESTION, "card")
    call.tool_found("card", "is Ada's")
    call.told(f.SpeechStarted(candidate_id=f"{ASK}.0", take=1))
    call.signs_in("ben")
    decided = call.told(f.CallTaken(take=2, gateway_id="g2"))
    assert [p.text for p in of(d.CandidateFormed, decided)] == ["Sorry, I was cut off."]


def test_another_level_of_the_same_subject_disturbs_nothing() -> None:
    call = Call(BANK, signed_in("ada"))
    call.says(QUESTION, "card")
    assert call.signs_in("ada", "stepped_up") == []
    assert [action for action, _ in chosen(call.tool_found())] == ["tool"]


# --- after the owner died --------------------------------------------------------------------------------------------


def test_a_tool_is_asked_again_for_who_still_holds_the_level() -> None:
    call = Call(BANK, signed_in("ada", expires_after_ms=5000))
    call.says(QUESTION, "card")
    call.now_ms = 4999
    assert of(d.AskRepeated, call.told(f.OwnerChanged(epoch=2))) == [d.AskRepeated(ask_id=ASK, generation=1)]


def test_a_tool_isnt_asked_again_once_the_level_ran_out() -> None:
    call = Call(BANK, signed_in("ada", expires_after_ms=5000))
    call.says(QUESTION, "card")
    call.now_ms = 5000
    decided = call.told(f.OwnerChanged(epoch=2))
    assert of(d.AskRepeated, decided) == []
    assert refused(decided) == ["expired"]
    assert chosen(decided) == [("sign_in", INTENT.unauthenticated)]
    assert call.open_asks() == []


def test_how_to_sign_in_is_said_after_all_where_the_tool_that_was_asked_instead_is_refused() -> None:
    call = Call()
    call.says(QUESTION, "card")
    call.signs_in("ada", expires_after_ms=400)
    assert of(d.ToolRequested, call.told(f.CallTaken(take=2, gateway_id="g2")))
    call.now_ms = 500
    decided = call.told(f.OwnerChanged(epoch=2))
    assert refused(decided) == ["expired"]
    assert [(p.candidate_id, p.take) for p in of(d.ReplyChosen, decided)] == [("t2.s1.sign_in.card.2", 2)]


def test_a_turn_ends_honestly_though_its_fallback_gave_way_to_a_choice_that_was_taken_back() -> None:
    call = Call()
    call.says(QUESTION, "card")
    call.told(f.CallerSpeechStarted(utterance_id="u9"))
    call.told(f.ReplyRefused(candidate_id="t2.s1.sign_in.card", reason="superseded"))
    call.now_ms = BANK.budget.give_up_ms
    call.told(f.TimerFired(timer_id="t2.give_up", purpose="give_up"))
    decided = call.told(f.CallerSpeechDismissed(utterance_id="u9"))
    assert d.CandidateDropped(candidate_id="t2.s1.fallback.card", reason="slower") in decided
    call.signs_in("ada")
    decided = call.told(f.CallTaken(take=2, gateway_id="g2"))
    assert d.CandidateDropped(candidate_id="t2.s1.sign_in.card", reason="authorised") in decided
    assert [(p.candidate_id, p.take) for p in of(d.ReplyChosen, decided)] == [("t2.s1.fallback.card.2", 2)]


def test_words_that_no_voice_could_say_are_not_tried_again() -> None:
    call = Call()
    call.says(QUESTION, "card")
    call.told(f.SpeechFailed(candidate_id="t2.s1.sign_in.card", reason="provider_failed"))
    call.now_ms = BANK.budget.give_up_ms
    decided = call.told(f.TimerFired(timer_id="t2.give_up", purpose="give_up"))
    assert chosen(decided) == [("fallback", BANK.lines.fallback)]


def test_a_read_that_isnt_declared_safe_waits_for_the_final_words(monkeypatch: pytest.MonkeyPatch) -> None:
    careful = dataclasses.replace(CARD_STATUS, speculative=False)
    monkeypatch.setattr(registry, "every", lambda: {"card_status": careful})
    call = Call(BANK, signed_in("ada"))
    assert of(d.ToolRequested, call.says(QUESTION, "card", final=False)) == []
    assert of(d.ToolRequested, call.says(QUESTION, "card"))


# --- several at once -------------------------------------------------------------------------------------------------


class Address(ToolResult, frozen=True):
    address: str


async def where_to(arguments: CardStatusArguments, records: CustomerRecords) -> Address:
    record = await records.read(arguments.customer_id, "address", arguments.card_id)
    return Address(record["address"])


WHERE_TO = dataclasses.replace(CARD_STATUS, name="where_to", result=Address, run=where_to)
BESIDES = f"{ASK}.where_to"


def with_address(monkeypatch: pytest.MonkeyPatch, where_to: Tool = WHERE_TO, **words: str) -> Call:
    monkeypatch.setattr(registry, "every", lambda: {"card_status": CARD_STATUS, "where_to": where_to})
    written = BANK.model_dump()
    for intent in written["intents"]:
        if intent["name"] == "card":
            intent |= {"also": ["where_to"], "answer": "Your {card} {progress}, to {address}."} | words
    return Call(Behaviour.model_validate(written), signed_in("ada"))


def address_found(address: str = "Harbour Street") -> f.ToolReturned:
    return f.ToolReturned(ask_id=BESIDES, attempt=0, tool="where_to", result=f'{{"address":"{address}"}}')


def card_found() -> f.ToolReturned:
    return tool_returned(ASK, "card", "is on its way")


def test_all_reads_of_a_question_are_asked_at_once_and_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    for first, second in ((card_found(), address_found()), (address_found(), card_found())):
        call = with_address(monkeypatch)
        requests = of(d.ToolRequested, call.says(QUESTION, "card"))
        assert [(r.ask_id, r.tool, r.arguments) for r in requests] == [
            (ASK, "card_status", '{"card_id":"card-1111","customer_id":"ada"}'),
            (BESIDES, "where_to", '{"card_id":"card-1111","customer_id":"ada"}'),
        ]
        assert len(call.open_asks()) == 2
        assert chosen(call.told(first)) == []
        assert chosen(call.told(second)) == [("tool", "Your card is on its way, to Harbour Street.")]


def test_figures_of_each_read_ground_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    call = with_address(monkeypatch)
    call.says(QUESTION, "card")
    call.told(card_found())
    assert chosen(call.told(address_found("14 Harbour Street"))) == [
        ("tool", "Your card is on its way, to 14 Harbour Street.")
    ]


@pytest.mark.parametrize("fails_first", [True, False])
def test_without_one_of_them_there_is_no_answer(monkeypatch: pytest.MonkeyPatch, fails_first: bool) -> None:
    call = with_address(monkeypatch)
    call.says(QUESTION, "card")
    facts = [f.EffectFailed(ask_id=BESIDES, attempt=0, reason="unavailable"), card_found()]
    first, second = facts if fails_first else reversed(facts)
    assert chosen(call.told(first)) == []
    assert chosen(call.told(second)) == [("fallback", BANK.lines.fallback)]


LATE = {"pending": "That takes longer.", "late": "Your {card} {progress}, to {address}.", "failed": "It is unknown."}
GIVES_UP = f.TimerFired(timer_id="t2.give_up", purpose="give_up")


def test_what_one_of_them_found_in_time_is_told_with_what_another_finds_late(monkeypatch: pytest.MonkeyPatch) -> None:
    call = with_address(monkeypatch, **LATE)
    call.says(QUESTION, "card")
    call.told(card_found())
    assert chosen(call.told(GIVES_UP)) == [("fallback", LATE["pending"])]
    call.hears_reply()
    assert chosen(call.told(address_found())) == [("tool", "Your card is on its way, to Harbour Street.")]


def test_nothing_is_kept_of_which_one_has_failed_by_then(monkeypatch: pytest.MonkeyPatch) -> None:
    call = with_address(monkeypatch, **LATE)
    call.says(QUESTION, "card")
    call.told(f.EffectFailed(ask_id=BESIDES, attempt=0, reason="unavailable"))
    assert chosen(call.told(GIVES_UP)) == [("fallback", BANK.lines.fallback)]
    assert call.open_asks() == []


def test_who_may_not_know_all_of_it_is_asked_to_prove_it_and_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    call = with_address(monkeypatch, dataclasses.replace(WHERE_TO, level=Level.STEPPED_UP))
    decided = call.says(QUESTION, "card")
    assert of(d.ToolRequested, decided) == []
    assert [(r.tool, r.reason) for r in of(d.ToolRefused, decided)] == [("where_to", "level_too_low")]


def test_one_that_isnt_declared_safe_waits_alone_for_the_final_words(monkeypatch: pytest.MonkeyPatch) -> None:
    call = with_address(monkeypatch, dataclasses.replace(WHERE_TO, speculative=False))
    assert [r.tool for r in of(d.ToolRequested, call.says(QUESTION, "card", final=False))] == ["card_status"]
    assert call.told(card_found()) == []
    assert [r.tool for r in of(d.ToolRequested, call.says(QUESTION, "card"))] == ["where_to"]
    assert chosen(call.told(address_found())) == [("tool", "Your card is on its way, to Harbour Street.")]


def test_reads_that_run_at_once_take_the_time_of_the_slowest() -> None:
    took_s: dict[str, tuple[float, float]] = {}

    async def read(conversation: Conversation, ask: Ask, attempt: int) -> f.ToolReturned:
        began_s = asyncio.get_running_loop().time()
        await asyncio.sleep(0.4 if ask.ask_id == ASK else 0.7)
        took_s[ask.ask_id] = began_s, asyncio.get_running_loop().time()
        return card_found() if ask.ask_id == ASK else address_found()

    async def scene(conversation: Conversation) -> float:
        came: asyncio.Queue[Outcome] = asyncio.Queue()
        began_s = asyncio.get_running_loop().time()
        effects = EffectRunner({d.ToolRequested: read})
        effects.begin(1, came.put_nowait)
        effects.reconcile(conversation.id, conversation)
        for _ in range(2):
            await came.get()
        await effects.stop()
        return asyncio.get_running_loop().time() - began_s

    with pytest.MonkeyPatch.context() as monkeypatch:
        call = with_address(monkeypatch)
        call.says(QUESTION, "card")
    assert run_virtual(scene(call.conversation)) == pytest.approx(0.7)
    assert took_s[ASK][0] == took_s[BESIDES][0]
