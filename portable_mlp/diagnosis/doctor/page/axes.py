"""The part of a picture where the data is drawn, and its axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from portable_mlp.diagnosis.doctor.page.scales import Scale
from portable_mlp.diagnosis.doctor.page.svg import label, line
from portable_mlp.diagnosis.doctor.page.words import short_step


@dataclass(frozen=True)
class Box:
    """The part of a picture where the data is drawn."""

    left: float
    top: float
    right: float
    bottom: float

    def x(self, share: float) -> float:
        """From the left, 0, to the right, 1."""
        return self.left + share * (self.right - self.left)

    def y(self, share: float) -> float:
        """From the bottom, 0, to the top, 1."""
        return self.bottom - share * (self.bottom - self.top)

    def column(self, index: int, count: int) -> float:
        """The middle of one of ``count`` columns."""
        return self.x((index + 0.5) / count)


PANEL = (270, 132)
"""Size of a panel; how large it is shown is up to the page."""

PANEL_BOX = Box(38, 7, 256, 112)
"""Its part for the data; the rest is for the numbers beside and below."""


def y_axis(box: Box, ticks: Iterable[tuple[float, str]], scale: Scale) -> Iterable[str]:
    """The numbers beside the picture, and a line across it for each."""
    for value, words in ticks:
        y = box.y(scale.share(value))
        yield line(box.left, y, box.right, y, "grid")
        yield label(box.left - 5, y + 3.5, words, "end")


def columns_axis(box: Box, steps: Sequence[int]) -> Iterable[str]:
    """The steps of the columns; as many as have room, the first and the last for certain."""
    count = len(steps)
    names = [short_step(s) for s in steps]
    taken: list[tuple[float, float]] = []
    for i in sorted(range(count), key=lambda i: (i not in (0, count - 1), i)):
        half = 3.2 * len(names[i]) + 4
        x = box.column(i, count)
        if all(x - half > right or x + half < left for left, right in taken):
            taken.append((x - half, x + half))
            yield line(x, box.bottom, x, box.bottom + 3, "axis")
            yield label(x, box.bottom + 14, names[i], "mid")
