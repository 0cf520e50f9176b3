"""Where processes touch the world, so where they may die."""

from __future__ import annotations

OWNER_POINTS = (
    "states.load:before",
    "states.load:after",
    "states.save:before",
    "states.save:after",
    "snapshots.refresh:before",
    "snapshots.refresh:after",
    "snapshots.load:before",
    "snapshots.load:after",
    "snapshots.save:before",
    "snapshots.save:after",
    "snapshots.drop:before",
    "snapshots.drop:after",
    "ledger.append:before",
    "ledger.append:after",
    "ledger.append:acknowledged",
    "ledger.read:before",
    "ledger.read:after",
    "ledger.read_conversation:before",
    "ledger.read_conversation:after",
    "ledger.sync:before",
    "ledger.sync:after",
    "inbox.follow:delivered",
    "dead_letters.put:before",
    "dead_letters.put:after",
    "executor:before",
    "executor:sentence",
    "executor:after",
    "tool:before",
    "tool:after",
    "write:before",
    "write:done",
    "write:after",
)
GATEWAY_POINTS = (
    "inbox.put:before",
    "inbox.put:landed",
    "inbox.put:after",
    "states.load:before",
    "states.load:after",
    "ledger.end:after",
    "ledger.read_conversation:before",
    "ledger.read_conversation:after",
    "ledger.follow:delivered",
    "ledger.read:before",
    "ledger.read:after",
    "caller:heard",
    "voice:first_audio",
    "sound.start:before",
    "sound.start:after",
    "sound.end:before",
)
SELDOM = ("tool", "write")
"""Points of an owner, passed once or twice in a run, if at all."""
AWAITED = ("tool", "executor:sentence")
"""Points of an owner at which something is under way that one turn alone waits for."""
