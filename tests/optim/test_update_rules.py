"""Every optimizer, on every backend, walks the golden trajectory step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import portable_mlp.optim
from portable_mlp.backends import Backend
from portable_mlp.optim import (
    LBFGS,
    OPTIMIZERS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Lion,
    NAdam,
    Optimizer,
    RMSprop,
)

Golden = dict[str, np.ndarray]
Gradient = Callable[[Any, int], Any]

# A name of OPTIMIZERS is a case by itself, with its default numbers; rates come from the file.
CASES: dict[str, Optimizer] = {
    **{name: made for name, made in OPTIMIZERS.items() if not isinstance(made, LBFGS)},
    "momentum_falling_rate": SGD(momentum=0.8),
    "nesterov_falling_rate": SGD(momentum=0.8, nesterov=True),
    "rmsprop_other": RMSprop(rho=0.99, epsilon=1e-2),
    "adagrad_other": Adagrad(epsilon=1e-2),
    "adam_other": Adam(beta1=0.7, beta2=0.95, epsilon=1e-2),
    "adamw_other": AdamW(beta1=0.7, beta2=0.95, epsilon=1e-4, weight_decay=0.3),
    "nadam_other": NAdam(
        beta1=0.7, beta2=0.95, epsilon=1e-2, momentum_decay=0.05, weight_decay=0.3
    ),
    "lion_other": Lion(beta1=0.6, beta2=0.9, weight_decay=0.5),
}
SOURCES = ("given", "quadratic", "rosenbrock")


def gradients(source: str, golden: Golden, backend: Backend) -> Gradient:
    """The gradient at w in step 0, 1, ..."""
    xp = backend.xp
    rows = [backend.asarray(row) for row in golden["gradients"]]
    matrix, centre = backend.asarray(golden["matrix"]), backend.asarray(golden["centre"])

    def rosenbrock(w: Any, step: int) -> Any:
        w0, w1 = w[:-1], w[1:]
        residual = w1 - w0 * w0
        zero = xp.zeros_like(w[:1])
        at_left = xp.concat([-8.0 * residual * w0 - 2.0 * (1.0 - w0), zero])
        return at_left + xp.concat([zero, 4.0 * residual])

    return {
        "given": lambda w, step: rows[step],
        "quadratic": lambda w, step: matrix @ (w - centre),
        "rosenbrock": rosenbrock,
    }[source]


def walk(
    optimizer: Optimizer, rates: np.ndarray, golden: Golden, backend: Backend
) -> dict[str, np.ndarray]:
    """The weights after each step, (steps, parameters), for each source of gradients."""
    traced = 0

    def step(gradient: Any, state: Any, vector: Any, scalars: Any) -> Any:
        nonlocal traced
        traced += 1
        return optimizer.update(gradient, state, vector, scalars, backend.xp)

    compiled, walked = backend.compile(step), {}
    for source in SOURCES:
        gradient = gradients(source, golden, backend)
        vector = backend.asarray(golden["start"])
        state = optimizer.init(vector, backend.xp)
        rows = []
        for i, rate in enumerate(rates):
            scalars = optimizer.scalars(i + 1, float(rate))
            vector, state = compiled(gradient(vector, i), state, vector, scalars)
            rows.append(np.array(backend.to_numpy(vector)))
        walked[source] = np.stack(rows)
    if getattr(backend, "jit", False):
        assert traced == 1, "a new rate or step number must not compile anew"
    return walked


@pytest.mark.parametrize("name", CASES)
def test_golden_trajectory_float64(backend64: Backend, name: str, golden: Golden) -> None:
    for source, walked in walk(CASES[name], golden[f"{name}.rates"], golden, backend64).items():
        expected = golden[f"{name}.{source}"]
        atol = 1e-12 * np.max(np.abs(expected))
        np.testing.assert_allclose(walked, expected, rtol=1e-9, atol=atol, err_msg=source)


@pytest.mark.parametrize("name", CASES)
def test_golden_trajectory_float32(backend: Backend, name: str, golden: Golden) -> None:
    for source, walked in walk(CASES[name], golden[f"{name}.rates"], golden, backend).items():
        expected = golden[f"{name}.{source}"]
        assert walked.dtype == np.float32
        # each parameter against its own size: the given gradients span nine orders of magnitude
        scale = np.max(np.abs(expected), axis=0)
        error = np.max(np.abs(walked - expected) / scale)
        assert error <= 1e-5, f"{source}: {error}"


def subclasses(of: type[Optimizer]) -> Iterator[type[Optimizer]]:
    """All subclasses that the package defines, however deep."""
    for cls in of.__subclasses__():
        if cls.__module__.startswith("portable_mlp."):
            yield cls
            yield from subclasses(cls)


def test_no_optimizer_is_without_a_golden_trajectory(golden: Golden) -> None:
    """Who adds an optimizer adds a case here and in make_optim_golden.py."""
    in_file = {name.removesuffix(".rates") for name in golden if name.endswith(".rates")}
    assert in_file == set(CASES)
    covered = {type(optimizer) for optimizer in CASES.values()} | {LBFGS}  # test_lbfgs.py
    defined = set(subclasses(Optimizer))
    assert defined == covered
    assert {cls.__name__ for cls in defined} <= set(portable_mlp.optim.__all__)
    assert defined == {type(optimizer) for optimizer in OPTIMIZERS.values()}


@pytest.mark.parametrize("name", CASES)
def test_dtype_device_and_shapes_stay(backend: Backend, name: str, golden: Golden) -> None:
    """With every option on: a step leaves the kind of arrays as it is."""
    xp = backend.xp
    optimizer = replace(CASES[name], weight_decay=0.1, clip_value=2.0, clip_norm=1.0, ema_decay=0.9)
    vector = backend.asarray(golden["start"])
    gradient = backend.asarray(golden["gradients"][0])
    mask = backend.asarray(np.arange(12) % 2)
    state = optimizer.init(vector, xp)
    assert len(state) == len(optimizer.slots)
    new, new_state = optimizer.update(
        gradient, state, vector, optimizer.scalars(1, 0.1), xp, decay_mask=mask
    )
    assert len(new_state) == len(state)
    for array in (*state, new, *new_state):
        assert array.dtype == vector.dtype
        assert array.shape == vector.shape
        assert array.device == vector.device
        assert type(array) is type(vector)


@pytest.mark.parametrize("name", CASES)
def test_nothing_that_came_in_is_written_to(backend: Backend, name: str, golden: Golden) -> None:
    optimizer, xp = CASES[name], backend.xp
    vector = backend.asarray(golden["start"])
    gradient = backend.asarray(golden["gradients"][0])
    state = optimizer.init(vector, xp)
    for step in (1, 2):
        arrays = [gradient, vector, *state]
        before = [np.array(backend.to_numpy(array)) for array in arrays]
        new, new_state = optimizer.update(gradient, state, vector, optimizer.scalars(step, 0.1), xp)
        for array, copy in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(backend.to_numpy(array), copy)
        vector, state = new, new_state


@pytest.mark.parametrize("name", CASES)
def test_step_count_far_on(name: str) -> None:
    """The numbers of a late step are finite, positive, and those of the limit t → ∞."""
    scalars = CASES[name].scalars(10**6, 0.1)
    assert all(type(number) is float and 0 < number < np.inf for number in scalars)
    if isinstance(CASES[name], NAdam):
        beta1 = CASES[name].beta1
        limit = (0.1, 0.1 * (1 - beta1), 0.1 * beta1, 1.0, CASES[name].epsilon)
        np.testing.assert_allclose(scalars, limit, rtol=1e-9)
    elif isinstance(CASES[name], Adam):
        limit = (0.1, 0.1, 1.0, CASES[name].epsilon)
        np.testing.assert_allclose(scalars, limit, rtol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_zero_gradient_from_the_start(backend: Backend, name: str) -> None:
    """No 0/0: without a gradient nothing moves but by weight decay, which is switched off here."""
    optimizer, xp = replace(CASES[name], weight_decay=0.0), backend.xp
    vector = backend.asarray(np.asarray([1.0, -2.0, 0.0]))
    state = optimizer.init(vector, xp)
    for step in (1, 2, 3):
        scalars = optimizer.scalars(step, 0.1)
        vector, state = optimizer.update(xp.zeros_like(vector), state, vector, scalars, xp)
    assert backend.to_numpy(vector).tolist() == [1.0, -2.0, 0.0]
