"""``python -m tests.golden.record [NAME…]``: records the golden logs anew, or those that are named, with today's deciders.

- ``demo_on_a_virtual_clock``: the example bank answers its scripted caller, with the real recogniser and classifier.
- ``a_call_with_crashes``, ``…_bad_vendors``, ``…_guests``, ``…_hedges``, ``…_proofs``, ``…_writes``, ``a_call_by_sentence``,
  ``a_plain_call``: of some simulated calls under such faults, or none, the one in which most happens that no golden log
  before it holds, types of event first.
- ``a_read_that_comes_late``: told fact by fact, as short as it can be.

Each version of the deciders is recorded once. A golden log that its own version no longer decides alike means that
``processors.deciders.VERSION`` must rise first; ``--unreleased`` says that no log outside this checkout has that version.
"""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from agent_core.behaviour import Behaviour
from console.demo_stage import hold_demo
from console.settings import Settings
from console.workspace import SqliteWorkspace
from processors.deciders import VERSION
from schemas import facts as f
from schemas.event import Event
from simulation.faults import Fault
from simulation.raw_log import read_raw
from simulation.run import play
from simulation.small_bank import small_bank
from simulation.virtual_loop import run_virtual
from simulation.world import Run, Scene
from streams.codec import Codec
from tests.agent.told_by_hand import Call, signed_in, tool_returned
from tests.golden.golden_log import GoldenLog, differences, names, read, told, types_of, write

SEEDS = range(32)
_TELLING = ("reason", "outcome", "cause", "action", "origin", "purpose", "guardrail", "passed")
CRASHES = frozenset({Fault.CRASH_OWNER, Fault.CRASH_GATEWAY, Fault.STALL, Fault.VENDOR_ERROR, Fault.POISON})
BAD_VENDORS = frozenset({Fault.BAD_COMPLETION, Fault.STALL, Fault.VENDOR_ERROR, Fault.VOICE_FAIL})
NONE: frozenset[Fault] = frozenset()
STREAMS = frozenset({Fault.STREAM_BREAKS, Fault.BAD_COMPLETION})
GUESTS = frozenset({Fault.GUESTS_FAIL, Fault.BAD_COMPLETION})
DEMO, LATE_READ = "demo_on_a_virtual_clock", "a_read_that_comes_late"
HEDGES = frozenset({Fault.STALL, Fault.VENDOR_ERROR})
REFUSALS = frozenset({Fault.VENDOR_ERROR})
SIMULATED = {
    "a_call_with_crashes": Scene(CRASHES, mixed=False, callers=1),
    "a_call_with_bad_vendors": Scene(BAD_VENDORS, mixed=False, callers=1),
    "a_plain_call": Scene(NONE, mixed=False, callers=1),
    "a_call_with_guests": Scene(GUESTS, mixed=False, callers=1),
    "a_call_with_hedges": Scene(HEDGES, mixed=False, callers=1, hedged=True),
    "a_call_by_sentence": Scene(STREAMS, mixed=False, callers=1),
    "a_call_with_proofs": Scene(NONE, mixed=False, callers=1, writes=True),
    "a_call_with_writes": Scene(REFUSALS, mixed=False, callers=1, writes=True),
}


def main(arguments: list[str]) -> int:
    if "--unreleased" not in arguments:
        for name in names():
            log = read(name)
            if log.version == VERSION and (found := differences(log)):
                print(f"{name}: decided otherwise by version {VERSION}:\n{told(found)}", file=sys.stderr)
                print("raise processors.deciders.VERSION first (or say --unreleased)", file=sys.stderr)
                return 1
    wanted = [argument for argument in arguments if not argument.startswith("--")] or [DEMO, *SIMULATED, LATE_READ]
    logs = [demo_call() if DEMO in wanted else read(DEMO)]
    for name, scene in SIMULATED.items():
        held = {each for log in logs for each in _happened(log.events)}
        logs.append(simulated_call(name, scene, held) if name in wanted else read(name))
    logs.append(late_read() if LATE_READ in wanted else read(LATE_READ))
    for log in logs:
        if log.name not in wanted:
            continue
        write(log)
        print(f"{log.name}: {len(log.events)} events of {len(types_of(log.events))} types, deciders {log.version}")
    return 0


def demo_call() -> GoldenLog:
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings(data=Path(directory))
        reported = run_virtual(hold_demo(settings))
        workspace = SqliteWorkspace(settings.data, create=False)
        try:
            key = workspace.keys.get(reported.made.call_id)
            assert key is not None, "the call's key was made with its first fact"
            pinned = {(e.payload.behaviour_seq, e.payload.behaviour_hash) for e in reported.events if _pins(e)}
            behaviours = {pin: workspace.behaviour_of(*pin) for pin in pinned}
            return GoldenLog(DEMO, reported.events, behaviours, key.digest_key)
        finally:
            workspace.close()


def simulated_call(name: str, scene: Scene, held: set[tuple[str, ...]]) -> GoldenLog:
    best: tuple[tuple[int, int], Run, list[Event]] | None = None
    for seed in SEEDS:
        run = play(seed, scene)
        for events in _conversations(run).values():
            new = _happened(events) - held
            variety = len({happened[0] for happened in new} - {happened[0] for happened in held}), len(new)
            if best is None or variety > best[0]:
                best = (variety, run, events)
    assert best is not None, "there is a call in every seed"
    _, run, events = best
    key = run.durable.keys.get(events[0].conversation_id)
    assert key is not None, "a simulated call is never forgotten"
    behaviours = {(1, run.behaviour.content_hash): run.behaviour}
    return GoldenLog(name, events, behaviours, key.digest_key)


def late_read() -> GoldenLog:
    """A turn gives up on a tool; what it finds is told once the next reply was heard."""
    bank = small_bank()
    words = {"pending": "That takes a while.", "late": "Your {card} {progress}.", "failed": "I couldn't find it."}
    intents = [i.model_dump() | (words if i.name == "card" else {}) for i in bank.intents]
    behaviour = Behaviour.model_validate(bank.model_dump() | {"intents": intents})
    call = Call(behaviour, signed_in("ada"))
    call.says("Is my new card on its way", "card")
    call.now_ms += behaviour.budget.give_up_ms
    call.told(f.TimerFired(timer_id="t2.give_up", purpose="give_up"))
    call.hears_reply()
    call.says("What does a new card cost", "fees")
    call.told(tool_returned("t2.s1.tool.card", "card", "is on its way"))
    for _ in range(2):
        call.hears_reply()
    return GoldenLog(LATE_READ, call.events, {(1, behaviour.content_hash): behaviour}, b"key")


def _happened(events: list[Event]) -> set[tuple[str, ...]]:
    """Types of event, told apart by reason, outcome, cause and the like."""
    return {(event.type, *(str(getattr(event.payload, name, "")) for name in _TELLING)) for event in events}


def _conversations(run: Run) -> dict[str, list[Event]]:
    codec = Codec(run.durable.keys)
    found: dict[str, list[Event]] = defaultdict(list)
    for step in read_raw(run.durable).steps:
        for record in step:
            event = codec.decode(run.durable.log[record.offset].body)
            found[event.conversation_id].append(event)
    return found


def _pins(event: Event) -> bool:
    return event.type == "ConversationOpened"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
