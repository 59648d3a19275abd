"""Φ against 40-digit values on every backend; the tables against the script that makes them."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from portable_mlp.backends import Backend
from portable_mlp.backends.numpy import NumpyBackend
from portable_mlp.nn import normal_cdf as module
from portable_mlp.nn.normal_cdf import normal_cdf

xp = NumpyBackend().xp
GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture(scope="module")
def reference() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """z of float32 precision in [-36, 36] and Φ(z)."""
    arrays = load_file(GOLDEN / "normal_cdf.safetensors")
    return arrays["z"], arrays["phi"]


def test_float64_to_the_last_digits(
    backend64: Backend, reference: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> None:
    """Relative, on the left tail too, where exp(-z²/2) magnifies the rounding of z²."""
    z, phi = reference
    result = normal_cdf(backend64.asarray(z), backend64.xp)
    assert result.dtype == backend64.dtype
    error = np.abs(backend64.to_numpy(result) / phi - 1)
    assert np.max(error) <= 3e-13
    assert np.max(error / (1 + z * z / 2)) < 5e-15


def test_float32_to_the_last_digits(
    backend: Backend, reference: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> None:
    z, phi = reference
    z, phi = z[np.abs(z) <= 12], phi[np.abs(z) <= 12]  # below, float32 has no normal numbers
    result = normal_cdf(backend.asarray(z), backend.xp)
    assert result.dtype == backend.dtype
    assert backend.device_name_of(result) == backend.place
    error = np.abs(backend.to_numpy(result).astype(np.float64) / phi - 1)
    assert np.max(error / (1 + z * z / 2)) < 2e-6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_limits_and_symmetry(dtype: str) -> None:
    z = np.asarray([0.0, -0.0, 1e4, -1e4, np.finfo(dtype).tiny], dtype=dtype)
    with np.errstate(all="raise", under="ignore"):
        result = normal_cdf(z, xp)
    assert result.tolist() == pytest.approx([0.5, 0.5, 1.0, 0.0, 0.5], rel=2e-7)
    right = np.linspace(0, 9, 91).astype(dtype)
    phi = normal_cdf(np.concatenate([-right[:0:-1], right]), xp)
    epsilon = np.finfo(dtype).eps
    np.testing.assert_allclose(phi + phi[::-1], 1, rtol=10 * epsilon)
    assert (np.diff(phi) >= -2 * epsilon).all()
    assert phi.min() > 0
    assert phi.max() <= 1


def test_tables_are_what_the_script_makes() -> None:
    pytest.importorskip("mpmath")
    script = runpy.run_path(str(GOLDEN / "make_normal_cdf.py"))
    for name, terms in script["TERMS"].items():
        table = getattr(module, name)
        assert len(table) == terms
        np.testing.assert_allclose(table, script["coefficients"](terms), rtol=0, atol=1e-14)
