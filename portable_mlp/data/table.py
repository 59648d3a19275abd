"""Tables from .csv files: a header, one sample in each line, numbers and one column to predict."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.errors import DataFileError
from portable_mlp.nn.choices import check_name

TASKS = ("auto", "classification", "regression")
MOST_CLASSES = 50
"""Whole numbers with at most so many different values are classes where the task is "auto"."""


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
            lines = [row for row in csv.reader(file) if row]
    except FileNotFoundError:
        raise DataFileError(f"{path}: there is no such file.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataFileError(f"{path}: is no table in UTF-8 text: {error}") from None
    if len(lines) < 2:
        raise DataFileError(f"{path}: got {len(lines)} lines, expected a header and some samples.")
    header, rows = [name.strip() for name in lines[0]], lines[1:]
    try:
        check_name("target", target, tuple(header))
    except ValueError as error:
        raise DataFileError(f"{path}: {error}") from None
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise DataFileError(
                f"{path}: line {number} has {len(row)} cells, expected {len(header)} as in the header."
            )
    place = header.index(target)
    features = [name for k, name in enumerate(header) if k != place]
    if not features:
        raise DataFileError(f"{path}: the only column is the target {target!r}, expected features.")
    columns = [
        _numbers(path, name, [row[k] for row in rows])
        for k, name in enumerate(header)
        if k != place
    ]
    cells = [row[place].strip() for row in rows]
    if "" in cells:
        line = cells.index("") + 2
        raise DataFileError(
            f"{path}: line {line}, target {target!r}: the cell is empty; leave such lines out."
        )
    y, classes = _target(path, target, cells, task)
    return Table(tuple(features), target, np.stack(columns, axis=1), y, classes)


def _numbers(path: Path, name: str, cells: Sequence[str]) -> NDArray[np.float64]:
    found = np.empty(len(cells))
    for k, cell in enumerate(cells):
        try:
            found[k] = float(cell)
        except ValueError:
            if not cell.strip():
                raise DataFileError(
                    f"{path}: line {k + 2}, column {name!r}: the cell is empty; fill it in, or leave the "
                    "line or the column out."
                ) from None
            raise DataFileError(
                f"{path}: line {k + 2}, column {name!r}: got {cell!r}, expected a number; turn text into "
                "columns of 0 and 1, or leave the column out."
            ) from None
    if not np.isfinite(found).all():
        line = int(np.flatnonzero(~np.isfinite(found))[0]) + 2
        raise DataFileError(
            f"{path}: line {line}, column {name!r}: got {cells[line - 2]!r}, expected a finite number."
        )
    return found


def _target(
    path: Path, name: str, cells: Sequence[str], task: str
) -> tuple[NDArray[np.float64] | NDArray[np.int64], tuple[str, ...]]:
    try:
        values = np.asarray([float(cell) for cell in cells])
    except ValueError:
        values = None
    different = sorted(set(cells)) if values is None else np.unique(values).tolist()
    if values is not None and task != "classification":
        whole = bool((values == np.round(values)).all())
        if task == "regression" or not whole or len(different) > MOST_CLASSES:
            return values[:, None], ()
    if values is None and task == "regression":
        raise DataFileError(
            f"{path}: target {name!r} holds text, expected numbers for a regression."
        )
    if len(different) < 2:
        raise DataFileError(
            f"{path}: target {name!r} is {different[0]} in every line, expected at least two classes."
        )
    number = {value: k for k, value in enumerate(different)}
    given = cells if values is None else values.tolist()
    classes = [v if isinstance(v, str) else f"{v:g}" for v in different]
    return np.asarray([number[v] for v in given], np.int64), tuple(classes)
