"""Replay of many calls: every decision recomputed, and what differs, call by call."""

from __future__ import annotations

import msgspec

from projections.effective_log import Damage, conversation_steps
from projections.recompute import Recomputer, Replay, replay
from streams.codec import Codec
from streams.ports import Ledger


class ReplayAll(msgspec.Struct, frozen=True, kw_only=True):
    """``identical``: null where nothing could be recomputed. ``differing``: the calls that aren't identical, each with its
    first difference. ``older_code``: calls of which other code decided something; of those, ``older_code_differing`` would
    come out otherwise by this code."""

    since: str | None
    identical: bool | None
    calls: int
    decisions: int
    not_recomputable: int
    older_code: int
    older_code_differing: int
    differing: tuple[Replay, ...]


class ReplayJudge:
    """Implements ``projections.many_calls.Judge``."""

    def __init__(self, ledger: Ledger, codec: Codec, recomputer: Recomputer) -> None:
        self._ledger, self._codec, self._recomputer = ledger, codec, recomputer

    async def judge(self, call_id: str, since_us: int | None) -> Replay | None:
        """Raises ``KeysUnavailableError``."""
        await self._codec.prepare((call_id,))
        if since_us is not None and await began_us(self._ledger, self._codec, call_id) < since_us:
            return None
        return await replay(self._ledger, self._codec, self._recomputer, call_id, _pass_over)


class GatheredReplays:
    def __init__(self) -> None:
        self._calls = self._decisions = self._not_recomputable = self._older = self._older_differing = 0
        self._recomputed = False
        self._differing: list[Replay] = []

    @property
    def calls(self) -> int:
        return self._calls

    def add(self, replayed: Replay) -> None:
        self._calls += 1
        self._decisions += replayed.decisions
        self._not_recomputable += replayed.not_recomputable
        self._older += replayed.other_code is not None
        self._older_differing += replayed.other_code is not None and replayed.other_code.differing > 0
        self._recomputed |= replayed.identical is not None
        if replayed.identical is False:
            self._differing.append(replayed)

    def told(self, since: str | None) -> ReplayAll:
        return ReplayAll(
            since=since,
            identical=not self._differing if self._recomputed else None,
            calls=self._calls,
            decisions=self._decisions,
            not_recomputable=self._not_recomputable,
            older_code=self._older,
            older_code_differing=self._older_differing,
            differing=tuple(sorted(self._differing, key=lambda replayed: replayed.call_id)),
        )


async def began_us(ledger: Ledger, codec: Codec, call_id: str) -> int:
    """When its first event was accepted; 0 where that can't be read."""
    steps = await conversation_steps(ledger, codec, call_id, _pass_over)
    return steps[0].events[0].event.accepted_at_us if steps else 0


def _pass_over(damage: Damage) -> None:
    """A damage is the call's first difference."""
