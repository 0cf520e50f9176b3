"""``why`` puts the cause of a planted fault among its first three lines, and has nothing to say where nothing is wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fault_scorer import BANK, FILES, OUTSIDE, Fault, explained, faults, is_found, merged
from msgspec.structs import replace
from played_turn import BEGAN_US, CALL, played

from agent_core.behaviour import Behaviour
from agent_core.behaviour_loader import load
from projections.why.changes import Part, changed_parts
from projections.why.findings import Finding
from projections.why.why import lines, ranked
from schemas.decisions import Spoken
from schemas.event import Event
from schemas.facts import CompletionReturned, TimerFired
from schemas.models import ProviderCost
from streams.codec import FORGOTTEN
from streams.fact_writer import fact_event

KINDS = {"prompt", "knowledge", "guardrail", "budget", "provider", "code"}
AT_LEAST = 16
NOTHING = Fault("nothing", "none", {}, True, {}, {}, [])


def test_the_cause_of_a_planted_fault_is_among_the_first_three_lines() -> None:
    planted = [fault for file in FILES for fault in faults(file)]
    missed = [fault.name for fault in planted if not is_found(fault, explained(fault))]
    assert (len(planted), {fault.kind for fault in planted}) == (20, KINDS)
    assert len(planted) - len(missed) >= AT_LEAST, missed


@pytest.mark.parametrize("fault", faults(OUTSIDE), ids=lambda fault: fault.name)
def test_the_cause_of_an_outsiders_fault_is_among_the_first_three_lines(fault: Fault) -> None:
    found = explained(fault)
    assert is_found(fault, found), lines(found)


def test_a_turn_without_a_fault_has_no_cause() -> None:
    told = lines(explained(NOTHING))
    assert told[0].startswith("Nothing out of the ordinary")
    assert any("Chosen at" in line and "three to five working days" in line for line in told)


def test_an_article_that_has_another_figure_is_not_named_as_the_source_of_what_was_said() -> None:
    answers = [{"text": "Your new card will be with you in two working days. I promise.", "after_ms": 320}]
    fault = Fault(
        "ungrounded",
        "guardrail",
        {"guardrails": [{"name": "grounding", "gone": True}]},
        True,
        {},
        {"answers": answers},
        [],
    )
    told = lines(explained(fault))
    (found,) = (line for line in told if "while the approved wording says" in line)
    assert "two working days" in found
    assert "as the article" not in found


@pytest.mark.parametrize(
    ("gone", "answer", "told"),
    [
        ("grounding", "A new card takes eight working days by post.", 0),
        ("grounding", None, None),
        ("forbidden_topics", None, None),
        ("tone_meaning", None, 1),  # what it would have scored nobody knows
    ],
    ids=["would have objected", "had let it pass", "of no such words", "needs scores"],
)
def test_a_guardrail_that_is_gone_is_told_where_it_may_have_mattered(
    gone: str, answer: str | None, told: int | None
) -> None:
    outside = {"answers": [{"text": answer, "after_ms": 320}]} if answer else {}
    fault = Fault("gone", "guardrail", {"guardrails": [{"name": gone, "gone": True}]}, True, {}, outside, [])
    found = explained(fault)
    naming = [each for each in found.causes if f"guardrails {gone}: it is gone" in each.told]
    assert [each.weight for each in naming] == ([] if told is None else [89 if told == 0 else 58]), lines(found)


NEW_ARTICLE = {"articles": [{"id": "card-delivery", "public": "A new card takes seven to nine working days by post."}]}


def test_a_turn_that_rests_on_an_old_article_names_the_version_that_has_it_otherwise() -> None:
    first = lines(explained(NOTHING, newer=NEW_ARTICLE, newer_since_us=BEGAN_US - 1))[0]
    assert "pinned behaviour 1, though behaviour 2 was recorded at" in first
    assert "articles card-delivery is otherwise" in first
    assert "seven to nine" in first


@pytest.mark.parametrize(
    ("newer", "since_us"),
    [
        (NEW_ARTICLE, BEGAN_US + 1),  # recorded once the call had rung: it couldn't pin it
        ({"articles": [{"id": "branches", "public": "Closed."}]}, BEGAN_US - 1),
        ({"name": "another-agent", **NEW_ARTICLE}, BEGAN_US - 1),
        ({"guardrails": [{"name": "grounding", "gone": True}]}, BEGAN_US - 1),  # it had nothing to say
    ],
    ids=["later", "another article", "another agent", "a guardrail that passed"],
)
def test_a_newer_behaviour_that_this_turn_does_not_rest_on_is_not_told(newer: dict[str, Any], since_us: int) -> None:
    told = lines(explained(NOTHING, newer=newer, newer_since_us=since_us))
    assert told[0].startswith("Nothing out of the ordinary"), told[0]


def test_of_a_list_of_things_with_names_the_field_that_changed_is_told() -> None:
    bank = load(BANK)
    changed = merged(bank.model_dump(mode="json"), {"proofs": {"methods": [{"name": "phone_code", "lasts_ms": 1_000}]}})
    (part,) = changed_parts(bank, Behaviour.model_validate(changed))
    assert (part.kind, part.name, part.told) == ("proofs", "methods", "phone_code lasts_ms 300000 → 1000")


def test_a_setting_that_was_taken_out_again_is_told() -> None:
    bank = load(BANK)
    shorter = {"guardrails": [{"name": "prompt_injection", "budget_ms": 1}]}
    former = Behaviour.model_validate(merged(bank.model_dump(mode="json"), shorter))
    (part,) = changed_parts(former, bank)
    assert (part.name, part.told) == ("prompt_injection", "budget_ms: 1 → None")


def test_a_part_that_one_version_has_and_the_other_has_not_is_new_or_gone() -> None:
    fields = load(BANK).model_dump(mode="json")
    plain = {"proofs": None, "intents": [each for each in fields["intents"] if "tool" not in each]}
    proving = Behaviour.model_validate(fields | plain | {"proofs": fields["proofs"]})
    none = Behaviour.model_validate(fields | plain)
    assert list(changed_parts(none, proving)) == [Part("proofs", "", "it is new")]
    assert list(changed_parts(proving, none)) == [Part("proofs", "", "it is gone")]


def test_the_story_tells_what_was_heard_asked_offered_and_played() -> None:
    story = explained(NOTHING).story
    beginnings = [line.partition(":")[0].partition(" at ")[0] for line in story]
    assert [b for b in dict.fromkeys(beginnings)] == [
        "Heard",
        "Understood as",
        "Found",
        "Asked",
        "Offered",
        "Chosen",
        "Played",
        "Ended",
    ]


def test_a_guardrail_that_is_awaited_for_several_texts_is_named_once() -> None:
    of_words = [
        {"name": name, "gone": True} for name in ("prompt_injection", "complaint_meaning", "vulnerability_meaning")
    ]
    late = Fault("late", "guardrail", {"guardrails": of_words}, False, {}, {"judged_after_ms": 50_000}, [])
    (told,) = (line for line in lines(explained(late)) if "still awaited" in line)
    awaited = re.findall(r"the guardrail (\w+)", told)
    assert sorted(awaited) == ["advice_meaning", "tipping_off_meaning", "tone_meaning"], told


def test_a_verdict_on_a_text_that_was_dropped_is_waited_for_by_nobody() -> None:
    (fault,) = (f for f in faults(OUTSIDE) if f.name == "a_slow_sibling_of_an_answer_that_was_blocked")
    told = lines(explained(fault))
    assert not any("by waiting for the guardrail" in line for line in told), told
    unwanted = [line for line in told if "no longer wanted" in line]
    assert [line.split()[1] for line in unwanted] == ["advice_meaning", "tipping_off_meaning", "tone_meaning"], told


def test_what_is_asked_at_the_deadline_was_not_awaited_then() -> None:
    (fault,) = (f for f in faults(OUTSIDE) if f.name == "a_time_limit_just_above_what_the_model_takes")
    (told,) = (line for line in lines(explained(fault)) if "still awaited" in line)
    assert re.findall(r"awaited: (.*)\.(?: \[|$)", told) == ["an answer about card_delivery_time (never came)"]


def test_a_deadline_behind_the_choice_is_no_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    """It fires all the same where the rest of a reply that has begun is still to come."""

    def with_deadline(*told: Any) -> list[tuple[Event, ...]]:
        steps = played(*told)
        spoken = (event for step in steps for event in step if isinstance(event.payload, Spoken))
        chosen = next(event for event in spoken if event.turn_id == "t2")
        fired = TimerFired(timer_id=f"{chosen.turn_id}.give_up", purpose="give_up")
        late = fact_event(CALL, fired, turn_id=chosen.turn_id, occurred_at_us=chosen.accepted_at_us + 1_000_000)
        seq = steps[-1][-1].seq + 1
        return [*steps, (replace(late, seq=seq, accepted_at_us=late.occurred_at_us, epoch=1),)]

    monkeypatch.setattr("fault_scorer.played", with_deadline)
    told = lines(explained(NOTHING))
    assert any(line.startswith("Chosen at") for line in told)
    assert not any("budget ran out" in line for line in told), told


def test_who_was_asked_in_vain_before_the_one_who_answered_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def failed_over(event: Event) -> Event:
        answer = event.payload
        if not isinstance(answer, CompletionReturned):
            return event
        before = ProviderCost("first choice", "m", "rate_limited", calls=3, cost_micros=0)
        own = ProviderCost(answer.provider, answer.model, "answered", cost_micros=answer.cost_micros)
        return replace(event, payload=replace(answer, parts=(before, own)))

    def with_failover(*told: Any) -> list[tuple[Event, ...]]:
        return [tuple(failed_over(event) for event in step) for step in played(*told)]

    monkeypatch.setattr("fault_scorer.played", with_failover)
    found = lines(explained(NOTHING))
    assert any("after others had failed in the same attempt: first choice: rate_limited" in line for line in found), (
        found
    )
    assert any(line.startswith("Asked: answer") and "of first choice, then " in line for line in found), found


def test_a_forgotten_turn_is_explained_without_its_words() -> None:
    planted = next(fault for fault in faults(FILES[0]) if fault.name == "a_topic_that_forbids_too_much")
    told = lines(explained(planted, forgotten=True))
    assert told[0].startswith("The guardrail forbidden_topics blocked 3 of 4 candidates: forbidden_topic_said.")
    assert not any("card takes" in line or "at “" in line for line in told)
    assert any(FORGOTTEN in line for line in told)


@pytest.mark.parametrize("heavier", [40, 90])
def test_a_second_finding_of_a_rule_stands_behind_the_first_of_every_other(heavier: int) -> None:
    def finding(told: str, weight: int) -> Finding:
        return Finding(kind="log", weight=weight, told=told)

    found = ranked([[finding("a", 95), finding("b", 94)], [finding("c", heavier)], [finding("d", 10)]])
    assert [each.told for each in found] == ["a", "c", "b"]
