"""Executor: how fast the models that a turn may ask lately were."""

from __future__ import annotations

from agent_core.conversation import Ask, Conversation
from agent_core.pace import Paced
from agent_core.ports import LanguageModel
from schemas import decisions as d
from schemas.base import Fact
from schemas.models import Pace, PaceKnown


class KnowPace:
    """Of a model that keeps no figures nothing is known: then behaviour's ``unknown_ms`` is waited."""

    def __init__(self, model: LanguageModel) -> None:
        self._paced = model if isinstance(model, Paced) else None

    async def __call__(self, conversation: Conversation, ask: Ask, attempt: int) -> Fact:
        assert isinstance(ask.payload, d.PaceAsked)
        paces = tuple(pace for wanted in ask.payload.wanted if (pace := self._pace(wanted)))
        return PaceKnown(ask_id=ask.ask_id, attempt=attempt, paces=paces)

    def _pace(self, wanted: d.PaceWanted) -> Pace | None:
        found = self._paced.pace(wanted.model, wanted.purpose, wanted.quantile) if self._paced else None
        if found is None:
            return None
        return Pace(
            purpose=wanted.purpose,
            model=wanted.model,
            provider=found.provider,
            samples=found.samples,
            first_ms=found.first_ms,
            gap_ms=found.gap_ms,
            cost_micros=found.cost_micros,
        )
