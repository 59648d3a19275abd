"""Batches that somebody else makes, again in each epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.numeric import gap
from portable_mlp.data.source import Piece, Source
from portable_mlp.nn.arrays import Shape


def scan_batches(
    make: Iterable[Any] | Callable[[], Iterable[Any]], *, rows: int | None = None
) -> Source:
    """Batches ``(X, y)`` from anywhere as a source that a model can be trained from.

    They come in their own order, in one block: a training shuffles them only within its memory.

    Args:
        make: something that can be iterated over again and again, or a function that gives a new iterator
            each time. Of one batch, X is (rows, ...) and y class numbers (rows,), values
            (rows, outputs) or None; the batches may have different numbers of rows.
        rows: of all batches together; None to count them now, in a pass of its own.

    Raises:
        TypeError: something that can be iterated over only once.
        ValueError: no batches, no such pairs, NaN or infinity, or, later, other shapes or another number
            of rows.

    Example:
        >>> def batches():
        ...     for day in range(7):
        ...         yield np.full((24, 3), day), np.zeros(24, int)
        >>> source = scan_batches(batches)
        >>> source.rows, source.sample_shape
        (168, (3,))
        >>> sum(len(piece.X) for piece in source.read([0]))
        168
    """
    if not callable(make) and (not isinstance(make, Iterable) or iter(make) is make):
        raise TypeError(
            f"scan_batches: got {type(make).__name__}, expected batches that can be iterated over in "
            "every epoch; pass a function that returns a new iterator each time."
        )
    if rows is not None and rows < 1:
        raise ValueError(f"scan_batches: rows is {rows}, expected at least 1.")
    return _BatchSource(make, rows)


class _BatchSource(Source):
    """One block, in the order of the batches."""

    def __init__(self, make: Iterable[Any] | Callable[[], Iterable[Any]], rows: int | None) -> None:
        self._make = make
        first, counted = None, 0
        for number, batch in enumerate(self._batches()):
            piece = _piece(number, batch)
            first = first or piece
            counted += len(piece.X)
            if rows is not None:
                break
        if first is None or not counted:
            raise ValueError("scan_batches: there are no rows, expected batches (X, y).")
        self.sample_shape = first.X.shape[1:]
        self._target_shape = _shape_of(first.y)
        self.blocks = (counted if rows is None else rows,)

    def __str__(self) -> str:
        """The function that made it."""
        return "scan_batches"

    def _batches(self) -> Iterable[Any]:
        return self._make() if callable(self._make) else self._make

    def read(self, numbers: Iterable[int]) -> Iterator[Piece]:
        """All batches, for each time that the only block is asked for."""
        for _ in numbers:
            yield from self._once()

    def _once(self) -> Iterator[Piece]:
        rows = 0
        for number, batch in enumerate(self._batches()):
            piece = _piece(number, batch)
            shapes = piece.X.shape[1:], _shape_of(piece.y)
            if shapes != (self.sample_shape, self._target_shape):
                raise ValueError(
                    f"scan_batches: batch {number} has samples and targets of shapes {shapes}, expected "
                    f"{(self.sample_shape, self._target_shape)} as in the first."
                )
            rows += len(piece.X)
            if rows > self.rows:
                break
            yield piece
        if rows != self.rows:
            raise ValueError(
                f"scan_batches: a pass gave {'at least ' * (rows > self.rows)}{rows} rows, expected "
                f"{self.rows} as at first; pass a function that returns a new iterator each time."
            )


def _piece(number: int, batch: Any) -> Piece:
    """A batch as numpy arrays."""
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        raise ValueError(
            f"scan_batches: batch {number} is {type(batch).__name__}, expected a pair (X, y)."
        )
    x, y = _numeric(number, "X", batch[0]), None
    if batch[1] is not None:
        y = _numeric(number, "y", batch[1])
    if x.ndim < 2 or (y is not None and y.shape[:1] != x.shape[:1]):
        raise ValueError(
            f"scan_batches: in batch {number} X has shape {x.shape} and y {_shape(y)}, expected "
            "(rows, features) and as many rows."
        )
    return Piece(x, y)


def _numeric(number: int, what: str, values: Any) -> NDArray[Any]:
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"scan_batches: {what} of batch {number} can't be made a numpy array: {error}"
        ) from None
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"scan_batches: {what} of batch {number} holds {array.dtype} data, expected numbers."
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = np.argwhere(~np.isfinite(array))[0].tolist()
        found = gap(f"{what} of batch {number}", str(array[*place]), place)
        raise ValueError(f"scan_batches: {found}")
    return array


def _shape(array: NDArray[Any] | None) -> Shape | None:
    return None if array is None else array.shape


def _shape_of(array: NDArray[Any] | None) -> Shape | None:
    """Of one target."""
    return None if array is None else array.shape[1:]
