"""``portable-mlp export``: a saved model as a file that predicts without this package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from portable_mlp.cli.common import (
    ModelArgument,
    check_out,
    failures,
    load_model,
    note,
    usage_errors,
)
from portable_mlp.export.writing import SUFFIXES, check_suffix


def export(
    model: ModelArgument,
    out: Annotated[Path, typer.Option(help=f"The file; its name ends in {' or '.join(SUFFIXES)}.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
) -> None:
    """Write a saved model as ONNX, or as one readable Python file that needs numpy alone."""
    with usage_errors():
        check_suffix(out)
        check_out(out, force, model)
    loaded = load_model(model, "numpy", None)
    with failures():
        loaded.export(out, overwrite=force)
    note(f"{out}: {loaded.parameter_count:,} parameters, {out.stat().st_size:,} bytes")
