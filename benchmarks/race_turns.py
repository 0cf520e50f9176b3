"""What both sides of the race are given: the questions, the emulator's script, one router with the real SDK."""

from __future__ import annotations

import json
from typing import NamedTuple

from pydantic import SecretStr

from agent_core.behaviour import Behaviour
from agent_core.conversation import Context, Conversation, Line, Source, Status, Turn
from agent_core.ports import LanguageModel, Passage
from benchmarks.emulator_process import KEY
from console.agent import make_model
from console.settings import LlmProvider, LlmSettings
from emulators.config import EmulatorConfig, Latency, Scripted
from emulators.config import LlmSettings as EmulatedLlm

INTENTS = ("card_delivery_time", "fees_abroad", "opening_hours", "direct_debit")
QUESTIONS = (
    "how long until my new card comes",
    "what does it cost to use my card abroad",
    "when are you open on saturday",
    "how do i cancel a direct debit",
)
_PROBABILITIES = (0.4, 0.25, 0.2, 0.15)
_DIGEST_KEY = b"the bare side keeps no digests"
TURN_ID = "t2"  # the first turn is the greeting


class RaceTurn(NamedTuple):
    """``call_id`` names every draw of the turn, so both sides wait for the same vendor."""

    call_id: str
    question: str


def turns(prefix: str, count: int) -> list[RaceTurn]:
    return [RaceTurn(f"{prefix}-{n:04}", QUESTIONS[n % len(QUESTIONS)]) for n in range(count)]


def emulator_config(tokens_per_chunk: int = 1, pace: float = 1.0) -> EmulatorConfig:
    """Default latencies times ``pace``. Classification finds four probable intents, the asked one first; guards find
    nothing."""
    script = [
        Scripted(match=question, prompt_kind="^classify$", reply=json.dumps(_scores(asked)))
        for asked, question in enumerate(QUESTIONS)
    ]
    script.append(Scripted(match=".", prompt_kind="^guard", reply=json.dumps({"violates": 0.02})))
    usual = EmulatedLlm()
    llm = EmulatedLlm(
        script=tuple(script),
        tokens_per_chunk=tokens_per_chunk,
        tokens_per_s=usual.tokens_per_s / pace,
        first_token=Latency(median_ms=usual.first_token.median_ms * pace, p95_ms=usual.first_token.p95_ms * pace),
    )
    return EmulatorConfig(seed=3, llm=llm)


def _scores(asked: int) -> dict[str, float]:
    ordered = INTENTS[asked:] + INTENTS[:asked]
    return dict(zip(ordered, _PROBABILITIES, strict=True))


def open_model(url: str, behaviour: Behaviour) -> LanguageModel:
    provider = LlmProvider(name="emulated", url=f"{url}/v1", api_key=SecretStr(KEY), model="emulated", emulated=True)
    return make_model(LlmSettings(providers=[provider]), behaviour)


def passages(behaviour: Behaviour) -> list[Passage]:
    articles = [article for article in behaviour.articles if article.public][:3]
    return [Passage(article.id, article.public, 0.03 - 0.001 * n) for n, article in enumerate(articles)]


def bare_conversation(turn: RaceTurn, behaviour: Behaviour) -> tuple[Conversation, Turn]:
    """What the log side's conversation holds when its turn is opened, as plain data."""
    context = Context(lambda seq, content_hash: behaviour, lambda: _DIGEST_KEY)
    greeting = Line("agent", behaviour.lines.disclosure, "t1", 9)
    conversation = Conversation(
        turn.call_id,
        context,
        status=Status.OPEN,
        behaviour_seq=1,
        behaviour_hash=behaviour.content_hash,
        transcript=(greeting,),
        turns=2,
    )
    opened = Turn(
        turn_id=TURN_ID,
        cause="utterance",
        utterance_id="u1.1",
        speech_ended_at_us=0,
        give_up_ms=behaviour.budget.give_up_ms,
        speculation=1,
        question=turn.question,
        sources=tuple(Source(p.article_id, p.text, p.public) for p in passages(behaviour)),
    )
    return conversation, opened
