"""What a what-if found: of a turn, of a call, of many. The shapes that ``ledgerline replay --what-if --json`` prints."""

from __future__ import annotations

import msgspec

SAME, CHANGED, UNKNOWN = "same", "changed", "unknown"
DOES_NOT_FIT = "does_not_fit: "
IMPORTED = "imported"  # cause of a turn that another system ran


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """How a turn ends. ``kind``: reply, escalation, close, closing_line (the gateway's own at the hard mark), nothing (the
    caller went on or hung up before). ``text``: all that was released of it. ``decision_ms``: from the end of speech; null in
    a turn that the agent began. ``holds``: marks for a holding line before the decision. ``blocked``: guardrails that blocked
    something on the way. ``cost_micros``: of the models that were asked; null where one answered (or, asked anew, failed) and didn't tell."""

    kind: str
    action: str | None
    intent: str | None
    text: str | None
    decision_ms: float | None
    holds: int | None
    blocked: tuple[str, ...]
    cost_micros: int | None


class TurnWhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """``reply``: same, changed, or unknown. ``differs``: what of ``Said`` is another. ``identical``: whether every decision
    up to the end of the reply is the recorded one. ``comparable``: false where a reply before it in the call is another one:
    the caller would have said something else. ``what_if``: null where it isn't known, and ``unknown`` says why (``reply`` is
    ``changed`` all the same where what was said then can't be said any more). ``older_code``: other deciders decided it;
    compared is what these would have decided. ``blocked``: guardrails that blocked something now, as far as it went.
    ``reused`` and ``asked``: recorded outcomes, and attempts that were asked; ``failed``: of these, those that failed today."""

    turn_id: str
    cause: str
    seq: int
    reply: str
    differs: tuple[str, ...]
    identical: bool
    comparable: bool
    recorded: Said
    what_if: Said | None
    unknown: str | None
    older_code: bool
    blocked: tuple[str, ...]
    reused: int
    asked: int
    failed: int = 0


class SimulatedTurn(msgspec.Struct, frozen=True, kw_only=True):
    """A turn that never was. ``text``: what the caller is supposed to say, ``words``: where that comes from: recorded (they
    said so then, and it still fits), reworded (they weren't answered), persona (what such a caller says). ``said``: null
    where it isn't known."""

    turn_id: str
    text: str
    words: str
    said: Said | None


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """A call to its end. ``outcome``: as in the read model ``conversations``. ``turns``: that the caller began. ``blocked``:
    turns in which a guardrail blocked something. ``holds``: marks for a holding line."""

    outcome: str | None
    turns: int
    blocked: int
    holds: int
    cost_micros: int | None
    lasted_ms: float


class WentOn(msgspec.Struct, frozen=True, kw_only=True):
    """What a simulated caller would have made of a call behind its first changed reply: **nothing of it happened**.
    ``ended``: hung_up, closed, handed_over, too_long, unknown; ``unknown`` says why. ``what_if``: null where the end isn't
    known. The same ``seed``, the same course, where no model is asked."""

    seed: int
    behind: str
    ended: str
    unknown: str | None
    turns: tuple[SimulatedTurn, ...]
    recorded: Course
    what_if: Course | None


class CallWhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """``identical``: null where nothing could be judged; ``why_not`` says why: forgotten, unreadable: …,
    behaviour_missing, does_not_fit: … (the change, to the behaviour that it pinned), failed: …. ``first_change``: the first turn whose reply is another one. ``went_on``: with
    ``--go-on``, where a reply changed."""

    call_id: str
    started_at: str | None
    identical: bool | None
    why_not: str | None
    first_change: str | None
    turns: tuple[TurnWhatIf, ...]
    went_on: WentOn | None = None


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A figure as it was and as it would be, over the turns of which both are known."""

    recorded: float | None
    what_if: float | None


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the calls that went on ended so, then and now."""

    outcome: str
    recorded: int
    what_if: int


class WhatIfSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Of all turns, each judged on its recorded history. ``changed``: replies that are another one; ``not_comparable`` of
    them lie behind an earlier change in their call. ``blocked``: turns in which a guardrail blocked something; ``newly``
    ones are those in which none did. ``cost_micros``: sums, over turns of which both sides are known; ``cost_unknown``: turns
    of which what would be said is known, and what it costs, or cost then, isn't. Latencies: of the decision. ``went_on``:
    calls that a simulated caller went on with, ``end_unknown`` of them to no known end; ``outcomes``: of the others."""

    calls: int
    judged: int
    turns: int
    same: int
    changed: int
    unknown: int
    not_comparable: int
    older_code: int
    newly_blocked: int
    no_longer_blocked: int
    newly_escalated: int
    no_longer_escalated: int
    blocked: Compared
    escalated: Compared
    fallbacks: Compared
    holds: Compared
    cost_micros: Compared
    decision_p50_ms: Compared
    decision_p95_ms: Compared
    reused: int
    asked: int
    went_on: int = 0
    end_unknown: int = 0
    failed: int = 0
    outcomes: tuple[Outcomes, ...] = ()
    cost_unknown: int = 0


class WhatIfReport(msgspec.Struct, frozen=True, kw_only=True):
    """``identical``: whether every decision of every call that could be judged is the recorded one; null: none could.
    ``failed_on``: limits that are broken; ``undecided``: those of which that can't be told, since too much is unknown.
    ``calls``: those that differ, or couldn't be judged, or all (``--every-call``, and where one was named)."""

    what_if: tuple[str, ...]
    since: str | None
    identical: bool | None
    failed_on: tuple[str, ...]
    summary: WhatIfSummary
    calls: tuple[CallWhatIf, ...]
    undecided: tuple[str, ...] = ()
