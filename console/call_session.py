"""A call from the command line: opens everything, shows it while it happens, and reports it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import NamedTuple, Protocol

from console.call import CallMade, make_call, open_parts
from console.callers import Caller
from console.failures import tell_damage
from console.garbage import spare_what_is_loaded
from console.settings import Settings
from console.workspace import open_workspace
from projections.call_report import CallReport, report_call
from projections.effective_log import conversation_events
from schemas.event import Event
from schemas.facts import SubjectAuthenticated
from voice_gateway.media import Media

TRUE_END_WITHIN_S = 1.5  # a true end of speech belongs to an end that the gateway believed in if it lies so near


class View(Protocol):
    """Shows a call while it happens."""

    def __enter__(self) -> View: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
    def event(self, event: Event, now_s: float) -> None: ...


MakeView = Callable[[str, tuple[str, ...]], View]


class Reported(NamedTuple):
    made: CallMade
    report: CallReport
    events: list[Event]


async def hold_call(
    settings: Settings, caller: Caller, make_view: MakeView | None, subject: SubjectAuthenticated | None = None
) -> Reported:
    """Raises what ``open_workspace``, ``open_parts`` and ``make_call`` raise."""
    async with open_workspace(settings) as workspace:
        workers = await workspace.owned_elsewhere()  # before models are loaded: a second owner is refused
        parts = await open_parts(settings, workspace, own=not workers)
        spare_what_is_loaded()
        try:
            make_media = await caller.prepare(
                parts.speech.local_voice or parts.speech.voice,
                parts.company.newest_message if parts.company else lambda: "",
            )
            loop = asyncio.get_running_loop()
            if make_view is None:
                made = await make_call(workspace, parts, make_media, subject=subject)
            else:
                with make_view(caller.title, (*parts.in_use(), *_owners(settings, workers))) as view:
                    made = await make_call(
                        workspace,
                        parts,
                        make_media,
                        subject=subject,
                        on_event=lambda event: view.event(event, loop.time()),
                    )
        finally:
            await parts.close()
        events = await conversation_events(workspace.stores.ledger, workspace.codec, made.call_id, tell_damage)
        report = report_call(events, recording=str(made.recording), speech_end_lag_ms=_lags(made, made.media))
        assert report is not None, "a call that was made stands on the log"
        return Reported(made, report, events)


def _owners(settings: Settings, workers: int) -> tuple[str, ...]:
    """Where it is decided, for the screen."""
    kafka = settings.log.kafka()
    if kafka is None:
        return ()
    return (f"log:kafka at {kafka.bootstrap}", f"owner:{f'{workers} workers elsewhere' if workers else 'this process'}")


def losses(made: CallMade) -> Iterator[str]:
    """What of a call could not be kept, for its user."""
    if made.log_failure:
        unsent = made.heard.unsent_facts
        rest = f"{unsent} facts are lost" if unsent else "the inbox kept the rest for the next owner"
        yield f"the log doesn't hold {made.call_id} to its end ({made.log_failure}); {rest}"
    if made.recording_failure:
        yield f"{made.recording} ends early: {made.recording_failure.value.replace('_', ' ')}"


def _lags(made: CallMade, media: Media) -> Mapping[str, float]:
    """By how many ms each believed end of speech lies behind the true one, where the medium knows the true ones."""
    true_ends: list[float] = getattr(media, "true_speech_end_at", [])
    lags: dict[str, float] = {}
    for utterance_id, believed_s in made.heard.speech_ended_at.items():
        near = [end for end in true_ends if abs(believed_s - end) <= TRUE_END_WITHIN_S]
        if near:
            lags[utterance_id] = (believed_s - min(near, key=lambda end: abs(believed_s - end))) * 1000
    return lags
