"""What differs between two versions of a behaviour, part by part, in words."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, NamedTuple

from agent_core.behaviour import Behaviour
from projections.why.findings import quoted
from projections.why.provenance import sentences

_NAMED = {"intents": "name", "procedures": "name", "articles": "id", "guardrails": "name", "holding": "id"}
GONE = "it is gone"
_MOST = 3  # of what is new, and of what is gone


class Part(NamedTuple):
    """``kind``: prompt, intents, articles, guardrails, budget, routing, lines, silence, procedures, holding, … ``name``:
    which one of them, or which field. ``told``: what became of it."""

    kind: str
    name: str
    told: str


def changed_parts(former: Behaviour, behaviour: Behaviour) -> Iterator[Part]:
    before, after = former.model_dump(mode="json"), behaviour.model_dump(mode="json")
    for kind in after | before:  # what isn't set isn't there
        old, new = before.get(kind), after.get(kind)
        if old == new:
            continue
        if kind in _NAMED:
            yield from _named(kind, _by_name(kind, old or []), _by_name(kind, new or []))
        elif old is None or new is None:
            yield Part(kind, "", "it is new" if old is None else GONE)
        elif isinstance(new, dict):
            yield from (
                Part(kind, field, _of(old.get(field), new.get(field)))
                for field in new | old
                if old.get(field) != new.get(field)
            )
        else:
            yield Part(kind, "", _of(old, new))


def _named(kind: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Part]:
    for name in before.keys() - after.keys():
        yield Part(kind, name, GONE)
    for name, value in after.items():
        former = before.get(name)
        if former is None:
            yield Part(kind, name, "it is new")
        elif former != value:
            fields = [field for field in value | former if former.get(field) != value.get(field)]
            told = "; ".join(f"{field}: {_of(former.get(field), value.get(field))}" for field in fields)
            yield Part(kind, name, told)


def _by_name(kind: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {item[_NAMED[kind]]: item for item in items}


def _of(before: Any, after: Any) -> str:
    if isinstance(before, str) and isinstance(after, str):
        return _words(before, after)
    if isinstance(before, dict) and isinstance(after, dict):
        fields = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        return ", ".join(f"{name} {_of(before.get(name), after.get(name))}" for name in fields)
    if _are_named(before) and _are_named(after):
        former = {item["name"]: item for item in before}
        latter = {item["name"]: item for item in after}
        names = [name for name in former | latter if former.get(name) != latter.get(name)]
        return ", ".join(f"{name} {_became(former.get(name), latter.get(name))}" for name in names) or "another order"
    if isinstance(before, list) and isinstance(after, list) and len(str(before)) + len(str(after)) > 120:
        gone, new = [x for x in before if x not in after], [x for x in after if x not in before]
        return " ".join([*(f"- {quoted(str(x), 60)}" for x in gone[:2]), *(f"+ {quoted(str(x), 60)}" for x in new[:2])])
    return f"{before} → {after}"


def _are_named(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) and "name" in item for item in value)


def _became(before: Any, after: Any) -> str:
    return "is new" if before is None else "is gone" if after is None else _of(before, after)


def _words(before: str, after: str) -> str:
    """What is new and what is gone: sentences, or the words of a text that is but one."""
    old, new = sentences(before), sentences(after)
    if max(len(old), len(new)) > 1:
        added, lost = [x for x in new if x not in old], [x for x in old if x not in new]
        return " ".join([*(f"+ {quoted(x)}" for x in added[:_MOST]), *(f"- {quoted(x)}" for x in lost[:_MOST])])
    told: list[str] = []
    for tag, a, b, c, e in difflib.SequenceMatcher(None, before.split(), after.split(), autojunk=False).get_opcodes():
        gone, added_words = " ".join(before.split()[a:b]), " ".join(after.split()[c:e])
        if tag != "equal":
            told += [f"- {quoted(gone)}"] * bool(gone) + [f"+ {quoted(added_words)}"] * bool(added_words)
    return " ".join(told[: 2 * _MOST])
