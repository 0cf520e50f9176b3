"""The decider set: which deciders there are, in which order they look at an event, and the version of their behaviour.

``VERSION`` must rise whenever any decision changes for the same facts; the golden logs in tests/golden/ notice.
"""

from __future__ import annotations

from processors import (
    approving,
    budgets,
    candidates,
    choice,
    guarding,
    guests,
    hedging,
    idling,
    interruptions,
    late_reads,
    opening,
    proposing,
    proving,
    questions,
    recovery,
    releasing,
    resuming,
    silence,
    spending,
    stepping_up,
    subject_change,
    telling,
    tools,
    turn_ending,
    turn_taking,
    writing,
)
from processors.cascade import Cascade, Decider

VERSION = "2"

DECIDERS = (
    Decider("opening", opening.HANDLES, opening.decide, before_open=True),
    Decider("interruptions", interruptions.HANDLES, interruptions.decide),
    Decider("turn_taking", turn_taking.HANDLES, turn_taking.decide),
    Decider("turn_ending", turn_ending.HANDLES, turn_ending.decide),
    Decider("resuming", resuming.HANDLES, resuming.decide),
    Decider("subject_change", subject_change.HANDLES, subject_change.decide),
    Decider("proving", proving.HANDLES, proving.decide),
    Decider("stepping_up", stepping_up.HANDLES, stepping_up.decide),
    Decider("proposing", proposing.HANDLES, proposing.decide),
    Decider("approving", approving.HANDLES, approving.decide),
    Decider("writing", writing.HANDLES, writing.decide, before_open=True),  # after the end, too: finished or undone
    Decider("telling", telling.HANDLES, telling.decide),
    Decider("late_reads", late_reads.HANDLES, late_reads.decide),
    Decider("budgets", budgets.HANDLES, budgets.decide),
    Decider("spending", spending.HANDLES, spending.decide),
    Decider("hedging", hedging.HANDLES, hedging.decide),
    Decider("questions", questions.HANDLES, questions.decide),
    Decider("tools", tools.HANDLES, tools.decide),
    Decider("guarding", guarding.HANDLES, guarding.decide),
    Decider("guests", guests.HANDLES, guests.decide),
    Decider("candidates", candidates.HANDLES, candidates.decide),
    Decider("choice", choice.HANDLES, choice.decide),
    Decider("releasing", releasing.HANDLES, releasing.decide),
    Decider("silence", silence.HANDLES, silence.decide),
    Decider("idling", idling.HANDLES, idling.decide),
    Decider("recovery", recovery.HANDLES, recovery.decide, before_open=True),
)


def cascade() -> Cascade:
    return Cascade(DECIDERS, VERSION)
