"""Golden values, comparison with them, and finite differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from portable_mlp import nn
from portable_mlp.backends import Backend
from portable_mlp.backends.numpy import NumpyBackend
from portable_mlp.nn.parameters import named_leaves, rebuild

Host = NDArray[Any]
_GOLDEN = Path(__file__).parent.parent / "golden"


class Golden:
    """The arrays of one file, by case."""

    def __init__(self, path: Path) -> None:
        self._arrays = load_file(path)

    def names(self, kind: str) -> set[str]:
        """What there are golden values of among ``"activations"``, ``"layers"`` or ``"losses"``."""
        paths = (path.split("/") for path in self._arrays)
        return {path[1].partition("@")[0] for path in paths if path[0] == kind}

    def cases(self, kind: str, name: str) -> dict[str, dict[str, Host]]:
        """``{case: {array name: array}}`` of one name; after its ``@`` a case says where."""
        cases: dict[str, dict[str, Host]] = {}
        for path, array in self._arrays.items():
            head, case, rest = path.split("/", 2)
            if head == kind and case.partition("@")[0] == name:
                cases.setdefault(case, {})[rest] = array
        assert cases, f"no golden values of {name} among the {kind}"
        return cases


@pytest.fixture(scope="session")
def golden() -> Golden:
    """What PyTorch says: see ``tests/golden/make_nn_golden.py``."""
    return Golden(_GOLDEN / "nn.safetensors")


def agree(backend: Backend, result: Any, expected: Host, what: str = "result") -> None:
    """Asserts library, device, dtype, shape and values of what a backend gave.

    float64: 1e-9 relative to each value and 1e-12 to the largest. float32: 1e-5 of the largest.
    """
    assert type(result).__module__.partition(".")[0].startswith(backend.library), what
    assert backend.device_name_of(result) == backend.place, what
    assert result.dtype == backend.dtype, what
    assert tuple(result.shape) == expected.shape, what
    error = np.abs(backend.to_numpy(result).astype(np.float64) - expected)
    scale = np.max(np.abs(expected), initial=0.0)
    if backend.dtype_name == "float64":
        allowed = 1e-9 * np.abs(expected) + 1e-12 * scale
    else:
        allowed = np.full_like(error, 1e-5 * scale)
    assert (error <= allowed).all(), f"{what}: off by {error.max()}, the largest value is {scale}"


@pytest.fixture(name="agree", scope="session")
def agree_fixture() -> Callable[..., None]:
    """Gives tests the comparison."""
    return agree


def golden_layer(backend: Backend, layer: nn.Layer, cases: dict[str, dict[str, Host]]) -> None:
    """Runs a layer forward and backward against golden cases, in one compiled step."""

    def run(case: str, params: Any, state: Any, x: Any, dy: Any) -> Any:
        ctx = nn.Context(
            backend.xp,
            backend.device,
            not case.endswith("@prediction"),
            lambda shape: backend.asarray(cases[case]["uniform"], backend.xp.float32),
        )
        y, cache, state = layer.apply(params, state, x, ctx)
        dx, gradients = layer.backward(params, cache, dy, ctx)
        return y, dx, gradients, layer.gradients(params, cache, dy, ctx), state

    def inputs(arrays: dict[str, Host]) -> Any:
        shape = arrays["x"].shape[1:]
        trees = [
            rebuild(specs, (backend.asarray(arrays[path]) for path, _ in paths(kind, specs)))
            for kind, specs in (("params", layer.parameters(shape)), ("state", layer.state(shape)))
        ]
        return *trees, backend.asarray(arrays["x"]), backend.asarray(arrays["dy"])

    step = backend.compile(lambda given: {case: run(case, *given[case]) for case in given})
    for case, results in step({case: inputs(arrays) for case, arrays in cases.items()}).items():
        y, dx, gradients, same, new_state = results
        expected = cases[case]
        assert layer.output_shape(expected["x"].shape[1:]) == tuple(y.shape[1:])
        agree(backend, y, expected["y"], f"{case} y")
        agree(backend, dx, expected["dx"], f"{case} dx")
        for kind, tree in (("grads", gradients), ("grads", same), ("new_state", new_state)):
            leaves = dict(paths(kind, tree))
            assert leaves.keys() == {path for path in expected if path.startswith(f"{kind}/")}
            for path, leaf in leaves.items():
                agree(backend, leaf, expected[path], f"{case} {path}")


def paths(kind: str, tree: Any) -> Iterator[tuple[str, Any]]:
    """``("params/dense_1/weight", leaf)``: names as in the golden file."""
    for name, leaf in named_leaves(tree):
        yield f"{kind}/{name.replace('.', '/')}", leaf


@pytest.fixture(name="golden_layer", scope="session")
def golden_layer_fixture() -> Callable[..., None]:
    """Gives tests the run of a layer against a golden case."""
    return golden_layer


def directional_slope(function: Callable[[Host], Any], x: Host, direction: Host) -> float:
    """d/dε function(x + ε direction) at 0, by the five-point rule of fourth order."""
    step = 1e-3
    far_below, below, above, far_above = (
        float(function(x + k * step * direction)) for k in (-2, -1, 1, 2)
    )
    return (far_below - 8 * below + 8 * above - far_above) / (12 * step)


@pytest.fixture(name="directional_slope", scope="session")
def directional_slope_fixture() -> Callable[..., float]:
    """Gives tests the finite difference."""
    return directional_slope


def away_from_zero(random: np.random.Generator, shape: tuple[int, ...]) -> Host:
    """Numbers with 0.1 <= |x| <= 2, so that no kink at 0 lies inside the finite difference."""
    return random.choice([-1.0, 1.0], shape) * random.uniform(0.1, 2.0, shape)


def derivative_errors(
    layer: nn.Layer, shape: tuple[int, ...], *, training: bool = True, seed: int = 0
) -> dict[str, float]:
    """Relative error of each gradient of a layer against a finite difference, in float64.

    Args:
        layer: the layer or network.
        shape: of one sample.
        training: whether dropout and batch statistics are on.
        seed: of the points, parameters, statistics and directions.

    Returns:
        ``{"x": error, "weight": error, ...}``.
    """
    random = np.random.default_rng(seed)
    specs, state_specs = layer.parameters(shape), layer.state(shape)
    state = rebuild(
        state_specs, (random.uniform(0.5, 2.0, s.shape) for _, s in named_leaves(state_specs))
    )
    points = {"x": away_from_zero(random, (5, *shape))}
    points |= {n: 0.7 * random.standard_normal(s.shape) for n, s in named_leaves(specs)}

    def forward(arrays: dict[str, Host]) -> tuple[Any, Any, Any, nn.Context]:
        drawn = count()
        ctx = nn.Context(
            NumpyBackend().xp,
            training=training,
            uniform=lambda s: np.random.default_rng(next(drawn)).random(s, np.float32),
        )
        params = rebuild(specs, (arrays[name] for name, _ in named_leaves(specs)))
        y, cache, _ = layer.apply(params, state, arrays["x"], ctx)
        return y, cache, params, ctx

    y, cache, params, ctx = forward(points)
    dy = random.standard_normal(y.shape)
    dx, gradients = layer.backward(params, cache, dy, ctx)
    found = {"x": dx} | dict(named_leaves(gradients))
    assert found.keys() == points.keys()
    errors = {}
    for name, point in points.items():
        direction = random.standard_normal(point.shape)
        slope = directional_slope(
            lambda moved, name=name: np.sum(forward(points | {name: moved})[0] * dy),
            point,
            direction,
        )
        errors[name] = abs(float(np.sum(found[name] * direction)) - slope) / abs(slope)
    return errors


@pytest.fixture(name="derivative_errors", scope="session")
def derivative_errors_fixture() -> Callable[..., dict[str, float]]:
    """Gives tests the finite differences of a layer."""
    return derivative_errors


def loss_batches(loss: nn.Loss, dtype: str = "float64") -> Iterator[tuple[Host, Host, Host]]:
    """``(outputs, targets, weights)`` of 6 samples and 6 outputs for each kind of targets.

    No output is nearer than 0.2 to a point where a loss has a kink: errors are whole numbers plus a
    fraction.
    """
    random = np.random.default_rng(7)
    fractions = random.choice([0.2, 0.3, 0.35, 0.65, 0.7, 0.8], (6, 6))
    outputs = (random.integers(-3, 3, (6, 6)) + fractions).astype(dtype)
    weights = random.uniform(0.5, 2.0, 6).astype(dtype)
    labels = random.integers(0, 6, 6)
    if loss.targets == "values":
        targets = random.integers(0, 2, (6, loss.targets_per_output(6))).astype(dtype)
        yield outputs, (2 * targets - 1 if isinstance(loss, nn.Hinge) else targets), weights
    if "labels" in loss.targets:
        yield outputs, labels, weights
    if "distributions" in loss.targets:
        yield outputs, random.dirichlet(np.ones(6), 6).astype(dtype), weights


@pytest.fixture(name="loss_batches", scope="session")
def loss_batches_fixture() -> Callable[..., Iterator[tuple[Host, Host, Host]]]:
    """Gives tests a batch that fits any loss, a new one too."""
    return loss_batches
