"""A finding: one line that says what may have caused how a turn went, with the events that show it."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """``kind``: code, log, provider, budget, guardrail, knowledge, prompt, behaviour, understanding, access, voice, caller.
    ``weight`` 0..100: how much it explains; ``seqs``: the events that show it."""

    kind: str
    weight: int
    told: str
    seqs: tuple[int, ...] = ()


def quoted(text: str, most: int = 90) -> str:
    flat = " ".join(text.split())
    return f"“{flat if len(flat) <= most else flat[: most - 1] + '…'}”"
