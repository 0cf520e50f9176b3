"""Golden logs: recorded conversations that today's deciders must decide as they were decided.

``<name>.jsonl`` holds the events (``console.recorded_call``), ``<name>.context.json`` what a fold needs besides them: the
behaviours that were pinned and the conversation's digest key. Nothing in them is private: the callers are scripted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple, cast

import msgspec

from agent_core.behaviour import Behaviour
from console.recorded_call import line_of, load
from processors.deciders import cascade
from projections.recompute import Difference, Recomputer
from schemas.event import Event
from streams.behaviours import BehaviourMissingError
from streams.keys import DataKey, KeyStore

FOLDER = Path(__file__).parent
RECORDED_BY = "python -m tests.golden.record"


class GoldenLog(NamedTuple):
    name: str
    events: list[Event]
    behaviours: dict[tuple[int, str], Behaviour]
    digest_key: bytes

    @property
    def version(self) -> str:
        """Of the deciders that decided it."""
        return next(event.decider_version for event in self.events if event.decider_version is not None)

    def steps(self) -> list[list[Event]]:
        steps: list[list[Event]] = []
        for event in self.events:
            if event.step_index == 0:
                steps.append([])
            steps[-1].append(event)
        return steps

    def behaviour(self, seq: int, content_hash: str) -> Behaviour:
        try:
            return self.behaviours[seq, content_hash]
        except KeyError:
            raise BehaviourMissingError(f"{self.name} holds no behaviour {seq} ({content_hash[:12]})") from None


class _OneKey:
    """The key store of a golden log: it has nothing to open, only the key of digests."""

    def __init__(self, digest_key: bytes) -> None:
        self._key = cast(DataKey, SimpleNamespace(key_id="golden", digest_key=digest_key))

    def create(self, conversation_id: str) -> DataKey:
        return self._key

    def get(self, conversation_id: str) -> DataKey | None:
        return self._key

    def destroy(self, conversation_id: str) -> None:
        raise NotImplementedError("a golden log is never forgotten")


def names() -> list[str]:
    return sorted(path.name.removesuffix(".context.json") for path in FOLDER.glob("*.context.json"))


def read(name: str, folder: Path = FOLDER) -> GoldenLog:
    context = json.loads((folder / f"{name}.context.json").read_text())
    behaviours = [(each["seq"], Behaviour.model_validate(each["content"])) for each in context["behaviours"]]
    return GoldenLog(
        name,
        [event for event, _ in load(folder / f"{name}.jsonl")],
        {(seq, behaviour.content_hash): behaviour for seq, behaviour in behaviours},
        bytes.fromhex(context["digest_key"]),
    )


def write(log: GoldenLog, folder: Path = FOLDER) -> None:
    began_us = log.events[0].accepted_at_us
    lines = [line_of(event, (event.accepted_at_us - began_us) / 1e6) for event in log.events]
    (folder / f"{log.name}.jsonl").write_text("\n".join(lines) + "\n")
    context = {
        "digest_key": log.digest_key.hex(),
        "behaviours": [
            {"seq": seq, "content": behaviour.model_dump(mode="json")}
            for (seq, _), behaviour in sorted(log.behaviours.items())
        ],
    }
    (folder / f"{log.name}.context.json").write_text(json.dumps(context, indent=1, ensure_ascii=False) + "\n")


def differences(log: GoldenLog) -> list[Difference]:
    """What today's deciders decide otherwise, each step from the fold of the recorded events before it."""
    keys: KeyStore = _OneKey(log.digest_key)
    recomputer = Recomputer(cascade(), log.behaviour, keys)
    replay = recomputer.begin(log.events[0].conversation_id)
    found: list[Difference] = []
    for step in log.steps():
        found += replay.check(step, recomputer.version).differences or ()
    return found


def told(differences: Iterable[Difference], most: int = 5) -> str:
    return "\n".join(
        f"  seq {x.seq}: {x.reason}: on the log {_of(x, 'found')}, now {_of(x, 'expected')}"
        for x in list(differences)[:most]
    )


def _of(difference: Difference, side: str) -> str:
    shown = getattr(difference, side)
    return f"{shown.type} {msgspec.json.encode(shown.payload).decode()}" if shown else "nothing"


def types_of(events: Sequence[Event]) -> set[str]:
    return {event.type for event in events}
