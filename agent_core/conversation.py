"""The conversation: everything that the deciders may know, as the fold of its events so far.

All types are frozen: a new event gives a new conversation (``agent_core.evolve``).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import msgspec

from agent_core.behaviour import Behaviour
from agent_core.late_reads import LateRead
from agent_core.proofs import Challenge
from agent_core.proposal import Errand, Proposal
from agent_core.subject import Subject
from schemas.base import Decision
from schemas.models import Pace


class Caller(StrEnum):
    SILENT = "silent"
    SPEAKING = "speaking"
    PAUSED = "paused"  # eager end of turn: probably done


class Status(StrEnum):
    NEW = "new"
    OPEN = "open"
    CLOSED = "closed"


class Fate(StrEnum):
    JUDGED = "judged"  # verdicts are coming in
    ACCEPTED = "accepted"
    DROPPED = "dropped"
    CHOSEN = "chosen"


class Line(msgspec.Struct, frozen=True):
    """A line of the transcript: what was really said and heard."""

    role: str  # caller | agent
    text: str
    turn_id: str
    seq: int


class Ask(msgspec.Struct, frozen=True):
    """Something asked of the outside world. Kept, closed, till its turn ends; ``generation`` rises when asked again.

    ``attempts`` were started so far, ``at_once`` of them with the ask. ``progress_at_us``: when the newest of them was, or
    said its newest sentence; ``spoke``: whether any said one.
    """

    ask_id: str
    payload: Decision
    turn_id: str
    speculation: int
    attempts: int = 1
    done: frozenset[int] = frozenset()
    open: bool = True
    generation: int = 0
    event_id: str = ""
    at_once: int = 1
    progress_at_us: int = 0
    spoke: bool = False
    kept: bool = False  # it goes on when its turn is over: what it finds is told later

    def reply_id(self, attempt: int) -> str:
        """The candidate that this attempt's answer is: what another run said is another candidate."""
        return f"{self.ask_id}.{attempt}" + (f".g{self.generation}" if self.generation else "")


class Timer(msgspec.Struct, frozen=True):
    timer_id: str
    purpose: str
    due_at_us: int
    turn_id: str | None


class Candidate(msgspec.Struct, frozen=True):
    candidate_id: str
    speculation: int
    intent: str
    action: str
    origin: str
    text: str
    ask_id: str
    digest: str
    step_id: str
    fate: Fate = Fate.JUDGED
    verdicts: dict[str, bool] = {}  # guardrail -> passed
    attempt: int = 0
    reply: str = ""  # of one sentence: the candidate that all of the answer is, or will be
    sentence: int | None = None  # which one, from 0; None: this is all of it
    said_in: int = 0  # sentences that it was released in so far, once its first one was chosen; ``text`` is all of them
    more: bool = False  # chosen, or to be chosen, with sentences still to come
    chosen_at_us: int = 0
    voice_failed: bool = False

    @property
    def whole_id(self) -> str:
        """The same for all that one run of one attempt said."""
        return self.reply or self.candidate_id

    @property
    def may_not_be_said(self) -> bool:
        """Dropped for what it is: a guardrail or a guest that must pass it didn't, or no voice could say it."""
        return self.fate is Fate.DROPPED and (self.voice_failed or not all(self.verdicts.values()))


class Probability(msgspec.Struct, frozen=True):
    name: str
    value: float


class Source(msgspec.Struct, frozen=True):
    article_id: str
    text: str
    public: bool


class Turn(msgspec.Struct, frozen=True):
    turn_id: str
    cause: str  # as in TurnOpened
    utterance_id: str
    speech_ended_at_us: int
    give_up_ms: int
    since_seq: int = 0  # seq of its newest speculation, or of its opening: what is said rests on nothing older
    speculation: int = 0  # number of the newest; 0 where the caller said nothing
    live: bool = True  # whether that speculation still stands
    question: str = ""
    errand: Errand | None = None  # what it is about in place of a question
    carried: str = ""  # an unanswered question of the turn that this one superseded
    lapsed: Proposal | None = None  # with these words
    committed: bool = False
    giving_up: bool = False
    scores: tuple[Probability, ...] | None = None
    sources: tuple[Source, ...] | None = None
    asked: tuple[str, ...] = ()  # intents that an answer was asked or formed for
    refusals: dict[str, str] = {}  # intent -> why its tool may not run
    results: dict[str, dict[str, str]] = {}  # ask -> what the tool found
    input_verdicts: dict[str, bool] = {}
    input_reasons: tuple[str, ...] = ()
    candidates: dict[str, Candidate] = {}
    chosen: str | None = None
    started: str | None = None  # the candidate whose first audio left for the caller
    spoken_so_far: str = ""
    holds: int = 0
    paces: tuple[Pace, ...] | None = None  # what models lately took, as it was last known; None: not answered yet
    spent_micros: int = 0
    spending_stopped: bool = False


class Interrupted(msgspec.Struct, frozen=True):
    """A reply that was cut off: enough to go on where it stopped."""

    text: str
    spoken: str
    intent: str


class Offer(msgspec.Struct, frozen=True):
    """The holding line of ``turn_id``: where it offered something, a yes in a later turn leads there."""

    phrase_id: str
    turn_id: str


class Context(msgspec.Struct, frozen=True):
    """What the fold needs besides events: how to resolve a pinned behaviour, and the conversation's digest key."""

    behaviour_of: Callable[[int, str], Behaviour]
    digest_key: Callable[[], bytes]


class Conversation(msgspec.Struct, frozen=True):
    id: str
    context: Context
    status: Status = Status.NEW
    seq: int = 0
    accepted_at_us: int = 0
    behaviour_seq: int = 0
    behaviour_hash: str = ""
    take: int = 0
    granted_take: int = 0
    answered: bool = False
    caller: Caller = Caller.SILENT
    last_caller_seq: int = 0
    turns: int = 0
    turn: Turn | None = None
    asks: dict[str, Ask] = {}
    timers: dict[str, Timer] = {}
    transcript: tuple[Line, ...] = ()
    procedures: dict[str, int] = {}  # procedure -> how many of its steps were said
    open_procedure: str = ""  # the procedure whose step was said last
    silences: int = 0  # how often in a row the caller was asked whether they are there
    clarified: int = 0  # how often in a row the caller was asked to say it again
    last_hold: str = ""
    offer: Offer | None = None  # by the holding line that was heard last
    interrupted: Interrupted | None = None
    stopped_for: str = ""  # the reply that the caller's voice stopped, until it is judged whether they meant it
    said_last: str = ""  # the reply that the last turn ended with; of one that went on in several turns the first part
    unanswered: str = ""  # the question of a turn that was superseded before its answer
    subject: Subject | None = None
    other_subject_seq: int = 0  # seq at which the subject took the place of another one
    challenge: Challenge | None = None  # the proof that the caller is asked for
    challenges: int = 0
    codes_asked: int = 0
    wrong_proofs: int = 0
    proposals: dict[str, Proposal] = {}  # until they lapse, or their outcome was told
    proposed: int = 0
    late_reads: dict[str, LateRead] = {}  # until they were told

    @property
    def turn_is_of_another(self) -> bool:
        """Whether what the open turn has came about for a subject whose place another one took since."""
        return self.turn is not None and self.turn.since_seq < self.other_subject_seq

    @property
    def behaviour(self) -> Behaviour:
        """The behaviour that this conversation pinned. Raises ``LookupError`` where it isn't recorded."""
        return self.context.behaviour_of(self.behaviour_seq, self.behaviour_hash)


def initial(conversation_id: str, context: Context) -> Conversation:
    return Conversation(id=conversation_id, context=context)
