"""The line search returns points that satisfy the strong Wolfe conditions, or the lowest it saw."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from portable_mlp.optim import StrongWolfe
from portable_mlp.optim.line_search import Point

Line = Callable[[float], tuple[float, float]]
"""``a -> (φ(a), φ'(a))``."""


def quadratic(a: float) -> tuple[float, float]:
    return (a - 1.0) ** 2, 2.0 * (a - 1.0)


def quartic(a: float) -> tuple[float, float]:
    return (a - 2.0) ** 4 + 0.1 * a, 4.0 * (a - 2.0) ** 3 + 0.1


def wavy(a: float) -> tuple[float, float]:
    """Many local minima along a slow fall and rise."""
    value = 0.01 * (a - 20.0) ** 2 - math.sin(3.0 * a)
    return value, 0.02 * (a - 20.0) - 3.0 * math.cos(3.0 * a)


def rational(a: float) -> tuple[float, float]:
    """Moré & Thuente's first function, β = 2: almost flat far out."""
    return -a / (a * a + 2.0), (a * a - 2.0) / (a * a + 2.0) ** 2


def steep_power(a: float) -> tuple[float, float]:
    """Their second, β = 0.004: a slope of -5e-7 at 0 and of -16 a little later."""
    b = a + 0.004
    return b**5 - 2.0 * b**4, 5.0 * b**4 - 8.0 * b**3


def oscillating(a: float) -> tuple[float, float]:
    """Their third, β = 0.01 and l = 39: a corner with waves on it."""
    beta, waves = 0.01, 39.0
    if a <= 1.0 - beta:
        value, slope = 1.0 - a, -1.0
    elif a >= 1.0 + beta:
        value, slope = a - 1.0, 1.0
    else:
        value, slope = (a - 1.0) ** 2 / (2.0 * beta) + beta / 2.0, (a - 1.0) / beta
    angle = 0.5 * waves * math.pi * a
    value += 2.0 * (1.0 - beta) / (waves * math.pi) * math.sin(angle)
    return value, slope + (1.0 - beta) * math.cos(angle)


def hyperbolas(b1: float, b2: float) -> Line:
    """Their fourth to sixth (after Yanai et al.): corners at 0 and 1, rounded by b1 and b2."""

    def weight(b: float) -> float:
        return math.sqrt(1.0 + b * b) - b

    def line(a: float) -> tuple[float, float]:
        r1, r2 = math.hypot(1.0 - a, b2), math.hypot(a, b1)
        value = weight(b1) * r1 + weight(b2) * r2
        return value, -weight(b1) * (1.0 - a) / r1 + weight(b2) * a / r2

    return line


def start_of(line: Line) -> Point:
    return Point(0.0, *line(0.0), None)


def search(
    line: Line, wolfe: StrongWolfe, first: float, payload: str = "somewhere"
) -> tuple[Point, list[float]]:
    """``(the point found, the step lengths that were tried)``."""
    tried: list[float] = []

    def phi(a: float) -> Point:
        tried.append(a)
        return Point(a, *line(a), payload)

    return wolfe.search(phi, start_of(line), first), tried


# The constants are Moré & Thuente's (1994, section 5), c1 a little below c2 where theirs are equal.
MORE_THUENTE = [
    (rational, 0.001, 0.1),
    (steep_power, 0.0999, 0.1),
    (oscillating, 0.0999, 0.1),
    (hyperbolas(0.001, 0.001), 0.000999, 0.001),
    (hyperbolas(0.01, 0.001), 0.000999, 0.001),
    (hyperbolas(0.001, 0.01), 0.000999, 0.001),
]
EASY = [(line, 1e-4, c2) for line in (quadratic, quartic) for c2 in (0.9, 0.1, 1e-3)]


@pytest.mark.parametrize("first", [1e-3, 1e-1, 1e1, 1e3])
@pytest.mark.parametrize(("line", "c1", "c2"), MORE_THUENTE + EASY)
def test_both_conditions_hold(line: Line, c1: float, c2: float, first: float) -> None:
    for curvature in (c2, 0.9):
        found, tried = search(line, StrongWolfe(c1, curvature), first)
        start = start_of(line)
        assert tried[0] == first
        assert len(tried) <= 20, "six orders of magnitude of first steps, and never more than this"
        assert found.a == tried[-1] > 0
        assert found[1:3] == line(found.a)
        assert found.value <= start.value + c1 * found.a * start.slope
        assert abs(found.slope) <= curvature * abs(start.slope)


def test_first_step_that_fits_is_taken() -> None:
    """One evaluation, and the payload comes back."""
    found, tried = search(quadratic, StrongWolfe(), 1.0, "payload")
    assert tried == [1.0]
    assert found == Point(1.0, 0.0, 0.0, "payload")


def test_a_step_that_is_too_short_is_doubled() -> None:
    """Until the slope is flat enough: |2 (a - 1)| <= 0.1 · 2 from a = 0.9 on, here at 0.96."""
    found, tried = search(quadratic, StrongWolfe(c2=0.1), 0.03)
    assert tried == [0.03, 0.06, 0.12, 0.24, 0.48, 0.96]
    assert found.a == 0.96


def test_bracket_is_cut_by_the_cubic() -> None:
    """The cubic through two points of a parabola has its very minimum."""
    for first in (1.95, 1.5):
        _, tried = search(quadratic, StrongWolfe(c2=1e-3), first)
        assert tried == [first, pytest.approx(1.0, abs=1e-12)]


@pytest.mark.parametrize(
    ("wolfe", "first", "second"),
    [
        (StrongWolfe(c2=1e-3), 1000.0, 100.0),  # the minimum is at a thousandth of (0, 1000)
        (StrongWolfe(0.49, 0.5), 1.05, 0.945),  # and here near the other end of (0, 1.05),
        (StrongWolfe(c2=1e-3), 1.02, 0.918),  # or near the low end of the bracket (1.02, 0)
    ],
)
def test_cut_stays_a_tenth_away_from_both_ends(
    wolfe: StrongWolfe, first: float, second: float
) -> None:
    _, tried = search(quadratic, wolfe, first)
    assert tried[:2] == [first, pytest.approx(second)]


def test_sufficient_decrease_is_asked_for() -> None:
    """Flat but hardly lower: a = 1.9 of (a - 1)² is refused for c1 = 0.2 and taken for 0.01."""
    assert search(quadratic, StrongWolfe(0.01, 0.95), 1.9)[0].a == 1.9
    assert search(quadratic, StrongWolfe(0.2, 0.95), 1.9)[0].a != 1.9


def test_equality_satisfies_both_conditions() -> None:
    """At 1.5 the value is 0.25 = 1 - 0.25 · 1.5 · 2 and the slope 1 = 0.5 · 2."""
    assert search(quadratic, StrongWolfe(0.25, 0.5), 1.5)[1] == [1.5]


def test_edge_of_the_domain_is_found_and_kept_to() -> None:
    """-log(1 - a) ends at 1; beyond it is NaN or infinite."""
    for beyond in (math.nan, math.inf, -math.inf):

        def barrier(a: float, beyond: float = beyond) -> tuple[float, float]:
            if a >= 1.0:
                return beyond, math.nan
            return -math.log(1.0 - a) - 3.0 * a, 1.0 / (1.0 - a) - 3.0

        for first in (0.5, 1.0, 3.0, 64.0):
            found, tried = search(barrier, StrongWolfe(c2=0.1), first)
            assert tried[0] == first
            assert 0 < found.a < 1
            assert abs(found.slope) <= 0.2
            assert found.value < -0.7  # the minimum is at 2/3


@pytest.mark.parametrize(
    "hole", [(math.nan, math.nan), (math.inf, -1.0), (-math.inf, -1.0), (-5.0, math.nan)]
)
def test_hole_inside_a_bracket(hole: tuple[float, float]) -> None:
    """Both ends are finite and the first cut, by the cubic, falls between 2 and 9."""

    def line(a: float) -> tuple[float, float]:
        if a <= 2.0:
            return quadratic(a)
        return hole if a < 9.0 else (2.0, 0.2)

    for first in (10.0, 14.0, 20.0):
        found, tried = search(line, StrongWolfe(c2=0.1), first)
        assert 2.0 < tried[1] < 9.0
        assert tried[2] == pytest.approx(tried[1] / 2), "no cubic through a hole: it halves"
        assert abs(found.a - 1.0) <= 0.1


def test_local_minima_on_the_way() -> None:
    """Any point that satisfies the conditions will do; it is lower than the start."""
    for first in np.geomspace(0.01, 100.0, 25):
        found, tried = search(wavy, StrongWolfe(c2=0.1), float(first))
        start = start_of(wavy)
        assert found.value <= start.value + 1e-4 * found.a * start.slope
        assert abs(found.slope) <= 0.1 * abs(start.slope)
        assert len(tried) <= 25


@pytest.mark.parametrize("evaluations", [1, 2, 3, 7])
def test_number_of_evaluations_is_limited(evaluations: int) -> None:
    """Endless descent: the last point is the lowest. Endless ascent: it is the start."""
    found, tried = search(lambda a: (-a, -1.0), StrongWolfe(evaluations=evaluations), 1.0)
    assert len(tried) == evaluations
    assert found.a == 2.0 ** (evaluations - 1)
    found, tried = search(lambda a: (a, -1.0), StrongWolfe(evaluations=evaluations), 1.0)
    assert len(tried) == evaluations
    assert found.a == 0
    for beyond in ((math.nan, -1.0), (math.inf, -1.0), (-math.inf, -1.0), (-1.0, math.nan)):
        found, tried = search(
            lambda a, beyond=beyond: beyond if a else (0.0, -1.0),
            StrongWolfe(evaluations=evaluations),
            1.0,
        )
        assert tried == [0.5**i for i in range(evaluations)]
        assert found.a == 0, "nothing that is not finite counts as the lowest"


def corner(tip: float) -> Line:
    """It has no flat point."""
    return lambda a: (abs(a - tip), math.copysign(1.0, a - tip))


def test_lowest_point_is_returned_where_no_point_satisfies_both() -> None:
    """The search ends near the tip, and not with the last point tried."""
    found, _ = search(corner(0.3), StrongWolfe(), 1.0)
    assert found.a == pytest.approx(0.3, abs=1e-3)


@pytest.mark.parametrize("tip", [3e-6, 0.3, 3e4])
def test_bracket_without_width_ends_it(tip: float) -> None:
    """However many evaluations are allowed: soon there are no numbers between the ends."""
    found, tried = search(corner(tip), StrongWolfe(evaluations=1000), 1.0)
    assert len(tried) < 100
    assert found.a == pytest.approx(tip, rel=1e-9)


def test_start_is_returned_where_rounding_hides_every_descent() -> None:
    """φ is constant to the last bit though its slope is not 0: no point is lower."""
    found, tried = search(lambda a: (1.0, -1e-20), StrongWolfe(), 1.0)
    assert found.a == 0
    assert found.value == 1.0
    assert len(tried) <= 25
