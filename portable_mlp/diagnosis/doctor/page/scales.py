"""Where numbers stand on an axis, and the round numbers beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from portable_mlp.diagnosis.doctor.page.selection import cells, finite
from portable_mlp.diagnosis.doctor.page.words import number, power
from portable_mlp.diagnosis.doctor.report import Histogram, LayerProbe

HEALTHY = (1e-4, 1e-2)
"""Update-to-weight ratios at which a network usually learns."""

RATIOS = (1e-8, 1e2)
"""Update-to-weight ratios beyond these stand at the edge of a picture."""

TINY = 1e-290
"""Numbers below this are taken for 0."""


@dataclass(frozen=True)
class Scale:
    """Where numbers stand on an axis.

    Args:
        kind: linear; log; or asinh, which is linear near 0 and logarithmic far from it.
        low: the number at the axis's start.
        high: the number at its end.
        width: asinh only: up to where it is about linear.
    """

    kind: str
    low: float
    high: float
    width: float = 1.0

    def share(self, value: float) -> float:
        """0 at the axis's start, 1 at its end; what lies beyond is put there."""
        low, high = self._bent(self.low), self._bent(self.high)
        if self.kind == "log" and value <= 0:
            return 0.0
        return min(1.0, max(0.0, (self._bent(value) - low) / (high - low)))

    def _bent(self, value: float) -> float:
        if self.kind == "log":
            return math.log10(value)
        return math.asinh(value / self.width) if self.kind == "asinh" else value

    def ticks(self, most: int = 5) -> list[tuple[float, str]]:
        """Round numbers on the axis, and how they are written."""
        if self.kind == "log":
            return self._log_ticks(most)
        if self.kind == "asinh":
            return self._asinh_ticks(most)
        return self._linear_ticks(most)

    def _linear_ticks(self, most: int) -> list[tuple[float, str]]:
        step = _round_step((self.high - self.low) / most)
        first = math.ceil(self.low / step - 1e-9)
        values = [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]
        plain = step >= 1e-4 and max(map(abs, values), default=0) < 1e5
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        return [
            (v, (f"{v:.{decimals}f}" if plain else number(v, 3)).replace("-", "−")) for v in values
        ]

    def _log_ticks(self, most: int) -> list[tuple[float, str]]:
        low, high = math.log10(self.low), math.log10(self.high)
        exponents = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
        if len(exponents) < 3:
            values = [
                m * 10.0**e for e in range(math.floor(low), math.ceil(high) + 1) for m in (1, 2, 5)
            ]
            return [(v, number(v)) for v in values if self.low <= v <= self.high]
        stride = math.ceil(len(exponents) / most)
        chosen = [e for e in exponents if e % stride == 0]
        plain = min(chosen) >= -3 and max(chosen) <= 3
        return [(10.0**e, f"{10.0**e:g}" if plain else power(e)) for e in chosen]

    def _asinh_ticks(self, most: int) -> list[tuple[float, str]]:
        top = math.floor(math.log10(max(abs(self.low), abs(self.high))))
        bottom = math.ceil(math.log10(self.width))
        ticks: list[tuple[float, str]] = [(0.0, "0")] if self.low <= 0 <= self.high else []
        for exponent in range(top, bottom - 1, -1):
            for sign, minus in ((1, ""), (-1, "−")):
                value = sign * 10.0**exponent
                near = any(abs(self.share(value) - self.share(v)) < 0.8 / most for v, _ in ticks)
                if self.low <= value <= self.high and not near:
                    plain = exponent >= 0 and top <= 3
                    ticks.append((value, minus + (f"{10**exponent}" if plain else power(exponent))))
        return sorted(ticks)


def power_ticks(scale: Scale, most: int = 5) -> list[tuple[float, str]]:
    """Ticks of an axis of logarithms, written as the numbers that they are of."""
    whole = range(math.ceil(scale.low), math.floor(scale.high) + 1)
    return [(e, power(e)) for e in whole if e % math.ceil(len(whole) / most) == 0]


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below ``least``."""
    size: float = 10.0 ** math.floor(math.log10(least))
    return next((m * size for m in (1, 2, 5) if m * size >= least * (1 - 1e-9)), 10 * size)


def loss_scale(values: Iterable[float]) -> Scale:
    """From 0, or logarithmic where the loss spans more than a factor of 100."""
    drawn = [v for v in values if finite(v)] or [0.0, 1.0]
    low, high = min(drawn), max(drawn)
    if low > 0 and high > 100 * low:
        return Scale("log", low / 1.3, high * 1.3)
    low, high = min(0.0, low * 1.05), max(high * 1.05, low / -20)
    return Scale("linear", low, high if high - low > TINY else 1.0)


def values_scale(columns: Sequence[Histogram | None]) -> Scale:
    """For histograms side by side, also where some are far wider than others."""
    sizes, edges = [], []
    for column in map(cells, columns):
        if column:
            ends = [e for low, high, _ in column for e in (low, high)]
            edges += [min(ends), max(ends)]
            sizes.append(max(map(abs, ends)))
    low, high = min(edges, default=0.0), max(edges, default=1.0)
    if high - low <= max(1e-12 * max(abs(low), abs(high)), TINY):
        middle, half = low, abs(low) / 2 if abs(low) > TINY else 0.5
        return Scale("linear", middle - half, middle + half)
    sizes = [s for s in sizes if s > 0]
    if max(sizes) > 30 * min(sizes):
        return Scale("asinh", low, high, max(min(sizes), 1e-12 * max(sizes)))
    room = 0.02 * (high - low)
    return Scale("linear", low - room, high + room)


def ratio_scale(layers: Iterable[LayerProbe]) -> Scale:
    """Logarithmic, with the healthy band and room around it."""
    seen = [x.update_ratio for x in layers if finite(x.update_ratio) and x.update_ratio > 0]
    low = max(RATIOS[0], min([1e-5, *seen]))
    high = min(RATIOS[1], max([1e-1, *seen]))
    return Scale("log", low * 0.9, high * 1.1)
