"""Matrix products with rounded factors."""

from __future__ import annotations

import numpy as np
import pytest

from portable_mlp import MLP, backends, load_digits
from portable_mlp.backends import Backend
from portable_mlp.backends.precision import rounded_product

STEP = {"bfloat16": 2.0**-8, "float16": 2.0**-11}
"""Largest relative rounding of one number."""


def lower(name: str, precision: str) -> Backend:
    try:
        return backends.get(name, precision=precision)
    except backends.BackendUnavailableError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", ["torch", "jax", "cupy"])
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("scale", [1.0, 1e-12, 1e12])
def test_products_are_right_to_the_rounding(name: str, precision: str, scale: float) -> None:
    if name == "cupy" and precision == "bfloat16":
        pytest.skip("cupy: has no bfloat16")
    backend = lower(name, precision)
    random = np.random.default_rng(0)
    a, b = random.normal(size=(32, 64)) * scale, random.normal(size=(64, 16))
    with backend.scope():
        found = rounded_product(backend.xp, backend.asarray(a), backend.asarray(b), precision)
        assert found.dtype == backend.dtype
        error = np.abs(backend.to_numpy(found).astype(np.float64) - a @ b)
    bound = 3 * STEP[precision] * (np.abs(a) @ np.abs(b))
    assert (error <= bound).all()
    assert error.max() > 1e-6 * np.abs(a @ b).max()  # they are rounded indeed


@pytest.mark.parametrize("name", ["torch", "jax", "cupy"])
@pytest.mark.parametrize("precision", ["tf32", "bfloat16", "float16"])
def test_a_network_learns_as_well(name: str, precision: str) -> None:
    if name == "cupy" and precision == "bfloat16":
        pytest.skip("cupy: has no bfloat16")
    backend = lower(name, precision)
    digits = load_digits()
    model = MLP([64, 64, 10], activation="silu", backend=backend, seed=1)
    model.fit(digits.train_images, digits.train_labels, epochs=15, batch_size=32)
    assert all(v.dtype == np.float32 for v in model.parameters().values())
    assert model.evaluate(digits.test_images, digits.test_labels)["accuracy"] >= 0.95


def test_products_of_zeros_are_zero() -> None:
    backend = lower("torch", "float16")
    zeros = backend.asarray(np.zeros((2, 2)))
    found = rounded_product(backend.xp, zeros, zeros, "float16")
    assert backend.to_numpy(found).tolist() == [[0, 0], [0, 0]]


def test_a_library_without_it_says_so() -> None:
    with pytest.raises(ValueError, match="precision on backend 'numpy': got 'tf32'"):
        backends.get("numpy", precision="tf32")
    with pytest.raises(ValueError, match="beside dtype 'float64'"):
        backends.get("torch", dtype="float64", precision="bfloat16")
