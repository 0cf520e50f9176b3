"""One recorded turn, decided anew under another behaviour.

    facts from outside    as they were recorded, in their order, up to what was chosen then
    outcomes of asks      the recorded ones where the same was asked; else the answerer's; else unknown
    timers                where the log has the same timer: when it fired then; else when they are due
    closing line          at the hard mark, where nothing was chosen before
    tools                 never called

It ends with what is chosen, and where that is a reply's first sentence, with the end of the reply: behind one that differs,
the caller would have said something else.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import count
from typing import Any, NamedTuple

from msgspec.structs import replace

from agent_core.conversation import Ask, Context, Conversation
from agent_core.guests import TIMER as GUEST
from agent_core.ports import FailureReason
from agent_core.wording import SENTENCE_TIMER
from processors.idling import IDLE
from processors.mind import AgentMind
from projections.what_if.outcomes import RecordedOutcomes, as_now_asked, cost_today, timeout_of, total
from projections.what_if.turns import RecordedTurn, Step, is_being_said, is_same_choice
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision, Fact, Kind
from schemas.event import Event, derived_id
from streams.mind import OpenTimer

Answer = Callable[[Conversation, Ask, int], Awaitable[Sequence[Fact] | None]]
"""Carries an attempt out: what comes of it, in order; None where that can't be known. Never calls a tool."""

_OF_THE_CALL = (IDLE, "silence")  # purposes of timers that don't bear on what an open turn says
NAMES: dict[type, str] = {
    d.CompletionAsked: "an answer",
    d.ClassificationAsked: "a classification",
    d.PassagesAsked: "a search for passages",
    d.GuardrailAsked: "a guardrail's score",
}
ANSWERABLE = tuple(NAMES)  # what may be asked anew: nothing of it touches anybody's data


class Rejudged(NamedTuple):
    """``events``: all facts and decisions up to the end of the reply, and ``after`` how the conversation then stands.
    ``choice``: None where nothing was chosen. ``closing_us``: when the closing line would have begun. ``unknown``: why what
    would be said can't be known. ``closed``: it ended with nothing said. ``costs``: by ask; None where it isn't known.
    ``reused`` and ``asked``: attempts; ``failed``: of those asked."""

    events: tuple[Event, ...]
    after: Conversation
    speech_ended_at_us: int
    choice: Event | None
    closing_us: int | None
    unknown: str
    closed: bool
    costs: dict[str, int | None]
    reused: int
    asked: int
    failed: int


async def rejudge(
    mind: AgentMind,
    context: Context,
    turn: RecordedTurn,
    recorded: RecordedOutcomes,
    answer: Answer,
    *,
    by_name: bool = False,
) -> Rejudged:
    """``context``: with the other behaviour. ``by_name``: as ``RecordedOutcomes.of`` has it. Raises what a decider raises."""
    run = _Run(mind, replace(turn.before, context=context), turn, recorded, answer, by_name)
    await run.through()
    return run.told()


class _Run:
    def __init__(
        self,
        mind: AgentMind,
        before: Conversation,
        turn: RecordedTurn,
        recorded: RecordedOutcomes,
        answer: Answer,
        by_name: bool,
    ) -> None:
        self._mind, self._c, self._turn, self._recorded, self._answer = mind, before, turn, recorded, answer
        self._by_name = by_name
        self._now_us = before.accepted_at_us
        self._timers = {key: timer.due_at_us for key, timer in before.timers.items()}
        for step in turn.steps:
            self._timers |= {e.payload.timer_id: e.payload.due_at_us for e in step if isinstance(e.payload, d.TimerSet)}
        self._of_turn = {
            ask_id for step in turn.steps for e in step[1:] if (ask_id := getattr(e.payload, "ask_id", ""))
        }
        self._alike: set[str] = set()  # asks that stand on the log just so: their outcomes come at their place
        self._delivered: set[str] = set()  # ids of recorded outcomes
        self._due: list[tuple[int, int, Fact, str]] = []  # (when, order, outcome, its ask) of the others
        self._order = count()
        self._awaited: set[tuple[str, int]] = set()  # attempts whose outcome is known, and on its way or there
        self._asked_at_us: dict[str, int] = {}
        self._unknown: dict[str, str] = {}  # ask → why its outcome isn't known
        self._events: list[Event] = []
        self._chosen: list[Event] = []
        self._closing_us: int | None = None
        self._stuck = ""
        self._costs: dict[str, int | None] = {}
        self._reused = self._asked = self._failed = 0
        self._speech_ended_at_us = turn.opened.speech_ended_at_us

    async def through(self) -> None:
        steps = iter(self._turn.steps)
        if await self._to_the_last_choice(steps):
            await self._said_along(steps)
        else:
            await self._until(None, self._is_said)

    async def _to_the_last_choice(self, steps: Iterable[Step]) -> bool:
        """Step by step along the log; after each choice on it, ours must be the same to go on. Whether it is at the last."""
        to_come = sum(self._is_choice(event) for step in self._turn.steps for event in step)
        choices = 0
        for step in steps:
            await self._until(step[0].accepted_at_us, self._chooses())
            if self._over(choices):
                return False
            await self._take_recorded(step[0])
            then = next((e for e in step if self._is_choice(e)), None)
            if then is None:
                if self._over(choices) or not self._is_open():
                    return False
                continue
            choices += 1
            if len(self._chosen) < choices:
                await self._until(None, self._chooses())
                return False
            is_same = is_same_choice(self._chosen[-1], then)
            if choices == to_come or not is_same:
                return is_same
        self._stuck = "the log ends in the middle of the turn"
        return False

    async def _said_along(self, steps: Iterable[Step]) -> None:
        """A reply that began as the recorded one goes on along the log."""
        for step in steps:
            await self._until(step[0].accepted_at_us, self._is_said)
            if self._is_said():
                return
            await self._take_recorded(step[0])

    def told(self) -> Rejudged:
        choice = self._chosen[-1] if self._chosen else None
        closed = choice is None and self._closing_us is None and not self._stuck and not self._is_open()
        return Rejudged(
            events=tuple(self._events),
            after=self._c,
            speech_ended_at_us=self._speech_ended_at_us,
            choice=choice,
            closing_us=self._closing_us,
            unknown=self._stuck or (next(iter(self._unknown.values()), "") if closed else self._why_doubtful(choice)),
            closed=closed,
            costs=self._costs,
            reused=self._reused,
            asked=self._asked,
            failed=self._failed,
        )

    # --- facts -------------------------------------------------------------------------------------------------------

    async def _take_recorded(self, fact: Event) -> None:
        """A recorded fact, unless it followed from what isn't so here."""
        payload = fact.payload
        ask_id = getattr(payload, "ask_id", "")
        if ask_id in self._of_turn:  # else it is a late outcome of an earlier turn's
            if ask_id not in self._alike:
                return
            self._delivered.add(fact.event_id)
        elif isinstance(payload, f.TimerFired):
            timer = self._c.timers.get(payload.timer_id)
            if timer is None or timer.due_at_us > fact.accepted_at_us:
                return
        elif isinstance(payload, f.FallbackPlayed) and not self._chosen and self._is_closed_by(fact, payload):
            if self._hard_ms() != self._turn.opened.hard_ms:
                return
            self._closing_us = fact.accepted_at_us
        await self._take(fact)

    async def _take(self, fact: Event) -> None:
        self._now_us = max(self._now_us, fact.accepted_at_us)
        self._c, events = self._mind.step(self._c, replace(fact, accepted_at_us=self._now_us))
        self._events += events
        if self._is_open() and self._c.turn:
            self._speech_ended_at_us = self._c.turn.speech_ended_at_us
        self._chosen += [event for event in events if self._is_choice(event)]
        mine = (event for event in events if event.turn_id == self._turn.turn_id)  # its last step may open the next one
        await asyncio.gather(*(self._begin(event) for event in mine if getattr(event.payload, "ask_id", "")))

    def _chooses(self) -> Callable[[], bool]:
        """Whether another choice was made since now."""
        before = len(self._chosen)
        return lambda: len(self._chosen) > before

    def _is_said(self) -> bool:
        return bool(self._stuck) or not is_being_said(self._c, self._turn.turn_id)

    async def _until(self, until_us: int | None, is_over: Callable[[], bool]) -> None:
        """What comes up before ``until_us``; None: all that may still come, until ``is_over`` or the hard mark."""
        while not is_over() and not self._stuck and self._closing_us is None:
            if until_us is None:
                await self._bring_the_rest()
            timer, closing_us = self._next_timer(until_us is None), self._closing_mark(until_us is None)
            outcome_us = self._due[0][0] if self._due else None
            at_us = _soonest(outcome_us, timer.due_at_us if timer else None, closing_us)
            if at_us is None or (until_us is not None and at_us >= until_us):
                if until_us is None and self._is_open():
                    self._stuck = self._why_doubtful(None) or "nothing more would have happened"
                return
            if at_us == outcome_us:
                at_us, _, outcome, cause = heapq.heappop(self._due)
                await self._take(self._made(outcome, at_us, cause))
            elif self._unknown_is_open() or (timer and timer.purpose == GUEST and at_us == timer.due_at_us):
                self._stuck = self._why_doubtful(None) or "nobody knows what the guest would have said"
            elif timer and timer.purpose == SENTENCE_TIMER and at_us == timer.due_at_us and self._rest_is_unknown():
                self._stuck = "the log doesn't say how the reply would have gone on"
            elif at_us == closing_us:
                self._closing_us = at_us
            elif timer:
                await self._take(self._made(f.TimerFired(timer_id=timer.timer_id, purpose=timer.purpose), at_us, ""))

    def _made(self, fact: Fact, at_us: int, cause: str) -> Event:
        return Event(
            event_id=derived_id(self._turn.turn_id, self._c.id, f"what-if {next(self._order)}"),
            type=type(fact).__name__,
            schema_version=fact.VERSION,
            conversation_id=self._c.id,
            kind=Kind.FACT,
            causation_id=cause,
            turn_id=self._turn.turn_id,
            occurred_at_us=at_us,
            accepted_at_us=at_us,
            payload=fact,
        )

    # --- asks --------------------------------------------------------------------------------------------------------

    async def _begin(self, event: Event) -> None:
        """What a decision asks: something new, or one attempt more."""
        asked = event.payload
        ask_id: str = getattr(asked, "ask_id", "")
        ask = self._c.asks.get(ask_id)
        if ask is None or not isinstance(asked, Decision) or isinstance(asked, d.CandidateFormed | d.AskRepeated):
            return
        if ask.payload is not asked:
            known = self._recorded.by_id.get(ask_id) if ask_id in self._alike else None
            if known is None or getattr(asked, "attempt", 0) not in known.attempts:
                await self._find_out(ask)
            return
        self._asked_at_us[ask_id] = self._now_us
        found = self._recorded.of(asked, self._c.behaviour, by_name=self._by_name)
        if found is None:
            await self._find_out(ask)
            return
        self._costs[ask_id] = found.cost_micros
        self._reused += len({getattr(e.payload, "attempt", 0) for e in found.outcomes})
        if found.ask_id == ask_id and found.at_us == self._now_us and timeout_of(asked) == timeout_of(found.payload):
            self._alike.add(ask_id)
            self._awaited |= {(ask_id, getattr(e.payload, "attempt", 0)) for e in found.outcomes}
            return
        for recorded in found.outcomes:
            outcome, took_us = as_now_asked(asked, found, recorded)
            if outcome is not None:
                self._schedule(outcome, self._now_us + took_us)

    def _schedule(self, outcome: Fact, at_us: int) -> None:
        ask_id: str = getattr(outcome, "ask_id", "")
        self._awaited.add((ask_id, getattr(outcome, "attempt", 0)))
        heapq.heappush(self._due, (max(at_us, self._now_us), next(self._order), outcome, ask_id))

    async def _bring_the_rest(self) -> None:
        """Behind the place up to which the log is followed: recorded outcomes that came later, and attempts of which the
        log doesn't say what would have come, since they were cancelled, or failed for a time that is longer now."""
        for ask_id in sorted(self._alike):
            for event in self._recorded.by_id[ask_id].outcomes:
                if event.event_id not in self._delivered and isinstance(event.payload, Fact):
                    self._schedule(event.payload, event.accepted_at_us)
        self._alike.clear()
        missing = [
            ask
            for ask in self._c.asks.values()
            if ask.open
            and ask.ask_id not in self._unknown
            and any(self._is_missing(ask, n) for n in range(ask.attempts))
        ]
        await asyncio.gather(*(self._find_out(ask) for ask in missing))

    def _is_missing(self, ask: Ask, attempt: int) -> bool:
        return attempt not in ask.done and (ask.ask_id, attempt) not in self._awaited

    async def _find_out(self, ask: Ask) -> None:
        """Asks for what the log doesn't say."""
        if not ask.open:
            return
        if isinstance(ask.payload, d.PaceAsked):  # of a model of which nothing was seen yet: hedges do without
            missing = FailureReason.MISSING.value
            self._schedule(f.EffectFailed(ask_id=ask.ask_id, attempt=0, reason=missing), self._now_us)
            return
        if not isinstance(ask.payload, ANSWERABLE):
            self._unknown[ask.ask_id] = f"{getattr(ask.payload, 'tool', type(ask.payload).__name__)} isn't called"
            return
        wanted = [attempt for attempt in range(ask.attempts) if self._is_missing(ask, attempt)]
        self._awaited |= {(ask.ask_id, attempt) for attempt in wanted}
        asked_at_us = self._asked_at_us.get(ask.ask_id, self._now_us)
        for outcomes in await asyncio.gather(*(self._answer(self._c, ask, attempt) for attempt in wanted)):
            if outcomes is None:
                self._unknown[ask.ask_id] = f"{NAMES[type(ask.payload)]} was not asked for"
                self._costs[ask.ask_id] = None
                continue
            self._asked += 1
            self._failed += any(isinstance(outcome, f.EffectFailed) for outcome in outcomes)
            for outcome in outcomes:
                self._costs[ask.ask_id] = total((self._costs.get(ask.ask_id, 0), cost_today(outcome)))
                took_ms = getattr(outcome, "total_ms", None) or getattr(outcome, "elapsed_ms", None) or 0.0
                self._schedule(outcome, asked_at_us + round(took_ms * 1000))

    # --- time and doubt ----------------------------------------------------------------------------------------------

    def _next_timer(self, is_last: bool) -> OpenTimer | None:
        """Of those that the log doesn't have just so; at the end, of all that bear on what this turn says."""
        armed = self._mind.open_work(self._c).timers.values()
        mine = [timer for timer in armed if timer.purpose not in _OF_THE_CALL]
        other = [t for t in mine if is_last or self._timers.get(t.timer_id) != t.due_at_us]
        return min(other, key=lambda t: (t.due_at_us, t.timer_id), default=None)

    def _hard_ms(self) -> int:
        return self._c.behaviour.budget.hard_ms

    def _closing_mark(self, is_last: bool) -> int | None:
        """When the gateway would play the closing line. Where the budget is the recorded one, the log says it itself."""
        if self._turn.opened.cause != "utterance" or not self._is_open() or self._chosen:
            return None
        if not is_last and self._hard_ms() == self._turn.opened.hard_ms:
            return None
        return self._speech_ended_at_us + self._hard_ms() * 1000

    def _is_open(self) -> bool:
        turn = self._c.turn
        return turn is not None and turn.turn_id == self._turn.turn_id

    def _is_closed_by(self, fact: Event, played: f.FallbackPlayed) -> bool:
        return self._is_open() and self._turn.is_closed_by(played, fact.turn_id)

    def _is_choice(self, event: Event) -> bool:
        return isinstance(event.payload, d.Spoken) and event.turn_id == self._turn.turn_id

    def _over(self, choices: int) -> bool:
        return len(self._chosen) > choices or bool(self._stuck) or self._closing_us is not None

    def _unknown_is_open(self) -> bool:
        return any(ask_id in self._unknown and ask.open for ask_id, ask in self._c.asks.items())

    def _rest_is_unknown(self) -> bool:
        """Whether the run whose reply is being said was cut off on the log before it had told all: it may not have stalled."""
        turn = self._c.turn
        said = turn.candidates.get(turn.chosen or "") if turn else None
        ask = self._c.asks.get(said.ask_id) if said else None
        if said is None or ask is None or said.attempt in ask.done:
            return False
        recorded = self._recorded.by_id[ask.ask_id].outcomes if ask.ask_id in self._alike else ()
        to_come: list[Any] = [e.payload for e in recorded if e.event_id not in self._delivered]
        to_come += [outcome for _, _, outcome, cause in self._due if cause == ask.ask_id]
        return not any(outcome.attempt == said.attempt for outcome in to_come)

    def _why_doubtful(self, choice: Event | None) -> str:
        """What isn't known of what bears on ``choice``, so that something else might have been chosen before it."""
        intent = getattr(choice.payload, "intent", None) if choice else None
        turn = self._c.turn
        for ask_id, why in self._unknown.items():
            ask = self._c.asks.get(ask_id)
            if ask is None:
                continue
            about = getattr(ask.payload, "intent", None)
            if isinstance(ask.payload, d.GuardrailAsked) and turn and ask.payload.candidate_id in turn.candidates:
                about = turn.candidates[ask.payload.candidate_id].intent
            if intent is None or about == intent:
                return why
        return ""


def _soonest(*times_us: int | None) -> int | None:
    return min((at for at in times_us if at is not None), default=None)
