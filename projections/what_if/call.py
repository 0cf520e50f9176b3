"""What if, for a whole call: every turn judged anew on the history as it was recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import NamedTuple

from agent_core.behaviour import Behaviour
from agent_core.conversation import Context
from processors.cascade import Cascade
from processors.mind import AgentMind
from projections.effective_log import Damage, conversation_steps
from projections.recompute import compare, decided_by, into_steps, version_of
from projections.wall_time import iso_time
from projections.what_if.change import DoesNotFitError, WhatIf
from projections.what_if.comparing import Recorded, compared, other_end
from projections.what_if.going_on import Divergence, GoOn
from projections.what_if.imported import judged_exchanges
from projections.what_if.outcomes import RecordedOutcomes
from projections.what_if.rejudge import Answer, Rejudged, rejudge
from projections.what_if.report import CHANGED, DOES_NOT_FIT, CallWhatIf, Said, TurnWhatIf, WentOn
from projections.what_if.turns import RecordedTurn, Step, recorded_turns
from schemas import decisions as d
from schemas import facts as f
from schemas.event import Event
from streams.behaviours import BehaviourMissingError
from streams.codec import Codec
from streams.keys import KeyStore, KeysUnavailableError
from streams.ports import Ledger

BehaviourOf = Callable[[int, str], Behaviour]
AnswerFor = Callable[[tuple[str, ...]], Answer]
"""Who answers in the place of the models of a call, which are named as ``CallArrived.providers`` has them."""
FORGOTTEN = "forgotten"


class Source(NamedTuple):
    """What a what-if reads. ``in_use``: gives the behaviour that a conversation of another system is held to, which
    pinned none; None: such conversations aren't judged."""

    ledger: Ledger
    codec: Codec
    keys: KeyStore
    behaviour_of: BehaviourOf
    in_use: Callable[[], Behaviour] | None = None


class _Judged(NamedTuple):
    """``diverged``: how the first turn was judged whose reply is another one. Of imported conversations ``turns`` alone."""

    turns: tuple[TurnWhatIf, ...]
    recorded: tuple[RecordedTurn, ...] = ()
    diverged: Rejudged | None = None
    outcomes: RecordedOutcomes | None = None
    answer: Answer | None = None


class WhatIfCall:
    """Judges calls one after the other. ``answer_for``: who is asked what the log doesn't say. ``go_on``: by whom a call
    goes on behind its first changed reply; None: it doesn't."""

    def __init__(
        self, source: Source, cascade: Cascade, what_if: WhatIf, answer_for: AnswerFor, go_on: GoOn | None = None
    ) -> None:
        self._source, self._version, self._what_if, self._answer_for = source, cascade.version, what_if, answer_for
        self._go_on = go_on
        self._mind = AgentMind(cascade, source.behaviour_of, source.keys)
        self._otherwise = AgentMind(cascade, self._changed, source.keys)

    async def judge(self, call_id: str, since_us: int | None = None) -> CallWhatIf | None:
        """None where the call began before ``since_us``, or the log holds nothing of it. Raises ``KeysUnavailableError``."""
        damages: list[Damage] = []
        await self._source.codec.prepare((call_id,))
        steps = into_steps(await conversation_steps(self._source.ledger, self._source.codec, call_id, damages.append))
        if not steps and not damages:
            return None
        if steps and since_us is not None and steps[0][0].accepted_at_us < since_us:
            return None
        started_at = iso_time(steps[0][0].accepted_at_us) if steps else None
        if damages:
            return _not_judged(call_id, started_at, f"unreadable: {damages[0].kind.value}")
        if self._source.keys.get(call_id) is None:
            return _not_judged(call_id, started_at, FORGOTTEN)
        try:
            judged = await self._judged(call_id, steps)
            turns = judged.turns
            went_on = await self._gone_on(call_id, steps, judged)
        except BehaviourMissingError:
            return _not_judged(call_id, started_at, "behaviour_missing")
        except DoesNotFitError as error:
            return _not_judged(call_id, started_at, f"{DOES_NOT_FIT}{error}")
        except KeysUnavailableError:
            raise
        except Exception as error:  # a decider that fails under another behaviour is a finding about that call, by name
            return _not_judged(call_id, started_at, f"failed: {type(error).__name__}")
        first = next((turn.turn_id for turn in turns if turn.reply == CHANGED), None)
        identical = all(turn.identical for turn in turns) if turns else None
        return CallWhatIf(
            call_id=call_id,
            started_at=started_at,
            identical=identical,
            why_not=None,
            first_change=first,
            turns=turns,
            went_on=went_on,
        )

    async def turns(self, call_id: str, steps: Sequence[Step]) -> tuple[TurnWhatIf, ...]:
        """Each turn of a call, judged anew. Raises ``BehaviourMissingError``, ``DoesNotFitError``, what a decider raises."""
        return (await self._judged(call_id, steps)).turns

    async def _judged(self, call_id: str, steps: Sequence[Step]) -> _Judged:
        pinned = next((e.payload for step in steps for e in step if isinstance(e.payload, d.ConversationOpened)), None)
        if pinned is None:
            return _Judged(self._imported([event for step in steps for event in step]))
        behaviour = self._source.behaviour_of(pinned.behaviour_seq, pinned.behaviour_hash)
        outcomes, versions = RecordedOutcomes(steps, behaviour), decided_by(steps)
        arrived = next((e.payload for step in steps for e in step if isinstance(e.payload, f.CallArrived)), None)
        answer = self._answer_for(arrived.providers if arrived else ())
        judged: list[TurnWhatIf] = []
        recorded = tuple(recorded_turns(self._mind, call_id, steps))
        diverged: Rejudged | None = None
        for turn in recorded:
            is_older = any(version_of(step, versions, self._version) != self._version for step in turn.steps)
            comparable = all(before.reply != CHANGED for before in judged)
            one, found = await self._turn(turn, outcomes, answer, comparable=comparable, is_older=is_older)
            judged.append(one)
            if comparable and one.reply == CHANGED:
                diverged = found
        return _Judged(tuple(judged), recorded, diverged, outcomes, answer)

    async def _gone_on(self, call_id: str, steps: Sequence[Step], judged: _Judged) -> WentOn | None:
        if self._go_on is None or judged.diverged is None or judged.outcomes is None or judged.answer is None:
            return None
        place = next(n for n, turn in enumerate(judged.turns) if turn.reply == CHANGED)
        return await self._go_on(
            Divergence(
                call_id,
                steps,
                judged.recorded,
                judged.turns,
                place,
                judged.diverged,
                self._mind,
                self._otherwise,
                judged.outcomes,
                judged.answer,
            )
        )

    def _imported(self, events: Sequence[Event]) -> tuple[TurnWhatIf, ...]:
        if self._source.in_use is None:
            return ()
        in_use = self._source.in_use()
        return tuple(judged_exchanges(events, in_use, self._what_if.changed(in_use)))

    async def _turn(
        self, turn: RecordedTurn, outcomes: RecordedOutcomes, answer: Answer, *, comparable: bool, is_older: bool
    ) -> tuple[TurnWhatIf, Rejudged]:
        here = self._otherwise.initial(turn.before.id).context
        as_pinned = self._mind.initial(turn.before.id).context
        then: Rejudged | None = None
        if is_older:  # what these deciders would have decided then: else their difference would be the what-if's
            then = await rejudge(self._mind, as_pinned, turn, outcomes, nobody, by_name=True)
        found = await rejudge(self._otherwise, here, turn, outcomes, answer)
        recorded, events = Recorded(turn, outcomes).said(_choices(found, turn))
        if then is not None:
            recorded, events = self._end(turn, then, as_pinned) or recorded, list(then.events)
        what_if = self._end(turn, found, here)
        one = compared(
            turn,
            recorded,
            what_if,
            found,
            identical=_same_decisions(events, found.events),
            comparable=comparable,
            older_code=is_older,
        )
        return one, found

    def _end(self, turn: RecordedTurn, found: Rejudged, context: Context) -> Said | None:
        return other_end(turn, found, _behaviour_in(turn, context).lines.closing)

    def _changed(self, seq: int, content_hash: str) -> Behaviour:
        return self._what_if.changed(self._source.behaviour_of(seq, content_hash))


async def nobody(conversation: object, ask: object, attempt: int) -> None:
    """Asks nobody: what the log doesn't say is unknown."""
    return


def _behaviour_in(turn: RecordedTurn, context: Context) -> Behaviour:
    before = turn.before
    if before.behaviour_hash:
        return context.behaviour_of(before.behaviour_seq, before.behaviour_hash)
    opened = next(e.payload for e in turn.steps[0] if isinstance(e.payload, f.CallArrived | d.ConversationOpened))
    return context.behaviour_of(opened.behaviour_seq, opened.behaviour_hash)


def _choices(found: Rejudged, turn: RecordedTurn) -> int:
    """Which of the recorded choices ours is to be held to."""
    return sum(isinstance(e.payload, d.Spoken) and e.turn_id == turn.turn_id for e in found.events)


def _same_decisions(recorded: Sequence[Event], ours: Sequence[Event]) -> bool:
    pairs = zip_longest(_decisions(recorded), _decisions(ours))
    return not any(compare(one, other) for one, other in pairs)


def _decisions(events: Sequence[Event]) -> list[Event]:
    return [event for event in events if event.kind.value == "decision"]


def _not_judged(call_id: str, started_at: str | None, why_not: str) -> CallWhatIf:
    return CallWhatIf(
        call_id=call_id, started_at=started_at, identical=None, why_not=why_not, first_change=None, turns=()
    )
