"""Invariants of turns: one reply at most takes effect, it passed every guardrail, it is not stale, and every turn ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agent_core.behaviour import Behaviour
from simulation.guest_invariants import guests_for
from simulation.raw_log import RawLog, Rec
from simulation.sentence_invariants import judging
from simulation.violation import Violation

SUPERSEDING = {"CallerSpeechStarted", "CallerSpeechDismissed", "UtteranceHeard", "UtteranceResumed", "KeyPressed"}
CHOSEN = {"ReplyChosen", "EscalationChosen", "CloseChosen"}
_MOST_WORDS_OF_REPAIR = 8
OUTCOMES = {"reply", "tool", "escalation", "close", "fallback", "superseded", "abandoned"}


@dataclass
class _Turn:
    turn_id: str
    utterance_id: str
    committed: bool
    speculation: int = 0
    question: str = ""
    carried: str | None = None  # what its speculations begin with, of the turn before; None: not known yet
    texts: dict[str, tuple[str, int]] = field(default_factory=dict)  # candidate -> text, speculation
    passed: dict[str, set[str]] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    chosen: str | None = None  # the choice that stands
    started: str | None = None
    dropped: set[str] = field(default_factory=set)
    asked_by: dict[str, str] = field(default_factory=dict)  # candidate -> ask
    newest_ask: dict[str, str] = field(default_factory=dict)  # intent -> ask
    needs: dict[str, frozenset[str]] = field(default_factory=dict)  # candidate -> guardrails that must pass it
    more: str | None = None  # the chosen reply, while sentences of it are to come
    vetoed: bool = False  # a guest blocked the honest ending itself, as behaviour lets it
    of_another: bool = False  # another subject was authenticated since: nobody is to hear the rest of it


@dataclass
class _Call:
    """A conversation, as far as these rules need it."""

    take: int = 0
    granted: int = 0
    caller_silent: bool = True
    last_caller_seq: int = 0
    turn: _Turn | None = None
    opened: int = 0
    words: tuple[str, str] = ("", "")  # the utterance of the fact at hand, and its text; empty where it is another fact
    timers: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    closed: bool = False
    subject: str | None = None
    heard_of: tuple[str, str] = ("", "")  # text and heard part of the reply that was said last


def required_on_output(behaviour: Behaviour, origin: str, sentence: int | None) -> frozenset[str]:
    guards = judging(behaviour, sentence)
    if sentence is not None:  # guests hear the whole
        return guards
    return frozenset(guards | {guest.name for guest in guests_for(behaviour, origin) if guest.required})


def turns(log: RawLog, behaviour: Behaviour) -> Iterator[Violation]:
    calls: dict[str, _Call] = {}
    for step in log.steps:
        call = calls.setdefault(step[0].conversation_id, _Call())
        said = step[0].payload if step[0].type == "UtteranceHeard" else {"utterance_id": "", "text": ""}
        call.words = said["utterance_id"], said["text"]
        for rec in step:
            for invariant, message in _take(call, rec, behaviour):
                yield Violation(invariant, f"{rec.conversation_id} seq {rec.seq} {rec.type} ({rec.turn_id}): {message}")
        yield from _after_step(call, step)
    for name, call in calls.items():
        if call.opened and call.turn:
            yield Violation("every_turn_ends", f"{name}: turn {call.turn.turn_id} never ended")
        if call.opened and not call.closed:
            yield Violation("every_turn_ends", f"{name}: the call was never closed")
        if call.opened and call.timers:
            yield Violation("every_turn_ends", f"{name}: timers {sorted(call.timers)} never fired")


def _take(call: _Call, rec: Rec, behaviour: Behaviour) -> Iterator[tuple[str, str]]:
    if rec.type in SUPERSEDING:
        call.last_caller_seq = rec.seq
        call.timers = {name: timer for name, timer in call.timers.items() if timer[0] != "silence"}
        if rec.type != "KeyPressed":
            call.caller_silent = rec.type == "CallerSpeechDismissed" or bool(rec.payload.get("final"))
    elif rec.type == "SubjectAuthenticated":  # it makes replies stale, and nobody need have spoken
        call.last_caller_seq = rec.seq
        if call.subject not in (None, rec.payload["subject_id"]):
            call.heard_of = "", ""
            if call.turn:
                call.turn.of_another = True
        call.subject = rec.payload["subject_id"]
    elif rec.type == "CallTaken":
        if rec.payload["take"] > call.take:
            call.take, call.caller_silent = rec.payload["take"], True
            if call.turn and not call.turn.started:
                call.turn.chosen = None
    elif rec.type == "StandingGranted":
        call.granted = rec.payload["take"]
    elif rec.type in ("TurnOpened", "SpeculationOpened", "TurnCommitted", "TurnEnded"):
        yield from _take_turn(call, rec)
    elif rec.type in ("TimerSet", "TimerFired"):
        _take_timer(call, rec)
    elif rec.type in CHOSEN:
        yield from _take_choice(call, rec)
    elif rec.type in ("SentenceReleased", "ReplyCut") and call.turn:
        _grows(call, call.turn, rec, behaviour)
    elif rec.type == "ConversationClosed":
        call.closed, call.timers = True, {}
    elif call.turn:
        yield from _take_candidate(call, call.turn, rec, behaviour)


def _take_turn(call: _Call, rec: Rec) -> Iterator[tuple[str, str]]:
    turn = call.turn
    if rec.type == "TurnOpened":
        call.opened += 1
        if turn:
            yield "every_turn_ends", f"opened while {turn.turn_id} is open"
        if rec.turn_id != f"t{call.opened}":
            yield "every_turn_ends", f"the {call.opened}. turn"
        payload = rec.payload
        call.turn = _Turn(rec.turn_id or "", payload["utterance_id"], payload["cause"] != "utterance")
    elif turn is None or turn.turn_id != rec.turn_id:
        yield "every_turn_ends", "no such turn is open"
    elif rec.type == "SpeculationOpened":
        turn.speculation, turn.newest_ask = rec.payload["speculation"], {}
        turn.of_another = turn.vetoed = False
        turn.question = rec.payload["question"]
        if not turn.committed:  # behind it, what was kept for a proof or a proposal is taken up again
            yield from _asks_what_was_said(call, turn)
    elif rec.type == "TurnCommitted":
        if turn.committed:
            yield "committed_once", "committed before"
        turn.committed = True
        yield from _asks_what_was_said(call, turn)
    else:
        if rec.payload["outcome"] not in OUTCOMES:
            yield "every_turn_ends", f"ended as {rec.payload['outcome']!r}"
        call.timers = {name: timer for name, timer in call.timers.items() if timer[1] != turn.turn_id}
        call.turn = None


def _asks_what_was_said(call: _Call, turn: _Turn) -> Iterator[tuple[str, str]]:
    """What a turn speculates on, and is committed with, are the words of the utterance that it is about, behind the question
    that it carries."""
    utterance_id, text = call.words
    if not utterance_id or utterance_id != turn.utterance_id:
        return
    before = turn.question.removesuffix(text)
    if not turn.question.endswith(text):
        yield "asks_what_was_said", f"{turn.question!r} doesn't end with {text!r}"
    elif turn.carried not in (None, before):
        yield "asks_what_was_said", f"{turn.question!r} doesn't begin with {turn.carried!r}, as the turn did before"
    turn.carried = before


def _take_timer(call: _Call, rec: Rec) -> None:
    timer_id = rec.payload["timer_id"]
    if rec.type == "TimerSet":
        call.timers[timer_id] = (rec.payload["purpose"], rec.turn_id)
    else:
        call.timers.pop(timer_id, None)


def _take_choice(call: _Call, rec: Rec) -> Iterator[tuple[str, str]]:
    turn, payload = call.turn, rec.payload
    if turn is None or turn.turn_id != rec.turn_id:
        yield "one_reply", "no such turn is open"
        return
    candidate = payload["candidate_id"]
    if turn.chosen or turn.started:
        yield "one_reply", f"{turn.chosen or turn.started} was chosen before, and nothing took that back"
    if not turn.committed:
        yield "one_reply", "the caller's words weren't final"
    formed = turn.texts.get(candidate)
    if formed is None or formed[0] != payload["text"] or formed[1] != turn.speculation:
        yield "guarded_before_spoken", "its text is not a candidate's of the newest speculation"
    ask_id = turn.asked_by.get(candidate)
    if candidate in turn.dropped or (ask_id and turn.newest_ask.get(payload["intent"]) != ask_id):
        yield "nothing_stale", "it was dropped, or answers a request that was asked anew"
    missing = turn.needs.get(candidate, frozenset()) - turn.passed.get(candidate, set())
    if missing or candidate in turn.blocked:
        yield "guarded_before_spoken", f"not passed by {', '.join(sorted(missing)) or 'a guardrail that blocked it'}"
    if payload["answers_through"] != call.last_caller_seq or not call.caller_silent:
        yield (
            "nothing_stale",
            f"answers through {payload['answers_through']}, the caller's last is {call.last_caller_seq}",
        )
    if payload["take"] != call.take or call.granted != call.take:
        yield "one_gateway", f"chosen for take {payload['take']}; {call.take} holds the call"
    turn.chosen = candidate
    turn.more = candidate if payload.get("more") else None


def _grows(call: _Call, turn: _Turn, rec: Rec, behaviour: Behaviour) -> None:
    """What was chosen is longer now: a sentence was released, or the repair that cuts it short."""
    candidate = rec.payload["candidate_id"]
    text, speculation = turn.texts.get(candidate, ("", 0))
    said = rec.payload["repair"] if rec.type == "ReplyCut" else rec.payload["text"]
    turn.texts[candidate] = (f"{text} {said}".strip(), speculation)
    turn.more = None if rec.type == "ReplyCut" or rec.payload["last"] else candidate
    if turn.started == candidate and not turn.of_another:
        call.heard_of = _all_of(turn, candidate, behaviour), call.heard_of[1]


def _all_of(turn: _Turn, candidate: str, behaviour: Behaviour) -> str:
    """All that is to be said of it; where sentences were still to come, the repair in their place."""
    repair = (behaviour.release.repair if behaviour.release else None) or ""
    return f"{turn.texts[candidate][0]} {repair}" if turn.more == candidate else turn.texts[candidate][0]


def _take_candidate(call: _Call, turn: _Turn, rec: Rec, behaviour: Behaviour) -> Iterator[tuple[str, str]]:
    payload: dict[str, Any] = rec.payload
    candidate = payload.get("candidate_id", "")
    if rec.type == "CandidateFormed":
        if payload["action"] == "resume":
            yield from _goes_on(call.heard_of, payload["text"])
        if candidate in turn.texts:
            yield "one_reply", f"{candidate} was formed before"
        turn.texts[candidate] = (payload["text"], payload["speculation"])
        turn.asked_by[candidate] = payload["ask_id"]
        turn.needs[candidate] = required_on_output(behaviour, payload["origin"], payload["sentence"])
    elif rec.type in ("CompletionAsked", "ToolRequested"):
        turn.newest_ask[payload["intent"]] = payload["ask_id"]
    elif rec.type == "CandidateDropped":
        turn.dropped.add(candidate)
        guest = payload["reason"].removeprefix("blocked:")
        if ".fallback." in candidate and any(g.name == guest and g.means == "guest" for g in behaviour.guardrails):
            turn.vetoed = True
    elif rec.type == "VerdictIssued" and candidate:
        if payload["passed"]:
            turn.passed.setdefault(candidate, set()).add(payload["guardrail"])
        elif payload["required"]:
            turn.blocked.add(candidate)
    elif rec.type == "SpeechStarted" and payload["take"] == call.take:
        if turn.started and candidate in turn.texts:
            yield "one_reply", f"{turn.started} took effect before"
        if candidate in turn.texts:
            turn.started = candidate
            call.heard_of = ("", "") if turn.of_another else (_all_of(turn, candidate, behaviour), "")
    elif rec.type in ("SpeechProgressed", "SpeechInterrupted"):
        if candidate in turn.texts and not turn.of_another:
            call.heard_of = _all_of(turn, candidate, behaviour), payload["spoken_so_far"]
    elif rec.type == "SpeechFailed" and turn.chosen == candidate and payload["take"] == call.take:
        turn.chosen = None
    elif rec.type == "ReplyRefused" and turn.chosen == candidate and not turn.started:
        taken_back = payload["reason"] in ("superseded", "other_take")
        turn.chosen = None if taken_back else candidate


def _goes_on(heard_of: tuple[str, str], text: str) -> Iterator[tuple[str, str]]:
    """What was cut off goes on where it stopped, perhaps after a few words of repair; never from the start."""
    whole, heard = heard_of[0].split(), heard_of[1].split()
    rest = whole[len(heard) :]
    before = len(text.split()) - len(rest)
    if not text.endswith(" ".join(rest)) or not 0 <= before <= _MOST_WORDS_OF_REPAIR:
        yield (
            "goes_on_where_it_stopped",
            f"{len(heard)} of {len(whole)} words were heard, and {len(text.split())} follow",
        )


def _after_step(call: _Call, step: list[Rec]) -> Iterator[Violation]:
    """What must have followed in the very same step."""
    fact, turn = step[0], call.turn
    where = f"{fact.conversation_id} seq {fact.seq}"
    ended = any(rec.type == "TurnEnded" for rec in step)
    if turn is None:
        return
    same_utterance = turn.utterance_id and turn.utterance_id == fact.payload.get("utterance_id")
    if fact.type == "FallbackPlayed" and not ended and same_utterance:
        yield Violation("every_turn_ends", f"{where}: the closing line was played and {turn.turn_id} went on")
    gave_up = fact.type == "TimerFired" and fact.payload["purpose"] == "give_up" and fact.turn_id == turn.turn_id
    newest = {name for name, (_, speculation) in turn.texts.items() if speculation == turn.speculation}
    silent = not turn.chosen and not turn.started and not newest - turn.dropped
    if gave_up and silent and not turn.vetoed:
        yield Violation("gives_up_in_time", f"{where}: the budget of {turn.turn_id} is over, with nothing to say")
