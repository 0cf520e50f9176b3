"""Decider: a reply that started with its first sentence goes on with the next ones, or is cut short honestly.

    CandidateAccepted (a sentence)  -> SentenceReleased, in order
    CandidateAccepted (the whole)   -> SentenceReleased(last): all that is left. So no reply is said to its end before every
                                       required guardrail passed all of it
    a sentence, or the whole, is blocked; the stream fails or stalls; its owner is gone -> ReplyCut, with the repair

Before it is chosen such a reply is dropped instead, and whatever else there is takes its place.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.conversation import Candidate, Conversation, Fate, Turn
from agent_core.guardrails import registry
from agent_core.guardrails.base import Stage
from agent_core.judging import judge_line, needs_scores
from agent_core.sentences import speaking_ms
from agent_core.targets import guards_of
from agent_core.wording import SENTENCE_TIMER
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event

HANDLES = (
    d.ReplyChosen,
    d.CandidateAccepted,
    d.CandidateDropped,
    d.AskRepeated,
    f.EffectFailed,
    f.OwnerChanged,
    f.SubjectAuthenticated,
    f.TimerFired,
)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    turn, payload = conversation.turn, event.payload
    if turn is None:
        return
    said = turn.candidates.get(turn.chosen or "")
    if said and said.more:
        if isinstance(payload, d.ReplyChosen | d.CandidateAccepted):
            yield from _go_on(conversation, turn, said, event)
        elif why := _why_it_ends(conversation, turn, said, payload):
            yield _cut(conversation, said, why)
    elif not turn.chosen:
        yield from _drop(conversation, turn, payload)


def _go_on(conversation: Conversation, turn: Turn, said: Candidate, event: Event) -> Iterator[Decision]:
    """Releases what may be said by now. Sentences that are still to come are waited for."""
    text, number = said.text, said.said_in
    while (sentence := turn.candidates.get(f"{said.reply}.{number}")) and sentence.fate is Fate.ACCEPTED:
        yield d.SentenceReleased(
            candidate_id=said.candidate_id, sentence_id=sentence.candidate_id, text=sentence.text, last=False
        )
        text, number = f"{text} {sentence.text}", number + 1
    whole = turn.candidates.get(said.reply)
    if whole is None or whole.fate is not Fate.ACCEPTED:
        if number > said.said_in or isinstance(event.payload, d.ReplyChosen):
            yield _patience(conversation, said, text, number, event.accepted_at_us)
    elif whole.text.startswith(f"{text} "):
        rest = whole.text.removeprefix(f"{text} ")
        yield d.SentenceReleased(candidate_id=said.candidate_id, sentence_id=whole.candidate_id, text=rest, last=True)
    else:
        yield _cut(conversation, said, "not_its_sentences")


def _patience(conversation: Conversation, said: Candidate, text: str, number: int, now_us: int) -> d.TimerSet:
    """Until what was released is said, and then for as long as a caller waits for a first word."""
    marks_ms = conversation.behaviour.budget.hold_marks_ms
    said_at_us = said.chosen_at_us + round(speaking_ms(text) * 1000)
    due_at_us = max(said_at_us, now_us) + (marks_ms[0] if marks_ms else 0) * 1000
    return d.TimerSet(timer_id=_timer_id(said, number), purpose=SENTENCE_TIMER, due_at_us=due_at_us)


def _timer_id(said: Candidate, number: int) -> str:
    return f"{said.candidate_id}.{SENTENCE_TIMER}.{number}"


def _why_it_ends(conversation: Conversation, turn: Turn, said: Candidate, payload: object) -> str | None:
    whole = turn.candidates.get(said.reply)
    if isinstance(payload, d.CandidateDropped):
        dropped = turn.candidates.get(payload.candidate_id)
        return payload.reason if dropped and dropped.whole_id == said.reply else None
    if isinstance(payload, f.EffectFailed):
        ends = payload.ask_id == said.ask_id and payload.attempt == said.attempt and whole is None
        return payload.reason if ends else None
    if isinstance(payload, f.OwnerChanged):
        return "owner_changed" if whole is None else None
    if isinstance(payload, f.SubjectAuthenticated):
        return "other_subject" if conversation.turn_is_of_another else None
    if isinstance(payload, f.TimerFired) and payload.timer_id == _timer_id(said, said.said_in):
        return "unjudged" if whole else "stalled"
    return None


def _cut(conversation: Conversation, said: Candidate, reason: str) -> d.ReplyCut:
    behaviour = conversation.behaviour
    guards = guards_of(conversation.behaviour_hash, behaviour, Stage.OUTPUT)
    repair = (behaviour.release.repair if behaviour.release else None) or ""
    return d.ReplyCut(
        candidate_id=said.candidate_id,
        reason=reason,
        repair=repair if all(judge_line(behaviour, name, repair) for name in guards) else "",
        guarded_by=tuple(f"{name}@{registry.find(name).version}" for name in guards if not needs_scores(name)),
    )


def _drop(conversation: Conversation, turn: Turn, payload: object) -> Iterator[Decision]:
    """Nothing of it was chosen yet: with one sentence, or with the stream, all of it is gone."""
    gone: set[str] = set()
    reason = ""
    if isinstance(payload, d.CandidateDropped):
        dropped = turn.candidates.get(payload.candidate_id)
        gone, reason = ({dropped.whole_id} if dropped else set()), payload.reason
    elif isinstance(payload, f.EffectFailed):
        ask = conversation.asks.get(payload.ask_id)
        gone, reason = ({ask.reply_id(payload.attempt)} if ask else set()), f"cut_short:{payload.reason}"
    elif isinstance(payload, d.AskRepeated):
        of_ask = {c.whole_id for c in turn.candidates.values() if c.ask_id == payload.ask_id}
        gone, reason = of_ask - turn.candidates.keys(), "run_lost"
    for candidate in turn.candidates.values():
        if candidate.whole_id in gone and candidate.fate is not Fate.DROPPED:
            yield d.CandidateDropped(candidate_id=candidate.candidate_id, reason=reason)
