"""A source's rows as shuffled chunks in memory: what a training of data larger than memory reads.

Each epoch takes the blocks in a new order, fills a chunk with as many rows as half of the budget holds,
and shuffles the rows of the chunk. So a batch mixes the rows of some hundred blocks from all over the
file, and every row comes once in an epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from portable_mlp import randomness
from portable_mlp.backends import Backend
from portable_mlp.data import inputs as border
from portable_mlp.data.errors import DataFileError
from portable_mlp.data.source import Piece, Source, pieces_of
from portable_mlp.nn.arrays import Shape
from portable_mlp.nn.losses import Loss
from portable_mlp.scaling import Scaling, Statistics

Memory = tuple[np.ndarray, np.ndarray]


class Stream:
    """Chunks of a source, checked, scaled and in the model's types.

    Args:
        source: where the rows are.
        backend: whose types they get.
        loss: what the targets are for.
        units: outputs of the network.
        batch_size: rows of a batch; a chunk is a whole number of batches.
        budget: bytes of two chunks.
        seed: of the shuffles.
        scaling: of the samples, or None.
        target_scaling: of the targets, or None.
    """

    def __init__(
        self,
        source: Source,
        backend: Backend,
        loss: Loss,
        units: int,
        *,
        batch_size: int,
        budget: int,
        seed: int,
        scaling: Scaling | None = None,
        target_scaling: Scaling | None = None,
    ) -> None:
        """Works out how many rows a chunk has."""
        self.source, self.rows, self._seed = source, source.rows, seed
        self.decodes = source.decodes
        self._loss, self._units = loss, units
        self._scaling, self._target_scaling = scaling, target_scaling
        self._types = (
            np.dtype(backend.dtype_name),
            np.dtype(np.int64 if "64" in str(backend.index_dtype) else np.int32),
        )
        row = row_bytes(source, loss, units, backend)
        most = max(budget // 2 // row // batch_size, 1) * batch_size
        chunks = -(-self.rows // most)
        self.chunk_rows = -(-self.rows // chunks // batch_size) * batch_size
        """Rows of a chunk; the last has fewer."""

    @property
    def memory(self) -> tuple[tuple[Shape, Any], tuple[Shape, Any]]:
        """What a chunk needs: shape and numpy type of x, and of y."""
        real, whole = self._types
        x = (self.chunk_rows, *self.source.sample_shape)
        if self._loss.targets != "values":
            return (x, real), ((self.chunk_rows,), whole)
        return (x, real), ((self.chunk_rows, self._loss.targets_per_output(self._units)), real)

    def fill(
        self, take: Callable[[], Memory], epoch: int | None, wanted: Callable[[], None]
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """The chunks of an epoch.

        Args:
            take: gives memory for a chunk.
            epoch: from 0; None for the source's own order.
            wanted: called after each piece; raises if nobody wants the rest.

        Yields:
            ``(x, y, order)``: memory with the rows of a chunk, and their numbers in shuffled order.
        """
        count = len(self.source.blocks)
        blocks: Any = range(count)
        random: Any = None
        if epoch is not None:
            blocks = randomness.generator(self._seed, "blocks", epoch).permutation(count).tolist()
            random = randomness.generator(self._seed, "rows of a chunk", epoch)
        (x, y), filled, seen = take(), 0, 0
        for piece in pieces_of(self.source, blocks):
            wanted()
            targets = targets_of(self.source, piece, self._loss, self._units)
            start, rows = 0, len(piece.X)
            if seen + rows > self.rows:
                raise self._changed(seen + rows)
            while start < rows:
                if filled == self.chunk_rows:
                    yield x, y, self._order(filled, random)
                    (x, y), filled = take(), 0
                stop = min(rows, start + self.chunk_rows - filled)
                end = filled + stop - start
                self._put("X", piece.X[start:stop], x[filled:end], self._scaling)
                self._put_targets(targets[start:stop], y[filled:end])
                start, filled = stop, end
            seen += rows
        if seen != self.rows:
            raise self._changed(seen)
        yield x, y, self._order(filled, random)

    def _changed(self, seen: int) -> DataFileError:
        return DataFileError(
            f"{self.source}: {seen} rows were read, expected {self.rows}: it was changed meanwhile."
        )

    def _put(self, what: str, rows: Any, out: np.ndarray, scaling: Scaling | None) -> None:
        if scaling is not None:
            scaling.apply(rows, out=out)
        else:
            with np.errstate(over="ignore"):
                np.copyto(out, rows, casting="same_kind" if rows.dtype.kind == "f" else "unsafe")
        if not np.isfinite(out).all():
            raise not_finite(self.source, what, rows, ~np.isfinite(out), str(out.dtype))

    def _put_targets(self, rows: Any, out: np.ndarray) -> None:
        if self._loss.targets != "values":
            try:
                border.check_class_numbers(rows, self._units)
            except ValueError as error:
                raise DataFileError(f"{self.source}: {error}") from None
            np.copyto(out, rows, casting="unsafe")
            return
        self._put("y", rows, out, self._target_scaling)
        if self._loss.unfit(out, np).any():
            raise DataFileError(
                f"{self.source}: y holds numbers that {type(self._loss).__name__} can't have, expected "
                f"{self._loss.fit_targets}."
            )

    def _order(self, rows: int, random: Any) -> np.ndarray:
        order: np.ndarray = np.arange(rows) if random is None else random.permutation(rows)
        return order


def loaded(source: Source, loss: Loss, units: int) -> tuple[np.ndarray, np.ndarray]:
    """All rows in memory."""
    pieces = list(pieces_of(source, range(len(source.blocks))))
    targets = [targets_of(source, piece, loss, units) for piece in pieces]
    return np.concatenate([piece.X for piece in pieces]), np.concatenate(targets)


def targets_of(source: Source, piece: Piece, loss: Loss, units: int) -> np.ndarray:
    """The targets of a piece as the loss wants them; one number for each sample is a column of them.

    Raises:
        DataFileError: there are none, or of another shape.
    """
    y = piece.y
    if y is None:
        raise DataFileError(f"{source}: has no targets, expected one for each sample.")
    if loss.targets == "values" and y.ndim == 1 and loss.targets_per_output(units) == 1:
        y = y[:, None]
    if source.columns.classes and loss.targets == "values" and not loss.classifies:
        raise DataFileError(
            f"{source}: its target is one of {len(source.columns.classes)} classes, expected numbers "
            f"for {type(loss).__name__}: read it with task='regression'."
        )
    try:
        loss.check_shapes((len(y), units), y.shape)
    except ValueError as error:
        raise DataFileError(f"{source}: {error}") from None
    if loss.targets != "values" and y.ndim != 1:
        raise DataFileError(
            f"{source}: y has shape {y.shape}, expected class numbers (rows,) in a source: "
            "y.argmax(1) of one-hot rows."
        )
    return y  # type: ignore[no-any-return]


def not_finite(source: Source, what: str, rows: Any, bad: Any, dtype: str) -> DataFileError:
    """The error for a number that is not finite.

    Args:
        source: where it is.
        what: ``"X"`` or ``"y"``.
        rows: of a piece.
        bad: True where numbers are not finite.
        dtype: in which they are not.
    """
    row, *place = np.argwhere(bad)[0].tolist()
    number = rows[row, *place]
    kind = "too large" if np.isfinite(number) else "no finite number"
    names = source.columns.features if what == "X" else ()
    column: Any = place[0] if len(place) == 1 else place
    return DataFileError(
        f"{source}: {what} holds {number}, {kind} for {dtype}, in column "
        f"{repr(names[place[0]]) if names else column}, expected finite numbers: fill or drop such rows "
        "first."
    )


def row_bytes(source: Source, loss: Loss, units: int, backend: Backend) -> int:
    """Memory of a row, with its target, in the types of the backend."""
    numbers = int(np.prod(source.sample_shape))
    numbers += loss.targets_per_output(units) if loss.targets == "values" else 1
    return numbers * np.dtype(backend.dtype_name).itemsize


def scalings_of(
    source: Source, loss: Loss, units: int, inputs: str | None, outputs: str | None
) -> tuple[Scaling | None, Scaling | None]:
    """The scalings of the samples and of the targets, from one pass over the source.

    Args:
        source: where the rows are.
        loss: what the targets are for.
        units: outputs of the network.
        inputs: kind of the first, or None.
        outputs: kind of the second, or None.
    """
    x = None if inputs is None else Statistics(inputs)
    y = None if outputs is None else Statistics(outputs)
    if x is None and y is None:
        return None, None
    for piece in pieces_of(source, range(len(source.blocks))):
        for what, statistics in (("X", x), ("y", y)):
            if statistics is None:
                continue
            rows = piece.X if what == "X" else targets_of(source, piece, loss, units)
            if not np.isfinite(rows).all():
                raise not_finite(source, what, rows, ~np.isfinite(rows), str(rows.dtype))
            statistics.add(rows)
    return None if x is None else x.scaling(), None if y is None else y.scaling()
