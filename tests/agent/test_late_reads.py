"""A read that comes when its reply has gone: nothing of it is lost, and it is told when nobody speaks."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest
from test_behaviour_loader import INTENTS, problems, swapped, write
from told_by_hand import BANK, Call, of, signed_in, tool_returned

from agent_core.behaviour import Behaviour, Budget
from agent_core.tools import registry
from processors.deciders import cascade
from processors.executors.call_tool import CallTool
from processors.mind import AgentMind
from schemas import decisions as d
from schemas import facts as f
from schemas import reads as r
from schemas.base import Fact, Payload
from simulation.durable import Durable
from simulation.virtual_loop import run_virtual

QUESTION, ASK = "Is my new card on its way", "t2.s1.tool.card"
PENDING, FAILED = "That takes longer. I'll tell you as soon as I know.", "I couldn't find out where it is."
WORDS = {"pending": PENDING, "late": "About your card: it {progress}.", "failed": FAILED}
NEWS = f"t3.s0.late.{ASK}"


def bank(**words: str | None) -> Behaviour:
    written = BANK.model_dump()
    for intent in written["intents"]:
        if intent["name"] == "card":
            intent |= words or WORDS
    return Behaviour.model_validate(written)


def said(decided: list[Payload]) -> list[tuple[str, str]]:
    return [(p.action, p.text) for p in decided if isinstance(p, d.ReplyChosen)]


def gave_up(behaviour: Behaviour | None = None) -> Call:
    """The caller has heard that it takes longer; the read goes on."""
    call = Call(behaviour or bank(), signed_in("ada"))
    call.says(QUESTION, "card")
    assert said(gives_up(call)) == [("fallback", PENDING)]
    call.hears_reply()
    return call


def gives_up(call: Call) -> list[Payload]:
    call.now_ms += BANK.budget.give_up_ms
    turn = call.conversation.turn
    assert turn
    return call.told(f.TimerFired(timer_id=f"{turn.turn_id}.give_up", purpose="give_up"))


def found() -> f.ToolReturned:
    return tool_returned(ASK, "card", "is on its way")


def test_what_comes_when_nobody_speaks_is_told_at_once() -> None:
    call = gave_up()
    decided = call.told(found())
    assert of(d.TurnOpened, decided)[0].cause == "news"
    assert of(r.ReadTold, decided) == [r.ReadTold(read_id=ASK, candidate_id=NEWS)]
    assert said(decided) == [("tool", "About your card: it is on its way.")]
    call.hears_reply()
    assert call.conversation.late_reads == {}
    assert call.open_asks() == []


def test_the_turn_gives_up_with_what_it_keeps_on_the_log() -> None:
    call = Call(bank(), signed_in("ada"))
    call.says(QUESTION, "card")
    decided = gives_up(call)
    assert of(r.ReadKept, decided) == [r.ReadKept(read_id=ASK, intent="card", waits_for=(ASK,))]
    assert [ask.ask_id for ask in call.open_asks()] == [ASK]


def test_what_comes_in_mid_speech_is_told_once_the_reply_was_heard() -> None:
    call = gave_up()
    call.says("What does a new card cost", "fees")
    assert said(call.told(found())) == []
    assert said(call.hears_reply()) == [("tool", "About your card: it is on its way.")]


def test_what_comes_while_the_agent_still_says_that_it_takes_longer_is_told_next() -> None:
    call = Call(bank(), signed_in("ada"))
    call.says(QUESTION, "card")
    gives_up(call)
    assert said(call.told(found())) == []
    assert said(call.hears_reply()) == [("tool", "About your card: it is on its way.")]


def test_while_the_caller_speaks_nothing_is_told() -> None:
    call = gave_up()
    call.told(f.CallerSpeechStarted(utterance_id="u9"))
    assert said(call.told(found())) == []
    assert said(call.told(f.CallerSpeechDismissed(utterance_id="u9"))) == [
        ("tool", "About your card: it is on its way.")
    ]


def test_that_nothing_was_found_is_told_too() -> None:
    call = gave_up()
    decided = call.told(f.EffectFailed(ask_id=ASK, attempt=0, reason="timed_out"))
    assert said(decided) == [("tool", FAILED)]


def test_what_was_read_for_one_is_told_to_nobody_else_and_to_them_when_they_are_back() -> None:
    call = gave_up()
    call.signs_in("ben")
    assert said(call.told(found())) == []
    assert said(call.signs_in("ada")) == [("tool", "About your card: it is on its way.")]


def test_news_that_no_voice_said_are_told_again_though_what_came_in_their_place_was_heard_to_its_end() -> None:
    call = gave_up()
    call.told(found())
    call.told(f.SpeechFailed(candidate_id=NEWS, reason="unavailable"))
    gives_up(call)
    turn = call.conversation.turn
    assert turn is not None
    assert turn.chosen is not None
    call.told(f.SpeechStarted(candidate_id=turn.chosen, take=1))
    call.told(f.CallerSpeechStarted(utterance_id="u9"))
    call.told(f.SpeechInterrupted(candidate_id=turn.chosen, spoken_so_far="I could"))
    call.told(f.CallerSpeechDismissed(utterance_id="u9"))
    assert said(call.hears_reply()) == [("tool", "About your card: it is on its way.")]


def test_news_that_were_cut_off_twice_were_heard_once_their_last_part_was() -> None:
    call = gave_up()
    call.told(found())
    for part in ("About your", "About your card"):
        turn = call.conversation.turn
        assert turn is not None
        assert turn.chosen is not None
        call.told(f.SpeechStarted(candidate_id=turn.chosen, take=1))
        call.told(f.CallerSpeechStarted(utterance_id="u9"))
        call.told(f.SpeechInterrupted(candidate_id=turn.chosen, spoken_so_far=part))
        call.told(f.CallerSpeechDismissed(utterance_id="u9"))
    assert said(call.hears_reply()) == []
    assert call.conversation.late_reads == {}


def test_news_that_the_gateway_refuses_for_another_subject_open_no_question_and_are_kept_for_theirs() -> None:
    call = gave_up()
    call.told(found())
    call.signs_in("ben")
    decided = call.told(f.ReplyRefused(candidate_id=NEWS, reason="superseded"))
    assert [x.outcome for x in of(d.TurnEnded, decided)] == ["superseded"]
    assert of(d.SpeculationOpened, decided) == []
    assert said(decided) == []
    assert said(call.signs_in("ada")) == [("tool", "About your card: it is on its way.")]


def test_who_lost_the_level_meanwhile_is_told_nothing() -> None:
    call = Call(bank(), signed_in("ada", expires_after_ms=BANK.budget.give_up_ms + 100))
    call.says(QUESTION, "card")
    gives_up(call)
    call.hears_reply()
    call.now_ms += 200
    assert said(call.told(found())) == []


def test_who_asks_again_and_is_answered_is_not_told_twice() -> None:
    call = gave_up()
    call.says(QUESTION, "card")
    again = "t3.s1.tool.card"
    assert said(call.told(tool_returned(again, "card", "was delivered"))) == [("tool", "Your card was delivered.")]
    call.told(found())
    assert said(call.hears_reply()) == []
    assert call.conversation.late_reads == {}


def test_an_answer_about_another_card_or_of_another_customer_leaves_it_to_be_told() -> None:
    for who, card in (("cleo", "3333"), ("ben", "2222")):
        call = Call(bank(), signed_in("cleo"))
        call.says("Where is card 4444", "card")
        gives_up(call)
        call.hears_reply()
        call.signs_in(who)
        call.says(f"Where is card {card}", "card")
        answer = call.told(tool_returned("t3.s1.tool.card", "card", "was delivered"))
        assert said(answer) == [("tool", "Your card was delivered.")]
        assert of(r.ReadTold, answer) == []
        call.hears_reply()
        call.signs_in("cleo")
        assert said(call.told(found())) == [("tool", "About your card: it is on its way.")]


def test_news_that_were_talked_over_are_told_once_more_and_no_more() -> None:
    call = gave_up()
    call.told(found())
    told = []
    for turn, utterance in ((3, "u8"), (5, "u9"), (7, "u10")):
        chosen = f"t{turn}.s0.late.{ASK}"
        if call.conversation.turn is None or chosen not in call.conversation.turn.candidates:
            break
        told.append(turn)
        call.told(f.SpeechStarted(candidate_id=chosen, take=1))
        call.told(f.CallerSpeechStarted(utterance_id=utterance))
        call.told(f.SpeechInterrupted(candidate_id=chosen, spoken_so_far="About"))
        call.says("What does a new card cost", "fees")
        call.hears_reply()
    assert told == [3, 5]


def test_who_interrupts_what_is_said_meanwhile_has_the_word() -> None:
    call = gave_up()
    call.says("What does a new card cost", "fees")
    call.told(found())
    assert call.conversation.turn
    chosen = call.conversation.turn.chosen or ""
    call.told(f.SpeechStarted(candidate_id=chosen, take=1))
    decided = call.told(f.SpeechInterrupted(candidate_id=chosen, spoken_so_far="A new"))
    assert [ended.interrupted for ended in of(d.TurnEnded, decided)] == [True]
    assert of(d.TurnOpened, decided) == []


class SlowRecords:
    name = "records"

    def __init__(self, takes_s: float) -> None:
        self._takes_s = takes_s

    async def read(self, customer_id: str, kind: str, object_id: str) -> Mapping[str, str]:
        await asyncio.sleep(self._takes_s)
        return {"type": "card", "status": "posted", "due": "Friday"}


async def stands(conversation_id: str, event_id: str) -> None:
    """The log has it."""


def read_by_the_tool(call: Call, takes_s: float) -> Fact:
    ask, _ = call.asked(d.ToolRequested)
    return run_virtual(CallTool(SlowRecords(takes_s), stands)(call.conversation, ask, 0))


def test_a_tool_that_says_nothing_of_its_time_helps_within_the_turn_though_it_takes_three_seconds() -> None:
    patient = bank().model_copy(update={"budget": Budget()})
    call = Call(patient, signed_in("ada"))
    call.says(QUESTION, "card")
    assert said(call.told(read_by_the_tool(call, 3.0))) == [
        ("tool", "Your card is on its way and should be with you by Friday.")
    ]


def test_a_tool_that_says_nothing_of_its_time_is_told_late_where_it_takes_longer_than_the_turn() -> None:
    patient = bank().model_copy(update={"budget": Budget()})
    call = Call(patient, signed_in("ada"))
    call.says(QUESTION, "card")
    found_late = read_by_the_tool(call, 8.0)
    assert said(gives_up(call)) == [("fallback", PENDING)]
    call.hears_reply()
    assert said(call.told(found_late)) == [
        ("tool", "About your card: it is on its way and should be with you by Friday.")
    ]


def test_words_for_a_late_read_need_a_tool_that_may_be_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hasty = dataclasses.replace(registry.every()["card_status"], timeout_ms=2000)
    monkeypatch.setattr(registry, "every", lambda: {"card_status": hasty})
    late = "We open at nine.\n    tool: card_status\n    late: It {progress}.\n    pending: Wait.\n    failed: No."
    found = problems(write(tmp_path, **swapped(INTENTS, "We open at nine.", late)))
    assert (
        "intents.yaml:5: intent 'hours' says 'late', but 'card_status' is given up after 2000 ms, before the turn is"
        " (give_up_ms: 5000): give it a longer timeout_ms, or leave 'late' out"
    ) in found


def test_without_words_for_it_a_read_ends_with_its_turn() -> None:
    call = Call(BANK, signed_in("ada"))
    call.says(QUESTION, "card")
    assert said(gives_up(call)) == [("fallback", BANK.lines.fallback)]
    assert call.open_asks() == []


def test_a_call_that_ends_ends_what_was_kept_for_it() -> None:
    call = gave_up()
    call.told(f.CallEnded(reason="caller_hung_up"))
    assert call.open_asks() == []
    assert call.conversation.late_reads == {}


def test_a_new_owner_asks_again_for_what_was_kept() -> None:
    call = gave_up()
    decided = call.told(f.OwnerChanged(epoch=2))
    assert [(p.ask_id, p.generation) for p in of(d.AskRepeated, decided)] == [(ASK, 1)]
    assert said(call.told(found())) == [("tool", "About your card: it is on its way.")]


def test_what_is_kept_lies_in_a_snapshot() -> None:
    call = gave_up()
    durable = Durable()
    durable.keys.create(call.conversation.id)
    mind = AgentMind(cascade(), lambda seq, content_hash: bank(), durable.keys)
    frozen = mind.freeze(call.conversation)
    assert frozen is not None
    thawed = mind.thaw(call.conversation.id, frozen)
    assert thawed is not None
    assert thawed.late_reads == call.conversation.late_reads
    assert thawed.asks[ASK].kept


@pytest.mark.parametrize(("said", "missing"), [("pending: Wait.", "failed"), ("failed: Nothing.", "pending")])
def test_behaviour_needs_words_for_whatever_may_become_of_it(tmp_path: Path, said: str, missing: str) -> None:
    late = f"We open at nine.\n    tool: card_status\n    late: It {{progress}}.\n    {said}"
    found = problems(write(tmp_path, **swapped(INTENTS, "We open at nine.", late)))
    assert f"intents.yaml:4: intent 'hours' needs {missing!r}: what it finds late is told" in found
    assert not any("'late'" in problem for problem in found)


def test_a_write_has_no_words_for_a_late_read(tmp_path: Path) -> None:
    late = "We open at nine.\n    tool: block_card\n    late: It is blocked."
    found = problems(write(tmp_path, **swapped(INTENTS, "We open at nine.", late)))
    assert "intents.yaml:5: intent 'hours' says 'late', but its tool writes: 'answer' is said then" in found
