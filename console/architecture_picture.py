"""``python -m console.architecture_picture``: writes the one picture of the system, as an SVG that needs no fonts or tools.

It lies on a card of its own, so it reads on a white page and on a dark one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "pictures" / "architecture.svg"
WIDTH, HEIGHT = 1260, 660
FONTS = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
GROUND, BOX, EDGE, INK, SOFT = "#161b22", "#1f2630", "#48525e", "#dde3ea", "#9aa6b2"
FACT, DECISION, SOUND = "#e3b341", "#56d4dd", "#56d364"

_LOGGED = (
    (FACT, "UtteranceHeard"),
    (DECISION, "TurnOpened"),
    (DECISION, "CompletionAsked ×N"),
    (FACT, "CompletionReturned"),
    (DECISION, "CandidateFormed"),
    (DECISION, "VerdictIssued ×M"),
    (DECISION, "ReplyChosen"),
    (FACT, "SpeechStarted"),
    (FACT, "SpeechInterrupted"),
    (DECISION, "TurnEnded"),
)


def architecture_svg() -> str:
    parts = [_frame(), *_boxes(), *_log(), *_arrows(), *_legend()]
    return "\n".join(["<!-- python -m console.architecture_picture -->", *parts, "</svg>", ""])


def _frame() -> str:
    heads = "".join(
        f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7"'
        f' orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" fill="{colour}"/></marker>'
        for name, colour in (("fact", FACT), ("decision", DECISION), ("sound", SOUND), ("soft", SOFT))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="A caller talks to the voice gateway. It puts facts into the inbox and says only what it reads'
        f' from the conversation log, which the owner writes."><defs>{heads}</defs>'
        f'<rect x="1" y="1" width="{WIDTH - 2}" height="{HEIGHT - 2}" rx="14" fill="{GROUND}" stroke="{EDGE}"/>'
    )


def _boxes() -> list[str]:
    return [
        _box(30, 265, 110, 90, "caller", ("audio files,", "microphone")),
        _box(
            190,
            180,
            220,
            260,
            "voice_gateway",
            (
                "turn taking · barge-in",
                "playback · recording",
                "",
                "Alone it may play only what",
                "was granted ahead: holding",
                "lines at their marks, and the",
                "closing line at the hard mark.",
                "So nobody waits in silence,",
                "even with the log gone.",
            ),
        ),
        _box(190, 500, 220, 88, "ears and voice", ("Deepgram · ElevenLabs,", "local parts, or emulators"), soft=True),
        _box(490, 90, 230, 76, "inbox", ("facts, from any process",)),
        _box(
            490,
            215,
            230,
            225,
            "owner",
            (
                "reads a fact, folds it,",
                "runs the deciders to rest:",
                "",
                "turns · questions · candidates",
                "guardrails · choice · budgets",
                "",
                "Pure: no clock, no chance,",
                "no I/O. One writer, one order.",
            ),
        ),
        _box(490, 500, 230, 88, "effects", ("classify · retrieve · complete", "score, N attempts at once"), soft=True),
        _box(1050, 110, 180, 92, "projections", ("report · show", "console, race view")),
        _box(1050, 240, 180, 92, "replay and verify", ("every decision", "computed again")),
        _box(1050, 390, 180, 104, "guests (later)", ("any language: read the", "log, post verdicts"), dashed=True),
    ]


def _log() -> list[str]:
    left, top, width, height = 800, 90, 200, 404
    drawn = [
        f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="10" fill="{BOX}" stroke="{DECISION}"'
        ' stroke-width="1.6"/>',
        _text(left + width / 2, top + 27, "conversation log", size=16, weight=600),
        _text(left + width / 2, top + 46, "hash chain · sealed private fields", size=11, colour=SOFT),
    ]
    for index, (colour, name) in enumerate(_LOGGED):
        y = top + 60 + index * 33
        drawn.append(f'<rect x="{left + 14}" y="{y}" width="{width - 28}" height="26" rx="4" fill="{GROUND}"/>')
        drawn.append(f'<rect x="{left + 14}" y="{y}" width="4" height="26" rx="2" fill="{colour}"/>')
        drawn.append(_text(left + 28, y + 17.5, name, size=12, anchor="start", font=MONO))
    return drawn


def _arrows() -> list[str]:
    return [
        _arrow("M140 295 H190", "sound"),
        _arrow("M190 325 H140", "sound"),
        _arrow("M300 440 V500", "soft", both=True),
        _arrow("M410 240 H445 V128 H490", "fact"),
        _text(466, 116, "facts", size=12, colour=FACT),
        _arrow("M605 166 V215", "fact"),
        _arrow("M720 320 H800", "decision"),
        _text(760, 291, "a step:", size=12, colour=DECISION),
        _text(760, 308, "all or none", size=12, colour=DECISION),
        _arrow("M570 440 V500", "decision"),
        _text(560, 475, "asks", size=12, colour=DECISION, anchor="end"),
        _arrow("M640 500 V440", "fact"),
        _text(650, 475, "outcomes", size=12, colour=FACT, anchor="start"),
        _arrow("M900 90 V48 H300 V180", "decision"),
        _text(600, 38, "follows the log: nothing is said that doesn't stand there", size=13, colour=DECISION),
        _arrow("M1000 156 H1050", "soft"),
        _arrow("M1000 286 H1050", "soft"),
        _arrow("M1000 425 H1050", "soft", dashed=True),
        _arrow("M1140 494 V622 H452 V146 H490", "fact", dashed=True),
        _text(796, 613, "verdicts and candidates, as facts", size=12, colour=FACT),
    ]


def _legend() -> list[str]:
    drawn: list[str] = []
    for index, (colour, words) in enumerate(
        ((FACT, "fact: came from outside"), (DECISION, "decision: replay recomputes it"), (SOUND, "sound"))
    ):
        y = 40 + 20 * index
        drawn.append(f'<rect x="30" y="{y - 9}" width="12" height="12" rx="3" fill="{colour}"/>')
        drawn.append(_text(50, y + 1.5, words, size=12, colour=SOFT, anchor="start"))
    return drawn


def _box(
    x: int,
    y: int,
    width: int,
    height: int,
    title: str,
    lines: Sequence[str],
    *,
    soft: bool = False,
    dashed: bool = False,
) -> str:
    dash = ' stroke-dasharray="6 5"' if dashed else ""
    edge = EDGE if soft or dashed else SOFT
    drawn = [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="10" fill="{BOX}" stroke="{edge}"{dash}/>',
        _text(x + width / 2, y + 28, title, size=16, weight=600),
    ]
    drawn += [
        _text(x + width / 2, y + 52 + 20 * index, line, size=13, colour=SOFT)
        for index, line in enumerate(lines)
        if line
    ]
    return "\n".join(drawn)


def _arrow(path: str, kind: str, *, both: bool = False, dashed: bool = False) -> str:
    colour = {"fact": FACT, "decision": DECISION, "sound": SOUND, "soft": SOFT}[kind]
    start = f' marker-start="url(#{kind})"' if both else ""
    dash = ' stroke-dasharray="6 5"' if dashed else ""
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"{dash}{start}'
        f' marker-end="url(#{kind})"/>'
    )


def _text(
    x: float,
    y: float,
    words: str,
    *,
    size: int,
    colour: str = INK,
    weight: int = 400,
    anchor: str = "middle",
    font: str = FONTS,
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-family="{font}" font-size="{size}" font-weight="{weight}" fill="{colour}"'
        f' text-anchor="{anchor}">{escape(words)}</text>'
    )


def main() -> int:
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(architecture_svg())
    print(PICTURE.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
