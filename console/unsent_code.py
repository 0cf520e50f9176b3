"""A script that keys in a code where its phone got none: told by name, because the rest of the call makes no sense without."""

from __future__ import annotations

from collections.abc import Sequence

from schemas import facts as f
from schemas import proving as p
from schemas.event import Event
from voice_gateway.media import Media


def went_elsewhere(events: Sequence[Event], media: Media) -> bool:
    """Whether a code was sent in this call, by a process whose phones aren't the scripted caller's."""
    return _keyed_nothing(media) > 0 and any(isinstance(event.payload, p.CodeSent) for event in events)


def told_of_codes(events: Sequence[Event], media: Media) -> str | None:
    """For the user of a call that is over; None where every ``press: code`` had one."""
    times = _keyed_nothing(media)
    if not times:
        return None
    keyed = f"'press: code' keyed in nothing{f', {times} times' if times > 1 else ''}"
    if went_elsewhere(events, media):
        return (
            f"{keyed}: another process decided this call and sent the code, so the phone that got it isn't this script's. Emulated"
            " phones live in the process that decides: make the call where no worker and no other call is under way, or key in"
            " digits that you know"
        )
    unsent = f"{keyed}: no code had been sent to the caller's phone by then"
    if any(isinstance(event.payload, f.SubjectAuthenticated) for event in events):
        return unsent
    return f"{unsent}. Codes go to callers who are known: --signed-in CUSTOMER says who calls"


def _keyed_nothing(media: Media) -> int:
    keyed: int = getattr(media, "keyed_nothing", 0)
    return keyed
