"""A call on top of the log: up to two gateways, one line, one turn of the caller.

A gateway takes the call with the next number and joins the line, which puts the former one off it; that one may still
believe that it holds the call, and do everything it did before. The caller hears the holder of the line alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

import owner_model
from log_model import View, read, records
from log_properties import violation as log_violation
from owner_model import Owner, Rules, World

HEARD = 5  # what the caller said; the other facts are numbered by their gateway's take


def taken(take: int) -> int:
    return 10 * take


def started(take: int) -> int:
    return 10 * take + 1


def closed(take: int) -> int:
    return 10 * take + 2


_ENDINGS = frozenset(f(take) for take in (1, 2) for f in (started, closed))


class CallDecides(owner_model.Decide):
    """Each gateway is granted what it may play; the caller's words get one reply, for the take that is current, and
    another one for the next take, if the log doesn't know that the caller was answered."""

    def __call__(self, memory: tuple[int, ...], fact: int) -> tuple[str, ...]:
        take = max((one // 10 for one in (*memory, fact)), default=0)
        owed = HEARD in memory and not _ENDINGS & set(memory)
        if fact == taken(take):
            return (f"grant {take}", f"reply {take}") if owed else (f"grant {take}",)
        return (f"reply {take}",) if fact == HEARD and take else ()


class Turn(IntEnum):
    OPEN = 0
    REPLIED = 1
    CLOSED = 2


class Gateway(NamedTuple):
    """``view``: how far it has read the log. ``spool``: facts that it hasn't put yet."""

    take: int
    on: bool = False
    view: int = 0
    spool: tuple[int, ...] = ()
    turn: Turn = Turn.OPEN


class Heard(NamedTuple):
    """What the caller heard: a reply or a closing line."""

    take: int
    reply: bool


class Call(NamedTuple):
    world: World
    gateways: tuple[Gateway, ...]
    line: int = 0  # the take of the gateway that holds it
    caller_spoke: bool = False
    heard: tuple[Heard, ...] = ()


@dataclass(frozen=True)
class CallRules:
    """The protocol of calls, and what it would be with one of its rules left out."""

    log: Rules = field(default_factory=Rules)
    reads_through_the_filter: bool = True
    obeys_the_take: bool = True
    refuses_after_the_closing_line: bool = True
    joining_puts_the_other_off: bool = True
    put_twice: frozenset[int] = frozenset()  # facts that may stand on the inbox twice: the answer to a put was lost


def initial(owners: int, gateways: int) -> Call:
    world = World("", (), tuple(Owner() for _ in range(owners)))
    return Call(world, tuple(Gateway(take) for take in range(1, gateways + 1)))


_DECIDES = CallDecides()


def acts(call: Call, rules: CallRules) -> Iterator[tuple[str, Call]]:
    for act, world in owner_model.acts(call.world, rules.log, _DECIDES):
        yield f"owner {act}", call._replace(world=world)
    for gateway in call.gateways:
        for act, after in _of(gateway, call, rules):
            yield f"gateway {gateway.take} {act}", after


def _of(gateway: Gateway, call: Call, rules: CallRules) -> Iterator[tuple[str, Call]]:
    take = gateway.take
    if not gateway.on:
        if take == 1 or call.gateways[take - 2].on:
            on = gateway._replace(on=True, view=len(call.world.log), spool=(taken(take),))
            line = take if rules.joining_puts_the_other_off else call.line or take
            yield "takes the call", _with(call._replace(line=line), on)
        return
    if gateway.spool:
        put = call._replace(world=call.world._replace(inbox=(*call.world.inbox, gateway.spool[0])))
        yield "puts", _with(put, gateway._replace(spool=gateway.spool[1:]))
        if gateway.spool[0] in rules.put_twice and gateway.spool[0] not in call.world.inbox:
            yield "puts, and hears nothing of it", put
    if gateway.view < len(call.world.log):
        yield "reads", _with(call, gateway._replace(view=len(call.world.log)))
    view = read(rules.log.reader, call.world.log[: gateway.view])
    said = view.said
    if not rules.reads_through_the_filter:
        said = tuple(one.says for one in records(call.world.log[: gateway.view]))
    if f"grant {take}" not in said or _evicted(take, view):
        return
    if not call.caller_spoke and call.line == take:
        yield "hears the caller", _with(call._replace(caller_spoke=True), _spools(gateway, HEARD))
    if _may_start(gateway, said, rules):
        yield "replies", _sounds(call, gateway, reply=True, rules=rules)
    if gateway.turn is Turn.OPEN and (HEARD in gateway.spool or _owed(call, view)):
        yield "closes", _sounds(call, gateway, reply=False, rules=rules)


def _evicted(take: int, view: View) -> bool:
    return any(fact % 10 == 0 and fact > taken(take) for fact in view.facts)


def _may_start(gateway: Gateway, said: tuple[str, ...], rules: CallRules) -> bool:
    over = (Turn.REPLIED, Turn.CLOSED) if rules.refuses_after_the_closing_line else (Turn.REPLIED,)
    if gateway.turn in over:
        return False
    if rules.obeys_the_take:
        return f"reply {gateway.take}" in said
    return any(says.startswith("reply") for says in said)


def _owed(call: Call, view: View) -> bool:
    """The caller spoke, and as far as this gateway has read, nobody answered."""
    return call.caller_spoke and not _ENDINGS & set(view.facts)


def _sounds(call: Call, gateway: Gateway, *, reply: bool, rules: CallRules) -> Call:
    heard = call.heard
    if call.line == gateway.take or not rules.joining_puts_the_other_off:
        heard = (*heard, Heard(gateway.take, reply))
    fact = started(gateway.take) if reply else closed(gateway.take)
    after = _spools(gateway, fact)._replace(turn=Turn.REPLIED if reply else Turn.CLOSED)
    return _with(call._replace(heard=heard), after)


def _spools(gateway: Gateway, fact: int) -> Gateway:
    return gateway._replace(spool=(*gateway.spool, fact))


def _with(call: Call, gateway: Gateway) -> Call:
    at = gateway.take - 1
    return call._replace(gateways=(*call.gateways[:at], gateway, *call.gateways[at + 1 :]))


# --- what must be true -----------------------------------------------------------------------------------------------


def violation(call: Call, rules: CallRules) -> str | None:
    return log_violation(call.world, rules.log) or _spoken(call, read(rules.log.reader, call.world.log))


def _spoken(call: Call, view: View) -> str | None:
    for one in call.heard:
        if one.reply and f"reply {one.take}" not in view.said:
            return f"the caller heard a reply that the log doesn't hold for gateway {one.take}"
    for earlier, later in zip(call.heard, call.heard[1:], strict=False):
        if later.reply and not _unknown_to_the_log(earlier, later, view.facts):
            return f"two sounds of one turn took effect: {earlier} and {later}"
    return None


def _unknown_to_the_log(earlier: Heard, later: Heard, facts: tuple[int, ...]) -> bool:
    """A gateway may die between its first sound and the fact that tells of it. Then the next one says it again: that,
    and nothing else, is allowed."""
    if earlier.take >= later.take:
        return False
    told = started(earlier.take) if earlier.reply else closed(earlier.take)
    return told not in facts or facts.index(told) > facts.index(taken(later.take))
