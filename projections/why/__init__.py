"""Why a turn went as it did, in words, from the log and the behaviour that it pinned (docs/replay.md)."""
