"""The decider set: which deciders there are, in which order they look at an event, and the version of their behaviour.

``VERSION`` must rise whenever any decision changes for the same facts; the golden logs in tests/golden/ notice.
"""

from __future__ import annotations

from processors import (
    budgets,
    candidates,
    choice,
    guarding,
    guests,
    idling,
    opening,
    questions,
    recovery,
    resuming,
    silence,
    subject_change,
    tools,
    turn_ending,
    turn_taking,
)
from processors.cascade import Cascade, Decider

VERSION = "1"

DECIDERS = (
    Decider("opening", opening.HANDLES, opening.decide, before_open=True),
    Decider("turn_taking", turn_taking.HANDLES, turn_taking.decide),
    Decider("turn_ending", turn_ending.HANDLES, turn_ending.decide),
    Decider("resuming", resuming.HANDLES, resuming.decide),
    Decider("subject_change", subject_change.HANDLES, subject_change.decide),
    Decider("budgets", budgets.HANDLES, budgets.decide),
    Decider("questions", questions.HANDLES, questions.decide),
    Decider("tools", tools.HANDLES, tools.decide),
    Decider("guarding", guarding.HANDLES, guarding.decide),
    Decider("guests", guests.HANDLES, guests.decide),
    Decider("candidates", candidates.HANDLES, candidates.decide),
    Decider("choice", choice.HANDLES, choice.decide),
    Decider("silence", silence.HANDLES, silence.decide),
    Decider("idling", idling.HANDLES, idling.decide),
    Decider("recovery", recovery.HANDLES, recovery.decide),
)


def cascade() -> Cascade:
    return Cascade(DECIDERS, VERSION)
