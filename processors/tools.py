"""Decider: asks a tool for what the turn is found to be about, if the caller may know it.

Only for the question that is answered, not for every probable one: what isn't needed isn't read. Where the tool declares
it safe, it is asked on the eager end of turn. Of a tool that writes, this asks for the state alone that a proposal rests
on (``processors/proposing.py``). A caller who signs in while the turn is open is looked up for after all: at once, or when
the gateway has refused the reply that was chosen before.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.authorisation import Authorised, authorise, required_level
from agent_core.conversation import Conversation, Turn
from agent_core.targets import target_of
from agent_core.tools.base import write_texts
from processors.argument_guarding import refused_by, verdicts_on
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event

INSTEAD = ("sign_in", "challenge", "which_one")  # what is said where the tool may not run
HANDLES = (
    f.SubjectAuthenticated,
    f.ScoresReturned,
    d.VerdictIssued,
    d.TurnCommitted,
    f.ReplyRefused,
    f.SpeechFailed,
    f.CallTaken,
)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    turn, target = conversation.turn, target_of(conversation)
    if turn is None or target is None or turn.errand or turn.chosen or turn.started:
        return
    intent = conversation.behaviour.intent(target.intent)
    if intent and intent.tool and not _asked(conversation, turn, intent.name):
        yield from decided(conversation, turn, intent.name, intent.tool, event.accepted_at_us)


def decided(conversation: Conversation, turn: Turn, intent: str, tool: str, at_us: int) -> Iterator[Decision]:
    """The request, or why there is none; nothing where that was said before."""
    found = authorise(tool, conversation.subject, turn.question, at_us)
    if isinstance(found, Authorised):
        if not (found.tool.speculative or turn.committed):
            return
        arguments = write_texts(found.arguments)
        verdicts = verdicts_on(conversation, turn, intent, arguments)
        if refused := refused_by(verdicts):
            if turn.refusals.get(intent) != refused:
                yield from verdicts
                yield d.ToolRefused(intent=intent, tool=tool, level=found.tool.level.value, reason=refused)
            return
        for candidate in turn.candidates.values():  # what asked the caller to sign in, or which one is meant
            if candidate.speculation == turn.speculation and candidate.action in INSTEAD:
                yield d.CandidateDropped(candidate_id=candidate.candidate_id, reason="authorised")
        yield from verdicts
        yield d.ToolRequested(
            ask_id=f"{turn.turn_id}.s{turn.speculation}.tool.{intent}",
            intent=intent,
            tool=tool,
            arguments=arguments,
            level=found.tool.level.value,
            subject_seq=found.subject_seq,
            timeout_ms=found.tool.timeout_ms,
        )
    elif turn.refusals.get(intent) != found:
        yield d.ToolRefused(intent=intent, tool=tool, level=required_level(tool).value, reason=found.value)


def _asked(conversation: Conversation, turn: Turn, intent: str) -> bool:
    return intent not in turn.refusals and any(
        isinstance(ask.payload, d.ToolRequested)
        and ask.payload.intent == intent
        and ask.speculation == turn.speculation
        for ask in conversation.asks.values()
    )
