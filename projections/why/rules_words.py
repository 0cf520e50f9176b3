"""Rules about the words that were said: where they come from, and what of the behaviour behind them was changed last."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from agent_core.behaviour import Behaviour
from projections.wall_time import iso_time
from projections.why import provenance
from projections.why.case import Case
from projections.why.changes import GONE, Part, changed_parts
from projections.why.findings import Finding, quoted
from projections.why.guardrail_gone import would_have_objected
from schemas import decisions as d
from schemas import facts as f
from schemas.proving import ProofAsked

_OF_FIELDS = ("budget", "routing", "lines", "silence", "release", "barge_in", "proofs", "offers")  # no names in them
_BEARS = 70  # of 100: a newer version's other parts aren't what this turn rests on
_KIND_OF = {"prompt": "prompt", "articles": "knowledge", "guardrails": "guardrail", "budget": "budget"}


def unsupported_words(case: Case) -> Iterator[Finding]:
    """Sentences of a model that no approved wording and no passage has: the prompt's, or the model's own."""
    said = case.said
    if said is None or said.origin != "model" or case.behaviour is None:
        return
    grounded = [("approved wording", asked.approved) for asked in _asked(case, said) if asked.approved]
    grounded += [(f"article {p.article_id}", p.text) for p in case.passages() or () if p.public]
    private = [(a.id, a.private) for a in case.behaviour.articles if a.private]
    for origin in provenance.origins(said.text, grounded):
        if origin.covered >= provenance.ENOUGH:
            continue
        in_prompt = _nearest(origin.sentence, [("the prompt", case.behaviour.prompt)], provenance.SOME)
        in_private = _nearest(origin.sentence, private, provenance.ENOUGH)
        told = f"{quoted(origin.sentence)} stands in no approved wording and no passage that was found"
        if in_private:
            told = f"{quoted(origin.sentence)} is what the article {in_private.source} says in private: {quoted(in_private.passage)}."
            yield Finding(kind="knowledge", weight=84, told=told, seqs=_seqs(case, said))
        elif in_prompt:
            told += f"; the prompt says {quoted(in_prompt.passage)}."
            yield Finding(kind="prompt", weight=80, told=told, seqs=_seqs(case, said))
        else:
            told += f"; the model ({_model(case, said)}) made it up, or was led to it by the prompt."
            yield Finding(kind="prompt", weight=64, told=told, seqs=_seqs(case, said))


def other_figures(case: Case) -> Iterator[Finding]:
    """Two texts that the answer rests on name different figures for what seems to be the same."""
    said = case.said
    if said is None or case.behaviour is None:
        return
    approved = [asked.approved for asked in _asked(case, said) if asked.approved]
    passages = [(p.article_id, p.text) for p in case.passages() or () if p.public]
    for sentence in provenance.sentences(said.text):
        mine = provenance.figures(sentence)
        for article_id, text in passages:
            near = _nearest(sentence, [(article_id, text)], 0.5)
            if near and mine and (theirs := provenance.figures(near.passage)) and not mine & theirs:
                told = f"{quoted(sentence)} was said, while the article {article_id} says {quoted(near.passage)}."
                yield Finding(kind="knowledge", weight=76, told=told, seqs=_seqs(case, said))
        for whole in approved:
            near = _nearest(sentence, [("approved", whole)], 0.4)
            if (
                said.origin == "model"
                and near
                and mine
                and (theirs := provenance.figures(near.passage))
                and not mine & theirs
            ):
                article = _nearest(sentence, [(p, t) for p, t in passages], provenance.ENOUGH)
                has_them = article is not None and mine <= provenance.figures(article.passage)
                whence = f", as the article {article.source} says" if article and has_them else ""
                told = f"{quoted(sentence)} was said{whence}, while the approved wording says {quoted(near.passage)}."
                yield Finding(kind="knowledge", weight=77, told=told, seqs=_seqs(case, said))


def nothing_found(case: Case) -> Iterator[Finding]:
    """Knowledge that the answer needed, and that wasn't found."""
    passages = case.passages()
    if passages is None or case.behaviour is None or case.turn.intent is None:
        return
    intent = case.behaviour.intent(case.turn.intent)
    found = {p.article_id for p in passages}
    wanted = [name for name in (intent.articles if intent else ()) if name not in found]
    if wanted:
        there = {article.id for article in case.behaviour.articles}
        gone = [name for name in wanted if name not in there]
        what = (
            f"isn't in behaviour {case.behaviour_seq}"
            if gone
            else f"wasn't among what was found ({', '.join(sorted(found)) or 'nothing'})"
        )
        told = f"The intent {case.turn.intent} rests on the article {(gone or wanted)[0]}, which {what}."
        yield Finding(kind="knowledge", weight=73 if gone or not found else 46, told=told)
    elif not any(p.public for p in passages):
        told = f"No public passage was found for the question ({len(passages)} private)."
        yield Finding(kind="knowledge", weight=52, told=told)


def changed_behaviour(case: Case) -> Iterator[Finding]:
    """What the newest version of the behaviour changed of that which this turn rests on."""
    if case.behaviour is None or case.former is None:
        return
    for part in _changed(case.former, case.behaviour):
        bears = _bears_on(case, part)
        if not bears:
            continue
        told = f"Changed in behaviour {case.behaviour_seq} (before: {case.former_seq}): {_name(part)}: {part.told}."
        yield Finding(kind=_KIND_OF.get(part.kind, "behaviour"), weight=bears, told=told)


def older_behaviour(case: Case) -> Iterator[Finding]:
    """What a newer version, recorded before the call rang, has otherwise of that which this turn rests on: who answered the
    call wasn't told of it, or it was taken back."""
    if case.behaviour is None or case.newer is None:
        return
    for part in _changed(case.behaviour, case.newer):
        bears = _bears_on(case, part)
        if bears < _BEARS or (part.kind == "guardrails" and part.name not in _judged(case)):
            continue
        told = (
            f"The call pinned behaviour {case.behaviour_seq}, though behaviour {case.newer_seq} was recorded at "
            f"{iso_time(case.newer_since_us)}, before it rang; there {_name(part)} is otherwise: {part.told}."
        )
        yield Finding(kind=_KIND_OF.get(part.kind, "behaviour"), weight=bears - 8, told=told)


def _name(part: Part) -> str:
    if part.name and part.kind not in _OF_FIELDS:
        return f"{part.kind} {part.name}"
    return f"{part.kind}{'.' + part.name if part.name else ''}"


def _judged(case: Case) -> set[str]:
    """Guardrails that had something to say."""
    return {v.guardrail for _, v in case.of(d.VerdictIssued) if not v.passed or v.reasons}


@lru_cache(maxsize=8)
def _changed(former: Behaviour, behaviour: Behaviour) -> tuple[Part, ...]:
    return tuple(changed_parts(former, behaviour))


def _bears_on(case: Case, part: Part) -> int:
    """How much a changed part may have to do with this turn; 0: nothing."""
    said = case.said
    action = said.action if said else ""
    if part.kind == "prompt":
        return 85 if any(True for _ in case.of(d.CompletionAsked)) else 0
    if part.kind == "articles":
        used = {p.article_id for p in case.passages() or ()}
        intent = case.behaviour.intent(case.turn.intent) if case.behaviour and case.turn.intent else None
        return 83 if part.name in used or (intent is not None and part.name in intent.articles) else 0
    if part.kind == "guardrails":
        return _guardrail_bears(case, part)
    if part.kind == "intents":
        named = {p.intent for _, p in case.of(d.CandidateFormed)} | {case.turn.intent or ""}
        return 81 if part.name in named else 42
    if part.kind == "budget":
        return _budget_bears(case, part.name)
    if part.kind == "lines":
        return 86 if said is not None and said.origin == "approved" and said.action in _SAYS.get(part.name, ()) else 0
    if part.kind == "silence":
        return 86 if case.turn.cause == "silence" or action == "close" else 0
    if part.kind == "procedures":
        return 86 if said is not None and said.step_id.partition("/")[0] == part.name else 0
    if part.kind == "holding":
        return 84 if any(played.phrase_id == part.name for _, played in case.of(f.HoldingPlayed)) else 0
    if part.kind == "barge_in":
        return 82 if case.turn.interrupted or any(True for _ in case.of(f.BackchannelHeard)) else 0
    if part.kind == "proofs":
        return 82 if any(True for _ in case.of(ProofAsked)) or any(True for _ in case.of(d.ToolRefused)) else 0
    return _EVERY_TURN.get(part.kind, 0)


def _guardrail_bears(case: Case, part: Part) -> int:
    """One that is gone says nothing in any turn: it is asked what it would have said."""
    objects = would_have_objected(case, part.name) if part.told == GONE else part.name in _judged(case) or None
    return 58 if objects is None else 89 if objects else 0


def _budget_bears(case: Case, name: str) -> int:
    """The limit that was met weighs more than the others that were changed with it."""
    if case.gave_up and name == "give_up_ms":
        return 89
    late = any(a.reason == "timed_out" for a in case.turn.race.attempts) and name == "completion_timeout_ms"
    said_none = case.gave_up or case.first(f.FallbackPlayed) or (case.said and case.said.action == "fallback")
    return 88 if late or said_none or case.turn.held else 60


_EVERY_TURN = {"routing": 79, "language": 78, "release": 56, "voice": 54}  # it goes through these
_SAYS = {
    "disclosure": ("greet",),
    "clarify": ("clarify",),
    "refusal": ("refuse", "sign_in", "which_one"),
    "escalation": ("escalate",),
    "fallback": ("fallback",),
    "goodbye": ("close",),
}


def _nearest(sentence: str, sources: list[tuple[str, str]], least: float) -> provenance.Origin | None:
    found = provenance.origins(sentence, sources)
    return found[0] if found and found[0].covered >= least else None


def _asked(case: Case, said: d.CandidateFormed) -> list[d.CompletionAsked]:
    return [p for _, p in case.of(d.CompletionAsked) if p.ask_id == said.ask_id]


def _seqs(case: Case, said: d.CandidateFormed) -> tuple[int, ...]:
    return tuple(e.seq for e, p in case.of(d.CandidateFormed) if p.candidate_id == said.candidate_id)


def _model(case: Case, said: d.CandidateFormed) -> str:
    attempt = next((a for a in case.turn.race.attempts if (a.ask_id, a.attempt) == (said.ask_id, said.attempt)), None)
    return f"{attempt.provider}/{attempt.model}" if attempt and attempt.provider else "unknown"


RULES = (unsupported_words, other_figures, nothing_found, changed_behaviour, older_behaviour)
