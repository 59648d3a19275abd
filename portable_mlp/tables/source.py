"""An encoded table as rows that a model is trained on or tried on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from portable_mlp.data.columns import Columns
from portable_mlp.data.errors import DataFileError
from portable_mlp.data.source import Piece, Source
from portable_mlp.tables.encoder import TableEncoder
from portable_mlp.tables.reading import TableRows

_BLOCK = 4096


class EncodedTable(Source):
    """Rows in memory.

    Args:
        path: what messages call them.
        table: as it was read.
        encoder: what makes numbers of it.
    """

    def __init__(self, path: Path, table: TableRows, encoder: TableEncoder) -> None:
        """Encodes them.

        Raises:
            DataFileError: a column holds what it did not hold in training.
        """
        self._path, self._y = path, table.y
        try:
            self._x: NDArray[Any] = encoder.encode(table.X)
        except ValueError as error:  # its message begins with the file
            raise DataFileError(str(error)) from None
        rows = len(self._x)
        self.sample_shape = (encoder.width,)
        self.blocks = tuple(min(_BLOCK, rows - start) for start in range(0, rows, _BLOCK))
        self.columns = Columns(encoder.outputs, table.target, table.classes)

    def read(self, numbers: Iterable[int]) -> Iterator[Piece]:
        """The rows of these blocks."""
        for number in numbers:
            part = slice(number * _BLOCK, (number + 1) * _BLOCK)
            yield Piece(self._x[part], None if self._y is None else self._y[part])

    def __str__(self) -> str:
        """The file."""
        return str(self._path)
