"""Blocks a card of the subject at once. It isn't undone by itself: a lost card stays blocked."""

from __future__ import annotations

from typing import Annotated

from agent_core.ports import CustomerRecords, FailureReason, ProviderError
from agent_core.subject import Level
from agent_core.tools.base import ObjectOf, Step, SubjectId, Tool, ToolArguments, ToolResult


class BlockCardArguments(ToolArguments, frozen=True):
    customer_id: SubjectId
    card_id: Annotated[str, ObjectOf("card")]


class CardToBlock(ToolResult, frozen=True):
    """``card``: what kind it is. ``ending``: the last digits of its number."""

    card: str
    ending: str


class CardBlocked(ToolResult, frozen=True):
    """``reference``: by which the bank finds it again."""

    reference: str


async def card_to_block(arguments: BlockCardArguments, records: CustomerRecords) -> CardToBlock:
    """Raises ``ProviderError``: what the records raise; ``INVALID`` for a record that isn't a card's; ``REFUSED`` for a
    card that is blocked already."""
    card = await records.read(arguments.customer_id, "card", arguments.card_id)
    if card.get("status") == "blocked":
        raise ProviderError(FailureReason.REFUSED, records.name, "the card is blocked already")
    try:
        return CardToBlock(card["type"], card["ending"])
    except KeyError:
        raise ProviderError(FailureReason.INVALID, records.name, "not the record of a card") from None


TOOL = Tool(
    name="block_card",
    description="Blocks a card of the caller.",
    level=Level.STEPPED_UP,
    arguments=BlockCardArguments,
    result=CardToBlock,
    run=card_to_block,
    steps=(Step("block", operation="block_card", about="card_id", result=CardBlocked),),
)
