"""Invariants of hedging, from the log and the behaviour alone: which attempts start, when, and what ends them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agent_core.behaviour import Behaviour
from agent_core.hedging import Hedge, Purpose
from simulation.raw_log import RawLog, Rec
from simulation.violation import Violation

CANCELLED_WITHIN_US = 250_000  # a loser's last words were under way; one that runs on says more than that
_NOT_AGAIN = frozenset({"refused", "cancelled", "capped", "unauthorised", "missing"})
_ASKED = {"CompletionAsked": Purpose.ANSWER, "ClassificationAsked": Purpose.CLASSIFY, "GuardrailAsked": Purpose.GUARD}
_OVER = frozenset({"TurnEnded", "SpeculationDropped", "ReplyChosen", "EscalationChosen", "CloseChosen"})
_COSTLY = frozenset({"CompletionReturned", "ScoresReturned", "EffectFailed", "EffectCancelled"})


@dataclass
class _Ask:
    hedge: Hedge
    purpose: Purpose
    attempts: int
    progress_us: int
    epoch: int
    spoke: bool = False
    over_us: int | None = None  # when one of its attempts was accepted: from there on the others are losers
    goes_on: int | None = None  # the attempt whose sentences are said while it is still under way
    last_failure: str = ""
    late_at: tuple[int, int] = (0, 0)  # seq of the fact upon which attempts started late, and how many did


@dataclass
class _Turn:
    asks: dict[str, _Ask] = field(default_factory=dict)
    pace_ask: str = ""  # what is open: the answer to an older one changes nothing
    paces: dict[str, Any] | None = None  # empty: the ask for it failed, and nothing was known before
    answered: set[str] = field(default_factory=set)  # intents that an answer was asked for
    spent_micros: int = 0
    stopped: bool = False
    sentences: dict[str, int] = field(default_factory=dict)  # candidates of one sentence -> their attempt


def hedges(log: RawLog, behaviour: Behaviour, *, stood_still: bool) -> Iterator[Violation]:
    """``stood_still``: an owner's process did, so that what it cancelled may have been under way for long."""
    if behaviour.routing.hedging is None:
        return
    turns: dict[str, _Turn] = {}
    for step in log.steps:
        turn = turns.setdefault(step[0].conversation_id, _Turn())
        for rec in step:
            if rec.type == "TurnOpened":
                turn = turns[rec.conversation_id] = _Turn()
            for invariant, message in _take(turn, rec, step[0], behaviour, stood_still):
                yield Violation(invariant, f"{rec.conversation_id} seq {rec.seq} {rec.type} ({rec.turn_id}): {message}")
        yield from _after_step(turn, step, behaviour)


def _take(turn: _Turn, rec: Rec, fact: Rec, behaviour: Behaviour, stood_still: bool) -> Iterator[tuple[str, str]]:
    payload, at_us = rec.payload, rec.env["accepted_at_us"]
    ask = turn.asks.get(payload.get("ask_id", ""))
    if rec.type in _COSTLY and ask:
        turn.spent_micros += payload["cost_micros"] or 0
    if rec.type in _ASKED:
        yield from _asked(turn, rec, behaviour)
    elif rec.type in ("PaceAsked", "SpeculationDropped", "SpeculationOpened"):
        turn.pace_ask = payload.get("ask_id", "")
    elif rec.type in ("PaceKnown", "EffectFailed") and payload["ask_id"] == turn.pace_ask:
        if rec.type == "PaceKnown" or turn.paces is None:
            turn.paces = {pace["purpose"]: pace for pace in payload.get("paces", ())}
        turn.pace_ask = ""
    elif rec.type == "SpendingStopped":
        turn.stopped = True
    elif rec.type == "CandidateFormed" and payload["sentence"] is not None:
        turn.sentences[payload["candidate_id"]] = payload["attempt"]
    elif rec.type in ("CandidateAccepted", "ReplyChosen"):
        goes_on = turn.sentences.get(payload["candidate_id"])  # the attempt whose first sentence it is
        for ask_id, other in turn.asks.items():
            decided = goes_on is None or rec.type == "ReplyChosen"
            if decided and payload["candidate_id"].startswith(f"{ask_id}."):
                other.over_us, other.goes_on = at_us, goes_on
    elif ask is None:
        return
    elif rec.type == "AttemptAsked":
        yield from _attempt(turn, ask, rec, fact, behaviour)
        ask.attempts, ask.progress_us = payload["attempt"] + 1, at_us
    elif rec.type == "AskRepeated":
        ask.progress_us, ask.spoke, ask.epoch = at_us, False, rec.env["epoch"]
    elif rec.type == "EffectFailed":
        ask.last_failure = payload["reason"]
    elif rec.type in ("SentenceReturned", "CompletionReturned"):
        ran_on = ask.over_us is not None and at_us - ask.over_us > CANCELLED_WITHIN_US
        ran_on = ran_on and payload["attempt"] != ask.goes_on
        if ran_on and ask.epoch == rec.env["epoch"] and not stood_still:
            yield "losers_are_cancelled", f"attempt {payload['attempt']} went on after another one was accepted"
        if rec.type == "SentenceReturned":
            ask.progress_us, ask.spoke = at_us, True


def _asked(turn: _Turn, rec: Rec, behaviour: Behaviour) -> Iterator[tuple[str, str]]:
    purpose = _ASKED[rec.type]
    if rec.type == "GuardrailAsked" and not rec.payload["guardrail"].startswith("model_"):
        return
    hedge = behaviour.routing.hedge(purpose)
    attempts = rec.payload.get("attempts", 1)
    if purpose is Purpose.ANSWER:
        if attempts != hedge.now:
            yield "attempts_as_behaviour_says", f"{attempts} at once, not {hedge.now}"
        if rec.payload["intent"] not in turn.answered:  # what replaces a request that changed is asked all the same
            yield from _paid_for(turn, behaviour)
        turn.answered.add(rec.payload["intent"])
    turn.asks[rec.payload["ask_id"]] = _Ask(hedge, purpose, attempts, rec.env["accepted_at_us"], rec.env["epoch"])


def _attempt(turn: _Turn, ask: _Ask, rec: Rec, fact: Rec, behaviour: Behaviour) -> Iterator[tuple[str, str]]:
    payload = rec.payload
    if payload["attempt"] != ask.attempts:
        yield "attempts_as_behaviour_says", f"attempt {payload['attempt']} follows {ask.attempts} others"
    most = ask.hedge.now if payload["reason"] == "at_once" else ask.hedge.most
    if payload["attempt"] >= most:
        yield "attempts_as_behaviour_says", f"attempt {payload['attempt']}, of {most} at most"
    if payload["reason"] == "late":
        seq, started = ask.late_at if ask.late_at[0] == fact.seq else (fact.seq, 0)
        ask.late_at = seq, started + 1
        waited_us = rec.env["accepted_at_us"] - ask.progress_us
        if started:
            if started >= ask.hedge.together:
                yield "attempts_as_behaviour_says", f"{started + 1} started together, not {ask.hedge.together}"
        elif fact.type != "TimerFired" or waited_us < _wait_ms(turn, ask) * 1000:
            yield "late_means_late", f"{waited_us / 1000:.0f} ms after the ask's last progress, upon {fact.type}"
    if payload["reason"] == "failed" and ask.last_failure in _NOT_AGAIN:
        yield "no_means_no", f"asked again after {ask.last_failure}"
    if payload["reason"] != "at_once":
        yield from _paid_for(turn, behaviour)


def _paid_for(turn: _Turn, behaviour: Behaviour) -> Iterator[tuple[str, str]]:
    ceiling = behaviour.budget.turn_cost_micros
    if turn.stopped or (ceiling is not None and turn.spent_micros >= ceiling):
        yield "money_has_a_ceiling", f"{turn.spent_micros} of {ceiling} were spent"


def _wait_ms(turn: _Turn, ask: _Ask) -> int:
    pace = (turn.paces or {}).get(ask.purpose.value)
    usual = pace["gap_ms" if ask.spoke else "first_ms"] if pace else None
    return max(ask.hedge.at_least_ms, ask.hedge.unknown_ms if usual is None else round(usual))


def _after_step(turn: _Turn, step: list[Rec], behaviour: Behaviour) -> Iterator[Violation]:
    """Where the pace is known, whoever may start another attempt has set a timer to look."""
    watched = {rec.payload["timer_id"].rpartition(".late.")[0] for rec in step if rec.type == "TimerSet"}
    over = any(rec.type in _OVER for rec in step)
    for rec in step:
        ask = turn.asks.get(rec.payload.get("ask_id", ""))
        asked = rec.type in _ASKED and ask is not None and ask.attempts < ask.hedge.most
        if asked and turn.paces is not None and not over and rec.payload["ask_id"] not in watched:
            where = f"{rec.conversation_id} seq {rec.seq} {rec.type} ({rec.turn_id})"
            yield Violation("lateness_is_watched", f"{where}: nobody looks whether it is late")
