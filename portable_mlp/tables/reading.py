"""Tables with text and gaps from .csv and .parquet files."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data import csv_file
from portable_mlp.data.errors import DataFileError
from portable_mlp.data.target import TASKS, TargetColumn, class_name
from portable_mlp.nn.choices import check_name
from portable_mlp.tables.cells import check_written, from_objects, from_text
from portable_mlp.tables.frame import Frame


class TableRows(NamedTuple):
    """Samples as they stand in a file, and what is to be predicted."""

    X: Frame
    """The features."""
    y: NDArray[np.float64] | NDArray[np.int64] | None
    """Class numbers (rows,), or numbers (rows, 1); None without a target."""
    target: str
    """Name of the column y; empty without one."""
    classes: tuple[str, ...]
    """The class that each number stands for; empty in regression."""


def read_table(
    path: str | Path,
    target: str | None,
    task: str = "auto",
    *,
    features: Sequence[str] | None = None,
    categorical: Collection[str] = (),
    least_classes: int = 2,
) -> TableRows:
    r"""Reads a table that may have text and gaps, for a `TableEncoder`; all of it, into memory.

    A column is one of numbers if all its cells are numbers or gaps, else one of categories. A gap is an
    empty cell, or ?, NA, N/A, NaN, null, None in any letters. Needs no other library for a .csv.

    Args:
        path: a .csv file with a header, in UTF-8, or a .parquet file.
        target: name of the column to predict; None reads the features alone.
        task: ``"classification"``, ``"regression"``, or ``"auto"``: classes where the target is text,
            or whole numbers with at most 50 different values.
        features: names of the columns of X; None for all but the target.
        categorical: names of columns that are categories, also where they hold numbers or dates.
        least_classes: as many a classification must have; 1 for rows that a model is tried on.

    Raises:
        DataFileError: no such file or column, dates, a few words among numbers; it says where.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "people.csv"
        ...     _ = path.write_text("age,city,income\n31,Bonn,high\n?,Rome,low\n")
        ...     table = read_table(path, "income")
        >>> table.X.columns["city"].tolist(), table.y.tolist(), table.classes
        (['Bonn', 'Rome'], [0, 1], ('high', 'low'))
    """
    check_name("task", task, TASKS)
    path, wanted = Path(path), set(categorical)
    if path.suffix.lower() == ".parquet":
        file: _File = _parquet_file(path, target, features)
    else:
        file = _csv_file(path, target, features)
    try:
        columns = {
            name: file.column(name, name in wanted) for name in file.features if name != target
        }
    except ValueError as error:
        raise DataFileError(str(error)) from None
    frame = Frame(columns, str(path), declared=file.declared | wanted)
    if target is None:
        return TableRows(frame, None, "", ())
    found = TargetColumn(path, target, task, least_classes)
    found.add(file.target, file.line_of)
    column = found.result()
    return TableRows(frame, column.encode(file.target), target, column.classes)


class _File:
    """Columns of cells.

    Args:
        path: of the file.
        features: names of the columns of X.
        cells: of each column.
        target: cells of the target, without spaces around them.
        declared: names of columns that are categories by their type.
    """

    def __init__(
        self,
        path: Path,
        features: Sequence[str],
        cells: dict[str, Any],
        target: Sequence[str],
        declared: frozenset[str] = frozenset(),
    ) -> None:
        self.declared = declared
        self._path, self.features, self._cells, self.target = path, features, cells, target

    def column(self, name: str, is_text: bool) -> NDArray[Any]:
        """Numbers or text; what was read of it is let go."""
        where = f"{self._path}: column {name!r}"
        found = from_objects(where, self._cells.pop(name), is_text)
        if found.dtype == object and not is_text:
            check_written(where, found)
        return found

    def line_of(self, row: int) -> int:
        """Where a row is, for messages."""
        return row + 1


class _CSV(_File):
    """The same of a .csv file, whose cells are all text."""

    lines: list[int]

    def column(self, name: str, is_text: bool) -> NDArray[Any]:
        def where(row: int | None) -> str:
            line = "" if row is None else f"line {self.lines[row]}, "
            return f"{self._path}: {line}column {name!r}"

        return from_text(where, self._cells.pop(name), is_text)

    def line_of(self, row: int) -> int:
        return self.lines[row]


def _csv_file(path: Path, target: str | None, features: Sequence[str] | None) -> _CSV:
    with csv_file.opened(path) as file:
        line, header, start, after = csv_file.read_header(path, file)
        if features is None:
            features = [name for name in header if name != target]
        csv_file.check_header(path, line, header, features, target)
        names = list(features) if target is None else [*features, target]
        places = [header.index(name) for name in names]
        cells: list[list[str]] = [[] for _ in names]
        appends = [column.append for column in cells]
        known: dict[str, str] = {}  # equal cells share their memory
        lines = []
        with csv_file.lines_from(file, start) as text:
            for number, row in csv_file.not_blank(path, csv.reader(text), after):
                if len(row) != len(header):
                    raise DataFileError(
                        f"{path}: line {number} has {len(row)} cells, expected {len(header)} as in "
                        "the header."
                    )
                lines.append(number)
                for append, place in zip(appends, places, strict=True):
                    append(known.setdefault(row[place], row[place]))
    if not lines:
        raise DataFileError(f"{path}: holds a header and no samples.")
    targets = [] if target is None else [cell.strip() for cell in cells.pop()]
    made = _CSV(path, features, dict(zip(features, cells, strict=True)), targets)
    made.lines = lines
    return made


def _parquet_file(path: Path, target: str | None, features: Sequence[str] | None) -> _File:
    from portable_mlp.tables.parquet import columns_of

    names, columns, declared = columns_of(path, target, features)
    targets = [] if target is None else list(_written(path, target, columns.pop(target)))
    return _File(path, names, columns, targets, declared)


def _written(path: Path, target: str, values: NDArray[Any]) -> Iterator[str]:
    """The values of a target as they would stand in a .csv file."""
    numbers = values.dtype.kind in "iuf"
    for row, value in enumerate(values if numbers else values.tolist()):
        if value is None or value != value:
            raise DataFileError(
                f"{path}: row {row}, target {target!r}: the cell is null; leave such rows out."
            )
        yield class_name(value) if numbers else str(value)
