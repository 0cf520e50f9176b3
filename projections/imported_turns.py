"""The turns of a conversation that another system ran: what was said in each, as far as it recorded it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from projections.race import Attempt, Race
from projections.tool_calls import ToolCall
from projections.turn_report import Latency, TurnReport
from schemas import history as h
from schemas.event import Event


class Exchange(NamedTuple):
    """``heard``: the caller's words; ``said``: the agent's. None where there were none. ``seq``: of the last of them."""

    turn_id: str
    heard: str | None
    said: str | None
    seq: int


def exchanges(events: Iterable[Event]) -> Iterator[Exchange]:
    """What a guardrail can judge of an imported conversation. Nothing where ``events`` are of one that we ran."""
    turns = ImportedTurns()
    for event in events:
        turns.take(event)
    for report in turns.reports():
        yield Exchange(report.turn_id, report.heard, report.spoken, report.seq_to)


class _Turn(msgspec.Struct):
    seq_from: int
    seq_to: int
    cause: str
    heard: list[str] = []
    said: list[str] = []
    attempts: list[Attempt] = []
    tools: list[ToolCall] = []


class ImportedTurns:
    """Feed it the events of one conversation, in order."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}

    def take(self, event: Event) -> None:
        payload = event.payload
        if event.turn_id is None or not isinstance(
            payload, h.MessageImported | h.ModelCallImported | h.ToolCallImported
        ):
            return
        is_callers = isinstance(payload, h.MessageImported) and payload.role == "caller"
        turn = self._turns.setdefault(
            event.turn_id, _Turn(event.seq, event.seq, "utterance" if is_callers else "greeting")
        )
        turn.seq_to = event.seq
        if isinstance(payload, h.ModelCallImported):
            turn.attempts.append(_attempt(payload))
        elif isinstance(payload, h.ToolCallImported):
            turn.tools.append(_tool(payload))
        elif payload.role == "agent":
            turn.said.append(payload.text)
        elif is_callers:
            turn.heard.append(payload.text)

    def reports(self) -> list[TurnReport]:
        return [
            TurnReport(
                turn_id=turn_id,
                cause=turn.cause,
                heard=" ".join(turn.heard) or None,
                intent=None,
                outcome="reply" if turn.said else None,
                interrupted=False,
                held=0,
                speculations=0,
                chosen=None,
                candidate_id=None,
                spoken=" ".join(turn.said) or None,
                seq_from=turn.seq_from,
                seq_to=turn.seq_to,
                latency_ms=Latency(),
                race=Race(attempts=tuple(turn.attempts), candidates=(), verdicts=(), sounds=()),
                tools=tuple(turn.tools),
            )
            for turn_id, turn in self._turns.items()
        ]


def _attempt(call: h.ModelCallImported) -> Attempt:
    return Attempt(
        ask_id=call.call_id,
        kind="answer",
        attempt=0,
        state="failed" if call.failed else "returned",
        reason=call.failed or None,
        provider=call.provider or None,
        model=call.model or None,
        first_token_ms=call.first_token_ms,
        took_ms=call.total_ms,
        cost_micros=call.cost_micros,
    )


def _tool(call: h.ToolCallImported) -> ToolCall:
    return ToolCall(
        tool=call.tool,
        intent=None,
        level=None,
        state="failed" if call.failed else "returned",
        reason=call.failed or None,
        took_ms=call.elapsed_ms,
    )
