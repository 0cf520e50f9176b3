"""What a candidate states stands in the approved wording, in a public source, or in what a tool found for the caller: every
figure (amount, percentage, duration, time, date; "twice as much" and "a few days" too), every day that is named, every phone
number, every promise, every deed that is claimed ("I've blocked your card") and every one that is undertaken ("I'll send you
the form"). A model that gets one number wrong, promises a refund that nobody granted, or says that it did or will do what no
tool did or is to do, is worse than one that says nothing.

Figures are compared as what they state: "twenty quid" is £20. A promise is grounded where a source speaks of what is
promised, and beside it of what for: refunds of a wrong direct debit ground no refund of a hotel bill. That the source grants it
to this caller is for people to have checked when they approved it.
"""

from __future__ import annotations

from agent_core.guardrails._deeds import deeds, names_deed
from agent_core.guardrails._named_days import grounds, named_days
from agent_core.guardrails._numbers import DigitRun, Figure, digit_runs, figures, same
from agent_core.guardrails._objects import speaks_of_it
from agent_core.guardrails._promises import promises, speaks_of
from agent_core.guardrails._relative_figures import ungrounded
from agent_core.guardrails._undertakings import speaks_of_doing, undertakings
from agent_core.guardrails.base import (
    PASSED,
    GuardInput,
    GuardOptions,
    Input,
    Means,
    OnFailure,
    Reason,
    Span,
    Verdict,
    blocked,
)


class GroundingReason(Reason):
    FIGURE_WITHOUT_SOURCE = "grounding_figure_without_source"
    DAY_WITHOUT_SOURCE = "grounding_day_without_source"
    PHONE_WITHOUT_SOURCE = "grounding_phone_without_source"
    PROMISE_WITHOUT_SOURCE = "grounding_promise_without_source"
    DEED_WITHOUT_SOURCE = "grounding_deed_without_source"
    UNDERTAKING_WITHOUT_SOURCE = "grounding_undertaking_without_source"


_PHONE_DIGITS = 7  # as many make a number that is dialled, or one that is as bad to get wrong


class Grounding:
    name = "grounding"
    version = "7"
    inputs = (Input.CANDIDATE,)
    means = Means.POLICY
    blocks = True
    judges_sentence = True
    budget_ms = 10
    on_failure = OnFailure.CLOSED
    options_type = GuardOptions

    def judge(self, subject: GuardInput) -> Verdict:
        known = (*subject.known_texts(), *subject.results)
        phones = _phones(subject.text)
        found = {
            GroundingReason.FIGURE_WITHOUT_SOURCE: _figures(subject.text, known, phones),
            GroundingReason.DAY_WITHOUT_SOURCE: _days(subject.text, known),
            GroundingReason.PHONE_WITHOUT_SOURCE: _unknown_phones(phones, known),
            GroundingReason.PROMISE_WITHOUT_SOURCE: tuple(
                promise.span
                for promise in promises(subject.text)
                if not any(
                    speaks_of_it(text, promise.what, promise.about, speaks_of, subject.results) for text in known
                )
            ),
            GroundingReason.DEED_WITHOUT_SOURCE: tuple(
                deed.span for deed in deeds(subject.text) if not any(names_deed(text, deed.what) for text in known)
            ),
            GroundingReason.UNDERTAKING_WITHOUT_SOURCE: tuple(
                undertaking.span
                for undertaking in undertakings(subject.text)
                if not any(
                    speaks_of_it(text, undertaking.what, undertaking.about, speaks_of_doing, subject.results)
                    for text in known
                )
            ),
        }
        reasons = tuple(reason for reason, evidence in found.items() if evidence)
        if not reasons:
            return PASSED
        return blocked(*reasons, evidence=tuple({span for evidence in found.values() for span in evidence}))


def _figures(text: str, known: tuple[str, ...], phones: tuple[DigitRun, ...]) -> tuple[Span, ...]:
    stated: list[Figure] = [figure for source in known for figure in figures(source)]
    if any(day.name == "noon" for source in known for day in named_days(source)):
        stated.append(Figure(12, "pm", 0, 0))
    return ungrounded(text, known) + tuple(
        Span(figure.start, figure.end)
        for figure in figures(text)
        if not figure.plain
        and not any(phone.start <= figure.start < phone.end for phone in phones)
        and not any(same(figure, other) for other in stated)
    )


def _days(text: str, known: tuple[str, ...]) -> tuple[Span, ...]:
    grounded = frozenset[str]().union(*map(grounds, known))
    return tuple(day.span for day in named_days(text) if day.name not in grounded)


def _phones(text: str) -> tuple[DigitRun, ...]:
    return tuple(run for run in digit_runs(text) if len(run.digits) >= _PHONE_DIGITS)


def _unknown_phones(phones: tuple[DigitRun, ...], known: tuple[str, ...]) -> tuple[Span, ...]:
    own = {run.digits for text in known for run in digit_runs(text)}
    return tuple(Span(phone.start, phone.end) for phone in phones if phone.digits not in own)


GUARDRAIL = Grounding()
