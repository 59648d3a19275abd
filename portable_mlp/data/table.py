"""Tables from .csv files: a header, one sample in each line, numbers and one column to predict."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.errors import DataFileError
from portable_mlp.nn.choices import check_name

TASKS = ("auto", "classification", "regression")
MOST_CLASSES = 50
"""Whole numbers with at most so many different values are classes where the task is "auto"."""
MOST_NAMES = 20
"""So many columns are named at most where one is not found."""


@dataclass(frozen=True)
class Table:
    """Samples, and what is to be predicted.

    Args:
        features: names of the columns of X.
        target: name of the column y.
        X: (samples, features).
        y: class numbers (samples,), or numbers (samples, 1).
        classes: the class that each number stands for; empty in regression.
    """

    features: tuple[str, ...]
    target: str
    X: NDArray[np.float64]
    y: NDArray[np.float64] | NDArray[np.int64]
    classes: tuple[str, ...]


def read_csv(path: str | Path, target: str, task: str = "auto") -> Table:
    r"""Reads a table.

    Args:
        path: of a .csv file with a header, in UTF-8.
        target: name of the column to predict.
        task: ``"classification"``, ``"regression"``, or ``"auto"``: classes where the target is text,
            or whole numbers with at most 50 different values.

    Raises:
        DataFileError: no such file or column, an empty cell, text among the features; it says where.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "flowers.csv"
        ...     _ = path.write_text("length,width,kind\n5.1,3.5,iris\n4.9,3.0,rose\n")
        ...     table = read_csv(path, "kind")
        >>> table.X.tolist(), table.y.tolist(), table.classes
        ([[5.1, 3.5], [4.9, 3.0]], [0, 1], ('iris', 'rose'))
    """
    check_name("task", task, TASKS)
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _read(path, csv.reader(file), target, task)
    except FileNotFoundError:
        raise DataFileError(f"{path}: there is no such file.") from None
    except OSError as error:
        raise DataFileError(f"{path}: can't be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise DataFileError(
            f"{path}: is no text in UTF-8 (byte {error.object[error.start]:#04x}: {error.reason}); "
            "a spreadsheet saves it as CSV UTF-8."
        ) from None


def _read(path: Path, reader: Any, target: str, task: str) -> Table:
    rows = _rows(path, reader)
    line, first = next(rows, (0, []))
    header = [name.strip() for name in first]
    if not header:
        raise DataFileError(f"{path}: is empty, expected a header and some samples.")
    _check_header(path, line, header, target)
    place, width = header.index(target), len(header)
    features = header[:place] + header[place + 1 :]
    numbers, cells, lines = array("d"), list[str](), array("q")
    for line, row in rows:
        if len(row) != width:
            raise DataFileError(
                f"{path}: line {line} has {len(row)} cells, expected {width} as in the header."
            )
        cell = row.pop(place).strip()
        if not cell:
            raise DataFileError(
                f"{path}: line {line}, target {target!r}: the cell is empty; leave such lines out."
            )
        try:
            numbers.extend(map(float, row))
        except ValueError:
            raise _no_number(path, line, features, row) from None
        cells.append(cell)
        lines.append(line)
    if not lines:
        raise DataFileError(f"{path}: holds a header and no samples.")
    x = np.array(numbers).reshape(len(lines), len(features))
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        (row_number, k), *_ = bad.tolist()
        raise DataFileError(
            f"{path}: line {lines[row_number]}, column {features[k]!r}: got {x[row_number, k]}, "
            "expected a finite number."
        )
    y, classes = _target(path, target, cells, lines, task)
    return Table(tuple(features), target, x, y, classes)


def _rows(path: Path, reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the line at which it begins."""
    line = 1
    try:
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataFileError(
            f"{path}: the row that begins in line {line}: {error}; is a quotation mark left open?"
        ) from None


def _check_header(path: Path, line: int, header: Sequence[str], target: str) -> None:
    where = f"{path}: line {line}"
    if target not in header:
        separator = next((s for s in ";\t|" if len(header) == 1 and s in header[0]), "")
        if separator:
            raise DataFileError(f"{where}: cells are separated by {separator!r}, expected commas.")
        import difflib  # 1 ms

        known = ", ".join(repr(name) for name in header[:MOST_NAMES])
        known += f" and {len(header) - MOST_NAMES} more" if len(header) > MOST_NAMES else ""
        small = {name.lower(): name for name in header}
        near = difflib.get_close_matches(target.strip().lower(), small, n=1)
        hint = f" Did you mean {small[near[0]]!r}?" if near else ""
        if all(_is_number(name) for name in header):
            hint = " These are numbers: is a header missing?"
        raise DataFileError(
            f"{where}: there is no column {target!r}, expected one of {known}.{hint}"
        )
    if header.count(target) > 1:
        raise DataFileError(f"{where}: {header.count(target)} columns are named {target!r}.")
    if len(header) == 1:
        raise DataFileError(
            f"{where}: the only column is the target {target!r}, expected features."
        )
    if "" in header:
        raise DataFileError(
            f"{where}: column {header.index('') + 1} has no name; row numbers, as pandas writes them "
            "without index=False, are no feature."
        )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _no_number(path: Path, line: int, names: Sequence[str], row: Sequence[str]) -> DataFileError:
    name, cell = next(
        (name, cell) for name, cell in zip(names, row, strict=True) if not _is_number(cell)
    )
    where = f"{path}: line {line}, column {name!r}"
    if not cell.strip():
        return DataFileError(
            f"{where}: the cell is empty; fill it in, or leave the line or the column out."
        )
    return DataFileError(
        f"{where}: got {_short(cell)}, expected a number; turn text into columns of 0 and 1, or leave "
        "the column out."
    )


def _short(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")


def _target(
    path: Path, name: str, cells: Sequence[str], lines: Sequence[int], task: str
) -> tuple[NDArray[np.float64] | NDArray[np.int64], tuple[str, ...]]:
    text = next((k for k, cell in enumerate(cells) if not _is_number(cell)), None)
    if text is None:
        values = np.array([float(cell) for cell in cells])
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise DataFileError(
                f"{path}: line {lines[bad[0]]}, target {name!r}: got {values[bad[0]]}, expected a "
                "finite number; leave such lines out."
            )
        different, number = np.unique(values, return_inverse=True)
        whole = bool((values == np.round(values)).all())
        if task == "regression" or (
            task == "auto" and not (whole and len(different) <= MOST_CLASSES)
        ):
            return values[:, None], ()
        classes = [str(int(v)) if v == round(v) else repr(v) for v in different.tolist()]
    else:
        classes = sorted(set(cells))
        numbers = sum(map(_is_number, cells))
        # thousands of prices and one "n/a" are no classes
        slip = len(classes) > MOST_CLASSES and numbers > len(cells) / 2 and task == "auto"
        if task == "regression" or slip:
            raise DataFileError(
                f"{path}: line {lines[text]}, target {name!r}: got {_short(cells[text])}, expected a "
                "number for a regression."
            )
        known = {label: k for k, label in enumerate(classes)}
        number = np.array([known[cell] for cell in cells])
    if len(classes) < 2:
        raise DataFileError(
            f"{path}: target {name!r} is {_short(classes[0])} in every line, expected at least two "
            "classes."
        )
    return number.astype(np.int64), tuple(classes)
