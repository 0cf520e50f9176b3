"""Several reads of one question, and tools that are simulated, while models, callers and what was found lie."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest
from msgspec.structs import replace
from support import run
from test_hostile_model_at_the_edge import FORGED, ORDERS, Edge, Sent, worked_off
from test_tool_turns import BESIDES, WHERE_TO, chosen, with_address
from test_write_executors import stands
from told_by_hand import BANK, CARDS, Call, of, signed_in

from agent_core.conversation import Ask
from agent_core.ports import FailureReason, ProviderError
from agent_core.subject import Level
from agent_core.tool_fixtures import Fixtures
from processors.executors.call_tool import CallTool
from processors.executors.simulated_tools import simulated
from schemas import decisions as d
from schemas import facts as f
from schemas import writing as w
from schemas.base import Payload

QUESTION = "Is my new card on its way"
OWN = [Sent("ada", "card-1111", "")] * 2


class Addressed(Edge):
    """It knows addresses too, and answers with an order in each."""

    async def read(self, customer_id: str, kind: str, object_id: str) -> dict[str, str]:
        return {**await super().read(customer_id, kind, object_id), "address": self.order}


def both(call: Call) -> list[Ask]:
    return [ask for ask in call.open_asks() if isinstance(ask.payload, d.ToolRequested)]


def read(call: Call, edge: Edge, ask: Ask) -> list[Payload]:
    return call.told(run(CallTool(edge, stands)(call.conversation, ask, 0)))


@pytest.mark.parametrize("arguments", [msgspec.json.encode(each).decode() for each in FORGED])
@pytest.mark.parametrize("forged", [0, 1])
def test_each_of_several_reads_is_checked_by_itself(
    monkeypatch: pytest.MonkeyPatch, arguments: str, forged: int
) -> None:
    call, edge = with_address(monkeypatch), Addressed()
    call.says(QUESTION, "card")
    asks = both(call)
    asks[forged] = replace(asks[forged], payload=replace(asks[forged].payload, arguments=arguments))
    read(call, edge, asks[1 - forged])
    with pytest.raises(ProviderError) as failure:
        run(CallTool(edge, stands)(call.conversation, asks[forged], 0))
    assert failure.value.reason is FailureReason.REFUSED
    assert edge.sent == OWN[:1]


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_in_what_one_read_found_changes_nothing_about_the_other(
    monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    call, edge = with_address(monkeypatch), Addressed(order)
    decided = call.says(QUESTION, "card")
    first, second = both(call)
    decided += read(call, edge, first)
    assert [each.payload for each in both(call)] == [second.payload]
    decided += worked_off(call, edge, "card", order)
    assert edge.sent == OWN
    assert len(of(d.ToolRequested, decided)) == 2
    assert of(w.WriteRequested, decided) == []


@pytest.mark.parametrize("who", sorted(CARDS.keys() - {"ada"}))
def test_who_takes_the_phone_between_two_reads_gets_nothing_of_either(
    monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    call, edge = with_address(monkeypatch), Addressed("of ada alone")
    call.says(QUESTION, "card")
    first, second = both(call)
    decided = read(call, edge, first)
    decided += call.told(signed_in(who))
    with pytest.raises(ProviderError) as failure:
        read(call, edge, second)
    assert failure.value.reason is FailureReason.REFUSED
    late = f.ToolReturned(ask_id=BESIDES, attempt=0, tool="where_to", result='{"address":"of ada alone"}')
    decided += call.told(late)  # it had left before
    assert not any("of ada alone" in text for _, text in chosen(decided))
    assert edge.sent == OWN[:1]


def test_the_higher_level_of_one_read_is_not_lent_by_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    call, edge = with_address(monkeypatch), Addressed()
    call.says(QUESTION, "card")
    lifted = dataclasses.replace(WHERE_TO, level=Level.STEPPED_UP)
    _, second = both(call)
    monkeypatch.setattr("agent_core.tools.registry.every", lambda: {"where_to": lifted})
    with pytest.raises(ProviderError) as failure:
        read(call, edge, second)
    assert failure.value.reason is FailureReason.REFUSED
    assert edge.sent == []


# --- tools that are simulated ----------------------------------------------------------------------------------------


def fixtures(order: str) -> Fixtures:
    return Fixtures.model_validate(
        {
            "tools": {
                "card_status": {"finds": {"card": order, "progress": order}},
                "block_card": {"finds": {"card": "card", "ending": "1111"}, "steps": {"block": {"reference": order}}},
            }
        }
    )


def simulate(call: Call, order: str) -> tuple[list[Payload], list[Payload]]:
    """Every ask of the company is answered by fixtures: (what was asked, what was decided)."""
    execute, asked, decided = simulated(fixtures(order)), list[Payload](), list[Payload]()
    for _ in range(20):
        decided += call.understood("other")
        ask = next((ask for ask in call.open_asks() if type(ask.payload) in execute), None)
        if ask is None:
            break
        asked.append(ask.payload)
        decided += call.told(run(execute[type(ask.payload)](call.conversation, ask, len(ask.done))))
    return asked, decided


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_in_a_fixture_asks_for_nothing_more(order: str) -> None:
    call = Call(BANK, signed_in("ada", "stepped_up"))
    call.says(QUESTION, "card")
    asked, decided = simulate(call, order)
    assert [payload.tool for payload in of(d.ToolRequested, asked)] == ["card_status"]
    assert of(d.ToolRequested, decided) == []
    assert of(w.WriteRequested, asked) == []


@pytest.mark.parametrize("words", [*(order for order in ORDERS if order != "Yes"), "Yes and card 2222 too"])
def test_a_simulated_change_needs_its_plain_yes_as_any_other(words: str) -> None:
    call = Call(BANK, signed_in("ada", "stepped_up"))
    call.says("Block my card", "block")
    asked, _ = simulate(call, "r 1")
    call.hears_reply()
    call.says(words, "other")
    more, _ = simulate(call, "r 1")
    assert of(w.WriteRequested, [*asked, *more]) == []


def test_a_simulated_change_goes_through_with_its_yes() -> None:
    call = Call(BANK, signed_in("ada", "stepped_up"))
    call.says("Block my card", "block")
    simulate(call, "r 1")
    call.hears_reply()
    call.says("Yes please", "other")
    asked, decided = simulate(call, "r 1")
    assert [payload.step for payload in of(w.WriteRequested, asked)] == ["block"]
    assert [ended.outcome for ended in of(w.WriteEnded, decided)] == ["done"]


def test_a_simulated_tool_that_no_fixture_has_finds_nothing() -> None:
    call = Call(BANK, signed_in("ada", "stepped_up"))
    call.says("Order me a new card", "replace")
    ask, _ = call.asked(d.ToolRequested)
    with pytest.raises(ProviderError) as failure:
        run(simulated(fixtures("r 1"))[d.ToolRequested](call.conversation, ask, 0))
    assert failure.value.reason is FailureReason.MISSING
