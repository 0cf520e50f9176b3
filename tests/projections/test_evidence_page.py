"""The page of an evidence folder, for people who weren't there."""

from __future__ import annotations

import re

from golden_calls import golden

from projections.call_report import report_call
from projections.evidence.page import page
from projections.evidence.sections import sections, versions_of


def test_turns_are_told_in_the_order_in_which_they_were_spoken() -> None:
    events = golden("demo_on_a_virtual_clock")
    report = report_call(events)
    assert report is not None
    assert len(report.agent_turns) > 1, "the agent asks whether anybody is there, in the middle of the call"
    told = page("call-1", events, report, versions_of(events), sections(events))
    turns = [int(number) for number in re.findall(r"<tr><td>t(\d+)</td>", told)]
    assert turns == list(range(1, len(turns) + 1))
