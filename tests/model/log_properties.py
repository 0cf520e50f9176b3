"""What must be true of every state: asked of the log and of what each owner believes."""

from __future__ import annotations

from collections.abc import Iterator

from log_model import View, effective_by_the_rule, read, records
from owner_model import Held, Owner, Phase, Rules, World, could_hold


def violation(world: World, rules: Rules) -> str | None:
    """The first property that doesn't hold, in words."""
    view = read(rules.reader, world.log)
    if view.broken:
        return "an effective step is broken: its records don't follow each other"
    twice = _taken_once(view.facts, tuple(one.seq for _, step in view.steps for one in step))
    if twice:
        return twice
    offsets = tuple(offset for offset, _ in view.steps)
    by_the_rule = effective_by_the_rule(world.log)
    if offsets != tuple(step[-1] for step in by_the_rule):
        return f"void records were delivered, or effective ones weren't: {offsets} against {by_the_rule}"
    return _marks_are_true(world, rules) or next((found for found in _of_owners(world, view, rules) if found), None)


def _taken_once(facts: tuple[int, ...], seqs: tuple[int, ...]) -> str | None:
    if len(set(facts)) != len(facts):
        return f"a fact took effect twice: {facts}"
    if seqs != tuple(range(1, len(seqs) + 1)):
        return f"the conversation's numbers have gaps or repeats: {seqs}"
    return None


def _marks_are_true(world: World, rules: Rules) -> str | None:
    """Everything at or below the mark of an effective step took effect no later than with that step."""
    effective: set[int] = set()
    for _, step in read(rules.reader, world.log).steps:
        effective.add(step[0].fact)
        missing = set(world.inbox[: step[-1].mark + 1]) - effective
        if missing:
            return f"a mark says that {missing} was dealt with, and it wasn't"
    return None


def _of_owners(world: World, whole: View, rules: Rules) -> Iterator[str | None]:
    for owner in world.owners:
        if owner.phase is Phase.REIGNS:
            yield _knows_what_is_effective(owner, world, whole.facts)
            yield _held_is_true(could_hold(owner, world, rules), world, whole, rules)


def _held_is_true(held: Held, world: World, whole: View, rules: Rules) -> str | None:
    before = read(rules.reader, world.log[: held.offset])
    if before.half:
        return f"held: offset {held.offset}, in the middle of a step"
    if before.epoch != held.epoch:
        return f"held: epoch {held.epoch} at {held.offset}, where epoch {before.epoch} is in force"
    if set(world.inbox[: held.mark + 1]) - set(before.facts):
        return "the held mark says more than the log in front of it"
    there = read(rules.reader, world.log, held.offset, held.epoch)
    same = before.steps + there.steps == whole.steps and there.epoch == whole.epoch
    if not same or max(held.mark, there.mark) != whole.mark:
        return "a reader that starts where an owner held sees another log than one that starts at its beginning"
    return None


def _knows_what_is_effective(owner: Owner, world: World, effective: tuple[int, ...]) -> str | None:
    if not owner.told <= set(effective):
        return f"acknowledged and not on the log: {owner.told - set(effective)}"
    idle = not owner.net and not owner.waiting and owner.mark + 1 == len(world.inbox)
    current = owner.epoch == max((one.epoch for one in records(world.log)), default=0)
    if idle and current and set(world.inbox) - set(effective):
        return f"the owner in force has nothing left to do, and {set(world.inbox) - set(effective)} never took effect"
    return None
