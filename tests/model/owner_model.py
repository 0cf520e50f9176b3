"""Owners of one partition, as states: what each knows, and everything that may happen to it next.

No owner has to do anything. So each is at once a good one, a slow one, one that was stopped and wakes later, and one
that was killed: every interleaving of what it might still do is another run. What it has sent is in the net and lands
by itself, record by record, or is lost from some record on; then nothing behind it lands (``streams.ports``).

    asleep ──▶ announced ──(its announcement is effective)──▶ reigns ──(lost an append, or met a successor)──▶ over
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from log_model import TOOK, Log, Reader, Record, read, record, records, took_id, written

from streams.effective import EffectiveReader


class Phase(IntEnum):
    ASLEEP = 0
    ANNOUNCED = 1
    REIGNS = 2
    OVER = 3


class Held(NamedTuple):
    """What an owner may put on the state store; ``mark``: an inbox position, all up to it being dealt with."""

    epoch: int
    offset: int
    mark: int


class Sent(NamedTuple):
    """A step that was submitted and isn't acknowledged."""

    fact: int
    mark: int
    size: int


class Owner(NamedTuple):
    """``memory``: facts that it took, in order, and those that it recovered. ``end``: the offset up to which it knows the log. ``net``: what it
    has submitted and hasn't landed. ``told``: facts whose steps it called durable."""

    phase: Phase = Phase.ASLEEP
    epoch: int = 0
    end: int = 0
    mark: int = -1
    memory: tuple[int, ...] = ()
    seq: int = 0
    waiting: tuple[Sent, ...] = ()
    net: Log = ""
    told: frozenset[int] = frozenset()
    told_mark: int = -1


class World(NamedTuple):
    """The log, the inbox (facts by position), and the owners.

    No state store: of every place that an owner could have held, in every state, ``log_properties`` shows that who starts
    there sees what one sees who starts at the log's beginning. So here all start there.
    """

    log: Log
    inbox: tuple[int, ...]
    owners: tuple[Owner, ...]


@dataclass(frozen=True)
class Rules:
    """The protocol, and what it would be with one of its rules left out."""

    reader: Reader = EffectiveReader
    steps_may_split: bool = True  # a step's records land one by one, others' between them
    most_epochs: int = 4  # how often announcements may be repeated, all owners together
    most_waiting: int = 2  # steps whose appends were not answered yet
    hears_at_once: bool = False  # of where its append landed: fewer states, for larger worlds
    reads_gaps: bool = True
    nothing_lands_behind_a_loss: bool = True
    waits_until_effective: bool = True  # decides only after its own announcement was read as the one in force
    holds_what_it_knows: bool = True  # else: the log's end, whoever reigns there
    resumes_behind_what_is_effective: bool = True  # else: behind what an owner took, as with offsets that are committed
    knows_what_was_taken: bool = True  # drops a fact that the log has already


class Decide:
    """What each fact's step says, given the facts before it. One decision a fact: enough for half a step."""

    def __call__(self, memory: tuple[int, ...], fact: int) -> tuple[str, ...]:
        return (f"of {fact}",)


def acts(world: World, rules: Rules, decide: Decide) -> Iterator[tuple[str, World]]:
    """Everything that may happen next."""
    for number, owner in enumerate(world.owners):
        for act, after in _of(number, owner, world, rules, decide):
            yield f"{act} {number}", after


def _of(number: int, owner: Owner, world: World, rules: Rules, decide: Decide) -> Iterator[tuple[str, World]]:
    if owner.net:
        yield from _in_the_net(number, owner, world, rules)
    if owner.phase is Phase.ASLEEP:
        if number == 0 or world.owners[number - 1].phase is not Phase.ASLEEP:  # they are all alike: in this order
            yield "announces", _with(world, number, _announce(number, owner, world, rules))
    elif owner.phase is Phase.ANNOUNCED:
        yield from _reads_its_announcement(number, owner, world, rules)
    elif owner.phase is Phase.REIGNS:
        if owner.mark + 1 < len(world.inbox) and len(owner.waiting) < rules.most_waiting:
            yield "takes", _with(world, number, _take(number, owner, world, rules, decide))
        if owner.waiting:
            yield from _hears_of_its_append(number, owner, world, rules)


def _in_the_net(number: int, owner: Owner, world: World, rules: Rules) -> Iterator[tuple[str, World]]:
    first = record(owner.net[0])
    whole = 1 if rules.steps_may_split else first.size - first.index
    landed = owner._replace(net=owner.net[whole:])
    after = _with(world._replace(log=world.log + owner.net[:whole]), number, landed)
    if rules.hears_at_once and landed.waiting:
        after = next((heard for _, heard in _hears_of_its_append(number, landed, after, rules)), after)
    yield "lands of", after
    left = "" if rules.nothing_lands_behind_a_loss else owner.net[first.size - first.index :]
    yield "is lost of", _with(world, number, _over(left))


def _announce(number: int, owner: Owner, world: World, rules: Rules) -> Owner:
    """Reads the log to its end, and announces itself one above the epoch in force."""
    epoch = read(rules.reader, world.log).epoch + 1
    if epoch > rules.most_epochs:
        return _over(owner.net)
    took = written(Record(epoch, number))
    announced = owner._replace(phase=Phase.ANNOUNCED, epoch=epoch, net=owner.net + took)
    if rules.waits_until_effective:
        return announced
    return _reign(announced, world, rules)


def _reads_its_announcement(number: int, owner: Owner, world: World, rules: Rules) -> Iterator[tuple[str, World]]:
    if written(Record(owner.epoch, number)) not in world.log:
        return
    if read(rules.reader, world.log).reign == took_id(number, owner.epoch):
        yield "reigns:", _with(world, number, _reign(owner, world, rules))
    else:
        yield "lost and announces anew:", _with(world, number, _announce(number, owner, world, rules))


def _reign(owner: Owner, world: World, rules: Rules) -> Owner:
    """What the next owner begins with: the highest effective mark, and the conversation as the log has it."""
    view = read(rules.reader, world.log)
    mark = view.mark
    if not rules.resumes_behind_what_is_effective:
        mark = max(mark, *(one.mark for one in world.owners))
    return owner._replace(
        phase=Phase.REIGNS,
        end=len(world.log),
        mark=mark,
        told_mark=mark,
        memory=view.facts,
        seq=sum(len(step) for _, step in view.steps),
    )


def _take(number: int, owner: Owner, world: World, rules: Rules, decide: Decide) -> Owner:
    mark = owner.mark + 1
    fact = world.inbox[mark]
    if fact in owner.memory and rules.knows_what_was_taken:
        return owner._replace(mark=mark)
    said = decide(owner.memory, fact)
    size = 1 + len(said)
    step = "".join(
        written(Record(owner.epoch, number, fact, index, size, owner.seq + 1 + index, mark, says))
        for index, says in enumerate(("", *said))
    )
    return owner._replace(
        mark=mark,
        memory=(*owner.memory, fact),
        seq=owner.seq + size,
        waiting=(*owner.waiting, Sent(fact, mark, size)),
        net=owner.net + step,
    )


def _hears_of_its_append(number: int, owner: Owner, world: World, rules: Rules) -> Iterator[tuple[str, World]]:
    """The receipt of its oldest append. What stands before it or in it may be a successor's announcement."""
    sent, *left = owner.waiting
    landed = _landed(number, owner, sent, world.log)
    if len(landed) < sent.size:
        return
    follows = landed[0] == owner.end and landed[-1] - landed[0] == sent.size - 1
    if not follows and rules.reads_gaps and _meets_a_successor(owner, world.log[owner.end : landed[-1] + 1], rules):
        yield "meets a successor:", _with(world, number, _over(owner.net))
        return
    told = owner._replace(end=landed[-1] + 1, waiting=tuple(left), told=owner.told | {sent.fact}, told_mark=sent.mark)
    yield "acknowledges", _with(world, number, told)


def _meets_a_successor(owner: Owner, gap: Log, rules: Rules) -> bool:
    took = "".join(number for number in gap if record(number).fact == TOOK)
    return read(rules.reader, took, 0, owner.epoch).epoch != owner.epoch


def _over(net: Log) -> Owner:
    """Nothing is left of it but what it has sent already."""
    return Owner(Phase.OVER, net=net)


def could_hold(owner: Owner, world: World, rules: Rules) -> Held:
    """What a reigning owner would put on the state store now."""
    if rules.holds_what_it_knows:
        return Held(owner.epoch, owner.end, owner.told_mark)
    return Held(owner.epoch, len(world.log), read(rules.reader, world.log).mark)


def _landed(number: int, owner: Owner, sent: Sent, log: Log) -> list[int]:
    return [
        offset
        for offset, one in enumerate(records(log))
        if (one.by, one.epoch, one.fact) == (number, owner.epoch, sent.fact)
    ]


def _with(world: World, number: int, owner: Owner) -> World:
    owners = world.owners
    return world._replace(owners=(*owners[:number], owner, *owners[number + 1 :]))
