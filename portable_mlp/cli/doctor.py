"""``portable-mlp doctor``: a model on a table of yours, and why it does not learn."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from portable_mlp.cli.common import fail, note, printable, usage_errors
from portable_mlp.data import DataFileError, NotNumbersError, Table, read_csv
from portable_mlp.data.target import TASKS
from portable_mlp.diagnosis import Doctor
from portable_mlp.model import MLP
from portable_mlp.nn import ACTIVATIONS, Layer
from portable_mlp.nn.choices import check_name, choose
from portable_mlp.optim import OPTIMIZERS, Optimizer
from portable_mlp.tables import TableEncoder, TableRows, read_table
from portable_mlp.training import TrainingDiverged


def doctor(
    file: Annotated[Path, typer.Argument(help="A .csv file with a header.")],
    target: Annotated[str, typer.Option(help="Name of the column to predict.")],
    task: Annotated[str, typer.Option(help=f"One of {', '.join(TASKS)}.")] = "auto",
    hidden: Annotated[
        list[int] | None,
        typer.Option(help="Width of a hidden layer; repeat it for more layers.", show_default="64"),
    ] = None,
    activation: Annotated[str, typer.Option(help="Of the hidden layers.")] = "relu",
    optimizer: Annotated[str, typer.Option(help="Such as adam, sgd.")] = "adam",
    lr: Annotated[
        float | None, typer.Option(help="Learning rate.", show_default="the optimizer's")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the data.")] = 50,
    batch_size: Annotated[int, typer.Option(help="Rows of a mini-batch.")] = 32,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    verify: Annotated[bool, typer.Option(help="Try each fix on a copy.")] = True,
    report: Annotated[Path | None, typer.Option(help="Write an HTML page there.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train a model on a table as it is, and say what keeps it from learning."""
    with usage_errors():
        check_name("--task", task, TASKS)
        choose("--activation", activation, ACTIVATIONS, Layer)
        choose("--optimizer", optimizer, OPTIMIZERS, Optimizer)
        if min(hidden or [1]) < 1:
            raise ValueError(f"--hidden: got {min(hidden or [1])}, expected at least 1.")
        if report is not None and (report.is_dir() or not report.parent.is_dir()):
            raise ValueError(
                f"--report: got {str(report)!r}, expected a file in a folder that exists."
            )
    try:
        table, inputs = _rows(file, target, task)
    except DataFileError as error:
        fail(str(error))
    outputs = len(table.classes) or 1
    with usage_errors():
        model = MLP(
            [inputs, *(hidden or [64]), outputs],
            activation=activation,
            loss="softmax_cross_entropy" if table.classes else "squared_error",
            seed=seed,
        )
    watching = Doctor(verify, quiet=True)
    try:
        with usage_errors(), np.errstate(all="ignore"):
            model.fit(
                table.X,
                table.y,
                epochs=epochs,
                batch_size=batch_size,
                optimizer=optimizer,
                learning_rate=lr,
                callbacks=[watching],
                verbose=1 if sys.stderr.isatty() and not as_json else 0,
            )
    except TrainingDiverged as error:
        note(f"{error.happened} What is said of it is of the last weights that were finite.")
    try:
        found = watching.report(report)
    except OSError as error:
        fail(f"{report}: the page can't be written: {error.strerror}.")
    if report is not None:
        typer.echo(f"Page: {report}", err=True)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), allow_nan=False))
        return
    typer.echo(_about(file, table, model) + "\n")
    typer.echo(str(found))


def _rows(file: Path, target: str, task: str) -> tuple[Table | TableRows, int | TableEncoder]:
    """The table, and what its network begins with: a number of inputs, or an encoder of text and gaps."""
    try:
        numbers = read_csv(file, target, task)
    except NotNumbersError:
        table = read_table(file, target, task)
        try:
            encoder = TableEncoder.of(table.X)
        except ValueError as error:  # its message begins with the file
            raise DataFileError(str(error)) from None
        note(f"{file}: has text or gaps, so its columns are encoded and scaled, as train does it.")
        return table, encoder
    return numbers, numbers.X.shape[1]


def _about(file: Path, table: Table | TableRows, model: MLP) -> str:
    assert table.y is not None  # noqa: S101
    rows, columns = len(table.y), table.X.names if isinstance(table, TableRows) else table.features
    kind = f"{len(table.classes)} classes" if table.classes else "a number"
    with np.errstate(all="ignore"):  # the weights may be huge
        figures = model.evaluate(table.X, table.y)
    seen = f"loss {figures['loss']:.4g}"
    if "accuracy" in figures:
        largest = np.bincount(table.y.astype(int)).max() / rows
        seen += f", accuracy {figures['accuracy']:.1%} (always the commonest class: {largest:.1%})"
    if not table.classes:
        seen += f" (always the mean: {table.y.var():.4g})"
    return printable(
        f"{file}: {rows} samples, {len(columns)} features, {table.target} is {kind}. Trained: {seen}."
    )
