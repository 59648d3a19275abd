"""Arrays that lie in files, read where they lie, a block of rows at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.source import Piece, Source
from portable_mlp.data.stamp import Stamp

BLOCK = 2**20
"""Bytes of X in a block: for a disk much to read in one go, and still a thousand blocks of a
gigabyte, which are shuffled well."""


def scan_arrays(
    X: NDArray[Any],  # noqa: N803
    y: NDArray[Any] | None = None,
    *,
    block_rows: int | None = None,
    stamps: Iterable[Stamp] = (),
) -> Source:
    """Arrays as a source that a model can be trained from; of a memory map, only rows asked for are read.

    Args:
        X: samples (rows, ...), numpy of any type of numbers; above all `numpy.memmap`.
        y: class numbers (rows,), or values (rows, outputs).
        block_rows: rows that are read together; None for about 1 MiB of X.
        stamps: of the files in which they lie: none is read that was written to since.

    Returns:
        X and y as they are, in views.

    Raises:
        ValueError: not such arrays, no rows, or another number of rows in y.

    Example:
        >>> source = scan_arrays(np.zeros((1000, 784), np.uint8), np.zeros(1000, int), block_rows=300)
        >>> source.blocks, source.sample_shape
        ((300, 300, 300, 100), (784,))
        >>> [piece.X.shape for piece in source.read([3, 0])]
        [(100, 784), (300, 784)]
    """
    _check("X", X)
    if X.ndim < 2:
        raise ValueError(
            f"scan_arrays: X has shape {X.shape}, expected (rows, features); one feature is X[:, None]."
        )
    if 0 in X.shape:
        raise ValueError(
            f"scan_arrays: X has shape {X.shape}, expected at least one row and one feature."
        )
    if y is not None:
        _check("y", y)
        if y.shape[:1] != X.shape[:1]:
            raise ValueError(
                f"scan_arrays: y has shape {y.shape}, expected {len(X)} rows as X has: one target for "
                "each sample."
            )
    if block_rows is None:
        block_rows = max(1, BLOCK // (math.prod(X.shape[1:]) * X.itemsize))
    if block_rows < 1:
        raise ValueError(f"scan_arrays: block_rows is {block_rows}, expected at least 1.")
    return _ArraySource(X, y, block_rows, tuple(stamps))


def _check(what: str, array: Any) -> None:
    if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
        raise ValueError(
            f"scan_arrays: {what} is of type {type(array).__name__}, expected a numpy array; other "
            "arrays in memory can be passed to fit as they are."
        )
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"scan_arrays: {what} holds {array.dtype} data, expected numbers; encode text as numbers "
            "first, class labels as 0, 1, 2, ..."
        )


class _ArraySource(Source):
    """Slices of arrays."""

    def __init__(
        self,
        X: NDArray[Any],  # noqa: N803
        y: NDArray[Any] | None,
        block_rows: int,
        stamps: tuple[Stamp, ...],
    ) -> None:
        # slices of a memmap are memmaps, which are slow to make
        self._X = X.view(np.ndarray)
        self._y = None if y is None else y.view(np.ndarray)
        self._block_rows, self._stamps = block_rows, stamps
        whole, rest = divmod(len(X), block_rows)
        self.blocks = (block_rows,) * whole + (rest,) * bool(rest)
        self.sample_shape = X.shape[1:]

    def __str__(self) -> str:
        """For messages."""
        return "the arrays"

    def read(self, numbers: Iterable[int]) -> Iterator[Piece]:
        """Views of the rows of these blocks."""
        for number in numbers:
            for stamp in self._stamps:  # of a file that was cut, a map ends the process
                stamp.check()
            rows = slice(number * self._block_rows, (number + 1) * self._block_rows)
            yield Piece(self._X[rows], None if self._y is None else self._y[rows])
