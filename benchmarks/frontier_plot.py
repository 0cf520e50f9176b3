"""Calls against tail as a picture: one line a table, a point a strategy, those that nothing beats joined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

WIDTH, HEIGHT = 860, 470
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 300, 40, 55
_COLOURS = ("#1f6feb", "#c2410c")
_TICKS = 6


class Point(NamedTuple):
    """``number``: of the strategy, as the legend lists them."""

    number: int
    calls: float
    p99_ms: float


class _Scale(NamedTuple):
    most_calls: float
    most_ms: float

    def x(self, calls: float) -> float:
        return _LEFT + (calls - 1) / (self.most_calls - 1) * (WIDTH - _LEFT - _RIGHT)

    def y(self, ms: float) -> float:
        return HEIGHT - _BOTTOM - ms / self.most_ms * (HEIGHT - _TOP - _BOTTOM)


def plot(path: Path, strategies: Sequence[str], lines: Mapping[str, Sequence[Point]], most_ms: float) -> None:
    """``most_ms``: what lies above stands at the upper edge, with an arrow."""
    calls = max(point.calls for points in lines.values() for point in points)
    scale = _Scale(max(calls, 1.5), most_ms)
    parts = [*_axes(scale), *_legend(strategies, list(lines))]
    for colour, points in zip(_COLOURS, lines.values(), strict=False):
        parts += _line(scale, points, colour)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12">\n<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n",
        "utf-8",
    )


def unbeaten(points: Sequence[Point]) -> list[Point]:
    """Those for which no other has both fewer calls and a shorter tail, from the cheapest on."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda one: (one.calls, one.p99_ms)):
        if not kept or point.p99_ms < kept[-1].p99_ms:
            kept.append(point)
    return kept


def _line(scale: _Scale, points: Sequence[Point], colour: str) -> Iterator[str]:
    joined = " ".join(f"{scale.x(p.calls):.1f},{scale.y(min(p.p99_ms, scale.most_ms)):.1f}" for p in unbeaten(points))
    yield f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="1.5" opacity="0.6"/>'
    for point in points:
        x, y = scale.x(point.calls), scale.y(min(point.p99_ms, scale.most_ms))
        beyond = point.p99_ms > scale.most_ms
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="{colour}"/>'
        yield _text(x, y + 4, str(point.number), "middle", "#ffffff")
        if beyond:
            yield _text(x + 12, y + 4, f"\N{UPWARDS ARROW} {point.p99_ms:,.0f} ms", "start", colour)


def _axes(scale: _Scale) -> Iterator[str]:
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    for n in range(_TICKS + 1):
        ms, calls = scale.most_ms * n / _TICKS, 1 + (scale.most_calls - 1) * n / _TICKS
        y, x = scale.y(ms), scale.x(calls)
        yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#e5e7eb"/>'
        yield _text(_LEFT - 8, y + 4, f"{ms:,.0f}", "end")
        yield _text(x, bottom + 18, f"{calls:.1f}", "middle")
    yield f'<line x1="{_LEFT}" y1="{bottom}" x2="{right}" y2="{bottom}" stroke="#6b7280"/>'
    yield _text((_LEFT + right) / 2, bottom + 40, "calls a candidate", "middle")
    yield _text(_LEFT - 50, _TOP - 16, "p99 of candidates, ms", "start")


def _legend(strategies: Sequence[str], lines: Sequence[str]) -> Iterator[str]:
    x = WIDTH - _RIGHT + 24
    for n, title in enumerate(lines):
        yield f'<circle cx="{x}" cy="{_TOP + 18 * n - 4}" r="6" fill="{_COLOURS[n]}"/>'
        yield _text(x + 12, _TOP + 18 * n, title, "start")
    for number, name in enumerate(strategies, start=1):
        yield _text(x - 4, _TOP + 18 * (len(lines) + number), f"{number:>2}  {name}", "start")


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#374151") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
