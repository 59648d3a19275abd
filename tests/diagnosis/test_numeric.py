"""Derivatives by differences, and how sure they are."""

from __future__ import annotations

import numpy as np

from portable_mlp.diagnosis.numeric import coordinates, slope


def test_smooth_functions() -> None:
    at = [np.asarray([0.5, -2.0]), np.asarray([[3.0]])]

    def f(v: list[np.ndarray]) -> float:
        return float(np.sin(v[0]).sum() * v[1][0, 0] ** 2)

    along = [np.asarray([1.0, 2.0]), np.zeros((1, 1))]
    found = slope(f, at, along)
    expected = 9 * (np.cos(0.5) + 2 * np.cos(-2.0))
    assert abs(found.value - expected) < 1e-7
    assert found.error < 1e-6
    values, errors = coordinates(f, at, 1, [0])
    assert abs(values[0] - 6 * (np.sin(0.5) + np.sin(-2.0))) < 1e-7
    assert errors[0] < 1e-6


def test_a_kink_between_the_points_is_no_sure_derivative() -> None:
    found = slope(lambda v: float(abs(v[0] - 3e-8)), [np.asarray(0.0)], [np.asarray(1.0)])
    assert found.error > 0.1
    sure = slope(lambda v: float(abs(v[0] - 1.0)), [np.asarray(0.0)], [np.asarray(1.0)])
    assert sure.error < 1e-6
    assert abs(sure.value + 1) < 1e-6


def test_no_direction_and_numbers_that_are_not_finite() -> None:
    assert slope(lambda v: 1.0, [np.ones(2)], [np.zeros(2)]) == (0.0, 0.0)
    assert slope(lambda v: float("nan"), [np.ones(2)], [np.ones(2)]).error == float("inf")
