"""Decider: a read that its turn can't wait for goes on, where behaviour has words for it, and is told as news.

    the turn gives up             -> ReadKept; the caller hears ``pending``
    it came back, and nobody speaks -> a turn of its own with ``late``, or ``failed`` where nothing was found

In mid-speech, behind a superseded turn, after a fallback: it is told once that is over. It is told to the subject for whom
it was read while they hold the level, to nobody else. Who asked for the same again and was answered meanwhile isn't told twice.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.authorisation import required_level
from agent_core.conversation import Caller, Conversation, Status, Turn
from agent_core.late_reads import MOST_TELLINGS, LateRead
from agent_core.looked_up import asks_of
from agent_core.targets import target_of
from agent_core.wording import late_words
from processors.telling import GOES_ON_AFTER, NEWS
from processors.turn_opening import next_turn_id, opened
from schemas import decisions as d
from schemas import facts as f
from schemas import reads as r
from schemas.base import Decision
from schemas.event import Event

HANDLES = (
    f.TimerFired,
    f.ToolReturned,
    f.EffectFailed,
    f.CallerSpeechDismissed,
    f.SubjectAuthenticated,
    d.ReplyChosen,
    d.TurnEnded,
)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    payload, turn = event.payload, conversation.turn
    if conversation.status is not Status.OPEN:
        return
    if isinstance(payload, d.ReplyChosen):
        yield from _answered_meanwhile(conversation, payload)
    elif turn is not None:
        if isinstance(payload, f.TimerFired) and turn.giving_up and not turn.chosen:
            yield from _keep(conversation, turn)
    elif conversation.answered and conversation.caller is Caller.SILENT:
        if isinstance(payload, d.TurnEnded) and (payload.interrupted or payload.outcome not in GOES_ON_AFTER):
            return  # the caller has something to say or to key in; or the call ends with it
        if read := _to_tell(conversation, event.accepted_at_us):
            yield from _tell(conversation, read, event.accepted_at_us)


def _keep(conversation: Conversation, turn: Turn) -> Iterator[Decision]:
    target = target_of(conversation)
    intent = conversation.behaviour.intent(target.intent) if target and target.action == "tool" else None
    if intent is None or intent.tool is None or intent.late is None or conversation.subject is None:
        return
    asks = asks_of(conversation, turn, intent)
    waits_for = tuple(ask.ask_id for ask in asks.values() if ask.open)
    still_hopeful = all(ask.open or ask.ask_id in turn.results for ask in asks.values())
    first = asks.get(intent.tool)
    if first and waits_for and still_hopeful and first.ask_id not in conversation.late_reads:
        yield r.ReadKept(read_id=first.ask_id, intent=intent.name, waits_for=waits_for)


def _answered_meanwhile(conversation: Conversation, chosen: d.ReplyChosen) -> Iterator[Decision]:
    """What the reply tells of the same thing of the same customer, to whoever waits for a read of it."""
    told = _tells_of(conversation, chosen)
    for read in conversation.late_reads.values():
        if told == (read.intent, read.arguments) and read.told_by != chosen.candidate_id:
            yield r.ReadTold(read_id=read.read_id, candidate_id=chosen.candidate_id)


def _tells_of(conversation: Conversation, chosen: d.ReplyChosen) -> tuple[str, str] | None:
    """The intent, and the arguments, of what a reply says was found: in its own turn, or late. None where it says nothing
    of the kind."""
    turn, intent = conversation.turn, conversation.behaviour.intent(chosen.intent)
    if chosen.action != "tool" or turn is None or intent is None or intent.tool is None:
        return None
    news = next((read for read in conversation.late_reads.values() if read.told_by == chosen.candidate_id), None)
    if news:
        return None if news.failed else (news.intent, news.arguments)
    ask = asks_of(conversation, turn, intent).get(intent.tool)
    return (intent.name, ask.payload.arguments) if ask and isinstance(ask.payload, d.ToolRequested) else None


def _to_tell(conversation: Conversation, at_us: int) -> LateRead | None:
    subject = conversation.subject
    for read in conversation.late_reads.values():
        if not read.over or read.tellings >= MOST_TELLINGS or subject is None or subject.subject_id != read.subject_id:
            continue
        intent = conversation.behaviour.intent(read.intent)
        if intent and all(subject.authentication(required_level(tool), at_us) for tool in intent.tools):
            return read
    return None


def _tell(conversation: Conversation, read: LateRead, at_us: int) -> Iterator[Decision]:
    turn_id = next_turn_id(conversation)
    candidate = d.CandidateFormed(
        candidate_id=f"{turn_id}.s0.late.{read.read_id}",
        speculation=0,
        intent=read.intent,
        action="tool",
        origin="tool",
        text=late_words(conversation, read) or conversation.behaviour.lines.fallback,
    )
    yield opened(conversation, cause=NEWS, speech_ended_at_us=at_us)
    yield r.ReadTold(read_id=read.read_id, candidate_id=candidate.candidate_id)
    yield candidate
