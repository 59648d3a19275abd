"""Flat vectors in pieces, on numpy: the arithmetic is the library's."""

from __future__ import annotations

import numpy as np
import pytest

from portable_mlp.backends import pieces
from portable_mlp.backends.pieces import (
    Pieces,
    PiecesNamespace,
    cuts_of,
    in_pieces,
    joined,
    parts_in,
)

PARTS = (40_000, 3, 5, 50_000, 7)
SIZE = sum(PARTS)


@pytest.fixture
def vector() -> np.ndarray:
    return np.random.default_rng(0).normal(size=SIZE)


def whole(given: Pieces) -> np.ndarray:
    return np.concatenate(given.arrays)


def test_large_arrays_are_apart_and_small_ones_together() -> None:
    assert cuts_of(PARTS) == (0, 40_000, 40_008, 90_008, 90_015)
    assert cuts_of((3, 4)) == (0, 7)
    assert cuts_of((40_000, 40_000)) == (0, 40_000, 80_000)
    assert cuts_of((5,)) == (0, 5)


def test_there_and_back(vector: np.ndarray) -> None:
    carry = (vector, (vector * 2, None), {"state": vector}, np.zeros(()))
    made = in_pieces(carry, PARTS)
    assert isinstance(made[0], Pieces)
    assert isinstance(made[1][0], Pieces)
    assert made[2]["state"] is vector  # running statistics stay
    assert parts_in(made) == PARTS
    back = joined(made, np.concatenate)
    assert parts_in(back) is None
    np.testing.assert_array_equal(back[0], vector)
    np.testing.assert_array_equal(back[1][0], 2 * vector)
    assert back[2:] == made[2:]


def test_arithmetic_goes_piece_by_piece(vector: np.ndarray) -> None:
    xp = PiecesNamespace(np, PARTS)
    v = Pieces.of(vector, PARTS)
    found = (2.0 - v * v + 1.0 / (xp.abs(v) + 1.0)) ** 2 - vector
    np.testing.assert_array_equal(
        whole(found), (2.0 - vector * vector + 1.0 / (abs(vector) + 1.0)) ** 2 - vector
    )
    np.testing.assert_array_equal(whole(xp.maximum(v, 0.5)), np.maximum(vector, 0.5))
    np.testing.assert_array_equal(whole(-v), -vector)
    assert float(xp.sum(v)) == pytest.approx(vector.sum(), rel=1e-12)
    assert float(v @ v) == pytest.approx(vector @ vector, rel=1e-12)
    assert (v.shape, v.ndim, v.dtype) == ((SIZE,), 1, np.dtype("float64"))


def test_a_slice_that_is_a_piece_is_that_piece(vector: np.ndarray) -> None:
    v = Pieces.of(vector, PARTS)
    assert v[0:40_000] is v.arrays[0]
    np.testing.assert_array_equal(v[40_003:40_008], vector[40_003:40_008])
    with pytest.raises(IndexError, match="over the end of a piece"):
        _ = v[10:40_001]


def test_a_concatenation_of_the_parts_is_in_pieces(vector: np.ndarray) -> None:
    xp = PiecesNamespace(np, PARTS)
    ends = np.cumsum(PARTS)[:-1]
    made = xp.concat(np.split(vector, ends))
    assert isinstance(made, Pieces)
    np.testing.assert_array_equal(whole(made), vector)
    other = xp.concat([vector[:3], vector[3:5]])
    assert isinstance(other, np.ndarray)
    assert pieces.LARGE < 40_000
