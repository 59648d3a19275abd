"""Subnormal numbers as zero inside, as they were outside."""

from __future__ import annotations

import numpy as np
import pytest

from portable_mlp import MLP, optim
from portable_mlp.backends import Backend
from portable_mlp.backends.numpy import NumpyBackend
from portable_mlp.backends.subnormals import _library, subnormals_flushed

TINY = np.full(100, 1e-39, dtype=np.float32)


def halves() -> np.ndarray:
    return TINY * np.float32(0.5)


def test_they_are_zero_inside_and_come_back_outside() -> None:
    if _library() is None:
        pytest.skip("the processor's control word is known on Linux, x86-64 and glibc only")
    assert (halves() > 0).all()
    with subnormals_flushed():
        assert (halves() == 0).all()
        with subnormals_flushed():
            assert (halves() == 0).all()
        assert (halves() == 0).all()
    assert (halves() > 0).all()


def test_they_come_back_after_an_error() -> None:
    with pytest.raises(ValueError, match="mine"), subnormals_flushed():
        raise ValueError("mine")
    assert (halves() > 0).all()


@pytest.mark.parametrize("compiler", ["none", "buffers", "auto"])
def test_a_moment_of_a_dead_weight_ends_at_zero(compiler: str) -> None:
    if _library() is None:
        pytest.skip("the processor's control word is known on Linux, x86-64 and glibc only")
    backend = NumpyBackend(compiler=compiler)
    model = MLP([2, 4, 2], activation="tanh", backend=backend)
    X = np.asarray([[1.0, 1.0], [0.5, -1.0]])
    y = np.asarray([0, 1])
    model.fit(X, y, epochs=1, batch_size=None)
    X[:, 1] = 0.0  # from here on the weights of the second feature have gradient 0
    model.fit(X, y, epochs=1500, batch_size=None)
    first_moment = np.asarray(model._reached.slots[0])[:8].reshape(2, 4)[1]
    assert (first_moment == 0).all()
    assert (halves() > 0).all()  # only while it trains


def test_a_moment_of_a_dead_weight_stays_finite(backend: Backend) -> None:
    model = MLP([2, 2], backend=backend, metrics=())
    X = np.asarray([[1.0, 0.0], [0.5, 0.0]])
    model.fit(X, np.asarray([0, 1]), epochs=20, batch_size=None, optimizer=optim.Adam())
    assert all(np.isfinite(v).all() for v in model.parameters().values())
