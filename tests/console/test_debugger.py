"""A model debugs a call through narrow read-only tools, and answers with events that are there."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from support import run

from agent_core.behaviour_loader import load
from agent_core.ports import CompletionRequest, CompletionResult
from console.debug_tools import MOST_EFFECTS, DebugTools, ToolError
from console.debugger import Looked, Step, UnreadableModelError, debug, opening
from console.recorded_call import load as load_call
from projections.why.why import Why

ROOT = Path(__file__).parents[2]
CALL = [event for event, _ in load_call(ROOT / "tests" / "golden" / "demo_on_a_virtual_clock.jsonl")]


def explained(turn: str) -> Why:
    return Why(call_id="call", turn_id=turn, causes=(), story=(f"the story of {turn}",))


@pytest.fixture
def tools() -> DebugTools:
    return DebugTools(CALL, load(ROOT / "examples" / "bank"), explained)


class Scripted:
    """Says one thing after the other, and keeps what it was shown."""

    name = "scripted"

    def __init__(self, *said: object) -> None:
        self._said = [text if isinstance(text, str) else json.dumps(text) for text in said]
        self.shown: list[CompletionRequest] = []

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        self.shown.append(request)
        return CompletionResult(text=self._said[len(self.shown) - 1], provider="p", model="m")

    async def close(self) -> None:
        return


def asked(model: Scripted, tools: DebugTools, most_steps: int = 5) -> tuple[Step | None, list[Looked]]:
    messages = opening("Why?", "the overview", ["processors/choice.py"])
    return run(debug(model, "answer", messages, tools, most_steps, lambda looked: None))


def test_what_the_model_looks_up_is_shown_to_it_before_it_answers(tools: DebugTools) -> None:
    model = Scripted(
        {"tool": "why", "arguments": {"turn": "t2"}},
        {"tool": "source", "arguments": {"file": "processors/choice.py"}},
        {"answer": "The prompt.", "events": [3, 99_999]},
    )
    step, looked = asked(model, tools)
    assert step == Step(answer="The prompt.", events=(3, 99_999))
    assert [each.tool for each in looked] == ["why", "source"]
    assert "the story of t2" in model.shown[1].messages[-1].content
    assert "def _acceptable" in model.shown[2].messages[-1].content
    assert "the overview" in model.shown[0].messages[1].content
    assert (tools.holds(3), tools.holds(99_999)) == (True, False)


def test_a_tool_that_there_is_not_is_told_to_the_model_and_ends_nothing(tools: DebugTools) -> None:
    model = Scripted({"tool": "delete", "arguments": {}}, {"tool": "event", "arguments": {}}, {"answer": "It is so."})
    step, looked = asked(model, tools)
    assert step is not None
    assert [each.found.partition(":")[0] for each in looked] == ["error", "error"]


def test_a_model_that_looks_up_without_end_is_told_to_answer_and_then_has_none(tools: DebugTools) -> None:
    model = Scripted(*[{"tool": "timeline", "arguments": {"turn": "t2"}}] * 3)
    step, looked = asked(model, tools, most_steps=2)
    assert step is None
    assert len(looked) == 2
    assert "Answer now" in model.shown[2].messages[-1].content


@pytest.mark.parametrize(
    "said", ["", "I think that", '```json\n{"answer": "x"}\n```', "[]", '{"events": {"a": 1}}', "{}"]
)
def test_what_is_no_step_is_told_to_the_model_and_it_goes_on(tools: DebugTools, said: str) -> None:
    model = Scripted({"tool": "timeline", "arguments": {"turn": "t2"}}, said, {"answer": "The prompt.", "events": [3]})
    step, looked = asked(model, tools)
    assert step is not None
    assert step.answer == "The prompt."
    assert [each.tool for each in looked] == ["timeline"]
    assert "one JSON object" in model.shown[2].messages[-1].content


def test_of_a_model_that_never_says_a_step_it_is_told_what_is_wrong_and_what_to_do(tools: DebugTools) -> None:
    model = Scripted(*["I think that"] * 5)
    told = r"p's model m answered 3 times in a row with .* no JSON object .*malformed.*LEDGERLINE_LLM__MODEL"
    with pytest.raises(UnreadableModelError, match=told):
        asked(model, tools)
    assert len(model.shown) == 3


def test_a_null_for_no_arguments_and_numbers_in_quotes_are_understood(tools: DebugTools) -> None:
    model = Scripted({"tool": "timeline", "arguments": None}, {"answer": "It is so.", "events": ["3", 4]})
    step, _ = asked(model, tools)
    assert step is not None
    assert step.events == (3, 4)


@pytest.mark.parametrize(
    "file", ["../secrets.py", "/etc/hostname", "console/settings.py", "streams/keys.py", "examples/bank/prompt.md"]
)
def test_only_source_of_deciders_reducers_and_guardrails_is_read(tools: DebugTools, file: str) -> None:
    with pytest.raises(ToolError, match="may be read"):
        tools.use("source", {"file": file})


def test_tools_answer_about_this_call_alone(tools: DebugTools) -> None:
    prompt = next(event.seq for event in CALL if event.type == "CompletionAsked")
    assert msgspec.json.decode(tools.use("prompt", {"seq": prompt}))[0]["role"] == "system"
    shown = msgspec.json.decode(tools.use("event", {"seq": prompt}))
    assert shown["payload"]["intent"]
    assert len(shown["effects"]) == MOST_EFFECTS
    assert shown["further_effects"] > 0
    assert "card-delivery" in tools.use("behaviour", {"part": "articles"})
    assert "blue heron" in tools.use("behaviour", {"part": "articles/card-delivery"})
    assert tools.use("timeline", {"turn": "t2"}).count("\n") < tools.use("timeline", {}).count("\n")
    assert "processors/choice.py" in tools.involved("t2")


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("prompt", {"seq": 1}, "asks no model"),
        ("event", {"seq": 99_999}, "events 1 to"),
        ("event", {"seq": "x"}, "a number"),
        ("timeline", {"turn": "t99"}, "no turn"),
        ("why", {"turn": "t99"}, "no turn"),
        ("why", {"turn": None}, "no turn"),
        ("behaviour", {"part": "salary"}, "no part"),
        ("behaviour", {"part": "articles/none"}, "there are"),
    ],
)
def test_a_question_that_makes_no_sense_is_answered_so(
    tools: DebugTools, tool: str, arguments: dict[str, object], said: str
) -> None:
    with pytest.raises(ToolError, match=said):
        tools.use(tool, arguments)
