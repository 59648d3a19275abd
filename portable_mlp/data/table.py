"""Tables from .csv files: a header, one sample in each line, numbers and one column to predict."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.csv_file import Layout, opened
from portable_mlp.data.target import TASKS, TargetColumn
from portable_mlp.nn.choices import check_name


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
    blocks, cells = list[NDArray[np.float64]](), list[str]()
    column = TargetColumn(path, target, task)
    with opened(path) as file:
        layout = Layout.of(path, file, target)
        for block, rows in layout.blocks(file):
            column.add(rows.cells, partial(layout.line_of, file, block))
            blocks.append(rows.X)
            cells += rows.cells
        found = column.result()
    return Table(
        layout.features, target, np.concatenate(blocks), found.encode(cells), found.classes
    )
