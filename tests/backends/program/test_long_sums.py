"""Sums over long vectors, taken by the kernel that reads the vector anyway."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pytest

from portable_mlp.backends.numpy import NumpyBackend
from portable_mlp.backends.program import CompiledLoop, kernels
from portable_mlp.backends.program.kernel_source import LONG
from portable_mlp.backends.program.numpy_library import NumpyLibrary

pytestmark = pytest.mark.skipif(
    not kernels.available(), reason="numba is not installed (the extra 'fast')"
)


class Held(NamedTuple):
    """A vector, and a sum that grows."""

    x: Any
    squares: Any


def _halve(xp: Any, carry: Held, *rest: Any) -> Held:
    return Held(carry.x * 0.5, carry.squares + xp.sum(carry.x * carry.x))


def _halved(x: np.ndarray, dtype: str) -> tuple[Held, str]:
    backend = NumpyBackend(None, dtype)
    loop = CompiledLoop(
        NumpyLibrary(backend.xp), _halve, backend.loop(_halve), kernels.NumbaCompiler()
    )
    carry = Held(x.astype(dtype), np.zeros((), dtype))
    found = loop(carry, np.zeros(1), None, [0], 0, 1)
    assert loop.refused is None
    return found, loop.texts[0]


@pytest.mark.parametrize("size", [LONG - 1, LONG, LONG + 1, 100_003])
@pytest.mark.parametrize(("dtype", "close"), [("float32", 1e-6), ("float64", 1e-14)])
def test_a_long_sum_is_right_and_costs_no_pass_of_its_own(
    size: int, dtype: str, close: float
) -> None:
    x = np.random.default_rng(0).normal(size=size).astype(dtype)
    found, text = _halved(x, dtype)
    assert float(found.squares) == pytest.approx(math.fsum(float(v) ** 2 for v in x), rel=close)
    np.testing.assert_array_equal(found.x, x * np.asarray(0.5, dtype))
    body = text.partition("for i in range")[2].splitlines()
    assert len(body) == 3, text  # the head, the numbers of the step, one kernel


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("place", [0, 5, 99_999])
def test_a_number_that_is_not_finite_is_seen(bad: float, place: int) -> None:
    x = np.zeros(100_000)
    x[place] = bad
    found, _ = _halved(x, "float32")
    assert not np.isfinite(found.squares)
