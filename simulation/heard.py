"""Whether a reply was heard to its end, as the raw log tells it."""

from __future__ import annotations

from collections.abc import Mapping

from simulation.raw_log import Rec


def heard_to_its_end(rec: Rec, texts: Mapping[str, str]) -> bool:
    """``texts``: candidate → what it says. Who speaks into the silence behind its last word heard it as well."""
    if rec.type == "SpeechInterrupted":
        text = texts.get(rec.payload["candidate_id"], "")
        return bool(text) and rec.payload["spoken_so_far"].split() == text.split()
    return rec.type == "SpeechCompleted"
