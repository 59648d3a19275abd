"""A line search for a step length that satisfies the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from portable_mlp.nn.plain_numbers import PlainNumbers, is_whole


class Point(NamedTuple):
    """The objective along the search line: φ(a) = f(x + a d)."""

    a: float
    value: float  # φ(a)
    slope: float  # φ'(a)
    payload: Any  # what the caller wants back: vector and gradient at this point


@dataclass(frozen=True)
class StrongWolfe(PlainNumbers):
    """φ(a) <= φ(0) + c1 a φ'(0)  and  |φ'(a)| <= c2 |φ'(0)|.

    Args:
        c1: sufficient decrease, inside (0, c2).
        c2: curvature, inside (c1, 1).
        evaluations: largest number of evaluations of φ.

    Source: Nocedal & Wright 2006, Numerical Optimization, algorithms 3.5 and 3.6, eq. 3.59.
    """

    c1: float = 1e-4
    c2: float = 0.9
    evaluations: int = 25

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.c1 < self.c2 < 1:
            raise ValueError(
                f"StrongWolfe: c1 is {self.c1!r} and c2 is {self.c2!r}, expected 0 < c1 < c2 < 1."
            )
        if not is_whole(self.evaluations, 1):
            raise ValueError(
                f"StrongWolfe: evaluations is {self.evaluations!r}, expected a whole number of at "
                "least 1."
            )

    def search(self, phi: Callable[[float], Point], start: Point, first: float) -> Point:
        """A point on the line that satisfies both conditions.

        Args:
            phi: evaluates the line at a > 0.
            start: the line at 0; its slope is negative.
            first: first step length to be tried.

        Returns:
            Such a point; where none was found, the lowest point seen, which may be ``start``.
        """
        count = 0

        def at(a: float) -> Point:
            nonlocal count
            count += 1
            return phi(a)

        previous, best, a = start, start, first
        while count < self.evaluations:
            point = at(a)
            best = _lower(best, point)
            if not _finite(point):
                a = 0.5 * (previous.a + a)  # stepped over the edge of the domain
                continue
            if not self._decreases(point, start) or (
                point.value >= previous.value and previous is not start
            ):
                low, high = previous, point
                break
            if self._flat(point, start):
                return point
            if point.slope >= 0:
                low, high = point, previous
                break
            previous, a = point, 2.0 * a
        else:
            return best

        while count < self.evaluations:
            point = at(_interpolate(low, high))
            best = _lower(best, point)
            usable = _finite(point) and self._decreases(point, start)
            if usable and self._flat(point, start):
                return point
            if not usable or point.value >= low.value:
                high = point
            else:
                if point.slope * (high.a - low.a) >= 0:
                    high = low
                low = point
            if abs(high.a - low.a) <= 1e-12 * max(abs(low.a), abs(high.a)):
                break
        return best

    def _decreases(self, point: Point, start: Point) -> bool:
        return point.value <= start.value + self.c1 * point.a * start.slope

    def _flat(self, point: Point, start: Point) -> bool:
        return abs(point.slope) <= -self.c2 * start.slope


def _finite(point: Point) -> bool:
    return math.isfinite(point.value) and math.isfinite(point.slope)


def _lower(best: Point, point: Point) -> Point:
    return point if _finite(point) and point.value < best.value else best


def _interpolate(low: Point, high: Point) -> float:
    """Minimum of the cubic through both points, kept a tenth away from both ends."""
    width = high.a - low.a
    a = 0.5 * (low.a + high.a)
    if _finite(high):
        d1 = low.slope + high.slope - 3 * (high.value - low.value) / width
        root = d1 * d1 - low.slope * high.slope
        if root >= 0:
            d2 = math.copysign(math.sqrt(root), width)
            denominator = high.slope - low.slope + 2 * d2
            if denominator != 0:
                a = high.a - width * (high.slope + d2 - d1) / denominator
    nearest, farthest = sorted((low.a + 0.1 * width, high.a - 0.1 * width))
    return min(max(a, nearest), farthest)
