"""Activations: golden values, derivatives, the point 0 and the far ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from portable_mlp import nn
from portable_mlp.backends import Backend
from portable_mlp.backends.numpy import NumpyBackend
from portable_mlp.nn.activations import PReLUParams

xp = NumpyBackend().xp
CTX = nn.Context(xp)
OPTIONS: dict[str, nn.Layer] = {
    "leaky_relu-0.3": nn.LeakyReLU(0.3),
    "elu-0.7": nn.ELU(0.7),
    "sigmoid-2.5": nn.Sigmoid(2.5),
}
CASES = nn.ACTIVATIONS | OPTIONS
ELEMENTWISE = {name: act for name, act in CASES.items() if isinstance(act, nn.Elementwise)}


def cases_of(activations: dict[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", activations)


def test_every_activation_has_golden_values(golden: Any) -> None:
    assert golden.names("activations") == set(CASES)
    assert all(len(golden.cases("activations", name)) == 2 for name in CASES)  # points and tails


def test_every_activation_has_a_name() -> None:
    named = {type(act) for act in nn.ACTIVATIONS.values()}
    exported = [getattr(nn, name) for name in nn.__all__]
    elementwise = {c for c in exported if isinstance(c, type) and issubclass(c, nn.Elementwise)}
    assert elementwise - named == {nn.Elementwise, nn.CustomActivation}
    assert {name for name, act in nn.ACTIVATIONS.items() if act.kind != name} == {"gelu_tanh"}


@cases_of(CASES)
def test_golden_float64(
    backend64: Backend, golden: Any, golden_layer: Callable[..., None], name: str
) -> None:
    golden_layer(backend64, CASES[name], golden.cases("activations", name))


@cases_of(CASES)
def test_golden_float32(
    backend: Backend, golden: Any, golden_layer: Callable[..., None], name: str
) -> None:
    golden_layer(backend, CASES[name], golden.cases("activations", name))


@pytest.mark.parametrize("seed", range(3))
@cases_of(CASES)
def test_backward_is_the_derivative(
    derivative_errors: Callable[..., dict[str, float]], name: str, seed: int
) -> None:
    errors = derivative_errors(CASES[name], (4,), seed=seed)
    assert max(errors.values()) < 1e-7, errors


def test_custom_activation(derivative_errors: Callable[..., dict[str, float]]) -> None:
    sine = nn.CustomActivation(lambda z, xp: xp.sin(z), lambda z, xp: xp.cos(z))
    assert max(derivative_errors(sine, (4,)).values()) < 1e-7
    wrong = nn.CustomActivation(lambda z, xp: xp.sin(z), lambda z, xp: xp.sin(z))
    assert derivative_errors(wrong, (4,))["x"] > 1e-2


@pytest.mark.parametrize(
    ("name", "value", "slope"),
    [
        ("identity", 0.0, 1.0),
        ("relu", 0.0, 0.0),
        ("leaky_relu", 0.0, 0.01),
        ("elu", 0.0, 1.0),
        ("elu-0.7", 0.0, 0.7),
        ("selu", 0.0, 1.0507009873554805 * 1.6732632423543772),
        ("gelu", 0.0, 0.5),
        ("gelu_tanh", 0.0, 0.5),
        ("silu", 0.0, 0.5),
        ("mish", 0.0, 0.6),  # tanh(log 2)
        ("softplus", np.log(2), 0.5),
        ("sigmoid", 0.5, 0.25),
        ("sigmoid-2.5", 0.5, 2.5 / 4),
        ("tanh", 0.0, 1.0),
    ],
)
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_at_zero(name: str, value: float, slope: float, zero: float) -> None:
    z = np.asarray([[zero]])
    y, cache = CASES[name].forward(None, z, CTX)
    dz, _ = CASES[name].backward(None, cache, np.ones((1, 1)), CTX)
    np.testing.assert_allclose(y, [[value]], rtol=1e-14)
    np.testing.assert_allclose(dz, [[slope]], rtol=1e-14)


@cases_of(dict.fromkeys(("leaky_relu", "prelu", "relu")))
def test_rectifiers_slope_at_zero_is_the_left_one(name: str) -> None:
    layer = CASES[name]
    params = PReLUParams(np.asarray([0.25])) if name == "prelu" else None
    left, right = (
        layer.backward(params, layer.forward(params, z, CTX)[1], np.ones((1, 1)), CTX)[0]
        for z in (np.asarray([[-1.0]]), np.asarray([[1.0]]))
    )
    at = layer.backward(params, layer.forward(params, np.zeros((1, 1)), CTX)[1], right, CTX)[0]
    assert at == left
    assert right == 1.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@cases_of(CASES)
def test_far_ends_are_finite_and_silent(name: str, dtype: str) -> None:
    z = np.asarray([[-1e4, -200.0, -90.0, 90.0, 200.0, 1e4]], dtype=dtype)
    layer = CASES[name]
    params = PReLUParams(np.full(6, 0.25, dtype)) if name == "prelu" else None
    with np.errstate(all="raise", under="ignore"):
        y, cache = layer.forward(params, z, CTX)
        dz, _ = layer.backward(params, cache, np.ones_like(y), CTX)
    assert y.dtype == dz.dtype == np.dtype(dtype)
    assert np.isfinite(y).all()
    assert np.isfinite(dz).all()


@pytest.mark.parametrize("name", ["sigmoid", "silu", "softplus", "gelu", "mish"])
def test_left_tail_keeps_its_digits(golden: Any, name: str) -> None:
    """Small values are right to 12 digits and not only beside the large ones."""
    z = np.asarray([[-20.0]])
    y, _ = CASES[name].forward(None, z, CTX)
    exact = {
        "sigmoid": 2.0611536181902037e-09,
        "silu": 20 * -2.0611536181902037e-09,
        "softplus": 2.061153620314381e-09,
        "gelu": -20 * 2.7536241186062337e-89,
        "mish": -20 * 2.061153620314381e-09,
    }
    np.testing.assert_allclose(y, [[exact[name]]], rtol=1e-12)


@cases_of(ELEMENTWISE)
def test_elementwise_takes_any_shape(name: str) -> None:
    z = np.linspace(-2.0, 2.0, 24).reshape(2, 3, 4)
    layer = ELEMENTWISE[name]
    y, cache = layer.forward(None, z, CTX)
    dz, none = layer.backward(None, cache, np.ones_like(y), CTX)
    flat = layer.value(z.reshape(-1), xp)
    assert np.array_equal(y.reshape(-1), flat)
    assert np.array_equal(dz.reshape(-1), layer.derivative(z.reshape(-1), flat, xp))
    assert none is None
    assert layer.parameters((3, 4)) is None
    assert layer.state((3, 4)) is None
    assert layer.output_shape((3, 4)) == (3, 4)


def test_softmax_is_a_distribution_and_ignores_a_constant() -> None:
    z = np.random.default_rng(0).normal(0, 3, (5, 4))
    y, cache = nn.Softmax().forward(None, z, CTX)
    shifted, _ = nn.Softmax().forward(None, z + 1000.0, CTX)
    np.testing.assert_allclose(y.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(shifted, y, rtol=1e-11)
    dz, _ = nn.Softmax().backward(None, cache, z**2, CTX)
    np.testing.assert_allclose(dz.sum(axis=1), 0.0, atol=1e-14)


def test_selu_keeps_mean_and_variance() -> None:
    """The fixed point for which its two numbers were made, Klambauer et al. 2017."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(180)
    weights = weights / weights.sum()
    y = nn.SELU().value(nodes, xp)
    assert abs(weights @ y) < 0.02
    assert abs(weights @ y**2 - 1) < 0.02


def test_gelu_forms() -> None:
    z = np.linspace(-6, 6, 121)
    difference = nn.GELU().value(z, xp) - nn.GELU("tanh").value(z, xp)
    assert 1e-4 < np.max(np.abs(difference)) < 1e-3
    with pytest.raises(ValueError, match=r"GELU: approximate is 'erf', expected 'none' or 'tanh'"):
        nn.GELU("erf")


def test_prelu_starts_where_it_is_told() -> None:
    (spec,) = nn.PReLU(0.1).parameters((3,))
    assert spec.shape == (3,)
    assert spec.initializer == nn.Constant(0.1)
    assert not spec.decay
    assert nn.PReLU().parameters((3,)).slope.initializer == nn.Constant(0.25)


def test_elementwise_without_formulas_says_so() -> None:
    with pytest.raises(TypeError, match="Elementwise does not define value"):
        nn.Elementwise().forward(None, np.ones((1, 1)), CTX)
    with pytest.raises(TypeError, match="Elementwise does not define derivative"):
        nn.Elementwise().backward(None, (np.ones((1, 1)),) * 2, np.ones((1, 1)), CTX)
