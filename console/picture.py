"""``python -m console.picture``: writes the README's picture of the demo's terminal, from a recorded conversation.

``--record`` holds the demo's call first, as ``ledgerline demo`` does, and keeps it as that conversation.
"""

from __future__ import annotations

import asyncio
import io
import re
import sys
import tempfile
from pathlib import Path
from types import TracebackType

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme

from console.call_session import View
from console.demo_stage import FOLDER, hold_demo
from console.race_fold import fold
from console.race_model import CallRace
from console.race_render import Canvas, frame
from console.recorded_call import ReadEvent, line_of, load
from console.settings import LogSettings, Settings, SttSettings, TtsSettings
from schemas.event import Event
from voice_gateway.script import load_script

ROOT = Path(__file__).resolve().parent.parent
RECORDED = ROOT / "tests" / "golden" / "demo_call.jsonl"
PICTURE = ROOT / "docs" / "pictures" / "demo-terminal.svg"
TITLE = load_script(FOLDER / "call.yaml").title
WIDTH, HEIGHT = 116, 40
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
SHOWN_TURN = "t3"  # one answer is blocked, and a hold covers the wait for the other
AFTER_FIRST_SOUND_S = 1.5
# Colours that keep their contrast on the card's own dark ground, whatever page it stands on.
THEME = TerminalTheme(
    (22, 27, 34),
    (221, 227, 234),
    [
        *((72, 79, 88), (255, 123, 114), (86, 211, 100), (227, 179, 65)),
        *((108, 182, 255), (210, 168, 255), (86, 212, 221), (221, 227, 234)),
    ],
    [
        *((139, 148, 158), (255, 161, 152), (126, 231, 135), (242, 204, 96)),
        *((150, 205, 255), (226, 197, 255), (130, 229, 236), (255, 255, 255)),
    ],
)


def picture_svg(recorded: list[ReadEvent]) -> str:
    """The live screen as it stood shortly after the agent began to answer in ``SHOWN_TURN``."""
    moment_s = _first_sound_s(recorded) + AFTER_FIRST_SOUND_S
    call = CallRace()
    for event, read_s in recorded:
        if read_s <= moment_s:
            call = fold(call, event, read_s)
    console = Console(
        record=True, width=WIDTH + 1, height=HEIGHT, force_terminal=True, color_system="truecolor", file=io.StringIO()
    )
    console.print(frame(call, TITLE, moment_s, Canvas(WIDTH, HEIGHT)))
    svg = console.export_svg(title="make demo", theme=THEME, unique_id="ledgerline", code_format=_own_format())
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def _own_format() -> str:
    """rich's own frame without its web fonts: a picture in a README loads nothing from elsewhere."""
    without_fonts = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return without_fonts.replace("Fira Code, monospace", FONTS)


def _first_sound_s(recorded: list[ReadEvent]) -> float:
    return next(read_s for event, read_s in recorded if event.turn_id == SHOWN_TURN and event.type == "SpeechStarted")


class _Reader:
    """A view of the call that only keeps what it is told, and when."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._began_s: float | None = None

    def __enter__(self) -> View:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def event(self, event: Event, now_s: float) -> None:
        self._began_s = now_s if self._began_s is None else self._began_s
        self.lines.append(line_of(event, now_s - self._began_s))


def record() -> None:
    """The demo's call in real time, on this machine alone, whatever keys are set."""
    reader = _Reader()
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings(
            data=Path(directory),
            log=LogSettings(url="sqlite"),
            stt=SttSettings(provider="local"),
            tts=TtsSettings(provider="local"),
        )
        asyncio.run(hold_demo(settings, lambda title, providers: reader))
    RECORDED.write_text("\n".join(reader.lines) + "\n")


def main() -> int:
    if "--record" in sys.argv[1:]:
        record()
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(picture_svg(load(RECORDED)))
    print(PICTURE.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
