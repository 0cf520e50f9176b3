"""Invariants of replies that are released by sentence: each sentence was whole, judged, released in order, and said once;
what can't be ended is cut honestly. The checker keeps its own account, from the records alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from agent_core.behaviour import Behaviour
from agent_core.guardrails import registry
from agent_core.guardrails.base import Stage, judges_at
from schemas import decisions as d
from schemas import facts as f
from schemas.event import Event
from simulation.durable import Durable
from simulation.history import Act, Did, GatewayTrace
from simulation.raw_log import RawLog, Rec
from simulation.violation import Violation


@dataclass
class _Formed:
    text: str
    reply: str  # the candidate that the whole is
    sentence: int | None
    ask_id: str
    attempt: int


@dataclass
class _Turn:
    formed: dict[str, _Formed] = field(default_factory=dict)
    passed: dict[str, set[str]] = field(default_factory=dict)
    chosen: str | None = None
    more: bool = False
    take: int = 0  # the gateway's that is to say it
    started: bool = False
    said: dict[str, list[str]] = field(default_factory=dict)  # reply that was chosen -> what was released of it


def judging(behaviour: Behaviour, sentence: int | None) -> frozenset[str]:
    """Required guardrails of ours that judge a candidate, or a single sentence."""
    ours = (registry.find(g.name) for g in behaviour.guardrails if g.required and g.means is None)
    on_output = (g for g in ours if judges_at(g, Stage.OUTPUT))
    return frozenset(g.name for g in on_output if sentence is None or g.judges_sentence)


def sentences(log: RawLog, durable: Durable, behaviour: Behaviour) -> Iterator[Violation]:
    repair = (behaviour.release.repair if behaviour.release else None) or ""
    turns: dict[str, _Turn] = {}
    for step in log.steps:
        name = step[0].conversation_id
        turn = turns.setdefault(name, _Turn())
        opened = turn.more
        for rec in step:
            if rec.type == "TurnOpened":
                turn = turns[name] = _Turn()
            for invariant, message in _take(turn, rec, behaviour, repair):
                yield Violation(invariant, f"{name} seq {rec.seq} {rec.type} ({rec.turn_id}): {message}")
            if rec.type == "SentenceReturned" and rec.payload["text"] not in durable.meant:
                yield Violation("whole_sentences", f"{name} seq {rec.seq}: a fragment is told as a sentence")
        for invariant, message in _after_step(turn, step, opened):
            yield Violation(invariant, f"{name} seq {step[0].seq} {step[0].type}: {message}")


def _take(turn: _Turn, rec: Rec, behaviour: Behaviour, repair: str) -> Iterator[tuple[str, str]]:
    payload = rec.payload
    if rec.type == "CandidateFormed":
        reply = payload["reply"] or payload["candidate_id"]
        turn.formed[payload["candidate_id"]] = _Formed(
            payload["text"], reply, payload["sentence"], payload["ask_id"], payload["attempt"]
        )
    elif rec.type == "VerdictIssued" and payload["passed"]:
        turn.passed.setdefault(payload["candidate_id"], set()).add(payload["guardrail"])
    elif rec.type == "ReplyChosen":
        turn.chosen, turn.more, turn.take = payload["candidate_id"], payload["more"], payload["take"]
        turn.said.setdefault(turn.chosen, [payload["text"]])
        formed = turn.formed.get(turn.chosen)
        if formed and formed.sentence:
            yield "sentences_in_order", "a reply begins with its first sentence"
    elif rec.type == "SentenceReleased":
        yield from _released(turn, rec, behaviour)
    elif rec.type == "ReplyCut":
        if turn.chosen != payload["candidate_id"] or not turn.more:
            yield "cut_honestly", "nothing of it was still to come"
        if payload["repair"] not in ("", repair):
            yield "cut_honestly", "the repair isn't the approved wording"
        turn.said.setdefault(payload["candidate_id"], []).append(payload["repair"])
        turn.more = False
    elif rec.type == "CallTaken":
        turn.take = max(turn.take, payload["take"])
    elif rec.type == "SpeechStarted":
        turn.started |= payload["candidate_id"] == turn.chosen and payload["take"] == turn.take
    elif rec.type == "TurnEnded":
        turn.chosen, turn.more = None, False
    elif _taken_back(turn, rec):
        turn.more = False


def _taken_back(turn: _Turn, rec: Rec) -> bool:
    """Whether the reply that was chosen isn't to be said any more. A report on another one, of a turn that is over, is late."""
    if rec.type not in ("ReplyRefused", "SpeechFailed") or rec.payload["candidate_id"] != turn.chosen:
        return False
    if rec.type == "SpeechFailed":
        return bool(rec.payload["take"] == turn.take)
    return bool(rec.payload["reason"] in ("superseded", "other_take") and not turn.started)


def _released(turn: _Turn, rec: Rec, behaviour: Behaviour) -> Iterator[tuple[str, str]]:
    payload = rec.payload
    chosen, resting = turn.formed.get(payload["candidate_id"]), turn.formed.get(payload["sentence_id"])
    if chosen is None or resting is None or turn.chosen != payload["candidate_id"] or not turn.more:
        yield "sentences_in_order", "it goes on with a reply that isn't being said"
        return
    said = turn.said[payload["candidate_id"]]
    text = " ".join(part for part in said if part)
    if resting.reply != chosen.reply:
        yield "sentences_in_order", "it is of another answer"
    elif payload["last"]:
        if resting.sentence is not None or resting.text != f"{text} {payload['text']}":
            yield "sentences_in_order", "it isn't what is left of the whole"
    elif resting.sentence != len(said) or resting.text != payload["text"]:
        yield "sentences_in_order", f"sentence {resting.sentence} follows {len(said)} others"
    missing = judging(behaviour, resting.sentence) - turn.passed.get(payload["sentence_id"], set())
    if missing:
        yield "guarded_before_spoken", f"{payload['sentence_id']} was not passed by {', '.join(sorted(missing))}"
    said.append(payload["text"])
    turn.more = not payload["last"]


def _after_step(turn: _Turn, step: list[Rec], opened: bool) -> Iterator[tuple[str, str]]:
    """What can't go on is cut in the very same step; what still goes on is waited for by a timer."""
    fact, chosen = step[0], turn.formed.get(turn.chosen or "")
    if not turn.more or chosen is None:
        return
    kinds = {rec.type for rec in step}
    whole = turn.formed.get(chosen.reply)
    dropped = {rec.payload["candidate_id"] for rec in step if rec.type == "CandidateDropped"}
    of_it = (chosen.ask_id, chosen.attempt) == (fact.payload.get("ask_id"), fact.payload.get("attempt"))
    if any(turn.formed[one].reply == chosen.reply for one in dropped if one in turn.formed):
        yield "cut_honestly", "a sentence of the reply that is being said was dropped, and it goes on"
    elif opened and fact.type == "EffectFailed" and of_it and whole is None:
        yield "cut_honestly", "the stream of the reply that is being said failed, and it goes on"
    elif opened and fact.type == "OwnerChanged" and whole is None:
        yield "cut_honestly", "the stream of the reply that is being said is lost, and it goes on"
    timers = {
        rec.payload["timer_id"] for rec in step if rec.type == "TimerSet" and rec.payload["purpose"] == "sentence"
    }
    if kinds & {"ReplyChosen", "SentenceReleased"} and not timers:
        yield "cut_honestly", "nobody waits for the next sentence"


def pieces(log: RawLog, traces: list[GatewayTrace]) -> Iterator[Violation]:
    """What each gateway let out of such replies."""
    for trace in traces:
        heard = _Heard()
        for act in trace.acts:
            for invariant, message in _look(heard, act, trace):
                yield Violation(invariant, f"{trace.name} (take {trace.take} of {trace.call_id}): {message}")


@dataclass
class _Heard:
    """What a gateway was told and let out."""

    released: dict[str, tuple[str, str]] = field(default_factory=dict)  # piece -> reply, text
    order: dict[str, list[str]] = field(default_factory=dict)  # reply -> its pieces
    texts: dict[str, str] = field(default_factory=dict)  # reply -> what it began with
    saying: str | None = None
    said: list[str] = field(default_factory=list)
    piece: tuple[str, str] = ("", "")  # the newest of them: id and text
    words: int = 0  # that were heard of it, the farthest that its voice ever came
    begun: int = 0  # at which of them its voice began last
    ended: int = 0  # at which of them it ended last
    whole: set[str] = field(default_factory=set)  # replies of which nothing is to come that wasn't read
    gone: bool = False
    closed: bool = False


def _look(heard: _Heard, act: Act, trace: GatewayTrace) -> Iterator[tuple[str, str]]:
    if act.did is Did.READ and act.event is not None:
        _read(heard, act.event, trace)
    elif act.did is Did.PUT and isinstance(act.payload, f.SpeechCompleted | f.SpeechInterrupted):
        spoken = act.payload.spoken if isinstance(act.payload, f.SpeechCompleted) else act.payload.spoken_so_far
        whole = " ".join(heard.said)
        if act.payload.candidate_id == heard.saying and not whole.startswith(spoken):
            yield "said_is_what_played", f"{act.payload.candidate_id}: other words than it let out are told as heard"
        elif act.payload.candidate_id == heard.saying:
            yield from _told(heard, act.payload, spoken)
        heard.saying = None
    elif act.did is Did.PUT and isinstance(act.payload, f.FallbackPlayed):
        heard.closed, heard.saying = True, None
    elif act.did is Did.SOUND_BEGAN and act.sound and act.sound.kind == "reply":
        yield from _lets_out(heard, act.sound.sound_id, act.sound.text)
    elif act.did is Did.SOUND_ENDED and act.sound and act.sound.kind == "reply":
        before = len(heard.piece[1].split()) - len(act.sound.text.split())
        heard.ended = before + len(act.text.split())
        heard.words = max(heard.words, heard.ended)


def _told(heard: _Heard, told: f.SpeechCompleted | f.SpeechInterrupted, spoken: str) -> Iterator[tuple[str, str]]:
    """A reply is over. What was released of it was said, all of it, unless it is told that it was cut off."""
    left_words = len(heard.piece[1].split()) - heard.words
    most_words = len(" ".join(heard.said).split()) - left_words
    if isinstance(told, f.SpeechInterrupted):
        if len(spoken.split()) > most_words:
            yield "said_is_what_played", f"{told.candidate_id}: more is told as heard than was"
        return
    if spoken != " ".join(heard.said):
        yield "said_is_what_played", f"{told.candidate_id}: what was let out isn't told as heard"
    left = heard.order[told.candidate_id][len(heard.said) - 1 :]
    if left_words or left or told.candidate_id not in heard.whole:
        yield "nothing_skipped", f"{told.candidate_id} is told as over, with {left_words} words and {left} to be said"


def _lets_out(heard: _Heard, sound_id: str, text: str) -> Iterator[tuple[str, str]]:
    if heard.saying and heard.words < len(heard.piece[1].split()):
        yield from _goes_on(heard, sound_id, text)
        return
    heard.piece, heard.words, heard.begun = (sound_id, text), 0, 0
    if sound_id in heard.texts:
        heard.saying, heard.said = sound_id, [text]
        return
    reply, released = heard.released.get(sound_id, ("", ""))
    if released != text:
        yield "only_what_was_chosen", f"{sound_id} was played and not read as released"
    elif heard.gone:
        yield "one_gateway", f"{sound_id}: the call is lost"
    elif reply != heard.saying:
        yield "closing_ends_turn" if heard.closed else "one_reply", f"{sound_id} is of a reply that isn't being said"
    elif heard.order[reply].index(sound_id) != len(heard.said) - 1:
        yield "sentences_in_order", f"{sound_id} after {len(heard.said)} pieces"
    heard.said.append(text)


def _goes_on(heard: _Heard, sound_id: str, text: str) -> Iterator[tuple[str, str]]:
    """The voice had broken off in a piece: it goes on where it did, or at the beginning of that sentence, or of what it
    had gone on with."""
    piece_id, piece = heard.piece
    begin = len(piece.split()) - len(text.split())
    before = piece.split()[:begin]
    if heard.gone:
        yield "one_gateway", f"{sound_id}: the call is lost"
    if sound_id != piece_id or not piece.endswith(text) or begin > heard.ended:
        yield "nothing_skipped", f"{sound_id} goes on after {heard.ended} words of {piece_id}, and leaves some out"
    elif begin not in (heard.ended, heard.begun) and before[-1][-1] not in ".?!":
        yield "nothing_skipped", f"{sound_id} is said again from the middle of a sentence"
    heard.begun = begin


def _read(heard: _Heard, event: Event, trace: GatewayTrace) -> None:
    payload = event.payload
    if isinstance(payload, d.Spoken) and payload.candidate_id == heard.saying:
        return  # chosen anew, for a late word of another take: what is being said goes on as it was chosen first
    if isinstance(payload, d.Spoken):
        heard.texts[payload.candidate_id] = payload.text
        heard.order[payload.candidate_id] = []
        if not (isinstance(payload, d.ReplyChosen) and payload.more):
            heard.whole.add(payload.candidate_id)
    elif isinstance(payload, d.SentenceReleased):
        heard.released[payload.sentence_id] = (payload.candidate_id, payload.text)
        heard.order.setdefault(payload.candidate_id, []).extend([payload.sentence_id] if payload.text else [])
        if payload.last:
            heard.whole.add(payload.candidate_id)
    elif isinstance(payload, d.ReplyCut):
        repair = f"{payload.candidate_id}.repair"
        heard.released[repair] = (payload.candidate_id, payload.repair)
        heard.order.setdefault(payload.candidate_id, []).extend([repair] if payload.repair else [])
        heard.whole.add(payload.candidate_id)
    elif isinstance(payload, f.CallTaken):
        other = payload.gateway_id != trace.name
        heard.gone |= payload.take > trace.take or (payload.take == trace.take and other)
