"""Plants a fault, records a call with it, and looks whether ``why`` has its cause among its first three lines.

``python -m tests.projections.why.fault_scorer [NAME…]`` prints the score, fault by fault.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from msgspec.structs import replace

from agent_core.behaviour import Behaviour
from agent_core.behaviour_loader import load
from agent_core.guardrails import registry
from agent_core.guardrails.prompt_injection import SCORE
from processors.cascade import Cascade
from processors.deciders import DECIDERS, VERSION
from projections.recompute import Recomputer
from projections.why.case import turn_of
from projections.why.why import Why, case_of, lines, why
from schemas.avro import private_fields
from schemas.event import Event
from streams.behaviour_versions import Version
from streams.codec import FORGOTTEN

try:
    from played_turn import OneKey, Script, played
except ImportError:  # as a program
    from tests.projections.why.played_turn import OneKey, Script, played

HERE = Path(__file__).parent
BANK = HERE.parents[2] / "examples" / "bank"
FILES = ("faults_before.yaml", "faults_after.yaml")  # written before and after the rules of ``why`` were
OUTSIDE = "faults_outside.yaml"  # planted by somebody who knew the documentation alone
FIRST_LINES = 3
_USUAL: dict[str, Any] = {
    "says": "How long does a new card take?",
    "scores": {"card_delivery_time": 0.97},
    "passages": ["card-delivery"],
    "answers": [{"after_ms": 320}],
    "guard_scores": {SCORE: 0.01} | dict.fromkeys(sorted(registry.reasons()), 0.001),
    "classified_after_ms": 10,
    "found_after_ms": 12,
    "judged_after_ms": 8,
    "end_of_turn_ms": 300,
    "voice_ms": 120,
    "confidence": 0.93,
}


class Fault(NamedTuple):
    """``behaviour``: what is planted in the example bank's, merged into it. ``former``: whether the bank as it was stands
    on the log before it. ``deciders``: {without: NAME} or {version: V}. ``cause``: words that one line must have, all."""

    name: str
    kind: str
    behaviour: dict[str, Any]
    former: bool
    deciders: dict[str, str]
    outside: dict[str, Any]
    cause: list[str]


def faults(file: str) -> list[Fault]:
    read = yaml.safe_load((HERE / file).read_text(encoding="utf-8"))
    return [
        Fault(
            each["name"],
            each["kind"],
            each.get("behaviour", {}),
            each.get("former", True),
            each.get("deciders", {}),
            each.get("outside", {}),
            [str(word) for word in each["cause"]],
        )
        for each in read
    ]


def explained(
    fault: Fault, *, forgotten: bool = False, newer: dict[str, Any] | None = None, newer_since_us: int = 0
) -> Why:
    """What ``why`` says of the caller's turn of a call with this fault. ``forgotten``: its key is gone. ``newer``: what a
    version that the call didn't pin has otherwise, recorded at ``newer_since_us``."""
    usual = load(BANK)
    planted = Behaviour.model_validate(merged(usual.model_dump(mode="json"), fault.behaviour))
    versions = [Version(1, usual.content_hash, usual.canonical())] if fault.former else []
    seq = len(versions) + (planted != usual or not versions)
    if seq > len(versions):
        versions.append(Version(seq, planted.content_hash, planted.canonical()))
    if newer is not None:
        other = Behaviour.model_validate(merged(planted.model_dump(mode="json"), newer))
        versions.append(Version(seq + 1, other.content_hash, other.canonical(), newer_since_us))
    steps = played(planted, seq, _cascade(fault.deciders), Script(**_outside(fault.outside)))
    if forgotten:
        steps = [tuple(_forgotten(event) for event in step) for step in steps]
    call = [event for step in steps for event in step]
    turn, _ = turn_of(call, "last")
    assert turn is not None, "the caller said something"
    recomputer = None if forgotten else Recomputer(Cascade(DECIDERS, VERSION), lambda _, __: planted, OneKey())
    return why(case_of(call, turn, steps, versions, lambda _, __: planted, recomputer))


def _outside(planted: dict[str, Any]) -> dict[str, Any]:
    guard_scores = _USUAL["guard_scores"] | planted.get("guard_scores", {})
    return _USUAL | planted | {"guard_scores": guard_scores}


def is_found(fault: Fault, found: Why) -> bool:
    first = [line.lower() for line in lines(found)[:FIRST_LINES]]
    return any(all(word.lower() in line for word in fault.cause) for line in first)


def merged(base: Any, change: Any) -> Any:
    """Objects are merged; in a list of things with a name or an id, the thing of that name is (``gone: true``: it goes);
    what else there is takes the place of what was."""
    if isinstance(base, dict) and isinstance(change, dict):
        return base | {name: merged(base.get(name), value) for name, value in change.items()}
    items = isinstance(base, list) and isinstance(change, list) and change and isinstance(change[0], dict)
    key = next((k for k in ("name", "id") if k in change[0]), None) if items else None
    if key:
        kept = {item[key]: item for item in copy.deepcopy(base)}
        for item in change:
            if item.get("gone"):
                kept.pop(item[key])
            else:
                kept[item[key]] = merged(kept.get(item[key], {}), item)
        return list(kept.values())
    return change


def _forgotten(event: Event) -> Event:
    """As a reader without the key gets it."""
    private: dict[str, Any] = {
        name: FORGOTTEN for name in private_fields(type(event.payload)) if getattr(event.payload, name)
    }
    return replace(event, payload=replace(event.payload, **private)) if private else event


def _cascade(change: dict[str, str]) -> Cascade:
    without = change.get("without")
    return Cascade([x for x in DECIDERS if x.name != without], change.get("version", VERSION))


def main(wanted: list[str]) -> int:
    for file in (*FILES, OUTSIDE):
        if not (HERE / file).exists():
            continue
        planted = [fault for fault in faults(file) if not wanted or fault.name in wanted]
        score = 0
        for fault in planted:
            found = explained(fault)
            hit = is_found(fault, found)
            score += hit
            print(f"{'yes' if hit else 'NO '} {fault.kind:<10} {fault.name}")
            for line in lines(found)[: FIRST_LINES if hit and not wanted else None]:
                print(f"      {line}")
        print(f"{file}: {score} of {len(planted)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
