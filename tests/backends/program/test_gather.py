"""Rows by a kernel that fetches ahead."""

from __future__ import annotations

import numpy as np
import pytest

from portable_mlp.backends.program import kernels


@pytest.mark.skipif(not kernels.available(), reason="numba is not installed (the extra 'fast')")
@pytest.mark.parametrize("order", ["C", "F", "strided", "backwards", "read-only"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [1, 3, 20])
def test_rows_are_those_of_take(order: str, dtype: str, count: int) -> None:
    from portable_mlp.backends.program.gather import row_gatherer

    gather = row_gatherer()
    assert gather is not None  # as long as numba and llvmlite are those it was written for
    random = np.random.default_rng(0)
    x = random.normal(size=(30, 14)).astype(dtype)
    if order == "F":
        x = np.asfortranarray(x)
    elif order == "strided":
        x = x[::2, ::2]
    elif order == "backwards":
        x = x[::-1]
    elif order == "read-only":
        x.flags.writeable = False
    rows = random.integers(0, len(x), count)
    out = np.empty((count, x.shape[1]), dtype)
    gather(x, rows, out)
    np.testing.assert_array_equal(out, x.take(rows, axis=0))
