"""Arrays as sources: the rows of a memory map, and only those that were asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp.data import scan_arrays


def rows_of(source: Any, numbers: Any) -> tuple[Any, Any]:
    pieces = list(source.read(numbers))
    return np.concatenate([p.X for p in pieces]), np.concatenate([p.y for p in pieces])


@pytest.mark.parametrize("dtype", ["bool", "u1", "i2", ">i4", "f2", "f4", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(70, 3), (70, 4, 2)])
def test_rows_of_blocks(dtype: str, order: Any, shape: tuple[int, ...]) -> None:
    X = np.asarray(np.random.default_rng(0).integers(0, 2, shape).astype(dtype), order=order)
    y = np.arange(70)
    source = scan_arrays(X, y, block_rows=20)
    assert (source.blocks, source.rows, source.sample_shape) == ((20, 20, 20, 10), 70, shape[1:])
    x, numbers = rows_of(source, [3, 1])
    assert numbers.tolist() == [*range(60, 70), *range(20, 40)]
    assert np.array_equal(x, X[numbers])
    assert x.dtype.newbyteorder("=") == X.dtype.newbyteorder("=")


def test_pieces_are_views_and_no_memmaps(tmp_path: Path) -> None:
    X = np.memmap(tmp_path / "X", np.float32, "w+", shape=(100, 5))
    (piece,) = scan_arrays(X, X[:, :1], block_rows=10).read([7])
    assert (type(piece.X), type(piece.y)) == (np.ndarray, np.ndarray)
    assert np.shares_memory(piece.X, X[70:80])
    assert not np.shares_memory(piece.X, X[80:])
    assert piece.y.shape == (10, 1)


@pytest.mark.parametrize(
    ("shape", "dtype", "rows"),
    [
        ((5000, 256), "f4", 1024),
        ((5000, 784), "u1", 1337),
        ((3, 2**21), "u1", 1),
        ((9, 1), "f8", 9),
    ],
)
def test_blocks_of_about_a_mebibyte(shape: tuple[int, ...], dtype: str, rows: int) -> None:
    source = scan_arrays(np.zeros(shape, dtype))
    assert source.blocks[0] == rows
    assert source.rows == shape[0]


def test_without_targets() -> None:
    (piece,) = scan_arrays(np.zeros((3, 2))).read([0])
    assert piece.y is None


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([[1.0]], None, "X is of type list, expected a numpy array; other arrays in memory can be"),
        (np.ma.zeros((2, 2)), None, "X is of type MaskedArray, expected a numpy array"),
        (np.zeros(3), None, r"X has shape \(3,\), expected \(rows, features\); one feature is"),
        (
            np.zeros((0, 3)),
            None,
            r"X has shape \(0, 3\), expected at least one row and one feature",
        ),
        (
            np.zeros((3, 0)),
            None,
            r"X has shape \(3, 0\), expected at least one row and one feature",
        ),
        (np.array([["a"]]), None, "X holds <U1 data, expected numbers; encode text"),
        (np.array([[{}]]), None, "X holds object data, expected numbers"),
        (np.zeros((3, 2)), np.zeros(4), r"y has shape \(4,\), expected 3 rows as X has"),
        (np.zeros((3, 2)), np.zeros(()), r"y has shape \(\), expected 3 rows as X has"),
        (np.zeros((3, 2)), np.zeros(3, complex), "y holds complex128 data, expected numbers"),
    ],
)
def test_what_is_refused(X: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^scan_arrays: " + message):
        scan_arrays(X, y)


def test_blocks_without_rows() -> None:
    with pytest.raises(ValueError, match="block_rows is 0, expected at least 1"):
        scan_arrays(np.zeros((3, 2)), block_rows=0)
