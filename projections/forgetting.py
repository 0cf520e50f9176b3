"""Whether a subject may be forgotten: a pure answer from what stands on the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from agent_core.conversation import Status
from projections.custody import Custody
from projections.subjects import Standing
from projections.wall_time import iso_time

UNDER_WAY_S = 900.0  # a conversation that isn't closed and was silent for longer was left behind by its gateway
_DAY_US = 86_400_000_000
_LAST_US = 253_402_300_799_000_000  # the end of the year 9999: no later time can be told


class Refused(StrEnum):
    HOLD = "hold"
    RETENTION = "retention"
    UNDER_WAY = "under_way"


class No(NamedTuple):
    """``message`` holds no subject's name."""

    reason: Refused
    message: str


def refusal(
    conversations: Mapping[str, Standing], concerned: Mapping[str, Iterable[str]], custody: Custody, now_us: int
) -> No | None:
    """``concerned``: conversation → the pseudonyms of everybody in it and of itself: a key opens a conversation for all who
    took part, so what is held for one can't be forgotten for another."""
    for conversation_id, pseudonyms in concerned.items():
        for pseudonym in pseudonyms:
            for hold in custody.standing(pseudonym):
                message = f"{conversation_id} is under the legal hold {hold.hold_id} ({hold.reference}, by {hold.by})"
                return No(Refused.HOLD, f"{message}: ledgerline hold lift {hold.hold_id}")
    for conversation_id, standing in conversations.items():
        until_us = min(standing.newest_us + custody.retention_days * _DAY_US, _LAST_US)
        if not standing.is_forgotten and custody.retention_days and until_us > now_us:
            days = f"{custody.retention_days} days ({custody.retention[-1].reference})"
            return No(Refused.RETENTION, f"{conversation_id} is kept until {iso_time(until_us)}: retention is {days}")
        if standing.status is not Status.CLOSED and now_us - standing.newest_us < UNDER_WAY_S * 1e6:
            return No(Refused.UNDER_WAY, f"{conversation_id} is under way: forget when it is over")
    return None
