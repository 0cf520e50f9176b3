"""Every figure of a candidate (amount, percentage, duration, time, date) stands in the approved wording, in a public
source, or in what a tool found for the caller. A model that gets one number wrong is worse than one that says nothing."""

from __future__ import annotations

from agent_core.guardrails._numbers import Figure, figures, same
from agent_core.guardrails.base import PASSED, GuardInput, GuardOptions, Means, Reason, Span, Stage, Verdict, blocked


class GroundingReason(Reason):
    FIGURE_WITHOUT_SOURCE = "grounding_figure_without_source"


class Grounding:
    name = "grounding"
    version = "1"
    stage = Stage.OUTPUT
    means = Means.POLICY
    judges_sentence = True
    options_type = GuardOptions

    def judge(self, subject: GuardInput) -> Verdict:
        known: list[Figure] = [
            figure for text in (*subject.known_texts(), *subject.results) for figure in figures(text)
        ]
        evidence = tuple(
            Span(figure.start, figure.end)
            for figure in figures(subject.text)
            if not figure.plain and not any(same(figure, other) for other in known)
        )
        return blocked(GroundingReason.FIGURE_WITHOUT_SOURCE, evidence=evidence) if evidence else PASSED


GUARDRAIL = Grounding()
