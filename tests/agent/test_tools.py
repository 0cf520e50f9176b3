"""Tools by themselves: what they find, whose records they may read, and what they must declare."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from agent_core.company_ports import Operation
from agent_core.ports import FailureReason, ProviderError
from agent_core.subject import Level
from agent_core.tools import registry
from agent_core.tools.base import Effect, ObjectOf, Step, SubjectId, Tool, ToolArguments, ToolResult
from agent_core.tools.card_status import CardStatus, CardStatusArguments, card_status
from providers.example_company import ExampleCompany
from providers.example_customers import ExampleCustomers

BANK = Path(__file__).parents[2] / "examples" / "bank"


@pytest.fixture
def customers() -> ExampleCustomers:
    return ExampleCustomers.load(BANK / "customers" / "example.yaml")


class Holding:
    """Records that are all the same."""

    name = "holding"

    def __init__(self, **record: str) -> None:
        self._record = record

    async def read(self, customer_id: str, kind: str, object_id: str) -> Mapping[str, str]:
        return self._record


@pytest.mark.parametrize(
    ("status", "progress"),
    [
        ("ordered", "is being made and should be with you by Friday"),
        ("posted", "is on its way and should be with you by Friday"),
        ("delivered", "was delivered on Friday"),
    ],
)
def test_a_card_is_told_of_in_words_that_can_be_said(status: str, progress: str) -> None:
    records = Holding(type="debit card", status=status, due="Friday")
    found = asyncio.run(card_status(CardStatusArguments("cust", "card"), records))
    assert found == CardStatus("debit card", progress)


@pytest.mark.parametrize("record", [{}, {"type": "debit card", "status": "eaten", "due": "Friday"}])
def test_a_record_that_isnt_a_cards_is_not_made_the_best_of(record: dict[str, str]) -> None:
    with pytest.raises(ProviderError) as failure:
        asyncio.run(card_status(CardStatusArguments("cust", "card"), Holding(**record)))
    assert failure.value.reason is FailureReason.INVALID


def test_every_card_of_the_example_can_be_told_of(customers: ExampleCustomers) -> None:
    cards = [
        (who.id, thing.id) for who in customers.customers.values() for thing in who.objects if thing.kind == "card"
    ]
    assert len(cards) >= 3
    for customer_id, card_id in cards:
        assert asyncio.run(card_status(CardStatusArguments(customer_id, card_id), customers)).progress


def test_what_is_anothers_and_what_there_isnt_are_refused_alike(customers: ExampleCustomers) -> None:
    told = []
    for customer_id, card_id in (("cust-1001", "card-1002-a"), ("cust-1001", "no-card"), ("nobody", "card-1001-a")):
        with pytest.raises(ProviderError) as failure:
            asyncio.run(card_status(CardStatusArguments(customer_id, card_id), customers))
        assert failure.value.reason is FailureReason.REFUSED
        told.append(str(failure.value))
    assert len(set(told)) == 1


@pytest.mark.parametrize("text", ["customers: 12", "people: []", "customers: [{id: 7}]", "customers: [unclosed"])
def test_a_file_that_isnt_one_of_customers_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "customers.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"customers|YAML|Field"):
        ExampleCustomers.load(path)


def test_every_step_of_a_tool_can_be_tried_with_the_examples_customers(customers: ExampleCustomers) -> None:
    steps = [step for tool in registry.every().values() for step in tool.steps]
    assert len(steps) >= 3
    for step in steps:
        operation = customers.operations[step.operation]
        assert set(step.result.__struct_fields__) <= set(operation.answer)


def test_what_an_operation_changes_and_answers_stands_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "customers.yaml"
    path.write_text(
        'customers: [{id: ada, objects: [{kind: account, id: a1, record: {limit: "500", lent: "no"}}]}]\n'
        'operations: {lend: {about: account, changes: {lent: "yes"}, answer: {reference: "L {number}"}}}\n'
    )
    company = ExampleCompany(ExampleCustomers.load(path))
    assert asyncio.run(company.perform(Operation("k1", "lend", "ada", "a1"))) == {"reference": "L 1"}
    assert asyncio.run(company.perform(Operation("k1", "lend", "ada", "a1"))) == {"reference": "L 1"}
    assert asyncio.run(company.read("ada", "account", "a1")) == {"limit": "500", "lent": "yes"}
    with pytest.raises(ProviderError, match="the customers' file has no operation sell"):
        asyncio.run(company.perform(Operation("k2", "sell", "ada", "a1")))
    asyncio.run(company.undo(Operation("k3", "lend", "ada", "a1"), "k1"))
    assert asyncio.run(company.read("ada", "account", "a1")) == {"limit": "500", "lent": "no"}


def test_a_tool_is_known_by_the_name_of_its_file() -> None:
    assert [tool.name for tool in registry.every().values()] == list(registry.every())
    assert "card_status" in registry.every()


class Found(ToolResult, frozen=True):
    text: str


class Counted(ToolResult, frozen=True):
    count: int


class Mine(ToolArguments, frozen=True):
    who: SubjectId
    what: Annotated[str, ObjectOf("account")]


class Free(ToolArguments, frozen=True):
    who: SubjectId
    anything: str


async def run(arguments: msgspec.Struct, records: object) -> Found:
    return Found("found")


def test_an_argument_that_comes_from_nowhere_is_no_argument() -> None:
    with pytest.raises(TypeError, match="every argument is a SubjectId or an ObjectOf"):
        Tool("free", "", Level.KNOWN, Free, Found, run)


def test_a_result_that_cant_be_said_is_no_result() -> None:
    with pytest.raises(TypeError, match="count of its result is no text"):
        Tool("counted", "", Level.KNOWN, Mine, Counted, run)


def test_a_tool_says_whether_it_is_about_something_of_the_callers() -> None:
    class Own(ToolArguments, frozen=True):
        who: SubjectId

    assert Tool("mine", "", Level.KNOWN, Mine, Found, run).takes_objects
    assert not Tool("own", "", Level.KNOWN, Own, Found, run).takes_objects


class Done(ToolResult, frozen=True):
    reference: str


def test_a_tool_with_steps_writes_and_says_what_it_did() -> None:
    tool = Tool("move", "", Level.KNOWN, Mine, Found, run, steps=(Step("go", "move", "what", Done),))
    assert tool.effect is Effect.WRITE
    assert tool.done_fields == ("text", "reference")


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((Step("go", "move", "who", Done),), "about 'who', which is no object"),
        ((Step("go", "move", "what", Counted),), "count of its result is no text"),
        ((Step("go", "move", "what", Done), Step("on", "move", "what", Done)), "can't be undone must be the last"),
        ((Step("go", "a", "what", Done, undoable=True), Step("go", "b", "what", Done)), "two steps of one name"),
    ],
)
def test_steps_that_contradict_themselves_are_none(steps: tuple[Step, ...], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Tool("move", "", Level.KNOWN, Mine, Found, run, steps=steps)
