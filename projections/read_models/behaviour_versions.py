"""Behaviour versions: what the agent was told to be, each time that it changed. Folded from the behaviour stream."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from agent_core.behaviour import Behaviour
from projections.read_models.definition import ReadModel, RecordedBehaviour, Row


class BehaviourVersionRow(Row, frozen=True, kw_only=True):
    seq: Annotated[int, Meta(description="Its number in the behaviour stream.")]
    hash: Annotated[str, Meta(description="SHA-256 of its content; conversations pin number and hash.")]
    newest: Annotated[bool, Meta(description="None was recorded after it.")]
    name: Annotated[str, Meta(description="The agent's name.")]
    company: Annotated[str, Meta(description="Whose agent it is.")]
    language: Annotated[str, Meta(description="It speaks.")]
    voice: Annotated[str, Meta(description="It speaks with.")]
    prompt_hash: Annotated[str, Meta(description="SHA-256 of the answering model's system prompt.")]
    prompt: Annotated[str, Meta(description="That prompt.")]
    model: Annotated[str, Meta(description="The routed name that answers.")]
    attempts: Annotated[int, Meta(description="Attempts that race for each question.")]
    intents: Annotated[int, Meta(description="How many there are.")]
    articles: Annotated[int, Meta(description="How many there are.")]
    guardrails: Annotated[str, Meta(description="Names, separated by commas; required ones end in !.")]
    hold_marks_ms: Annotated[str, Meta(description="When holding lines are due, separated by commas.")]
    give_up_ms: Annotated[int, Meta(description="When the owner ends a turn honestly.")]
    hard_ms: Annotated[int, Meta(description="When the gateway plays its closing line.")]
    recorded_us: Annotated[int | None, Meta(description="It was recorded; NULL where the log doesn't tell.")]


class BehaviourVersions:
    def __init__(self) -> None:
        self._newest: BehaviourVersionRow | None = None

    def take(self, recorded: RecordedBehaviour) -> tuple[Iterable[Row], Iterable[tuple[Any, ...]]]:
        behaviour = Behaviour.from_canonical(recorded.content)
        former = self._newest
        self._newest = BehaviourVersionRow(
            seq=recorded.seq,
            hash=recorded.hash,
            newest=True,
            name=behaviour.name,
            company=behaviour.company,
            language=behaviour.language,
            voice=behaviour.voice,
            prompt_hash=hashlib.sha256(behaviour.prompt.encode()).hexdigest(),
            prompt=behaviour.prompt,
            model=behaviour.routing.model,
            attempts=behaviour.routing.attempts,
            intents=len(behaviour.intents),
            articles=len(behaviour.articles),
            guardrails=",".join(g.name + ("!" if g.required else "") for g in behaviour.guardrails),
            hold_marks_ms=",".join(map(str, behaviour.budget.hold_marks_ms)),
            give_up_ms=behaviour.budget.give_up_ms,
            hard_ms=behaviour.budget.hard_ms,
            recorded_us=recorded.recorded_us,
        )
        superseded = (msgspec.structs.replace(former, newest=False),) if former else ()
        return (*superseded, self._newest), ()


BEHAVIOUR_VERSIONS = ReadModel(
    name="behaviour_versions",
    version=1,
    about="One row a version of the behaviour that was ever recorded.",
    row=BehaviourVersionRow,
    key=("seq",),
    behaviours=BehaviourVersions,
)
