"""What if, for conversations that another system ran: what was said in them, shown to guardrails of ours.

Nothing of them can be decided again: no request, no candidate is there, only what was heard and said. So only guardrails that
the change adds or alters are asked, and only those that judge by the text alone: which need no scores and no sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent_core.behaviour import Behaviour
from agent_core.guardrails import registry
from agent_core.guardrails.base import GuardInput, Stage, judges_at
from agent_core.judging import judge, needs_scores
from projections.imported_turns import Exchange, exchanges
from projections.what_if.report import CHANGED, IMPORTED, SAME, Said, TurnWhatIf
from schemas.event import Event

UNSOURCED = "it isn't known what would have been said instead"
_NEEDS_SOURCES = ("grounding",)


def judged_exchanges(events: Sequence[Event], base: Behaviour, behaviour: Behaviour) -> Iterator[TurnWhatIf]:
    """``base``: the behaviour in use; ``behaviour``: it, changed."""
    names = [
        setting.name
        for setting in behaviour.guardrails
        if setting.means is None
        and setting.required
        and setting != base.guardrail(setting.name)
        and not needs_scores(setting.name)
        and setting.name not in _NEEDS_SOURCES
    ]
    changed_before = False
    for exchange in exchanges(events):
        blocked = tuple(sorted(set(_blocked(behaviour, names, exchange))))
        yield _turn(exchange, blocked, comparable=not changed_before)
        changed_before = changed_before or bool(blocked and exchange.said)


def _blocked(behaviour: Behaviour, names: Sequence[str], exchange: Exchange) -> Iterator[str]:
    for stage, text in ((Stage.INPUT, exchange.heard), (Stage.OUTPUT, exchange.said)):
        for name in names if text else ():
            if judges_at(registry.find(name), stage):
                subject = GuardInput(
                    text=text or "",
                    stage=stage,
                    question=exchange.heard or "",
                    company=behaviour.company,
                    language=behaviour.language,
                    private_passages=tuple(article.private for article in behaviour.articles if article.private),
                )
                if not judge(behaviour, name, subject).passed:
                    yield name


def _turn(exchange: Exchange, blocked: tuple[str, ...], *, comparable: bool) -> TurnWhatIf:
    recorded = Said(
        kind="reply" if exchange.said else "nothing",
        action=None,
        intent=None,
        text=exchange.said,
        decision_ms=None,
        holds=None,
        blocked=(),
        cost_micros=None,
    )
    is_changed = bool(blocked and exchange.said)
    return TurnWhatIf(
        turn_id=exchange.turn_id,
        cause=IMPORTED,
        seq=exchange.seq,
        reply=CHANGED if is_changed else SAME,
        differs=("text",) if is_changed else (),
        identical=not blocked,
        comparable=comparable,
        recorded=recorded,
        what_if=None if is_changed else recorded,
        unknown=UNSOURCED if is_changed else None,
        older_code=False,
        blocked=blocked,
        reused=0,
        asked=0,
    )
