"""Rules about understanding, about the caller and the voice, about the log and its owner, and about the code itself."""

from __future__ import annotations

from collections.abc import Iterator

from projections.why import provenance
from projections.why.case import Case
from projections.why.findings import Finding, quoted
from schemas import decisions as d
from schemas import facts as f

NEAR = 0.15  # two intents whose probabilities lie so close might as well have come out the other way
SLOW_VOICE_MS = 1_000.0
UNSURE = 0.6
ALL_BUT_LITERALLY = 0.75  # of the words of both; another question about the same thing shares less
_HEARD = ("ReplyChosen", "EscalationChosen", "CloseChosen", "CandidateFormed")


def other_decisions(case: Case) -> Iterator[Finding]:
    """Where this code decides otherwise than what stands on the log."""
    if not case.changed:
        return
    first = case.changed[0]
    difference = first.difference
    here = difference.expected.type if difference.expected else "nothing"
    then = difference.found.type if difference.found else "nothing"
    who = f" (decider {first.decider})" if first.decider else ""
    by = f"Deciders {first.older} decided it" if first.older else "The log doesn't hold what this code decides"
    told = f"{by}: at seq {difference.seq} stands {then}, this code{who} decides {here} ({difference.reason})."
    if len(case.changed) > 1:
        told = told[:-1] + f"; {len(case.changed)} decisions of the turn differ."
    seqs = (difference.seq,) if difference.seq is not None else ()
    yield Finding(kind="code", weight=_weight(case), told=told, seqs=seqs)


def _weight(case: Case) -> int:
    """Older code may differ in what nobody heard: it explains a turn where it chose, or offered, otherwise."""
    if case.changed[0].older is None:
        return 98
    shown = [side for c in case.changed for side in (c.difference.expected, c.difference.found) if side]
    return 94 if any(side.type in _HEARD for side in shown) else 36


def not_understood(case: Case) -> Iterator[Finding]:
    said = case.said
    scores = [(e, p) for e, p in case.of(f.ScoresReturned) if p.ask_id.endswith(".classify")]
    if not scores or not scores[-1][1].scores:
        return
    event, payload = scores[-1]
    best = sorted(payload.scores, key=lambda s: (-s.value, s.name))[:2]
    named = ", ".join(f"{score.name} {score.value:.2f}" for score in best)
    least = case.behaviour.routing.abstain_below if case.behaviour else None
    heard = quoted(case.turn.heard or "", 60)
    if said is not None and said.action in ("clarify", "escalate") and least is not None and best[0].value < least:
        told = f"It wasn't understood what {heard} asks: best is {named}, below routing.abstain_below of {least:.2f}."
        yield Finding(kind="understanding", weight=85, told=told, seqs=(event.seq,))
    elif len(best) > 1 and best[0].value - best[1].value < NEAR:
        told = f"It was a near thing what {heard} asks: {named}."
        yield Finding(kind="understanding", weight=67, told=told, seqs=(event.seq,))
    elif best[0].value < UNSURE:
        told = f"It wasn't certain what {heard} asks: {named}."
        yield Finding(kind="understanding", weight=53, told=told, seqs=(event.seq,))


def nearer_example(case: Case) -> Iterator[Finding]:
    """Words that are another intent's example all but literally: the classifier's mistake, or an example in the wrong place."""
    said = case.said
    if said is None or case.behaviour is None or case.turn.intent is None or not case.turn.heard or case.is_forgotten:
        return
    heard = provenance.all_words(case.turn.heard)
    alike = {
        intent.name: max((_alike(heard, example), example) for example in intent.examples)
        for intent in case.behaviour.intents
        if intent.examples
    }
    taken = alike.get(case.turn.intent, (0.0, ""))[0]
    name, (near, example) = max(alike.items(), key=lambda item: item[1], default=("", (0.0, "")))
    if near >= ALL_BUT_LITERALLY and taken < near / 2:
        told = (
            f"{quoted(case.turn.heard, 60)} was understood as {case.turn.intent}, though it is nearly the example "
            f"{quoted(example, 60)} of {name}."
        )
        yield Finding(kind="understanding", weight=65, told=told)


def _alike(heard: set[str], example: str) -> float:
    """The share of the words of both that both have."""
    words = provenance.all_words(example)
    return len(heard & words) / max(1, len(heard | words))


def policy_says(case: Case) -> Iterator[Finding]:
    """What is refused, or given to a person, because behaviour has it so for this intent."""
    said = case.said
    intent = case.behaviour.intent(said.intent) if said and case.behaviour else None
    if said and intent and said.action in ("refuse", "escalate") and intent.action.value == said.action:
        told = f"It was understood as {intent.name}, and behaviour {case.behaviour_seq} says {said.action} to that."
        yield Finding(kind="behaviour", weight=61, told=told, seqs=(case.chosen.seq,) if case.chosen else ())


def unsure_of_words(case: Case) -> Iterator[Finding]:
    for event, heard in case.of(f.UtteranceHeard):
        if heard.final and heard.confidence is not None and heard.confidence < UNSURE:
            told = f"The recogniser was unsure of {quoted(heard.text, 60)} (confidence {heard.confidence:.2f})."
            yield Finding(kind="voice", weight=69, told=told, seqs=(event.seq,))


def voice_trouble(case: Case) -> Iterator[Finding]:
    for event, failed in case.of(f.SpeechFailed):
        told = f"The voice could not say the reply ({failed.reason}): nothing of it was heard."
        yield Finding(kind="voice", weight=89, told=told, seqs=(event.seq,))
    for event, refused in case.of(f.ReplyRefused):
        told = f"The gateway didn't start a chosen reply: {refused.reason.replace('_', ' ')} ({refused.reason})."
        yield Finding(kind="voice", weight=68, told=told, seqs=(event.seq,))
    chosen = case.chosen
    started = next((e for e, _ in case.of(f.SpeechStarted)), None)
    if chosen and started:
        took_ms = (started.accepted_at_us - chosen.accepted_at_us) / 1000
        held = any(True for _ in case.of(f.HoldingPlayed))
        if took_ms >= SLOW_VOICE_MS:
            why = ", a holding line among it" if held else ""
            told = f"From the choice to the first sound of the reply it took the voice {took_ms:,.0f} ms{why}."
            yield Finding(kind="voice", weight=63 if held else 75, told=told, seqs=(chosen.seq, started.seq))


def caller_went_on(case: Case) -> Iterator[Finding]:
    outcome = case.turn.outcome
    ended = next((e for e, _ in case.of(d.TurnEnded)), None)
    seqs = (ended.seq,) if ended else ()
    if outcome == "superseded":
        told = "The caller said something else before anything was said: a new turn took this one's place."
        yield Finding(kind="caller", weight=57, told=told, seqs=seqs)
    elif outcome == "abandoned":
        told = "The caller hung up before anything was said."
        yield Finding(kind="caller", weight=57, told=told, seqs=seqs)
    elif case.turn.interrupted:
        told = f"The caller spoke over the reply; heard of it was {quoted(case.turn.spoken or '')}."
        yield Finding(kind="caller", weight=45, told=told, seqs=seqs)
    for event, dropped in case.of(d.SpeculationDropped):
        told = f"Work on words that weren't the last was thrown away ({dropped.reason}), and begun again."
        yield Finding(kind="caller", weight=38, told=told, seqs=(event.seq,))


def owner_trouble(case: Case) -> Iterator[Finding]:
    for event, _ in case.of(f.OwnerChanged):
        repeated = sum(1 for _ in case.of(d.AskRepeated))
        told = f"The log's owner changed in the middle of the turn: {repeated} asks had to be asked again."
        yield Finding(kind="log", weight=71, told=told, seqs=(event.seq,))
    for event, dropped in case.of(f.FactDropped):
        told = f"A fact of the call could not be read ({dropped.reason}); its bytes are in the dead letters."
        yield Finding(kind="log", weight=80, told=told, seqs=(event.seq,))


RULES = (
    other_decisions,
    not_understood,
    nearer_example,
    policy_says,
    unsure_of_words,
    voice_trouble,
    caller_went_on,
    owner_trouble,
)
