"""``portable-mlp evaluate``: how good a saved model is on another file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from portable_mlp.cli.common import (
    BackendOption,
    DeviceOption,
    JsonOption,
    ModelArgument,
    failures,
    load_model,
    printable,
)
from portable_mlp.cli.figures import class_table, figure_lines, figures_of, lines_table
from portable_mlp.cli.rows import check_file, file_or_stdin, known_columns, model_rows, pieces_of
from portable_mlp.model import MLP


def evaluate(
    model: ModelArgument,
    file: Annotated[Path, typer.Argument(help="The rows, with targets; - for a .csv by stdin.")],
    target: Annotated[
        str | None,
        typer.Option(help="Column that was to be predicted.", show_default="as in training"),
    ] = None,
    backend: BackendOption = "numpy",
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how good a saved model is on the rows of a file; columns are found by their names."""
    loaded = load_model(model, backend, device)
    with failures(file), file_or_stdin(file) as path, known_columns():
        check_file(path)
        source = model_rows(path, loaded, _target(path, loaded, target))
        results = {
            "model": str(model),
            "data": str(file),
            "target": source.columns.target,
            "backend": loaded.backend.name,
            "device": loaded.backend.place,
            **figures_of(loaded, pieces_of(path, loaded, source)),
        }
    if as_json:
        typer.echo(json.dumps(results, allow_nan=False))
        return
    typer.echo(printable(f"{model} on {file}: {source.columns.target or 'the target'}"))
    console = Console()
    if loaded.loss.classifies:
        console.print(class_table(results))
    console.print(lines_table(figure_lines(results)))


def _target(file: Path, model: MLP, given: str | None) -> str:
    """Name of the target: of a column, or of an array; or path of an .npy file."""
    suffix = file.suffix.lower()
    if given is not None:
        return given
    if suffix == ".npz":
        return "y"
    if suffix == ".npy":
        raise typer.BadParameter("--target: expected the path of the .npy file with the targets.")
    if not model.columns.target:
        raise typer.BadParameter("--target: the model does not know its name, expected a column.")
    return model.columns.target
