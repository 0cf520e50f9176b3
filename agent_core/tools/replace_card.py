"""Orders a new card in place of one of the subject's: it is issued, then its delivery is booked.

A saga of two steps: where no delivery can be booked, the card that was issued is cancelled again.
"""

from __future__ import annotations

from typing import Annotated

from agent_core.ports import CustomerRecords, FailureReason, ProviderError
from agent_core.subject import Level
from agent_core.tools.base import ObjectOf, Step, SubjectId, Tool, ToolArguments, ToolResult


class ReplaceCardArguments(ToolArguments, frozen=True):
    customer_id: SubjectId
    card_id: Annotated[str, ObjectOf("card")]


class CardToReplace(ToolResult, frozen=True):
    """``card``: what kind it is. ``ending``: the last digits of its number."""

    card: str
    ending: str


class CardIssued(ToolResult, frozen=True):
    """``reference``: by which the bank finds it again."""

    reference: str


class DeliveryBooked(ToolResult, frozen=True):
    """``due``: the day on which it comes, as it may be said."""

    due: str


async def card_to_replace(arguments: ReplaceCardArguments, records: CustomerRecords) -> CardToReplace:
    """Raises ``ProviderError``: what the records raise; ``INVALID`` for a record that isn't a card's; ``REFUSED`` for a
    card that is being replaced already."""
    card = await records.read(arguments.customer_id, "card", arguments.card_id)
    if card.get("replaced") == "yes":
        raise ProviderError(FailureReason.REFUSED, records.name, "a replacement is on its way already")
    try:
        return CardToReplace(card["type"], card["ending"])
    except KeyError:
        raise ProviderError(FailureReason.INVALID, records.name, "not the record of a card") from None


TOOL = Tool(
    name="replace_card",
    description="Orders a new card in place of one of the caller's.",
    level=Level.STEPPED_UP,
    arguments=ReplaceCardArguments,
    result=CardToReplace,
    run=card_to_replace,
    steps=(
        Step("issue", operation="issue_card", about="card_id", result=CardIssued, undoable=True),
        Step("deliver", operation="book_delivery", about="card_id", result=DeliveryBooked, undoable=True),
    ),
)
