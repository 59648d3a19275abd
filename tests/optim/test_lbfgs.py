"""L-BFGS: its direction is that of the dense formula, and it arrives where it should."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, backends
from portable_mlp.backends import Backend
from portable_mlp.optim import LBFGS, StrongWolfe
from portable_mlp.optim.lbfgs import LBFGSState
from portable_mlp.optim.line_search import Point

Golden = dict[str, np.ndarray]
Objective = Callable[[Any], tuple[Any, Any]]
Pair = tuple[np.ndarray, np.ndarray]


def quadratic(xp: Any, matrix: Any, centre: Any, lowest: float = 0.0) -> Objective:
    """½ (w - centre)ᵀ A (w - centre) + lowest."""

    def objective(w: Any) -> tuple[Any, Any]:
        r = w - centre
        slope = matrix @ r
        return 0.5 * xp.sum(r * slope) + lowest, slope

    return objective


def rosenbrock(xp: Any) -> Objective:
    """Σ 100 (w_{i+1} - w_i²)² + (1 - w_i)², with the minimum 0 at ones."""

    def objective(w: Any) -> tuple[Any, Any]:
        w0, w1 = w[:-1], w[1:]
        residual, rest = w1 - w0 * w0, 1.0 - w0
        zero = xp.zeros_like(w[:1])
        left = xp.concat([-400.0 * residual * w0 - 2.0 * rest, zero])
        value = xp.sum(100.0 * residual * residual + rest * rest)
        return value, left + xp.concat([zero, 200.0 * residual])

    return objective


def matrix_of(size: int, condition: float) -> np.ndarray:
    """A symmetric matrix with eigenvalues from 1 to ``condition``."""
    random = np.random.Generator(np.random.Philox(key=size))
    rotation, _ = np.linalg.qr(random.standard_normal((size, size)))
    return np.asarray((rotation * np.geomspace(1.0, condition, size)) @ rotation.T)


def minimize(
    optimizer: LBFGS, objective: Objective, w: Any, xp: Any, iterations: int = 500
) -> tuple[Any, LBFGSState, int, list[float]]:
    """``(w, state, evaluations, the value at the start of each iteration)``."""
    count = 0

    def counted(w: Any) -> tuple[Any, Any]:
        nonlocal count
        count += 1
        return objective(w)

    state, values = LBFGSState(), []
    for _ in range(iterations):
        w, state, value, _ = optimizer.minimize_step(counted, w, state, xp)
        values.append(float(value))
        if state.converged:
            break
    return w, state, count, values


@pytest.mark.parametrize(("size", "evaluations"), [(2, 90), (10, 205)])
def test_rosenbrock(backend64: Backend, size: int, evaluations: int) -> None:
    """From (-1.2, 1, -1.2, 1, ...), where the valley bends most."""
    xp = backend64.xp
    w = backend64.asarray(np.where(np.arange(size) % 2, 1.0, -1.2))
    w, state, count, values = minimize(LBFGS(tolerance=1e-9), rosenbrock(xp), w, xp)
    np.testing.assert_allclose(backend64.to_numpy(w), np.ones(size), rtol=0, atol=1e-8)
    assert state.converged
    assert count <= evaluations
    assert np.all(np.diff(values) < 0), "every iteration goes down"


@pytest.mark.parametrize(("size", "evaluations"), [(8, 75), (25, 155)])
def test_convex_quadratic(backend64: Backend, size: int, evaluations: int) -> None:
    xp = backend64.xp
    centre = np.linspace(-1.0, 2.0, size)
    objective = quadratic(xp, backend64.asarray(matrix_of(size, 50.0)), backend64.asarray(centre))
    start = backend64.asarray(np.zeros(size))
    w, state, count, values = minimize(LBFGS(tolerance=1e-9), objective, start, xp)
    np.testing.assert_allclose(backend64.to_numpy(w), centre, rtol=0, atol=1e-8)
    assert state.converged
    assert count <= evaluations
    assert np.all(np.diff(values) < 0)
    assert w.dtype == start.dtype


def test_float32(backend: Backend) -> None:
    """On every row: ends by itself at the precision that there is, and stays float32."""
    xp = backend.xp
    matrix, centre = backend.asarray(matrix_of(8, 50.0)), np.linspace(-1.0, 2.0, 8)
    objective = quadratic(xp, matrix, backend.asarray(centre), lowest=1.0)
    start = backend.asarray(np.zeros(8))
    w, state, count, _ = minimize(LBFGS(), objective, start, xp)
    np.testing.assert_allclose(backend.to_numpy(w), centre, rtol=0, atol=2e-3)
    assert state.converged
    assert count <= 120
    assert w.dtype == start.dtype
    assert all(a.dtype == start.dtype for pair in state.pairs for a in pair)


def test_value_far_from_zero_limits_the_precision() -> None:
    """Rounding of the value hides the last descent: it ends, and is as near as it can be."""
    centre = np.linspace(-1.0, 2.0, 8)
    objective = quadratic(np, matrix_of(8, 50.0), centre, lowest=1e4)
    w, state, count, _ = minimize(LBFGS(tolerance=1e-12), objective, np.zeros(8), np)
    assert state.converged
    assert np.max(np.abs(w - centre)) <= 1e-5
    assert count <= 120


def test_logistic_regression_finds_the_optimum_of_scipy(backend64: Backend, golden: Golden) -> None:
    """As users run it: a network without hidden layer, the penalty on its weights alone."""
    x, y = golden["logistic.x"], golden["logistic.y"]
    model = MLP(
        [5, 1],
        loss="binary_cross_entropy",
        l2=float(golden["logistic.l2"][0]),
        backend=backend64,
        metrics=[],
    )
    optimizer = LBFGS(tolerance=1e-9)
    history = model.fit(x, y[:, None], epochs=60, optimizer=optimizer)
    found = model.parameters()
    w = np.append(found["dense_1.weight"][:, 0], found["dense_1.bias"])
    np.testing.assert_allclose(w, golden["logistic.optimum"], rtol=0, atol=1e-6)
    loss = model.evaluate(x, y[:, None])["loss"]
    assert loss == pytest.approx(float(golden["logistic.value"][0]), rel=1e-12)
    assert history.stopped == "converged"
    assert history.epochs <= 25


def dense_inverse_hessian(pairs: list[Pair]) -> np.ndarray:
    """BFGS as a matrix, from γ I on. Source: Nocedal & Wright 2006, eqs. 7.20 and 6.17."""
    s, y = pairs[-1]
    identity = np.eye(len(s))
    h = identity * (s @ y) / (y @ y)
    for s, y in pairs:
        rho = 1.0 / (s @ y)
        h = (identity - rho * np.outer(s, y)) @ h @ (identity - rho * np.outer(y, s))
        h = h + rho * np.outer(s, s)
    return h


def state_of(pairs: list[Pair], backend: Backend) -> LBFGSState:
    return LBFGSState(
        tuple(
            (backend.asarray(s), backend.asarray(y), 1.0 / backend.xp.sum(backend.asarray(s * y)))
            for s, y in pairs
        )
    )


def random_pairs(count: int, size: int) -> list[Pair]:
    """Steps and differences of the gradient of a quadratic."""
    random = np.random.Generator(np.random.Philox(key=7))
    matrix = matrix_of(size, 20.0)
    steps = random.standard_normal((count, size))
    return [(s, matrix @ s) for s in steps]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_direction_is_that_of_the_dense_formula(backend64: Backend, count: int) -> None:
    """The two-loop recursion is exact, so the first point tried is w - 1 · H g."""
    pairs = random_pairs(count, 6)
    w, g = np.linspace(1.0, 2.0, 6), np.asarray([1.0, -2.0, 0.5, 3.0, -1.0, 0.1])
    seen = []

    def objective(there: Any) -> tuple[Any, Any]:
        seen.append(np.array(backend64.to_numpy(there)))
        lower = backend64.asarray(np.asarray(-float(len(seen))))
        return lower, backend64.asarray(g if len(seen) == 1 else g * 0.1)

    optimizer = LBFGS(history_size=5)
    start = backend64.asarray(w)
    optimizer.minimize_step(objective, start, state_of(pairs, backend64), backend64.xp)
    np.testing.assert_array_equal(seen[0], w)
    expected = w - dense_inverse_hessian(pairs) @ g
    np.testing.assert_allclose(seen[1], expected, rtol=1e-9, atol=1e-12)


def first_trial(optimizer: LBFGS, g: np.ndarray, state: LBFGSState, **options: Any) -> np.ndarray:
    """The first point that is tried from 0."""
    seen = []

    def objective(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(w)
        return np.asarray(-float(len(seen))), g if len(seen) == 1 else g * 0.1

    optimizer.minimize_step(objective, np.zeros(2), state, np, **options)
    return seen[1]


def test_length_of_the_first_step() -> None:
    """Without pairs min(1, 1 / ‖g‖₁) of the rate along -g, else the rate along the direction."""
    numpy = backends.get("numpy", None, "float64")
    one_pair = state_of([(np.asarray([1.0, 0.0]), np.asarray([2.0, 0.0]))], numpy)  # H = ½ I
    g = np.asarray([3.0, -1.0])
    for options, rate in (({}, 0.5), ({"first_step": 0.25}, 0.25), ({"first_step": None}, 0.5)):
        optimizer = LBFGS(0.5)
        found = first_trial(optimizer, g, LBFGSState(), **options)
        np.testing.assert_allclose(found, -rate * g / 4.0, rtol=1e-14)
        small = first_trial(optimizer, g / 100.0, LBFGSState(), **options)
        np.testing.assert_allclose(small, -rate * g / 100.0, rtol=1e-14)
        found = first_trial(optimizer, g, one_pair, **options)
        np.testing.assert_allclose(found, -rate * g / 2.0, rtol=1e-14)


@pytest.mark.parametrize("size", [1, 3])
def test_pairs_are_the_last_steps(backend64: Backend, size: int) -> None:
    """(s, y, 1 / sᵀy) of the last iterations, oldest first, and no more than were asked for."""
    xp, to_numpy = backend64.xp, backend64.to_numpy
    objective = rosenbrock(xp)
    w, state = backend64.asarray(np.asarray([-1.2, 1.0])), LBFGSState()
    optimizer, steps = LBFGS(history_size=size), []
    for i in range(6):
        before, gradient = to_numpy(w), to_numpy(objective(w)[1])
        w, state, _, _ = optimizer.minimize_step(objective, w, state, xp)
        steps.append((to_numpy(w) - before, to_numpy(objective(w)[1]) - gradient))
        assert len(state.pairs) == min(i + 1, size)
    for (s, y, rho), (step, change) in zip(state.pairs, steps[-size:], strict=True):
        np.testing.assert_allclose(to_numpy(s), step, rtol=1e-12)
        np.testing.assert_allclose(to_numpy(y), change, rtol=1e-12)
        assert float(rho) == pytest.approx(1.0 / (step @ change), rel=1e-9)


def test_pair_without_curvature_is_not_remembered() -> None:
    """Downhill on a hilltop: the gradient grows along the step, sᵀy < 0."""
    optimizer = LBFGS(line_search=StrongWolfe(evaluations=1))
    w, state, value, gradient = optimizer.minimize_step(
        lambda w: (-0.5 * w @ w, -w), np.asarray([1.0, 2.0]), LBFGSState(), np
    )
    assert value == -2.5
    assert gradient.tolist() == [-1.0, -2.0]
    assert -0.5 * w @ w < value
    assert state == LBFGSState()


def test_state_that_points_uphill_is_forgotten() -> None:
    """Rounding may spoil the pairs; then it starts again from steepest descent."""
    s = np.asarray([1.0, 0.0])
    spoilt = LBFGSState(((s, -2.0 * s, np.asarray(-0.5)),))
    objective = quadratic(np, np.diag([1.0, 4.0]), np.asarray([0.3, -0.1]))
    starts: list[Point] = []

    class Watched(StrongWolfe):
        def search(self, phi: Callable[[float], Point], start: Point, first: float) -> Point:
            starts.append(start)
            return super().search(phi, start, first)

    optimizer = LBFGS(line_search=Watched())
    w, state, value, gradient = optimizer.minimize_step(objective, np.zeros(2), spoilt, np)
    assert starts[0].slope == pytest.approx(-gradient @ gradient, rel=1e-12)
    assert starts[0].value == value
    assert objective(w)[0] < value
    np.testing.assert_allclose(w / -gradient, (w / -gradient)[0], rtol=1e-12)  # along -g
    assert len(state.pairs) == 1
    assert float(state.pairs[0][2]) > 0


def test_tolerance_is_of_the_largest_element() -> None:
    """Converged where no element of the gradient is larger; then nothing moves."""
    pairs = state_of(random_pairs(2, 2), backends.get("numpy", None, "float64")).pairs
    for g, converged in (([0.5, -0.5], True), ([0.5, -0.51], False), ([0.1, 0.1], True)):
        objective = quadratic(np, np.eye(2), np.zeros(2))
        w = np.asarray(g)
        new, state, value, gradient = LBFGS(tolerance=0.5).minimize_step(
            objective, w, LBFGSState(pairs), np
        )
        assert state.converged == converged
        assert np.array_equal(new, w) == converged
        assert value == 0.5 * w @ w
        np.testing.assert_array_equal(gradient, w)
        if converged:
            assert state.pairs is pairs


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_gradient_that_is_not_finite_is_not_convergence(bad: float) -> None:
    """Nothing moves; the caller gets the numbers and sees what they are."""
    w, g = np.ones(2), np.asarray([1.0, bad])
    calls = []

    def objective(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        calls.append(w)
        return np.asarray(2.0), g

    new, state, value, gradient = LBFGS().minimize_step(objective, w, LBFGSState(), np)
    assert new is w
    assert not state.converged
    assert value == 2.0
    assert gradient is g
    assert len(calls) == 1


def test_no_lower_point_ends_it() -> None:
    """The value is constant to the last bit: where it stands is as good as any other place."""
    w, g = np.ones(2), np.full(2, 1e-3)
    new, state, _, _ = LBFGS().minimize_step(lambda w: (np.asarray(1.0), g), w, LBFGSState(), np)
    assert state.converged
    assert new is w


def test_leaves_the_domain_and_comes_back(backend64: Backend) -> None:
    """Σ w - log w with NaN below 0: the first steps from 100 fall far beyond the edge."""
    xp = backend64.xp

    def objective(w: Any) -> tuple[Any, Any]:
        with np.errstate(all="ignore"):
            return xp.sum(w - xp.log(w)), 1.0 - 1.0 / w

    start = backend64.asarray(np.asarray([0.01, 3.0, 0.5]))
    optimizer = LBFGS(1000.0, tolerance=1e-9)
    w, state, _, values = minimize(optimizer, objective, start, xp)
    np.testing.assert_allclose(backend64.to_numpy(w), np.ones(3), atol=1e-7)
    assert state.converged
    assert all(map(math.isfinite, values))
