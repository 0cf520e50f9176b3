"""Cut-ins against latency: what an endpointing setting costs callers who pause while they think.

Scripted callers say a turn in stretches with pauses between them, drawn by seed: some are only breaths, some are
hesitations. The production endpointer (``providers/endpointing.py``) hears them as a voice detector would tell it, window
by window, and the agent answers some time after an end of turn: the work begins with the eager end, the sound no sooner
than the final one. A *cut-in* is an answer that begins while the caller only pauses. Whoever is cut in goes on, and has
to be answered anew.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.figures import percentile, share
from benchmarks.report import Cell, Report, Table
from emulators.config import Latency
from providers.endpointing import Ended, Endpoint, Endpointer, EndpointOptions, Paused, Resumed

WINDOW_MS = 32.0
SETTINGS = ((96.0, 192.0), (128.0, 320.0), (192.0, 512.0), (256.0, 704.0), (320.0, 1024.0), (512.0, 1504.0))
CALLERS = {"fluent": 0.05, "usual": 0.25, "hesitant": 0.6}  # share of stretches that a hesitation follows
BREATH = Latency(median_ms=90, p95_ms=180)
HESITATION = Latency(
    median_ms=550, p95_ms=1500
)  # assumed, like all of these callers: the shape of the curve is what counts
STRETCH = Latency(median_ms=1100, p95_ms=2600)
ANSWER = Latency(median_ms=480, p95_ms=1000)  # the eager end to the first sound of a reply: model and voice
TURNS, QUICK_TURNS = 2_000, 60
MOST_STRETCHES = 5


@dataclass
class _Tally:
    turns: int = 0
    cut_ins: int = 0
    eager: int = 0
    eager_wrong: int = 0

    def __post_init__(self) -> None:
        self.latency_ms: list[float] = []


def run(*, quick: bool) -> Report:
    turns = QUICK_TURNS if quick else TURNS
    tables = [_table(name, hesitates, turns) for name, hesitates in CALLERS.items()]
    return Report("turn_taking", tables)


def _table(name: str, hesitates: float, turns: int) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for eager_ms, end_ms in SETTINGS:
        tally = _Tally()
        for seed in range(turns):
            _turn(
                random.Random(f"{name}/{seed}"),
                hesitates,
                EndpointOptions(eager_silence_ms=eager_ms, end_silence_ms=end_ms),
                tally,
            )
        rows.append(
            (
                f"{eager_ms:.0f} / {end_ms:.0f}",
                percentile(tally.latency_ms, 0.5),
                percentile(tally.latency_ms, 0.95),
                share(100 * tally.cut_ins, tally.turns),
                share(100 * tally.eager_wrong, tally.eager),
            )
        )
    return Table(
        f"{name} callers: cut-ins against latency",
        (
            "eager / final silence, ms",
            "end of speech to reply p50, ms",
            "p95",
            "cut-ins a 100 turns",
            "eager ends wrong, %",
        ),
        rows,
        (
            f"{turns:,} turns a row, the same callers in each; {hesitates:.0%} of stretches end in a hesitation "
            f"(median {HESITATION.median_ms:.0f} ms, p95 {HESITATION.p95_ms:.0f} ms)",
            f"an answer is ready {ANSWER.median_ms:.0f} ms after the eager end in the median ({ANSWER.p95_ms:.0f} ms at p95) and is "
            "begun no sooner than the final one; latency is that of the answer that was heard out",
        ),
    )


def _turn(rng: random.Random, hesitates: float, options: EndpointOptions, tally: _Tally) -> None:
    """One turn of the caller. Speech is known; what the agent makes of its pauses is not."""
    stretches = _stretches(rng, hesitates)
    answers = [_drawn(rng, ANSWER) for _ in range(len(stretches) * 2)]
    tally.turns += 1
    eager_at_ms, answered_at_ms = 0.0, math.inf
    for endpoint, speaks_again_ms in _heard(stretches, options):
        if isinstance(endpoint, Paused):
            tally.eager += 1
            eager_at_ms = endpoint.at_ms
            tally.eager_wrong += speaks_again_ms < math.inf
        elif isinstance(endpoint, Resumed):
            answered_at_ms = math.inf
        elif isinstance(endpoint, Ended):
            answer_ms = answers.pop()
            answered_at_ms = max(endpoint.at_ms, eager_at_ms + answer_ms)
            if answered_at_ms < speaks_again_ms < math.inf:
                tally.cut_ins += 1
            elif speaks_again_ms == math.inf:
                tally.latency_ms.append(answered_at_ms - endpoint.speech_end_ms)


def _stretches(rng: random.Random, hesitates: float) -> list[tuple[float, float]]:
    """Speech and the pause behind it, ms each; the last pause is the end of the turn."""
    stretches: list[tuple[float, float]] = []
    while len(stretches) < MOST_STRETCHES and (not stretches or rng.random() < 0.5):
        pause = HESITATION if rng.random() < hesitates else BREATH
        stretches.append((_drawn(rng, STRETCH), _drawn(rng, pause)))
    stretches[-1] = stretches[-1][0], 4000.0
    return stretches


def _heard(stretches: list[tuple[float, float]], options: EndpointOptions) -> Iterator[tuple[Endpoint, float]]:
    """What the endpointer says, and when the caller speaks again: infinite where they are done."""
    endpointer, spans, at_ms = Endpointer(options), [], 0.0
    for speech_ms, pause_ms in stretches:
        spans.append((at_ms, at_ms + speech_ms))
        at_ms += speech_ms + pause_ms
    window_ms = 0.0
    while window_ms < at_ms:
        middle_ms = window_ms + WINDOW_MS / 2
        speech = any(begin <= middle_ms < end for begin, end in spans)
        endpoint = endpointer.step(0.9 if speech else 0.05, window_ms, window_ms + WINDOW_MS)
        window_ms += WINDOW_MS
        if endpoint is not None:
            yield endpoint, next((begin for begin, _ in spans if begin > endpoint.at_ms), math.inf)


def _drawn(rng: random.Random, latency: Latency) -> float:
    sigma = math.log(latency.p95_ms / latency.median_ms) / 1.645
    return latency.median_ms * math.exp(rng.gauss(0.0, sigma))
