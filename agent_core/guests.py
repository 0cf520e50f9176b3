"""Guests: guardrails that processes outside this system judge, by following the log and posting verdicts as facts.

What behaviour gives to which guest, and what of a guest's words may stand in a verdict of ours.
"""

from __future__ import annotations

import re
from functools import lru_cache

from agent_core.behaviour import Behaviour, GuardrailSetting
from agent_core.conversation import Candidate
from schemas.base import EvidenceSpan

SILENT = "guest_silent"  # it said nothing in time
UNREADABLE = "guest_reason_unreadable"  # what it gave as a reason is no name
TIMER = "guest"  # purpose of the timer that ends the wait for a guest
MOST_REASONS = 8
MOST_SPANS = 32
_NAME = re.compile(r"[a-z0-9_]{1,64}")
_VERSION = re.compile(r"[A-Za-z0-9._+-]{1,64}")


def guests_of(behaviour: Behaviour, candidate: Candidate) -> tuple[GuardrailSetting, ...]:
    """The guests that judge this candidate, in the order of behaviour; of a single sentence nobody asks them."""
    if candidate.sentence is not None:
        return ()
    return tuple(g for g in _guests(behaviour) if g.judges == "everything" or candidate.origin == "model")


def guest_of(behaviour: Behaviour, candidate: Candidate, name: str) -> GuardrailSetting | None:
    """None where no guest of this name judges this candidate."""
    return next((guest for guest in guests_of(behaviour, candidate) if guest.name == name), None)


def timer_of(candidate_id: str, guest: str) -> str:
    """The id of the timer that ends the wait for this guest."""
    return f"{candidate_id}.{TIMER}.{guest}"


def readable_reasons(reasons: tuple[str, ...]) -> tuple[str, ...]:
    """Names as they are; whatever else a guest wrote is told as ``UNREADABLE``: verdicts aren't sealed."""
    named = (reason if _NAME.fullmatch(reason) else UNREADABLE for reason in reasons[:MOST_REASONS])
    return tuple(dict.fromkeys(named))


def readable_version(version: str) -> str:
    """Empty where it is none."""
    return version if _VERSION.fullmatch(version) else ""


def evidence_in(text: str, spans: tuple[EvidenceSpan, ...]) -> tuple[EvidenceSpan, ...]:
    """Those that lie within the text."""
    return tuple(span for span in spans[:MOST_SPANS] if 0 <= span.start < span.end <= len(text))


@lru_cache(maxsize=64)
def _guests(behaviour: Behaviour) -> tuple[GuardrailSetting, ...]:
    return tuple(g for g in behaviour.guardrails if g.means == "guest")
