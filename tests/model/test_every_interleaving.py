"""Every interleaving of a few owners, gateways and facts: each state that can be reached is looked at.

The worlds are small, and visited whole. Any owner may be slow, dead, or wake up late; any append may land late, in
parts, or never; any gateway may have read less than there is. What leads to a violation is told act by act.
"""

from __future__ import annotations

from dataclasses import replace

import broken
import call_model
import pytest
from call_model import HEARD, CallRules
from explore import Explored, Explorer
from log_properties import violation
from owner_model import Decide, Owner, Rules, World, acts

FEW = Rules(hears_at_once=True, steps_may_split=False, most_epochs=2)
CALL = CallRules(replace(FEW, steps_may_split=True))
MOST_STATES = 400_000


def explored(owners: int, inbox: tuple[int, ...], rules: Rules) -> Explored:
    """``inbox``: facts by position; the same number again is the same fact put twice."""
    decide = Decide()
    world = World("", inbox, tuple(Owner() for _ in range(owners)))
    explorer = Explorer[World](lambda state: acts(state, rules, decide), lambda state: violation(state, rules))
    return explorer.explore(world, most_states=MOST_STATES)


def explored_call(owners: int, gateways: int, rules: CallRules) -> Explored:
    explorer = Explorer[call_model.Call](
        lambda state: call_model.acts(state, rules), lambda state: call_model.violation(state, rules)
    )
    return explorer.explore(call_model.initial(owners, gateways), most_states=MOST_STATES)


def told(found: Explored) -> str:
    return f"{found.violation}: {', '.join(found.acts)}"


@pytest.mark.parametrize(
    ("owners", "inbox", "rules"),
    [
        pytest.param(2, (0, 1, 0), Rules(), id="two owners, two facts, one of them put twice, steps in parts"),
        pytest.param(3, (0,), replace(FEW, most_epochs=3), id="three owners, a fact, one announcement each"),
        pytest.param(2, (0, 1, 2), Rules(hears_at_once=True), id="two owners that announce again, three facts"),
    ],
)
def test_owners_and_zombies_keep_the_log_sound(owners: int, inbox: tuple[int, ...], rules: Rules) -> None:
    found = explored(owners, inbox, rules)
    assert found.violation is None, told(found)
    assert found.states > 10_000


@pytest.mark.parametrize(
    ("owners", "gateways", "rules"),
    [
        pytest.param(2, 1, CALL, id="two owners, a gateway, steps in parts"),
        pytest.param(1, 2, CallRules(FEW, put_twice=frozenset({HEARD})), id="an owner, two gateways, words put twice"),
    ],
)
def test_one_reply_of_a_turn_takes_effect_and_only_what_the_log_holds_is_heard(
    owners: int, gateways: int, rules: CallRules
) -> None:
    found = explored_call(owners, gateways, rules)
    assert found.violation is None, told(found)
    assert found.states > 10_000


RULES_LEFT_OUT = {
    "an announcement of an equal epoch takes the partition": (
        Rules(reader=broken.broken_reader(broken.EQUAL_EPOCH_TAKES)),
        "an effective step is broken",
    ),
    "half a step outlives its owner": (
        Rules(reader=broken.broken_reader(broken.HALF_A_STEP_STAYS)),
        "in the middle of a step",
    ),
    "records of lower epochs are delivered": (
        Rules(reader=broken.broken_reader(broken.VOID_IS_DELIVERED)),
        "an effective step is broken",
    ),
    "an append is acknowledged before the gap in front of it was read": (
        Rules(reads_gaps=False),
        "acknowledged and not on the log",
    ),
    "records land behind one that was lost": (
        Rules(nothing_lands_behind_a_loss=False, steps_may_split=False),
        "the conversation's numbers have gaps",
    ),
    "an owner decides before its announcement is in force": (
        Rules(waits_until_effective=False),
        "where epoch 0 is in force",
    ),
    "an owner holds the log's end, whoever reigns there": (
        Rules(holds_what_it_knows=False, steps_may_split=False),
        "where epoch 2 is in force",
    ),
    "the next owner resumes behind what was taken": (
        Rules(resumes_behind_what_is_effective=False),
        "the held mark says more than the log",
    ),
    "a fact that was taken is taken again": (
        Rules(knows_what_was_taken=False, steps_may_split=False),
        "a fact took effect twice",
    ),
}


@pytest.mark.parametrize("left_out", RULES_LEFT_OUT)
def test_a_rule_of_the_log_that_is_left_out_is_found(left_out: str) -> None:
    rules, by = RULES_LEFT_OUT[left_out]
    found = explored(2, (0, 1, 0), rules)
    assert found.violation is not None
    assert by in found.violation, told(found)


RULES_OF_CALLS_LEFT_OUT = {
    "a gateway speaks what it reads, effective or not": (
        replace(CALL, reads_through_the_filter=False),
        "the caller heard a reply that the log doesn't hold",
    ),
    "a gateway starts a reply that names another take": (
        CallRules(obeys_the_take=False),
        "the caller heard a reply that the log doesn't hold for gateway",
    ),
    "a reply is started after the closing line": (
        CallRules(refuses_after_the_closing_line=False),
        "two sounds of one turn took effect",
    ),
    "two gateways are on the line at once": (
        CallRules(joining_puts_the_other_off=False),
        "two sounds of one turn took effect",
    ),
}


@pytest.mark.parametrize("left_out", RULES_OF_CALLS_LEFT_OUT)
def test_a_rule_of_calls_that_is_left_out_is_found(left_out: str) -> None:
    rules, by = RULES_OF_CALLS_LEFT_OUT[left_out]
    owners, gateways = (2, 1) if rules.log is CALL.log else (1, 2)
    found = explored_call(owners, gateways, rules)
    assert found.violation is not None
    assert by in found.violation, told(found)
