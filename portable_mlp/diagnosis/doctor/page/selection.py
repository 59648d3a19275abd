"""Which numbers of a report are drawn: of many, some; of those that are not finite, none."""

from __future__ import annotations

import math
from collections.abc import Sequence

from portable_mlp.diagnosis.doctor.report import DoctorReport, Histogram, LayerProbe, Probe

HUGE = 1e300
"""Numbers beyond this are taken for infinite: differences of two of them may be."""

POINTS = 400
"""Points of the loss that are drawn; of more, each group's lowest and highest."""

COLUMNS = 60
"""Probes that are drawn."""

BINS = 60
"""Bins of a histogram that are drawn."""

LEVELS = 7
"""Strengths of colour in a heat strip."""


def finite(value: float) -> bool:
    """Whether a number can be drawn."""
    return math.isfinite(value) and abs(value) < HUGE


def thinned(probes: Sequence[Probe], most: int = COLUMNS) -> list[Probe]:
    """At most so many of the probes, evenly, with the first and the last."""
    if len(probes) <= most:
        return list(probes)
    return [probes[round(i * (len(probes) - 1) / (most - 1))] for i in range(most)]


def loss_points(report: DoctorReport) -> list[tuple[int, float]]:
    """The training's loss by step, or the probes' where it was not kept."""
    points = report.losses or [(p.step, p.loss) for p in report.probes]
    points = sorted(points, key=lambda point: point[0])
    if len(points) <= POINTS:
        return points
    size = math.ceil(len(points) / (POINTS // 4))
    kept = []
    for start in range(0, len(points), size):
        group = range(start, min(start + size, len(points)))
        drawn = [i for i in group if finite(points[i][1])]
        chosen = {i for i in group if not finite(points[i][1])}
        chosen = {min(chosen)} if chosen else set()
        if drawn:
            chosen |= {
                min(drawn, key=lambda i: points[i][1]),
                max(drawn, key=lambda i: points[i][1]),
            }
        chosen |= {group[0], group[-1]}
        kept += [points[i] for i in sorted(chosen)]
    return kept


def gaps(points: Sequence[tuple[int, float]]) -> list[tuple[int, int]]:
    """From which step to which the loss is not finite."""
    made: list[tuple[int, int]] = []
    last: int | None = None
    start: int | None = None
    for step, value in points:
        if finite(value):
            if start is not None:
                made.append((start, step))
            last, start = step, None
        elif start is None:
            start = step if last is None else last
    if start is not None:
        made.append((start, points[-1][0]))
    return made


def layers_over_time(probes: Sequence[Probe]) -> list[list[LayerProbe | None]]:
    """For each layer what each probe saw of it; None where it has no such layer."""
    depth = max((len(p.layers) for p in probes), default=0)
    return [[p.layers[i] if i < len(p.layers) else None for p in probes] for i in range(depth)]


def can_saturate(layer: Sequence[LayerProbe | None]) -> bool:
    """Whether a layer's activation has flat parts on both sides."""
    return any(x and (x.saturated > 0 or x.activation in ("sigmoid", "tanh")) for x in layer)


def cells(histogram: Histogram | None) -> list[tuple[float, float, int]]:
    """Lower edge, upper edge and count of the bins that hold something."""
    if histogram is None:
        return []
    edges, counts = list(histogram.edges), list(histogram.counts)
    merged = math.ceil(len(counts) / BINS)
    if merged > 1:
        starts = range(0, len(counts), merged)
        edges = [*(edges[i] for i in starts), edges[-1]]
        counts = [sum(counts[i : i + merged]) for i in starts]
    made = []
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        if not count > 0:
            continue
        if not finite(low):
            low = high
        if not finite(high):
            high = low
        if finite(low) and finite(high):
            made.append((low, high, count))
    return made


def strength(count: float, most: float) -> int:
    """How strong the colour of a bin is, 1 to LEVELS; the root lets few be seen beside many."""
    return max(1, math.ceil(LEVELS * math.sqrt(count / most)))
