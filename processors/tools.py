"""Decider: asks tools for what the turn is found to be about, if the caller may know it: all at once.

Only for the question that is answered, not for every probable one: what isn't needed isn't read. Where the tool declares
it safe, it is asked on the eager end of turn. Of a tool that writes, this asks for the state alone that a proposal rests
on (``processors/proposing.py``), and not while an earlier proposal awaits its answer: "yes, block my card" would be taken for
a new wish, whose proposal takes the place of the one that it approves. A caller who signs in while the turn is open is looked up for after all: at once, or when
the gateway has refused the reply that was chosen before.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.authorisation import Authorised, authorise, required_level
from agent_core.behaviour import Intent
from agent_core.conversation import Conversation, Turn
from agent_core.looked_up import asks_of
from agent_core.proposal import awaiting
from agent_core.targets import target_of
from agent_core.tools.base import write_texts
from agent_core.tools.registry import writes
from agent_core.under_way import BEGUN
from processors.argument_guarding import refused_by, verdicts_on
from schemas import decisions as d
from schemas import facts as f
from schemas import writing as w
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
    w.WriteLapsed,
)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    turn, target = conversation.turn, target_of(conversation)
    if turn is None or target is None or turn.errand or turn.chosen or turn.started:
        return
    intent = conversation.behaviour.intent(target.intent)
    if intent and intent.tool and target.action != BEGUN:
        yield from _decided(conversation, turn, intent, event.accepted_at_us)


def _decided(conversation: Conversation, turn: Turn, intent: Intent, at_us: int) -> Iterator[Decision]:
    """The requests, or why there are none; nothing where that was said before. One that may not run refuses them all."""
    asked = asks_of(conversation, turn, intent) if intent.name not in turn.refusals else {}
    unanswered = turn.cause == "utterance" and awaiting(conversation.proposals, turn.turn_id) is not None
    requests: list[d.ToolRequested] = []
    judged: list[d.VerdictIssued] = []
    for tool in intent.tools:
        if tool in asked:
            continue
        found = authorise(tool, conversation.subject, turn.question, at_us)
        refused: str = "" if isinstance(found, Authorised) else found.value
        if isinstance(found, Authorised):
            if not (found.tool.speculative or turn.committed) or (unanswered and writes(tool)):
                continue
            arguments = write_texts(found.arguments)
            verdicts = verdicts_on(conversation, turn, intent.name, arguments)
            judged += verdicts
            refused = refused_by(verdicts)
            requests.append(_request(turn, intent, found, arguments))
        if refused:
            if turn.refusals.get(intent.name) != refused:
                yield from judged
                yield d.ToolRefused(intent=intent.name, tool=tool, level=required_level(tool).value, reason=refused)
            return
    if requests:
        for candidate in turn.candidates.values():  # what asked the caller to sign in, or which one is meant
            if candidate.speculation == turn.speculation and candidate.action in INSTEAD:
                yield d.CandidateDropped(candidate_id=candidate.candidate_id, reason="authorised")
    yield from judged
    yield from requests


def _request(turn: Turn, intent: Intent, found: Authorised, arguments: str) -> d.ToolRequested:
    besides = f".{found.tool.name}" if found.tool.name != intent.tool else ""
    return d.ToolRequested(
        ask_id=f"{turn.turn_id}.s{turn.speculation}.tool.{intent.name}{besides}",
        intent=intent.name,
        tool=found.tool.name,
        arguments=arguments,
        level=found.tool.level.value,
        subject_seq=found.subject_seq,
        timeout_ms=found.tool.timeout_ms,
    )
