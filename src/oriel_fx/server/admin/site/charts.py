"""Charts as SVG inside the page: colours come from the style sheet by class, so the page needs no inline style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 560, 170
_LEFT, _BOTTOM, _TOP = 34, 22, 8
_MOST_LABELS = 8


@dataclass(frozen=True)
class Bar:
    """A bar: its label, and its parts from the ground up, each a class of the style sheet, a value and words for it."""

    label: str
    parts: tuple[tuple[str, float, str], ...]


def bar_chart(bars: Sequence[Bar], title: str, unit: str = "") -> Markup:
    """Bars side by side, their parts stacked, on a scale of round numbers from 0."""
    top = round_up(max((sum(value for _, value, _ in bar.parts) for bar in bars), default=0))
    plot_w, plot_h = WIDTH - _LEFT, HEIGHT - _BOTTOM - _TOP
    step = plot_w / max(1, len(bars))
    every = max(1, -(-len(bars) // _MOST_LABELS))
    drawn = [_grid(top, plot_h, unit)]
    for number, bar in enumerate(bars):
        x, y = _LEFT + number * step + step * 0.18, float(_TOP + plot_h)
        for kind, value, words in bar.parts:
            height = plot_h * value / top
            y -= height
            if height > 0:
                drawn.append(
                    Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="2">').format(
                        kind, x, y, step * 0.64, height
                    )
                    + Markup("<title>{}: {}</title></rect>").format(bar.label, words)
                )
        if (len(bars) - 1 - number) % every == 0:  # today's above all
            drawn.append(
                Markup('<text class="label" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
                    x + step * 0.32, HEIGHT - 6, bar.label
                )
            )
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, title, Markup("").join(drawn)
    )


def round_up(value: float) -> float:
    """The next of 1, 2, 4, 5, 10, 20, 40, 50 … that is at least `value`; 4 for little or nothing."""
    if value <= 4:
        return 4
    power = 10.0 ** (len(str(int(value))) - 1)
    return next(step * power for step in (1, 2, 4, 5, 10) if step * power >= value)


def _grid(top: float, plot_h: float, unit: str) -> Markup:
    lines = []
    for quarter in (0, 0.5, 1):
        y = _TOP + plot_h * (1 - quarter)
        lines.append(
            Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(_LEFT, WIDTH, y, y)
            + Markup('<text class="label" x="{}" y="{:.1f}" text-anchor="end">{}{:g}</text>').format(
                _LEFT - 6, y + 4, unit, top * quarter
            )
        )
    return Markup("").join(lines)
