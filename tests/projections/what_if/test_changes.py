"""Changes as they are given on the command line, and limits for what they may change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from simulated import NONE, judged, simulated, turns

from projections.what_if.change import WhatIf, WhatIfError, parse
from projections.what_if.limits import Doubts, Verdict, limits, of_verdict
from projections.what_if.report import CallWhatIf, Compared, WhatIfSummary
from projections.what_if.summary import Gathered
from simulation.small_bank import small_bank

NO_DOUBT = Doubts()
BANK = Path(__file__).parents[3] / "examples" / "bank"


def changed(*given: str) -> WhatIf:
    return parse(given)


def test_changes_are_made_one_on_the_other_and_leave_the_rest_as_it_was(tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.md"
    prompt.write_text("Answer in one word.\n")
    recorded = small_bank()
    made = changed(f"prompt={prompt}", "model=faster", "budget.hold_ms=300", "guardrail=without:grounding")
    other = made.changed(recorded)
    assert (other.prompt, other.routing.model) == ("Answer in one word.", "faster")
    assert other.budget.hold_marks_ms == (300, *recorded.budget.hold_marks_ms[1:])
    assert other.guardrail("grounding") is None
    assert (other.intents, other.lines) == (recorded.intents, recorded.lines)
    assert other.content_hash != recorded.content_hash


def test_a_whole_behaviour_takes_the_place_of_the_recorded_one() -> None:
    assert changed(f"behaviour={BANK}").changed(small_bank()).name == "harbour-bank"


def test_guardrails_of_a_file_take_the_place_of_their_namesakes(tmp_path: Path) -> None:
    file = tmp_path / "guardrails.yaml"
    file.write_text("- {name: grounding, required: false}\n- {name: complaint, required: false, on_failure: open}\n")
    other = changed(f"guardrail={file}").changed(small_bank())
    grounding = other.guardrail("grounding")
    assert grounding is not None
    assert grounding.required is False
    assert [each.name for each in other.guardrails][-1] == "complaint"


@pytest.mark.parametrize(
    "given", [("prompt=Be kind.", "prompt=Be short."), ("model=a", "model=b"), ("budget.hold_ms=1", "budget.hold_ms=2")]
)
def test_what_would_take_the_place_of_another_change_is_refused(given: tuple[str, str]) -> None:
    with pytest.raises(WhatIfError, match="more than once"):
        parse(given)
    assert parse(("guardrail=forbid:a", "guardrail=forbid:b")).forbidden == ("a", "b")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nonsense", "KIND=VALUE"),
        ("colour=red", "no such kind"),
        ("prompt=nowhere.md", "no such file"),
        ("guardrail=nowhere.yaml", "YAML file, forbid:WORDS or without:NAME"),
        ("budget.lunch_ms=3", "there are"),
        ("budget.hold_ms=soon", "milliseconds"),
        ("budget.hard_ms=0", "above 0"),
        ("budget.give_up_ms=1,2", "one number"),
    ],
)
def test_a_change_that_cannot_be_made_says_why(given: str, said: str) -> None:
    with pytest.raises(WhatIfError, match=said):
        changed(given)


@pytest.mark.parametrize(("held", "said"), [(b"\xb0\x00\xff words", "UTF-8"), (b" \n\n", "empty")])
def test_a_prompt_file_that_holds_no_prompt_is_refused(tmp_path: Path, held: bytes, said: str) -> None:
    prompt = tmp_path / "prompt.md"
    prompt.write_bytes(held)
    with pytest.raises(WhatIfError, match=said):
        changed(f"prompt={prompt}")


def test_a_guardrail_file_says_where_it_is_wrong(tmp_path: Path) -> None:
    for number, (text, said) in enumerate(
        [
            ("name: [", "not YAML"),
            ("- {name: nobody}", "no guardrail"),
            ("- {name: forbidden_topics, options: {topics: 7}}", "forbidden_topics"),
            ("- {name: grounding, colour: red}", "colour"),
            ("[]", "expected"),
            ("- {name: grounding, required: true, required: false}", "'required' stands here twice"),
        ]
    ):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text)
        with pytest.raises(WhatIfError, match=said):
            changed(f"guardrail={file}")


@pytest.mark.parametrize("given", ["budget.give_up_ms=100", "guardrail=without:nobody"])
def test_a_change_that_does_not_fit_the_recorded_behaviour_says_why(given: str) -> None:
    with pytest.raises(WhatIfError):
        changed(given).changed(small_bank())


def test_a_guardrail_that_is_not_there_is_told_with_those_that_are() -> None:
    names = ", ".join(setting.name for setting in small_bank().guardrails)
    with pytest.raises(WhatIfError, match=f"none of this name; it has {names}"):
        changed("guardrail=without:nobody").changed(small_bank())


# --- limits ----------------------------------------------------------------------------------------------------------


def summary(what_if: str) -> tuple[WhatIfSummary, Gathered]:
    gathered = Gathered()
    for call_id, each in judged(simulated(4, NONE), what_if).items():
        identical = all(turn.identical for turn in each)
        gathered.add(
            CallWhatIf(
                call_id=call_id, started_at=None, identical=identical, why_not=None, first_change=None, turns=each
            )
        )
    return gathered.summary(), gathered


def test_figures_are_those_of_the_turns() -> None:
    found, gathered = summary("guardrail=forbid:free")
    each = list(turns(judged(simulated(4, NONE), "guardrail=forbid:free")))
    assert found.turns == len(each)
    assert found.changed == sum(turn.reply == "changed" for turn in each)
    assert found.same + found.changed + found.unknown == found.turns
    assert gathered.identical is False


@pytest.mark.parametrize(
    ("limit", "broken"),
    [
        ("reply-changed>0", True),
        ("reply-changed>1%", True),
        ("reply-changed>99%", False),
        ("reply-changed>=0", True),
        ("not-identical>0", True),
        ("not-judged>0", False),
        ("asks-failed>0", False),
    ],
)
def test_a_limit_holds_or_is_broken(limit: str, broken: bool) -> None:
    found, gathered = summary("guardrail=forbid:free")
    (verdict,) = [each.verdict(found, gathered.not_identical, gathered.doubts) for each in limits([limit])]
    assert verdict is (Verdict.BROKEN if broken else Verdict.HOLDS)


def with_(found: WhatIfSummary, **changes: Any) -> WhatIfSummary:
    return replace(found, **changes)


def test_a_rise_of_what_models_cost_is_a_share_of_what_they_cost() -> None:
    found, _ = summary("budget.hold_ms=300")
    dearer = with_(found, cost_micros=Compared(recorded=100.0, what_if=106.0), cost_unknown=0)
    found_of = [limit.verdict(dearer, 0, Doubts()) for limit in limits(["cost>5%", "cost>6%", "cost>5"])]
    assert found_of == [Verdict.BROKEN, Verdict.HOLDS, Verdict.BROKEN]


def told(verdict: Verdict, given: list[str], found: WhatIfSummary, doubts: Doubts = NO_DOUBT) -> tuple[str, ...]:
    return of_verdict(verdict, limits(given), found, 0, doubts)


def test_what_is_not_known_may_break_a_limit_and_leaves_it_undecided() -> None:
    found, _ = summary("budget.hold_ms=300")
    doubts = Doubts(changed=found.turns)
    given = ["reply-changed>1%", "reply-changed>100%", "newly-blocked>0", "not-identical>0"]
    assert told(Verdict.UNDECIDED, given, found, doubts) == ("reply-changed>1%",)
    assert told(Verdict.BROKEN, given, found, doubts) == ()


def test_who_limits_unknown_has_said_how_much_of_it_they_bear() -> None:
    found, _ = summary("budget.hold_ms=300")
    assert told(Verdict.UNDECIDED, ["reply-changed>0", "unknown>5%"], found, Doubts(changed=1, costs=1)) == ()


@pytest.mark.parametrize("limit", ["cost>10%", "cost>=0", "cost>100"])
def test_a_cost_that_nobody_told_leaves_its_limit_undecided(limit: str) -> None:
    found, _ = summary("budget.hold_ms=300")
    one = Compared(recorded=100.0, what_if=100.0)
    none = Compared(recorded=None, what_if=None)
    assert told(Verdict.UNDECIDED, [limit], with_(found, cost_micros=none)) == (limit,)
    assert told(Verdict.UNDECIDED, [limit], with_(found, cost_micros=one, cost_unknown=1)) == (limit,)
    assert told(Verdict.UNDECIDED, [limit, "unknown>5%"], with_(found, cost_micros=one, cost_unknown=1)) == (limit,)
    assert told(Verdict.UNDECIDED, [limit], with_(found, cost_micros=one, cost_unknown=0), Doubts(costs=1)) == (limit,)


def test_where_no_call_could_be_judged_nothing_is_known_of_them() -> None:
    gathered = Gathered()
    gathered.add(
        CallWhatIf(call_id="c", started_at=None, identical=None, why_not="forgotten", first_change=None, turns=())
    )
    given = ["reply-changed>1%", "not-identical>0", "cost>1", "unknown>0", "asks-failed>0", "not-judged>100%"]
    assert told(Verdict.UNDECIDED, given, gathered.summary()) == tuple(given[:4])
    assert told(Verdict.BROKEN, given, gathered.summary()) == ()


@pytest.mark.parametrize("given", ["", "reply-changed", "reply-changed>lots", "lunch>1", "reply-changed<1"])
def test_a_limit_that_cannot_be_read_names_those_that_there_are(given: str) -> None:
    with pytest.raises(WhatIfError, match="reply-changed>1%"):
        limits([given])
