"""What a model may look up while it debugs a call: a handful of read-only questions about that call, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from agent_core.behaviour import Behaviour
from console.show import event_lines
from processors.deciders import DECIDERS
from projections.event_at import event_at
from projections.turn_report import TurnReport
from projections.why.case import turn_of
from projections.why.why import Why, lines
from schemas import decisions as d
from schemas.event import Event

ROOT = Path(__file__).resolve().parent.parent
READABLE = ("processors/*.py", "agent_core/reducers/*.py", "agent_core/guardrails/*.py", "agent_core/*.py")
MOST_CHARACTERS = 12_000  # of one answer to the model
MOST_EFFECTS = 40  # of one event: a question that is asked twice leads to hundreds
TOOLS = {
    "timeline": "{turn: t3}. Every event of a turn, one line each. Without turn: of the whole call.",
    "event": "{seq: 42}. One event in full: its payload, what it changed, its causes and its effects.",
    "why": "{turn: t3}. What the rules say about a turn, and the turn in words.",
    "prompt": "{seq: 42}. The messages that a CompletionAsked sent to a model, in full.",
    "behaviour": "{part: guardrails}. A part of the behaviour that the call pinned: prompt, lines, budget, routing, silence, "
    "guardrails, holding, intents/NAME, procedures/NAME, articles/ID.",
    "source": "{file: processors/choice.py}. The source of a decider, a reducer or a guardrail. Without file: which there are.",
}


class ToolError(Exception):
    """The model asked for what there isn't; it is told so."""


class DebugTools:
    """``explain``: what ``why`` says of a turn. Private text reads as the keys at hand allow."""

    def __init__(
        self, events: Sequence[Event], behaviour: Behaviour | None, explain: Callable[[str], Why], root: Path = ROOT
    ) -> None:
        self._events, self._behaviour, self._explain, self._root = events, behaviour, explain, root
        self._tools: dict[str, Callable[[dict[str, Any]], str]] = {
            "timeline": self._timeline,
            "event": self._event,
            "why": self._why,
            "prompt": self._prompt,
            "behaviour": self._part,
            "source": self._source,
        }

    def use(self, name: str, arguments: dict[str, Any]) -> str:
        """Raises ``ToolError``."""
        if name not in self._tools:
            raise ToolError(f"there is no tool {name!r}: there are {', '.join(self._tools)}")
        told = self._tools[name](arguments)
        rest = len(told) - MOST_CHARACTERS
        return told if rest <= 0 else f"{told[:MOST_CHARACTERS]}\n… {rest} characters more"

    def holds(self, seq: int) -> bool:
        return any(event.seq == seq for event in self._events)

    def involved(self, turn_id: str) -> list[str]:
        """Files of the deciders that look at what happened in a turn."""
        kinds = {type(event.payload) for event in self._events if event.turn_id == turn_id}
        modules = {x.decide.__module__ for x in DECIDERS if kinds & set(x.handles)}
        return sorted(f"{module.replace('.', '/')}.py" for module in modules)

    def _timeline(self, arguments: dict[str, Any]) -> str:
        wanted = arguments.get("turn")
        if wanted is None:
            return "\n".join(event_lines(self._events))
        turn = self._turn(wanted)
        return "\n".join(
            line
            for line, e in zip(event_lines(self._events), self._events, strict=True)
            if turn.seq_from <= e.seq <= turn.seq_to
        )

    def _event(self, arguments: dict[str, Any]) -> str:
        found = event_at(self._events, _number(arguments))
        if found is None:
            raise ToolError(f"this call has events 1 to {self._events[-1].seq}")
        shown = {name: getattr(found, name) for name in ("event", "payload", "changed", "causes")}
        shown |= {"effects": found.effects[:MOST_EFFECTS], "further_effects": len(found.effects[MOST_EFFECTS:])}
        return msgspec.json.encode(shown).decode()

    def _why(self, arguments: dict[str, Any]) -> str:
        return "\n".join(lines(self._explain(self._turn(arguments.get("turn", "last")).turn_id)))

    def _turn(self, wanted: object) -> TurnReport:
        turn, known = turn_of(self._events, str(wanted))
        if turn is None:
            raise ToolError(f"no turn {wanted!r}: there are {', '.join(known)}")
        return turn

    def _prompt(self, arguments: dict[str, Any]) -> str:
        wanted = _number(arguments)
        asked = next((e.payload for e in self._events if e.seq == wanted), None)
        if not isinstance(asked, d.CompletionAsked):
            seqs = [e.seq for e in self._events if isinstance(e.payload, d.CompletionAsked)]
            raise ToolError(f"seq {wanted} asks no model; those that do: {', '.join(map(str, seqs)) or 'none'}")
        return asked.messages

    def _part(self, arguments: dict[str, Any]) -> str:
        if self._behaviour is None:
            raise ToolError("the call pinned no behaviour that is recorded here")
        content = self._behaviour.model_dump(mode="json")
        kind, _, name = str(arguments.get("part", "")).partition("/")
        if kind not in content:
            raise ToolError(f"no part {kind!r}: there are {', '.join(content)}")
        value = content[kind]
        if isinstance(value, list) and value and isinstance(value[0], dict):
            names = [item.get("name") or item.get("id") for item in value]
            if name:
                if name not in names:
                    raise ToolError(f"no {name!r} among {kind}: there are {', '.join(map(str, names))}")
                value = value[names.index(name)]
            elif kind in ("articles", "intents"):
                value = names
        return json.dumps(value, ensure_ascii=False)

    def _source(self, arguments: dict[str, Any]) -> str:
        files = sorted(str(p.relative_to(self._root)) for pattern in READABLE for p in self._root.glob(pattern))
        wanted = str(arguments.get("file", ""))
        if not wanted:
            return "\n".join(files)
        if wanted not in files:
            raise ToolError(f"no file {wanted!r} that may be read here; ask without file for those that may")
        return (self._root / wanted).read_text(encoding="utf-8")


def _number(arguments: dict[str, Any]) -> int:
    try:
        return int(arguments["seq"])
    except (KeyError, TypeError, ValueError):
        raise ToolError("seq: a number is expected") from None
