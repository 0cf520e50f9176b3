"""Where a card of the subject stands: being made, on its way, delivered."""

from __future__ import annotations

from typing import Annotated

from agent_core.ports import CustomerRecords, FailureReason, ProviderError
from agent_core.subject import Level
from agent_core.tools.base import ObjectOf, SubjectId, Tool, ToolArguments, ToolResult

_PROGRESS = {
    "ordered": "is being made and should be with you by {due}",
    "posted": "is on its way and should be with you by {due}",
    "delivered": "was delivered on {due}",
}


class CardStatusArguments(ToolArguments, frozen=True):
    customer_id: SubjectId
    card_id: Annotated[str, ObjectOf("card")]


class CardStatus(ToolResult, frozen=True):
    """``card``: what kind it is. ``progress``: the rest of the sentence that begins with the card."""

    card: str
    progress: str


async def card_status(arguments: CardStatusArguments, records: CustomerRecords) -> CardStatus:
    """Raises ``ProviderError``: what the records raise, and ``INVALID`` for a record that isn't a card's."""
    card = await records.read(arguments.customer_id, "card", arguments.card_id)
    try:
        return CardStatus(card["type"], _PROGRESS[card["status"]].format(due=card["due"]))
    except KeyError:
        raise ProviderError(FailureReason.INVALID, records.name, "not the record of a card") from None


TOOL = Tool(
    name="card_status",
    description="Where a card of the caller stands: being made, on its way, delivered.",
    level=Level.VERIFIED,
    arguments=CardStatusArguments,
    result=CardStatus,
    run=card_status,
)
