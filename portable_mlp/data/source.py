"""The contract of data that is read while a model trains: files and streams larger than memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from portable_mlp import randomness
from portable_mlp.data.columns import Columns
from portable_mlp.data.errors import DataFileError
from portable_mlp.nn.arrays import Shape


class Piece(NamedTuple):
    """Some rows that follow one another, as they were read."""

    X: Any
    """Numeric numpy array (rows, ...), of any type; whoever gets it does not write to it."""
    y: Any
    """Numeric numpy array (rows,) or (rows, outputs), class numbers or values; None without targets."""


class Source:
    """Rows in blocks, in a file or elsewhere.

    A training shuffles the blocks anew in each epoch, reads them one after the other, and shuffles the
    rows once more within as many blocks as fit its memory (`portable_mlp.data.stream`). So blocks are
    small enough to be many and large enough to be read in one go.

    A subclass sets the attributes and writes `read`. Reading happens in a thread of its own; `read`
    is never called by two threads at once. The numbers are checked (finite, class numbers in range) by
    whoever trains; the reader says what is wrong with a file, in a `DataFileError` that names it.
    """

    sample_shape: Shape
    """Of one sample."""
    blocks: tuple[int, ...]
    """Rows of each block; more than 0."""
    columns: Columns = Columns()
    """Names, as far as they are known."""
    decodes: bool = False
    """Whether reading is work for a core, such as decompression, more than waiting for a disk or a
    network. A model on the host's cores waits for such a source instead of sharing the cores with it:
    the threads of a matrix product wait for each other, and one that lacks its core delays them all."""

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(self.blocks)

    def read(self, numbers: Iterable[int]) -> Iterator[Piece]:
        """The rows of these blocks, in this order, in pieces of at most some MiB.

        Args:
            numbers: of the blocks, from 0.
        """
        raise TypeError(f"{type(self).__name__} does not define read")

    def __str__(self) -> str:
        """What messages call it: the file, most often."""
        return type(self).__name__


def pieces_of(source: Source, numbers: Iterable[int]) -> Iterator[Piece]:
    """What a source reads, looked at: numbers, in the shape that it said, a target for each sample.

    Args:
        source: where the rows are.
        numbers: of the blocks.

    Raises:
        DataFileError: a piece is something else.
    """
    for piece in source.read(numbers):
        if not isinstance(piece, Piece):
            raise DataFileError(
                f"{source}: read gave a {type(piece).__name__}, expected a Piece(X, y) of arrays."
            )
        for name, array in zip("Xy", piece, strict=True):
            if name == "y" and array is None:
                continue
            kind = getattr(getattr(array, "dtype", None), "kind", type(array).__name__)
            if not isinstance(array, np.ndarray) or kind not in "biuf":
                raise DataFileError(
                    f"{source}: {name} holds {kind!r} data, expected numpy numbers."
                )
        if piece.X.shape[1:] != source.sample_shape:
            raise DataFileError(
                f"{source}: a piece of X has shape {piece.X.shape}, expected (rows, "
                f"{', '.join(map(str, source.sample_shape))})."
            )
        if piece.y is not None and piece.y.shape[:1] != piece.X.shape[:1]:
            raise DataFileError(
                f"{source}: a piece has {len(piece.X)} rows in X and y of shape {piece.y.shape}, "
                "expected one target for each sample."
            )
        yield piece


class Blocks(Source):
    """Some blocks of a source, as a source.

    Args:
        source: the whole.
        numbers: of its blocks.
    """

    def __init__(self, source: Source, numbers: Sequence[int]) -> None:
        """Takes over the names."""
        self._source, self._numbers = source, list(numbers)
        self.sample_shape, self.columns = source.sample_shape, source.columns
        self.decodes = source.decodes
        self.blocks = tuple(source.blocks[k] for k in self._numbers)

    def read(self, numbers: Iterable[int]) -> Iterator[Piece]:
        """The rows of these blocks."""
        return self._source.read([self._numbers[k] for k in numbers])

    def __str__(self) -> str:
        """As the whole is called."""
        return str(self._source)


def split_source(source: Source, fraction: float, seed: int) -> tuple[Source, Source]:
    """``(training, validation)``: whole blocks, drawn at random.

    Args:
        source: the whole.
        fraction: share of the rows for validation, as nearly as blocks allow, inside (0, 1).
        seed: of the draw.

    Raises:
        ValueError: fewer than two blocks.
    """
    count = len(source.blocks)
    if count < 2:
        raise ValueError(
            f"validation_fraction: {source} has one block, expected at least two to hold some out; "
            "pass validation_data."
        )
    order = randomness.generator(seed, "validation split").permutation(count).tolist()
    out, rows = list[int](), 0
    while len(out) < count - 1 and (not out or rows < fraction * source.rows):
        out.append(order.pop())
        rows += source.blocks[out[-1]]
    return Blocks(source, sorted(order)), Blocks(source, sorted(out))
