"""aᵀ b, for which some backends have a way of their own: by shape."""

from __future__ import annotations

import numpy as np
import pytest

from portable_mlp.backends import Backend


@pytest.mark.parametrize("inner", [1, 7, 256])
@pytest.mark.parametrize("rows", [3, 500])
@pytest.mark.parametrize("columns", [1, 10, 32, 33, 64])
def test_transposed_product(backend64: Backend, inner: int, rows: int, columns: int) -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=(inner, rows)), random.normal(size=(inner, columns))
    product = backend64.transposed_product(backend64.xp)
    found = product(backend64.asarray(a), backend64.asarray(b))
    assert found.shape == (rows, columns)
    np.testing.assert_allclose(backend64.to_numpy(found), a.T @ b, rtol=1e-12, atol=1e-12)
