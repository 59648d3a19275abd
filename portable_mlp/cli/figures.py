"""How good a model is on some rows, worked out from its predictions, and shown as tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from portable_mlp.cli.common import printable
from portable_mlp.cli.rows import class_names
from portable_mlp.data import Piece
from portable_mlp.data.opened import Opened
from portable_mlp.model import MLP

_SHOWN = 30
"""Classes that a table has lines for; --json has all of them."""


class ClassFigures:
    """Accuracy, and precision, recall and F1 of each class.

    Args:
        classes: what the class numbers stand for.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        """No rows yet."""
        self.classes = classes
        self._there, self._said, self._hits = np.zeros((3, len(classes)), np.int64)

    def add(self, y: NDArray[Any], predicted: NDArray[Any]) -> None:
        """More rows: class numbers (rows,)."""
        y, count = y.astype(np.int64), len(self.classes)
        self._there += np.bincount(y, minlength=count)
        self._said += np.bincount(predicted, minlength=count)
        self._hits += np.bincount(y[y == predicted], minlength=count)

    def to_dict(self) -> dict[str, Any]:
        """For JSON. What is 0/0 is 0, as in most reports."""
        rows = int(self._there.sum())
        precision = self._hits / np.maximum(self._said, 1)
        recall = self._hits / np.maximum(self._there, 1)
        f1 = 2 * self._hits / np.maximum(self._said + self._there, 1)
        return {
            "rows": rows,
            "accuracy": int(self._hits.sum()) / rows,
            "commonest_class": self.classes[int(self._there.argmax())],
            "commonest_share": int(self._there.max()) / rows,
            "classes": [
                {
                    "class": name,
                    "precision": float(precision[k]),
                    "recall": float(recall[k]),
                    "f1": float(f1[k]),
                    "rows": int(self._there[k]),
                }
                for k, name in enumerate(self.classes)
            ],
        }


class NumberFigures:
    """R², and the errors in the target's own units.

    R² = 1 - Σ(y - ŷ)² / Σ(y - mean y)²: 1 is perfect, 0 is as good as the mean.
    """

    def __init__(self) -> None:
        """No rows yet."""
        self._rows, self._mean, self._spread, self._squares, self._absolute = 0, 0.0, 0.0, 0.0, 0.0

    def add(self, y: NDArray[Any], predicted: NDArray[Any]) -> None:
        """More rows: numbers (rows, 1)."""
        y, e = y.astype(np.float64), predicted.astype(np.float64) - y
        rows, apart = len(y), float(y.mean()) - self._mean
        share = rows / (self._rows + rows)
        self._spread += float(((y - y.mean()) ** 2).sum()) + apart * apart * self._rows * share
        self._mean += apart * share
        self._rows += rows
        self._squares += float((e * e).sum())
        self._absolute += float(np.abs(e).sum())

    def to_dict(self) -> dict[str, Any]:
        """For JSON; R² is None where all targets are equal."""
        return {
            "rows": self._rows,
            "r2": 1 - self._squares / self._spread if self._spread else None,
            "rmse": math.sqrt(self._squares / self._rows),
            "mae": self._absolute / self._rows,
            "mean": self._mean,
            "standard_deviation": math.sqrt(self._spread / self._rows),
        }


def figures_of(model: MLP, pieces: Iterable[Piece]) -> dict[str, Any]:
    """What the predictions of a model are worth.

    Args:
        model: of classes or of one number.
        pieces: rows with their targets, at least one row.

    Raises:
        ValueError: the model predicts more than one number.
    """
    found: ClassFigures | NumberFigures = NumberFigures()
    if model.loss.classifies:
        found = ClassFigures(class_names(model))
    for piece in pieces:
        predicted = model.predict(Opened(piece.X, model.columns.features))
        if model.loss.classifies:
            predicted = as_class_numbers(predicted)
        if predicted.shape != piece.y.shape:
            raise ValueError(
                f"the model predicts {predicted.shape[1]} numbers for each row, expected one: there is "
                "one target."
            )
        found.add(piece.y, predicted)
    return found.to_dict()


def as_class_numbers(predicted: NDArray[Any]) -> NDArray[Any]:
    """(rows,), also of a network with one output, which says yes or no; several labels as they are."""
    if predicted.ndim == 1 or predicted.shape[1] > 1:
        return predicted
    return (predicted[:, 0] > 0).astype(np.int64)


def class_table(figures: dict[str, Any], title: str | None = None, rows_are: str = "rows") -> Table:
    """A line for each class; of many classes the commonest."""
    report = Table(title=title)
    report.add_column("class", overflow="ellipsis", no_wrap=True)
    for column in ("precision", "recall", "f1", rows_are):
        report.add_column(column, justify="right")
    rows = figures["classes"]
    shown = {row["class"] for row in sorted(rows, key=lambda row: -row["rows"])[:_SHOWN]}
    for row in rows:
        if row["class"] in shown:
            cells = [f"{row[name]:.3f}" for name in ("precision", "recall", "f1")]
            report.add_row(Text(printable(row["class"])), *cells, f"{row['rows']}")
    if len(rows) > _SHOWN:
        report.add_row(f"and {len(rows) - _SHOWN} more", "", "", "", "")
    return report


def figure_lines(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and value of each figure, for a table."""
    rows = [("rows", f"{figures['rows']:,}")]
    if "accuracy" in figures:
        always = f"{figures['commonest_share']:.4f} ({figures['commonest_class']!r})"
        return [("accuracy", f"{figures['accuracy']:.4f}"), ("always the same", always), *rows]
    r2 = figures["r2"]
    return [
        ("R2", "all targets are equal" if r2 is None else f"{r2:.4f}"),
        ("RMSE", f"{figures['rmse']:.5g}"),
        ("MAE", f"{figures['mae']:.5g}"),
        ("target", f"{figures['mean']:.5g} ± {figures['standard_deviation']:.5g}"),
        *rows,
    ]


def lines_table(lines: Iterable[tuple[str, str]], title: str | None = None) -> Table:
    """Names and values."""
    table = Table(title=title, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in lines:
        table.add_row(Text(name), Text(printable(value)))
    return table
