"""A few numbers by which a data set can be known again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest

from portable_mlp import MLP, backends
from portable_mlp.backends import Backend
from portable_mlp.data.fingerprint import Fingerprint, fingerprint

X = np.random.default_rng(0).normal(size=(1000, 3))
Y = np.arange(1000) % 5
NUMPY = backends.get("numpy")


def of(x: object, y: object) -> Fingerprint:
    return fingerprint(x, y, NUMPY)


def test_what_is_hashed() -> None:
    rows = X[::3].astype("<f4").tobytes() + Y[::3].astype("<f4").tobytes()
    assert of(X, Y) == Fingerprint((1000, 3), "float64", hashlib.sha256(rows).hexdigest())


def test_type_and_memory_order_do_not_matter() -> None:
    whole = np.round(X * 10) + 0.0  # an integer has no -0
    expected = of(whole, Y).sha256
    for same in (whole.astype(np.int8), np.asfortranarray(whole), whole.astype(">f4")):
        assert of(same, Y.astype(np.uint8)).sha256 == expected
    assert of(whole.astype(np.int8), Y).dtype == "int8"


@pytest.mark.parametrize(
    "change",
    [
        lambda x, y: (x[::-1], y),
        lambda x, y: (x, y[::-1]),
        lambda x, y: (x * 1.001, y),
        lambda x, y: (x, 4 - y),
        lambda x, y: (x[:, ::-1], y),
    ],
)
def test_other_data_have_another(change: Callable[[np.ndarray, np.ndarray], tuple]) -> None:
    assert of(*change(X, Y)).sha256 != of(X, Y).sha256


def test_every_library_gives_the_same(backend: Backend) -> None:
    x = X.astype(np.float32)
    there = backend.asarray(x), backend.asarray(Y, backend.index_dtype)
    assert fingerprint(*there, backend) == fingerprint(x, Y, backend)


def test_a_fit_keeps_it_and_changes_nothing(backend: Backend) -> None:
    x, y = X[:50].astype(np.float32), X[:50, :1].copy()
    before = x.copy()
    model = MLP([3, 1], loss="squared_error", backend=backend)
    assert model.training_record is None
    model.fit(backend.asarray(x), backend.asarray(y), epochs=1)
    record = model.training_record
    assert record is not None
    assert record.data == of(x, y)
    assert record.backend == backend.name
    np.testing.assert_array_equal(x, before)


def test_lists_and_one_row() -> None:
    model = MLP([2, 2])
    model.fit([[1, 2]], [1], epochs=1)
    assert model.training_record is not None
    data = model.training_record.data
    assert data is not None
    assert (data.shape, data.sha256) == ((1, 2), of(np.asarray([[1, 2]]), np.asarray([1])).sha256)
