"""Derivatives of a function by differences.

    df/dd(θ) ≈ [f(θ + h d) - f(θ - h d)] / 2h

with an error of h² from the curvature and of ε |f| / h from rounding. Where a kink of a ReLU lies between
the two points, the difference is a mixture of two slopes; a second, smaller h gives another mixture, and
so tells.

Source: Nocedal & Wright 2006, section 8.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

Values = list[np.ndarray]
STEP = 1e-6
"""h, where the direction's largest number is 1 and the parameters are of the order of 1."""
SHRINK = 7.3  # the second h is so much smaller


class Slope(NamedTuple):
    """A derivative along a direction.

    Args:
        value: by the smaller difference where the two disagree, else by the larger one.
        error: what is to be expected of rounding, and of kinks where the differences disagree.
    """

    value: float
    error: float


def slope(
    f: Callable[[Values], float], at: Sequence[np.ndarray], along: Sequence[np.ndarray]
) -> Slope:
    """The derivative of f at a point along a direction.

    Args:
        f: of a list of arrays.
        at: the point.
        along: the direction, arrays of the same shapes.

    Example:
        >>> found = slope(lambda v: float(v[0] ** 3), [np.asarray(2.0)], [np.asarray(1.0)])
        >>> round(found.value, 6)
        12.0
    """
    largest = max((float(np.max(np.abs(d), initial=0.0)) for d in along), default=0.0)
    if largest == 0.0:
        return Slope(0.0, 0.0)
    moved = [v for v, d in zip(at, along, strict=True) if np.any(d)]
    size = max((float(np.sqrt(np.mean(v * v))) for v in moved if v.size), default=1.0)
    h = STEP * max(size, 0.1) / largest

    def moved_by(t: float) -> float:
        return f([v + t * d for v, d in zip(at, along, strict=True)])

    def difference(h: float) -> tuple[float, float]:
        up, down = moved_by(h), moved_by(-h)
        rounding = 4e-16 * (abs(up) + abs(down)) / h
        return (up - down) / (2 * h), rounding

    wide, wide_error = difference(h)
    narrow, narrow_error = difference(h / SHRINK)
    apart = abs(wide - narrow)
    if not np.isfinite(apart):
        return Slope(float("nan"), float("inf"))
    if apart <= wide_error + narrow_error + 1e-7 * abs(wide):
        return Slope(wide, wide_error + 1e-9 * abs(wide))
    return Slope(narrow, apart + narrow_error)


def coordinates(
    f: Callable[[Values], float], at: Sequence[np.ndarray], which: int, places: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """``(derivatives, errors)`` for single numbers of one array.

    Args:
        f: of a list of arrays.
        at: the point.
        which: the array.
        places: flat places in it.
    """
    found, errors = np.zeros(len(places)), np.zeros(len(places))
    zeros = [np.zeros_like(v) for v in at]
    for k, place in enumerate(places):
        direction = list(zeros)
        direction[which] = np.zeros_like(at[which])
        direction[which].flat[place] = 1.0
        found[k], errors[k] = slope(f, at, direction)
    return found, errors
