"""``ledgerline replay --realtime``: plays a call back, its race and its audio at the pace at which they were recorded."""

from __future__ import annotations

import asyncio
import sys
import wave
from collections.abc import Callable, Sequence
from pathlib import Path

from console.call_session import MakeView, View
from console.failures import tell_damage
from console.find_call import find_call
from console.output import print_json
from console.settings import Settings, load_settings
from console.workspace import open_workspace
from projections.call_report import report_call
from projections.effective_log import conversation_events
from schemas.event import Event
from schemas.facts import CallArrived
from voice_gateway.media import MediaError
from voice_gateway.recording_player import RecordingPlayer


def run(*, call_id: str, data: Path | None, log: str | None, as_json: bool) -> int:
    settings = load_settings(data, log)
    events = asyncio.run(_play_back(settings, call_id, None if as_json else _view))
    if as_json:
        print_json(report_call(events))
    return 0


def _view(title: str, providers: tuple[str, ...]) -> View:
    from rich.console import Console

    from console.live import RaceView

    return RaceView(title, providers, Console())


async def _play_back(settings: Settings, wanted: str, make_view: MakeView | None) -> list[Event]:
    async with open_workspace(settings, create=False) as workspace:
        call_id = await find_call(workspace, wanted)
        await workspace.codec.prepare([call_id])
        events = await conversation_events(workspace.stores.ledger, workspace.codec, call_id, tell_damage)
        recording = workspace.recordings / f"{call_id}.wav"
    player = open_player(recording)
    if isinstance(player, str):
        print(f"ledgerline: no sound: {player}", file=sys.stderr)
    sound = asyncio.ensure_future(player.play()) if isinstance(player, RecordingPlayer) else None
    try:
        if make_view is None:
            await at_pace(events, lambda event, now_s: None)
        else:
            arrived = next((e.payload for e in events if isinstance(e.payload, CallArrived)), None)
            with make_view(f"played back · {call_id}", arrived.providers if arrived else ()) as view:
                await at_pace(events, view.event)
        if sound:
            await sound
    finally:
        if sound:
            sound.cancel()
    return events


async def at_pace(events: Sequence[Event], show: Callable[[Event, float], None]) -> None:
    """Shows each event as long after the first as it was accepted after it."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for event in events:
        due_s = began_s + (event.accepted_at_us - events[0].accepted_at_us) / 1e6
        if due_s > loop.time():
            await asyncio.sleep(due_s - loop.time())
        show(event, loop.time())


def open_player(recording: Path) -> RecordingPlayer | str:
    """Or why there is none. A recording begins when its call rings, as the log does."""
    try:
        return RecordingPlayer(recording)
    except MediaError as error:
        return error.detail
    except FileNotFoundError:
        return f"this call has no recording ({recording} isn't there)"
    except (OSError, EOFError, wave.Error) as error:
        return f"{recording} can't be played: {error}"
