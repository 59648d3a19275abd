"""``portable-mlp train`` on a file of the user's own."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.console import Console

from portable_mlp.cli.common import failures, note, printable, usage_errors
from portable_mlp.cli.figures import class_table, figure_lines, figures_of, lines_table
from portable_mlp.cli.order import Order, tell_saved
from portable_mlp.cli.rows import check_file, checked, raw_rows, training_rows
from portable_mlp.cli.streams import standard_output
from portable_mlp.data import DataFileError, NotNumbersError, Piece, Source
from portable_mlp.data.opened import Opened
from portable_mlp.data.source import split_source
from portable_mlp.data.stream import loaded, row_bytes
from portable_mlp.data.target import TASKS, number_of
from portable_mlp.model import MLP
from portable_mlp.model.preparation import DEVICE_BUDGET
from portable_mlp.nn.choices import check_name
from portable_mlp.recipes import Recipe, table_recipe
from portable_mlp.scaling import SCALINGS
from portable_mlp.tables import TableEncoder, TableRows
from portable_mlp.tables.source import EncodedTable
from portable_mlp.training import History
from portable_mlp.training.split import held_out


@dataclass(frozen=True)
class TableOptions:
    """The options that are for files; None for the default.

    Args:
        target: name of the column to predict, of an array, path of an .npy file.
        task: one of `TASKS`.
        drop: names of columns that are no features.
        scale: of the features.
        categorical: names of columns that are categories, also where they hold numbers.
        validation: share of the rows that are held out, in [0, 1).
        patience: epochs without progress on them after which the training ends; 0 for never.
    """

    target: str | None
    task: str
    drop: Sequence[str]
    categorical: Sequence[str]
    scale: str | None
    validation: float | None
    patience: int | None

    def check(self) -> None:
        """Refuses unknown names and impossible numbers, before any data are read.

        Raises:
            ValueError: with what was expected.
        """
        check_name("--task", self.task, TASKS)
        if self.scale is not None:
            check_name("--scale", self.scale, (*SCALINGS, "none"))
        if self.validation is not None and not 0 <= self.validation < 1:
            raise ValueError(f"--validation: got {self.validation}, expected a share in [0, 1).")
        if self.patience is not None and self.patience < 0:
            raise ValueError(f"--patience: got {self.patience}, expected at least 0.")

    def recipe(self, source: Source | TableRows, preset: Recipe | None) -> Recipe:
        """The recipe for these rows, with what was given.

        Args:
            source: the rows; those of a table are scaled by its encoder.
            preset: for tables, or None.
        """
        classes = len(source.classes if isinstance(source, TableRows) else source.columns.classes)
        rows = source.X.rows if isinstance(source, TableRows) else source.rows
        recipe = table_recipe(rows) if preset is None else preset.suited(classes)
        if self.scale is not None:
            recipe = replace(recipe, scaling=None if self.scale == "none" else self.scale)
        if self.patience is not None:
            recipe = replace(recipe, patience=self.patience or None)
        if self.validation is not None:
            recipe = replace(recipe, validation=self.validation)
        if not recipe.validation and preset is None:
            # nothing says when to stop: about as long as most tables take
            recipe = replace(recipe, patience=None, epochs=min(recipe.epochs, 50))
        return recipe


def train_table(file: Path, options: TableOptions, order: Order) -> None:
    """Trains a classifier or a regression, saves it, and shows what it makes of the rows held out.

    Args:
        file: the table.
        options: which column, how it is scaled, what is held out.
        order: network, training, backend, where to.
    """
    check_file(file)
    with usage_errors():
        made = order.made_backend()
        source, encoder = _rows(file, options, order)
        recipe = order.recipe(options.recipe(source, order.table_preset))
        classes = len(source.columns.classes)
        inputs = source.sample_shape if encoder is None else encoder
        model = recipe.build(inputs, classes, backend=made, seed=order.seed)
    model.columns = source.columns
    if options.task == "auto" and classes > 2 and None not in map(number_of, model.columns.classes):
        note(
            f"{file}: the target has {classes} different whole numbers, taken as classes; "
            "--task regression predicts a number."
        )
    with failures(file), np.errstate(all="ignore"):  # divergence is told of in one line
        history, pieces = _fitted(file, model, source, recipe.validation, order.fit_options(recipe))
    saved = order.save(model)
    seconds = sum(history.figures.get("seconds", []))
    figures = figures_of(model, pieces)
    results = {
        "data": str(file),
        "task": "classification" if classes else "regression",
        "target": source.columns.target,
        "rows": source.rows,
        "features": math.prod(source.sample_shape),
        "columns": None if encoder is None else dict(encoder.describe()),
        "classes": list(source.columns.classes),
        "held_out": figures if recipe.validation else None,
        "training": None if recipe.validation else figures,
        "train_seconds": seconds,
        "backend": model.backend.name,
        "device": model.backend.place,
        "parameters": model.parameter_count,
        "epochs_run": history.epochs,
        "best_epoch": history.best_epoch,
        "seed": order.seed,
        "interrupted": history.stopped == "interrupted",
        "model": saved,
        "history": history.as_dict(),
    }
    with standard_output():
        if order.as_json:
            typer.echo(json.dumps(results, allow_nan=False))
        else:
            _print_tables(results)
    if results["interrupted"]:
        raise typer.Exit(1)


def _rows(file: Path, options: TableOptions, order: Order) -> tuple[Source, TableEncoder | None]:
    """The rows, and what makes numbers of them where the table has text or gaps."""
    try:
        if options.target is None or not options.categorical:  # else it warns of long names
            source = training_rows(file, options.target, options.task, options.drop)
            if not options.categorical and not (order.table_preset and source.columns.features):
                return source, None
    except NotNumbersError:
        pass
    table = raw_rows(file, options.target, options.task, options.drop, options.categorical)
    if options.scale not in (None, "none"):
        raise ValueError(
            f"--scale: got {options.scale!r} for a table that is encoded, expected "
            "none: its numbers are scaled by median and quartiles."
        )
    rows = table.X.rows
    assert table.y is not None  # noqa: S101
    share = order.recipe(options.recipe(table, order.table_preset)).validation
    training = np.ones(rows, bool)
    if share:
        _check_share(file, rows, share)
        training = ~held_out(rows, table.y if table.classes else None, share, order.seed)
    try:
        encoder = TableEncoder.of(table.X.take(training), categorical=options.categorical)
    except ValueError as error:  # its message begins with the file
        raise DataFileError(str(error)) from None
    return EncodedTable(file, table, encoder), encoder


def _check_share(file: Path, rows: int, share: float) -> None:
    if round(rows * share) in (0, rows):
        raise DataFileError(
            f"{file}: of {rows} rows --validation {share} holds out {round(rows * share)}, expected more "
            "rows, or --validation 0."
        )


def _features(results: dict[str, Any]) -> str:
    if results["columns"] is None:
        return f"{results['features']:,}"
    return f"{len(results['columns']):,} columns, which become {results['features']:,}; info lists them"


def _fitted(
    file: Path, model: MLP, source: Source, share: float, options: dict[str, Any]
) -> tuple[History, Iterable[Piece]]:
    """The training, and the rows that it is judged by: those held out, or all."""
    options["verbose"] = 1 if sys.stderr.isatty() else 2
    units = model.network.output_shape(model.sample_shape)[0]
    size = source.rows * row_bytes(source, model.loss, units, model.backend)
    if size > DEVICE_BUDGET and model.encoder is None:
        held = source
        if share:
            source, held = split_source(source, share, model.seed)
            options |= {"validation_fraction": 0.0, "validation_data": held}
        options["device_budget"] = DEVICE_BUDGET
        return model.fit(source, **options), held.read(range(len(held.blocks)))
    if share:
        _check_share(file, source.rows, share)
    X, y = loaded(source, model.loss, units)  # noqa: N806
    checked(file, source.columns, Piece(X, y))
    history = model.fit(Opened(X, source.columns.features), y, **options)
    if share:
        out = held_out(len(X), y if model.loss.classifies else None, share, model.seed)
        X, y = X[out], y[out]  # noqa: N806
    return history, [Piece(X, y)]


def _print_tables(results: dict[str, Any]) -> None:
    console, held_out = Console(), results["held_out"]
    figures = held_out or results["training"]
    rows = "held out, which also chose the epoch" if held_out else "that it was trained on"
    target = results["target"] or "the target"
    typer.echo(printable(f"{results['data']}: {target} of the rows {rows}"))
    if results["classes"]:
        console.print(class_table(figures))
    epochs = f"{results['epochs_run']}"
    if results["best_epoch"]:
        epochs += f", of which epoch {results['best_epoch']} was kept"
    lines = [
        *figure_lines(figures),
        (
            "trained on",
            f"{results['rows'] - figures['rows'] if held_out else results['rows']:,} rows",
        ),
        ("features", _features(results)),
        ("epochs", epochs),
        ("training", f"{results['train_seconds']:.2f} s"),
        ("parameters", f"{results['parameters']:,}"),
        ("backend", f"{results['backend']} on {results['device']}"),
    ]
    console.print(lines_table(lines))
    if results["model"] is None:
        typer.echo("not saved: --out model.safetensors keeps it")
    tell_saved(results["model"])
