"""Replay: keep the facts, recompute the decisions, compare.

Each step is recomputed from the fold of the *recorded* log before it, so one difference does not poison what follows.
Compared are, of every decision: its type, id, cause, place in the step, turn, and the plaintext payload, byte for byte.
Stamps (seq, epoch, times, hashes) are the owner's and are not compared here; ``projections.verify`` looks at those.

A step that other deciders decided can't be recomputed by these: it is counted, not called different. An owner's reign
runs one version of the deciders, so a step without decisions was decided by the version that its epoch shows elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import msgspec

from agent_core.behaviour import Behaviour
from agent_core.conversation import Conversation
from processors.cascade import Cascade
from processors.mind import AgentMind
from projections.effective_log import Damage, Delivered, Report, conversation_steps
from schemas.base import Kind
from schemas.event import Event
from schemas.history import ConversationImported
from streams.behaviours import BehaviourMissingError
from streams.codec import Codec
from streams.keys import KeyStore
from streams.ports import Ledger

BEHAVIOUR_MISSING = "behaviour_missing"
DECIDER_FAILED = "decider_failed"
FOLD_FAILED = "fold_failed"
COMPARED = ("type", "event_id", "causation_id", "step_index", "turn_id")


class Shown(msgspec.Struct, frozen=True):
    """A decision as it is shown to people: plaintext, so never to be logged."""

    type: str
    payload: dict[str, Any]


class Difference(msgspec.Struct, frozen=True):
    """``expected``: what these deciders decide; ``found``: what the log holds. One of them is null where it is absent.

    ``reason``: what differs (type, event_id, causation_id, step_index, turn_id, payload: its fields), ``missing``,
    ``unexpected``, ``behaviour_missing: …``, ``decider_failed: …``, ``fold_failed: …``, ``not_a_step``, or what made a record unreadable. It
    holds no private text.
    """

    seq: int | None
    event_id: str | None
    expected: Shown | None
    found: Shown | None
    reason: str

    @property
    def stops(self) -> bool:
        """Whether nothing behind it can be recomputed either."""
        return self.reason.startswith((BEHAVIOUR_MISSING, FOLD_FAILED))


class OtherCode(msgspec.Struct, frozen=True):
    """What these deciders would have decided in the place of those that did. ``versions``: of those. ``differing``: steps
    that would have come out otherwise; ``first_difference`` shows the first: ``expected`` is what this code decides."""

    versions: tuple[str, ...]
    steps: int
    differing: int
    first_difference: Difference | None


class Replay(msgspec.Struct, frozen=True):
    """``identical`` is null where nothing could be recomputed: the key was destroyed, or others decided it all: other code,
    or another system whose history was imported. ``other_code``: null where this code decided everything."""

    call_id: str
    events: int
    decisions: int
    identical: bool | None
    not_recomputable: int
    first_difference: Difference | None
    other_code: OtherCode | None = None


class StepCheck(msgspec.Struct, frozen=True):
    """``differences``: None where this code did not decide the step."""

    decisions: int
    differences: tuple[Difference, ...] | None


class Recomputer:
    """Makes replays with the deciders of ``cascade``, in the behaviour that each conversation pinned."""

    def __init__(self, cascade: Cascade, behaviour_of: Callable[[int, str], Behaviour], keys: KeyStore) -> None:
        self.version = cascade.version
        self._keys = keys
        self._mind = AgentMind(cascade, behaviour_of, keys)

    def forgotten(self, conversation_id: str) -> bool:
        """Whether its key is gone: what depended on private text can't be recomputed. Raises ``KeyMissingError``."""
        return self._keys.get(conversation_id) is None

    def begin(self, conversation_id: str) -> ConversationReplay:
        return ConversationReplay(self._mind, self.version, conversation_id)


class ConversationReplay:
    """Folds a conversation's recorded events, and recomputes each step from the fold before it."""

    def __init__(self, mind: AgentMind, version: str, conversation_id: str) -> None:
        self._mind, self._version = mind, version
        self._conversation: Conversation = mind.initial(conversation_id)

    def check(self, step: Sequence[Event], version: str) -> StepCheck:
        """``step``: a fact and its decisions, as recorded. ``version``: of the deciders that decided it."""
        decisions = len(step) - 1
        differences = self._recompute(step) if version == self._version else None
        try:
            for event in step:
                self._conversation = self._mind.fold(self._conversation, event)
        except Exception as error:  # edited events may break any assumption of the fold: that is a finding, by name
            differences = (*(differences or ()), _whole(step, f"{FOLD_FAILED}: {type(error).__name__}"))
        return StepCheck(decisions, differences)

    def would_decide(self, step: Sequence[Event]) -> tuple[Difference, ...]:
        """How these deciders' decisions differ from those of others in a step that comes next. Folds nothing."""
        return self._recompute(step)

    def decide(self, fact: Event) -> tuple[Event, ...]:
        """What these deciders decide on the fact that comes next. Folds nothing. Raises what a decider raises."""
        return self._mind.step(self._conversation, fact)[1][1:]

    def _recompute(self, step: Sequence[Event]) -> tuple[Difference, ...]:
        if step[0].kind is not Kind.FACT:
            return (_whole(step, "not_a_step"),)
        try:
            _, expected = self._mind.step(self._conversation, step[0])
        except BehaviourMissingError as error:
            return (_whole(step, f"{BEHAVIOUR_MISSING}: {error}"),)
        except Exception as error:  # as above: a decider that fails on recorded facts is a finding
            return (_whole(step, f"{DECIDER_FAILED}: {type(error).__name__}"),)
        pairs = zip_longest(expected[1:], step[1:])
        return tuple(difference for pair in pairs if (difference := compare(*pair)))


def compare(expected: Event | None, found: Event | None) -> Difference | None:
    """What differs between a recomputed decision and the recorded one."""
    if expected is None or found is None:
        present = expected or found
        if present is None:
            return None
        reason = "missing" if found is None else "unexpected"
        return Difference(present.seq, present.event_id, _shown(expected), _shown(found), reason)
    reason = next((name for name in COMPARED if getattr(expected, name) != getattr(found, name)), "")
    if not reason and msgspec.json.encode(expected.payload) != msgspec.json.encode(found.payload):
        fields = type(expected.payload).__struct_fields__
        changed = [name for name in fields if getattr(expected.payload, name) != getattr(found.payload, name)]
        reason = f"payload: {', '.join(changed)}"
    return Difference(found.seq, found.event_id, _shown(expected), _shown(found), reason) if reason else None


def into_steps(delivered: Iterable[Delivered]) -> list[tuple[Event, ...]]:
    """Steps as facts and what follows them: also where an import delivers each event by itself."""
    steps: list[list[Event]] = []
    for part in delivered:
        for position, located in enumerate(part.events):
            begins = located.event.kind is Kind.FACT if part.imported else position == 0
            if begins or not steps:
                steps.append([])
            steps[-1].append(located.event)
    return [tuple(step) for step in steps]


def decided_by(steps: Iterable[Sequence[Event]]) -> dict[int, str]:
    """Epoch → the version of the deciders that its first decision shows."""
    versions: dict[int, str] = {}
    for step in steps:
        for event in step[1:]:
            if event.decider_version is not None:
                versions.setdefault(event.epoch, event.decider_version)
    return versions


def version_of(step: Sequence[Event], by_epoch: Mapping[int, str], default: str) -> str:
    """The version that decided a step: its decisions say it; else its epoch's; else that of the epoch before."""
    stated = next((event.decider_version for event in step[1:] if event.decider_version is not None), None)
    if stated is not None:
        return stated
    earlier = [epoch for epoch in by_epoch if epoch <= step[0].epoch]
    return by_epoch[max(earlier)] if earlier else default


async def replay(
    ledger: Ledger, codec: Codec, recomputer: Recomputer, conversation_id: str, report: Report
) -> Replay | None:
    """None where the log holds nothing of the conversation. What can't be read goes to ``report``, and is a difference."""
    damages: list[Damage] = []
    steps = into_steps(await conversation_steps(ledger, codec, conversation_id, damages.append))
    if not steps and not damages:
        return None
    for damage in damages:
        report(damage)
    events, decisions = sum(map(len, steps)), sum(len(step) - 1 for step in steps)
    if recomputer.forgotten(conversation_id):
        return Replay(conversation_id, events, decisions, None, decisions, None)
    conversation, by_epoch = recomputer.begin(conversation_id), decided_by(steps)
    first = next((Difference(d.seq, None, None, None, f"{d.kind.value}: {d.message}") for d in damages), None)
    not_recomputable, recomputed, others = 0, bool(damages), _Others()
    for step in steps:
        version = version_of(step, by_epoch, recomputer.version)
        if version != recomputer.version:
            others.add(version, conversation.would_decide(step))
        check = conversation.check(step, version)
        if check.differences is None:
            not_recomputable += check.decisions
            continue
        recomputed = True
        first = first or next(iter(check.differences), None)
    theirs = bool(steps) and isinstance(steps[0][0].payload, ConversationImported)
    identical = first is None if recomputed and (first or not theirs) else None
    return Replay(conversation_id, events, decisions, identical, not_recomputable, first, others.told())


class _Others:
    """Gathers the steps that other code decided."""

    def __init__(self) -> None:
        self._versions: set[str] = set()
        self._steps = self._differing = 0
        self._first: Difference | None = None

    def add(self, version: str, differences: Sequence[Difference]) -> None:
        self._versions.add(version)
        self._steps += 1
        self._differing += bool(differences)
        self._first = self._first or next(iter(differences), None)

    def told(self) -> OtherCode | None:
        if not self._steps:
            return None
        return OtherCode(tuple(sorted(self._versions)), self._steps, self._differing, self._first)


def _shown(event: Event | None) -> Shown | None:
    return Shown(event.type, msgspec.to_builtins(event.payload)) if event else None


def _whole(step: Sequence[Event], reason: str) -> Difference:
    return Difference(step[0].seq, step[0].event_id, None, _shown(step[0]), reason)
