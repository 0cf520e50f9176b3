"""Decider: forms candidates, from completions, from what tools found, and from the wordings that behaviour approves.

Everything that a turn may say is a candidate, a refusal and a fallback too: all pass the same guardrails.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from msgspec.structs import replace

from agent_core.conversation import Ask, Conversation, Fate, Turn
from agent_core.judges import releases_sentences
from agent_core.looked_up import asks_of, looked_up
from agent_core.targets import Target, target_of
from agent_core.tools.registry import writes
from agent_core.under_way import BEGUN, begun_words
from agent_core.wording import reported, wording_of
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event

HANDLES = (
    f.SentenceReturned,
    f.CompletionReturned,
    f.ScoresReturned,
    f.PassagesFound,
    f.ToolReturned,
    f.EffectFailed,
    f.TimerFired,
    d.ToolRefused,
    d.VerdictIssued,
    d.CandidateDropped,
    d.SpendingStopped,
    d.TurnCommitted,
)
FALLBACK = "fallback"


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    turn = conversation.turn
    if turn is None or not turn.live:
        return
    if isinstance(event.payload, f.SentenceReturned | f.CompletionReturned):
        yield from _from_model(conversation, turn, event.payload)
    elif turn.chosen:
        return
    elif isinstance(event.payload, f.ToolReturned):
        yield from _from_tool(conversation, turn, event.payload)
    else:
        yield from _from_behaviour(conversation, turn)


def formed(
    conversation: Conversation, turn_id: str, action: str, intent: str, text: str, step_id: str = ""
) -> d.CandidateFormed:
    """A candidate in an approved wording. Formed anew after it was dropped, it is another candidate."""
    turn = conversation.turn if conversation.turn and conversation.turn.turn_id == turn_id else None
    speculation = turn.speculation if turn else 0
    return d.CandidateFormed(
        candidate_id=_new_id(turn, f"{turn_id}.s{speculation}.{action}.{intent}"),
        speculation=speculation,
        intent=intent,
        action=action,
        origin="approved",
        text=text,
        step_id=step_id,
    )


def _new_id(turn: Turn | None, name: str) -> str:
    known = turn.candidates if turn else {}
    return next(new for n in count(1) if (new := name if n == 1 else f"{name}.{n}") not in known)


def _from_model(
    conversation: Conversation, turn: Turn, returned: f.SentenceReturned | f.CompletionReturned
) -> Iterator[Decision]:
    ask = conversation.asks.get(returned.ask_id)
    if ask is None or ask.speculation != turn.speculation or not isinstance(ask.payload, d.CompletionAsked):
        return
    reply = ask.reply_id(returned.attempt)
    if turn.chosen and not _goes_on(turn, reply):
        return
    if isinstance(returned, f.CompletionReturned):
        # Closed, though this attempt isn't its last: a sibling was accepted and this is a loser's late outcome.
        late = not ask.open and len(ask.done) < ask.attempts
        if not late and _unbroken(turn, reply):
            yield _answer(conversation, turn, ask, ask.payload, returned)
    elif releases_sentences(conversation.behaviour) and not returned.last:
        known = {c.sentence for c in turn.candidates.values() if c.reply == reply and c.fate is not Fate.DROPPED}
        if ask.open and returned.attempt not in ask.done and known == set(range(returned.index)):
            formed = _answer(conversation, turn, ask, ask.payload, returned)
            yield replace(formed, candidate_id=f"{reply}.{returned.index}", reply=reply, sentence=returned.index)


def _goes_on(turn: Turn, reply: str) -> bool:
    """Whether this is the chosen reply, and sentences of it are still to come."""
    chosen = turn.candidates[turn.chosen or ""]
    return chosen.more and chosen.reply == reply


def _unbroken(turn: Turn, reply: str) -> bool:
    """An answer of which a sentence was dropped is dropped."""
    return not any(c.reply == reply and c.fate is Fate.DROPPED for c in turn.candidates.values())


def _answer(
    conversation: Conversation,
    turn: Turn,
    ask: Ask,
    asked: d.CompletionAsked,
    returned: f.SentenceReturned | f.CompletionReturned,
) -> d.CandidateFormed:
    intent, release = conversation.behaviour.intent(asked.intent), conversation.behaviour.release
    wording = wording_of(conversation, intent) if intent else None
    leads = all(c.fate is Fate.DROPPED for c in turn.candidates.values())
    return d.CandidateFormed(
        candidate_id=ask.reply_id(returned.attempt),
        speculation=turn.speculation,
        intent=asked.intent,
        action="answer",
        origin="model",
        text=" ".join(returned.text.split()),
        ask_id=asked.ask_id,
        attempt=returned.attempt,
        request_digest=asked.request_digest,
        step_id=wording.step_id if wording else "",
        render_ahead=release is not None and release.render_ahead and leads,
    )


def _from_tool(conversation: Conversation, turn: Turn, returned: f.ToolReturned) -> Iterator[Decision]:
    ask = conversation.asks.get(returned.ask_id)
    if ask is None or ask.turn_id != turn.turn_id or not isinstance(ask.payload, d.ToolRequested):
        return
    if ask.speculation != turn.speculation:
        return
    if writes(ask.payload.tool):  # it becomes a proposal
        return
    intent = conversation.behaviour.intent(ask.payload.intent)
    if intent is None or ask.ask_id not in turn.results:
        return
    asks = asks_of(conversation, turn, intent)
    ask = asks.get(intent.tool or "", ask)  # the first of several stands for all
    candidate_id = f"{ask.ask_id}.{returned.attempt}"
    still_to_come = any(tool not in asks or asks[tool].open for tool in intent.tools)
    if candidate_id in turn.candidates or still_to_come:
        return
    result = looked_up(conversation, turn, intent)
    wording = reported(conversation, intent, result) if result is not None else None
    if wording:
        yield d.CandidateFormed(
            candidate_id=candidate_id,
            speculation=turn.speculation,
            intent=intent.name,
            action="tool",
            origin="tool",
            text=wording.text,
            ask_id=ask.ask_id,
            attempt=returned.attempt,
        )
    else:  # it found something else than it declares, or one of several failed
        yield from _fallback(conversation, turn, intent.name)


def _from_behaviour(conversation: Conversation, turn: Turn) -> Iterator[Decision]:
    """The approved wording that the turn needs now, unless it has it: at most one is formed a time."""
    target = target_of(conversation)
    if turn.errand:
        if turn.giving_up and not any(
            c.fate is not Fate.DROPPED and c.speculation == turn.speculation for c in turn.candidates.values()
        ):
            yield from _fallback(conversation, turn, turn.errand.intent)
    elif target and target.action in ("answer", "tool", "propose", "challenge"):
        if turn.giving_up or _hopeless(conversation, turn, target):
            yield from _without_model(conversation, turn, target.intent)
    elif target and not _has(turn, target.action):
        yield formed(conversation, turn.turn_id, target.action, target.intent, _line(conversation, target))
    elif turn.giving_up or (target and not _hopeful(turn, target.action)):
        yield from _fallback(conversation, turn, target.intent if target else "late")


def _without_model(conversation: Conversation, turn: Turn, intent_name: str) -> Iterator[Decision]:
    """Models, or a tool, failed or are late: the approved wording itself is said, where behaviour has one."""
    tried = [c for c in turn.candidates.values() if c.speculation == turn.speculation and c.intent == intent_name]
    approved = [c for c in tried if c.origin == "approved"]
    if any(c.fate is not Fate.DROPPED for c in (approved or tried)):
        return
    intent = conversation.behaviour.intent(intent_name)
    wording = wording_of(conversation, intent) if intent else None
    if wording and not approved:
        yield formed(conversation, turn.turn_id, "answer", intent_name, wording.text, wording.step_id)
    else:
        yield from _fallback(conversation, turn, intent_name)


def _fallback(conversation: Conversation, turn: Turn, about: str) -> Iterator[Decision]:
    if not _has(turn, FALLBACK):
        yield formed(conversation, turn.turn_id, FALLBACK, about, _instead(conversation, turn, about))


def _instead(conversation: Conversation, turn: Turn, about: str) -> str:
    """That a read goes on and is told later, where it does and behaviour says so."""
    intent = conversation.behaviour.intent(about)
    kept = any(ask.kept and ask.open and ask.turn_id == turn.turn_id for ask in conversation.asks.values())
    return (intent.pending if kept and intent else None) or conversation.behaviour.lines.fallback


def _line(conversation: Conversation, target: Target) -> str:
    lines = conversation.behaviour.lines
    intent = conversation.behaviour.intent(target.intent)
    wording = wording_of(conversation, intent) if intent else None
    if wording:
        return wording.text
    if intent and target.action == BEGUN:
        return begun_words(conversation, intent) or lines.fallback
    if intent and target.action in ("sign_in", "which_one"):
        return (intent.unauthenticated if target.action == "sign_in" else intent.which_one) or lines.refusal
    return {
        "refuse": lines.refusal,
        "escalate": lines.escalation,
        "close": lines.goodbye,
        "clarify": lines.clarify,
    }[target.action]


def _has(turn: Turn, action: str) -> bool:
    """It stands, or may not be said. What was dropped for another only is formed anew where that came to nothing: a
    choice is taken back, a tool that was asked instead is refused."""
    return any(
        c.action == action and c.speculation == turn.speculation and (c.fate is not Fate.DROPPED or c.may_not_be_said)
        for c in turn.candidates.values()
    )


def _hopeful(turn: Turn, action: str) -> bool:
    return any(
        c.action == action and c.speculation == turn.speculation and c.fate is not Fate.DROPPED
        for c in turn.candidates.values()
    )


def _hopeless(conversation: Conversation, turn: Turn, target: Target) -> bool:
    """It was asked for, every attempt is over, and no candidate of it is left; or there is no money to ask a model. What a
    tool finds costs none."""
    intent = target.intent
    if intent not in turn.asked:
        return turn.spending_stopped and target.action == "answer"
    asks = [
        ask
        for ask in conversation.asks.values()
        if isinstance(ask.payload, d.CompletionAsked | d.ToolRequested)
        and ask.payload.intent == intent
        and ask.turn_id == turn.turn_id
    ]
    waiting = any(ask.open for ask in asks if ask.speculation == turn.speculation)
    alive = any(
        c.intent == intent and c.speculation == turn.speculation and c.fate is not Fate.DROPPED
        for c in turn.candidates.values()
    )
    return not waiting and not alive
