"""What may be kept and what must be: legal holds, retention and forgetting, as facts with a name behind each.

They stand in a conversation of their own, ``CUSTODY``, which nobody speaks in. A subject is named by a pseudonym: an HMAC
under that conversation's key, so that the trail outlives the subject and tells who has no key nothing. ``reference`` (a
case, a request) and ``by`` (who ordered it) are not sealed: they hold no words of callers.
"""

from __future__ import annotations

from typing import ClassVar

from schemas.base import Fact

CUSTODY = "custody"


class HoldPlaced(Fact, frozen=True, kw_only=True):
    """Nothing of this subject may be forgotten until this hold is lifted. Several may stand at once."""

    hold_id: str
    subject: str  # pseudonym
    reference: str
    by: str


class HoldLifted(Fact, frozen=True, kw_only=True):
    hold_id: str
    subject: str  # pseudonym
    reference: str
    by: str


class RetentionSet(Fact, frozen=True, kw_only=True):
    """Each conversation is kept for ``days`` from its newest event at least; 0: no longer than anyone wants it."""

    days: int
    reference: str
    by: str


class ForgettingRefused(Fact, frozen=True, kw_only=True):
    """Somebody asked for a subject to be forgotten, and it was not done. ``reason``: hold, retention, under_way.
    ``forgetting``: the id of the ``SubjectForgotten`` that stands behind what refuses it, and so counts for nothing."""

    VERSION: ClassVar[int] = 2

    subject: str  # pseudonym
    reason: str
    reference: str
    by: str
    forgetting: str = ""


class SubjectForgotten(Fact, frozen=True, kw_only=True):
    """The keys of these conversations are destroyed, and what else is kept of them, from here on; and those of ``messages``
    of the intake, which name the subject or one of the conversations. It stands on the log before the first key goes, so
    that what was broken off is known and can be finished. A hold or a retention that stands before it comes first."""

    VERSION: ClassVar[int] = 2

    subject: str  # pseudonym
    reference: str
    by: str
    conversations: tuple[str, ...]
    messages: tuple[str, ...] = ()  # names of their data keys, which tell nothing of them


class ConversationForgotten(Fact, frozen=True, kw_only=True):
    """The last word in each conversation of a ``SubjectForgotten``: what was said in it can't be read any more."""

    subject: str  # pseudonym
    reference: str
