"""A call goes on behind its first changed reply: production cascade, a virtual clock, a simulated caller, simulated tools.

caller       ``simulation.what_if_caller``: says it ``THINKS_MS`` after the agent has finished
gateway      says what is chosen to its end, the closing line at the hard mark; nobody interrupts
models       as in the what-if: recorded outcomes where the same is asked, else the answerer, else the end is unknown
tools        what they found then, where they were asked the same; else the fixtures'. None is ever called
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from agent_core.conversation import Conversation, Status
from agent_core.sentences import speaking_ms
from processors.mind import AgentMind
from projections.read_models.conversations import CONVERSATIONS, ConversationRow
from projections.read_models.definition import Seen
from projections.what_if.comparing import Ending
from projections.what_if.going_on import Divergence
from projections.what_if.outcomes import total
from projections.what_if.report import Course, Said, SimulatedTurn, WentOn
from projections.what_if.turns import RecordedTurn
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact
from schemas.event import Event
from simulation.what_if_asks import Asks, Tools
from simulation.what_if_caller import Heard, Utterance, WhatIfCaller, Wish

THINKS_MS = 800  # from the end of what the agent says to the end of what the caller says
MOST_TURNS = 40
_CODE_DIGITS = 12  # the most that a method asks for


class GoingOn:
    """Implements ``projections.what_if.going_on.GoOn``. ``tools``: carries out what is asked of the company, simulated."""

    def __init__(self, seed: int, tools: Tools) -> None:
        self._seed, self._tools = seed, tools

    async def __call__(self, divergence: Divergence) -> WentOn:
        draw = random.Random(f"{self._seed}/{divergence.call_id}")
        at = divergence.place
        asked, *wishes = _wishes(divergence)[at:]
        behaviour = divergence.found.after.behaviour
        code = "".join(draw.choice("0123456789") for _ in range(_CODE_DIGITS))
        caller = WhatIfCaller(behaviour, asked, wishes, code, draw)
        line = _Line(divergence, caller, Asks(divergence.outcomes, divergence.answer, self._tools, code))
        ended = await line.to_the_end()
        recorded = [turn.recorded for turn in divergence.judged]
        events = [event for step in divergence.steps for event in step]
        before = [turn.what_if or turn.recorded for turn in divergence.judged[: at + 1]]
        return WentOn(
            seed=self._seed,
            behind=divergence.turns[at].turn_id,
            ended=ended,
            unknown=line.unknown or None,
            turns=tuple(line.turns),
            recorded=_course(divergence.mind, divergence.call_id, events, recorded),
            what_if=None
            if line.unknown
            else _course(
                divergence.otherwise,
                divergence.call_id,
                [*_before(divergence), *line.events],
                [*before, *(turn.said for turn in line.turns if turn.said)],
            ),
        )


class _NotKnownError(Exception):
    """What was asked for, and by nobody answered."""


class _Said(NamedTuple):
    """What was chosen in a turn: None where the gateway played the closing line, or nothing came."""

    choice: d.Spoken | None
    is_closing_line: bool = False

    @property
    def heard(self) -> Heard:
        if self.choice is None:
            return Heard("closing_line" if self.is_closing_line else "nothing", "", "")
        action = self.choice.action if isinstance(self.choice, d.ReplyChosen) else ""
        kind = "reply" if isinstance(self.choice, d.ReplyChosen) else "escalation"
        return Heard("close" if isinstance(self.choice, d.CloseChosen) else kind, action, self.choice.intent)


class _Line:
    """The what-if side of one call, from the reply that differs to its end."""

    def __init__(self, divergence: Divergence, caller: WhatIfCaller, asks: Asks) -> None:
        self._mind, self._caller, self._asks = divergence.otherwise, caller, asks
        self._c = divergence.found.after
        self._now_us = self._c.accepted_at_us
        self._spoken = 0
        self._choice = divergence.found.choice
        self._closing_us = divergence.found.closing_us
        self.events: list[Event] = list(divergence.found.events)
        self.turns: list[SimulatedTurn] = []
        self.unknown = divergence.found.unknown

    async def to_the_end(self) -> str:
        """How it ended; ``unknown`` then says why it isn't known."""
        if self.unknown:
            return "unknown"
        try:
            return await self._through()
        except _NotKnownError as why:
            self.unknown = str(why)
            return "unknown"

    async def _through(self) -> str:
        said = _Said(_spoken(self._choice), self._closing_us is not None)
        if self._closing_us is not None:
            await self._play_closing_line(self._closing_us)
        while len(self.turns) < MOST_TURNS:
            await self._say(said)
            if isinstance(said.choice, d.EscalationChosen | d.CloseChosen):
                await self._take(f.CallEnded(reason="agent_hung_up"), self._now_us)
                return "handed_over" if isinstance(said.choice, d.EscalationChosen) else "closed"
            utterance = None if self._c.status is Status.CLOSED else self._caller.next(self._c, said.heard)
            if utterance is None:
                await self._take(f.CallEnded(reason="caller_hung_up"), self._now_us)
                return "hung_up"
            said = await self._ask(utterance)
        return "too_long"

    # --- the gateway -------------------------------------------------------------------------------------------------

    async def _say(self, said: _Said) -> None:
        """What is chosen is spoken to its end, with whatever comes of it meanwhile."""
        turn = self._c.turn
        if said.choice is None or turn is None or turn.chosen is None:
            return
        candidate_id, began_us = turn.chosen, self._now_us
        await self._take(f.SpeechStarted(candidate_id=candidate_id, take=self._c.take), began_us)
        while (turn := self._c.turn) and turn.candidates[candidate_id].more:
            if not await self._next(None):
                break
        if turn is None:
            return
        text = turn.candidates[candidate_id].text
        ends_us = max(self._now_us, began_us + round(speaking_ms(text) * 1000))
        while await self._next(ends_us):
            pass
        await self._take(f.SpeechCompleted(candidate_id=candidate_id, spoken=text), ends_us)

    async def _play_closing_line(self, at_us: int) -> None:
        turn = self._c.turn
        if turn is None:
            return
        text, since_ms = self._c.behaviour.lines.closing, (at_us - turn.speech_ended_at_us) / 1000
        played = f.FallbackPlayed(
            phrase_id="closing", utterance_id=turn.utterance_id, since_speech_end_ms=since_ms, text=text
        )
        await self._take(played, at_us)
        self._now_us += round(speaking_ms(text) * 1000)

    # --- the caller --------------------------------------------------------------------------------------------------

    async def _ask(self, utterance: Utterance) -> _Said:
        """The caller's words, and what the agent makes of them."""
        self._spoken += 1
        at_us, since = self._now_us + THINKS_MS * 1000, len(self.events)
        facts: list[Fact] = [f.KeyPressed(key=key) for key in utterance.keys]
        facts = facts or [
            f.UtteranceHeard(
                utterance_id=f"what-if-{self._spoken}", text=utterance.text, final=True, since_speech_end_ms=0.0
            )
        ]
        told: Said | None = None
        try:
            for fact in facts:
                await self._take(fact, at_us)
            said = await self._until_chosen(since)
            told = self._told(since)
        finally:
            opened = next((e for e in self.events[since:] if isinstance(e.payload, d.TurnOpened)), None)
            self.turns.append(
                SimulatedTurn(
                    turn_id=(opened.turn_id if opened else None) or "",
                    text=utterance.text or "(keys)",
                    words=utterance.words,
                    said=told,
                )
            )
        return said

    async def _until_chosen(self, since: int) -> _Said:
        while True:
            chosen = [event for event in self.events[since:] if isinstance(event.payload, d.Spoken)]
            if chosen:
                return _Said(_spoken(chosen[-1]))
            turn = self._c.turn
            closing_us = turn.speech_ended_at_us + self._c.behaviour.budget.hard_ms * 1000 if turn else None
            if await self._next(closing_us):
                continue
            if turn is None or turn.cause != "utterance" or closing_us is None:
                return _Said(None)
            await self._play_closing_line(closing_us)
            return _Said(None, is_closing_line=True)

    def _told(self, since: int) -> Said | None:
        events = self.events[since:]
        opened = next((e for e in events if isinstance(e.payload, d.TurnOpened)), None)
        choice = next((e for e in reversed(events) if isinstance(e.payload, d.Spoken)), None)
        if opened is None or not isinstance(opened.payload, d.TurnOpened):
            return None
        turn_id = opened.turn_id or ""
        turn = RecordedTurn(turn_id, opened.payload, opened.seq, self._c, ())
        closing = next((e for e in events if isinstance(e.payload, f.FallbackPlayed)), None)
        text = self._c.behaviour.lines.closing if closing else None
        return Ending(turn, opened.payload).said(
            events,
            choice,
            closing.accepted_at_us if closing else None,
            text,
            opened.payload.speech_ended_at_us,
            self._asks.costs_of(turn_id),
        )

    # --- time --------------------------------------------------------------------------------------------------------

    async def _next(self, until_us: int | None) -> bool:
        """Takes what comes next, before ``until_us``; False where nothing does."""
        due = self._asks.next_due(self._mind, self._c)
        if due is None or (until_us is not None and due.at_us >= until_us):
            return False
        await self._take(self._asks.taken(due), due.at_us)
        return True

    async def _take(self, fact: Fact, at_us: int) -> None:
        self._now_us = max(self._now_us, at_us)
        event = self._asks.event_of(fact, self._c, self._now_us)
        self._c, events = self._mind.step(self._c, event)
        self.events += events
        if unknown := await self._asks.begin(self._c, events, self._now_us):
            raise _NotKnownError(unknown)


def _spoken(choice: Event | None) -> d.Spoken | None:
    return choice.payload if choice and isinstance(choice.payload, d.Spoken) else None


def _wishes(divergence: Divergence) -> list[Wish]:
    """For each of the call's turns: what the caller said in it, and what they had heard before."""
    wishes: list[Wish] = []
    heard = Heard("nothing", "", "")
    for turn, judged in zip(divergence.turns, divergence.judged, strict=True):
        said = judged.recorded
        got = Heard(said.kind, said.action or "", said.intent or "")
        text, keys = _words(turn)
        wishes.append(Wish(text, keys, said.intent or "", heard, got))
        heard = got
    at = divergence.place
    return [*wishes[: at + 1], *(wish for wish in wishes[at + 1 :] if wish.text or wish.keys)]


def _words(turn: RecordedTurn) -> tuple[str, str]:
    """(the caller's words in a turn, the keys that they pressed in it)."""
    text, keys = "", ""
    for step in turn.steps:
        fact = step[0].payload
        if isinstance(fact, f.UtteranceHeard) and fact.final and fact.utterance_id == turn.opened.utterance_id:
            text = fact.text
        elif isinstance(fact, f.KeyPressed):
            keys += fact.key
    return text, keys


def _before(divergence: Divergence) -> list[Event]:
    """What stands on the log before the turn that differs."""
    first = divergence.turns[divergence.place].steps[0][0].seq
    return [event for step in divergence.steps for event in step if event.seq < first]


def _course(mind: AgentMind, call_id: str, events: Sequence[Event], said: Sequence[Said]) -> Course:
    row = _row(mind, call_id, events)
    return Course(
        outcome=row.outcome if row else None,
        turns=row.turns if row else 0,
        blocked=sum(bool(each.blocked) for each in said),
        holds=sum(each.holds or 0 for each in said),
        cost_micros=total(each.cost_micros for each in said),
        lasted_ms=(events[-1].accepted_at_us - events[0].accepted_at_us) / 1000 if events else 0.0,
    )


def _row(mind: AgentMind, call_id: str, events: Sequence[Event]) -> ConversationRow | None:
    assert CONVERSATIONS.fold is not None
    fold, conversation, newest = CONVERSATIONS.fold(), mind.initial(call_id), None
    for event in events:
        before: Conversation = conversation
        conversation = mind.fold(before, event)
        if type(event.payload) in CONVERSATIONS.handles:
            for row in fold.take(Seen(event, before, conversation, event.turn_id)):
                newest = row
    return newest if isinstance(newest, ConversationRow) else None
