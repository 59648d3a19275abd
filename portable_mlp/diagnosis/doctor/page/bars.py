"""Bars of the loss before and after a tried fix."""

from __future__ import annotations

from collections.abc import Sequence

from portable_mlp.diagnosis.doctor.page.selection import finite
from portable_mlp.diagnosis.doctor.page.svg import px, svg
from portable_mlp.diagnosis.doctor.report import Trial

BAR = (170, 14)
"""Size of the bar of a tried fix."""


def bar_top(trials: Sequence[Trial]) -> float:
    """The loss at which the bars of tried fixes end; 0 where they cannot be drawn."""
    starts = [t.start for t in trials if finite(t.start)]
    ends = [t.end for t in trials if finite(t.start) and finite(t.end)]
    if not starts or min(starts + ends) < 0:
        return 0.0
    return max(v for v in starts + ends if v <= 2 * max(starts))


def bar_picture(start: float, end: float, top: float, name: str, said: str) -> str:
    """What is left of the loss, full, of what it was, an outline; beyond ``top`` it has an arrow."""
    width, height = BAR
    room = width - 12.0

    def place(value: float) -> float:
        return 1 + room * min(1.0, max(0.0, value / top))

    parts = [
        f'<rect class="was" x="1" y="1" width="{px(place(start) - 1)}" height="{height - 2}"/>'
    ]
    look, left = "left" if end <= start else "left more", max(1, place(end) - 1)
    parts.append(f'<rect class="{look}" x="1" y="3" width="{px(left)}" height="{height - 6}"/>')
    if end > top:
        parts.append(f'<path class="left more" d="M{px(room + 3)} 2l7 5l-7 5z"/>')
    return svg(width, height, name, "Loss before and after", said, parts)
