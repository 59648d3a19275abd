"""``portable-mlp info``: what is in a model file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from portable_mlp.cli.common import JsonOption, ModelArgument, failures, printable
from portable_mlp.cli.figures import lines_table
from portable_mlp.files import ModelInfo, TrainingRecord, inspect

_SHOWN = 8
"""Names of features and of classes that are shown."""
_COLUMNS = 40
"""Columns of a table of which it is shown what becomes of them."""


def info(model: ModelArgument, as_json: JsonOption = False) -> None:
    """Say what is in a model file: layers, columns, scaling, how it was trained; nothing in it is run."""
    with failures():
        found = inspect(model)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), allow_nan=False))
        return
    typer.echo(printable(f"{model}: written by {found.written_by}, format {found.format_version}"))
    layers = Table()
    layers.add_column("layer")
    layers.add_column("output")
    layers.add_column("parameters", justify="right")
    for row in found.layers:
        layers.add_row(Text(printable(row.name)), str(row.output), f"{row.parameters:,}")
    console = Console()
    console.print(layers)
    console.print(lines_table([*_model(found), *_training(found.training)]))
    typer.echo(f"sha256  {found.sha256}")


def _model(found: ModelInfo) -> list[tuple[str, str]]:
    columns, count = found.columns, sum(row.parameters for row in found.layers)
    lines = [("parameters", f"{count:,} in {found.dtype}"), ("loss", _call(found.loss))]
    if any(found.penalty.values()):
        lines.append(("penalty", _call(found.penalty)))
    if found.encoder is not None:
        described = found.encoder.describe()
        lines += [(f"column {name}", words) for name, words in described[:_COLUMNS]]
        if len(described) > _COLUMNS:
            lines.append(("columns", f"and {len(described) - _COLUMNS} more; --json has all"))
    if columns.features:
        lines.append(("features", _first(columns.features)))
    else:
        lines.append(("features", f"without names, a sample has shape {found.sample_shape}"))
    lines += [("target", columns.target)] * bool(columns.target)
    lines += [("classes", _first(columns.classes))] * bool(columns.classes)
    scaled = (("features", found.scaling), ("target", found.target_scaling))
    kinds = ", ".join(f"{what} {kind}" for what, kind in scaled if kind is not None)
    return [*lines, ("scaling", kinds or "none")]


def _training(record: TrainingRecord | None) -> list[tuple[str, str]]:
    if record is None:
        return [("training", "none")]
    figures = ", ".join(
        f"{name} {'not finite' if value is None else f'{value:.4g}'}"
        for name, value in record.figures.items()
    )
    lines = [
        (
            "training",
            f"{record.epochs:,} epochs, {record.steps:,} steps of {record.batch_size} rows",
        ),
        ("optimizer", f"{record.optimizer}, {record.schedule}"),
        ("last epoch", figures),
    ]
    if record.stopped:
        lines.append(("ended", record.stopped))
    if record.data is not None:
        shape = " x ".join(f"{n:,}" for n in record.data.shape)
        lines.append(("data", f"{shape} {record.data.dtype}, mark {record.data.sha256[:16]}"))
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    return [*lines, ("versions", versions), ("ran on", f"{record.backend}, {record.device}")]


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names):,}: " + ", ".join(names[:_SHOWN]) + more


def _call(part: Mapping[str, Any]) -> str:
    options = ", ".join(f"{name}={value!r}" for name, value in part.items() if name != "type")
    return f"{part.get('type', '')}({options})" if "type" in part else options
