"""The command line: ``portable-mlp train``, ``evaluate``, ``predict``, ``info``, ``doctor`` and others.

Exit codes: 0 done, 1 failed, 2 wrong usage. Progress goes to standard error, results to standard out.
"""

from __future__ import annotations

import sys
import warnings
from contextlib import suppress
from typing import Annotated

import typer

import portable_mlp
from portable_mlp.cli.common import note
from portable_mlp.cli.doctor import doctor
from portable_mlp.cli.evaluate import evaluate
from portable_mlp.cli.export import export
from portable_mlp.cli.gallery import gallery
from portable_mlp.cli.info import info
from portable_mlp.cli.list_backends import list_backends
from portable_mlp.cli.predict import predict
from portable_mlp.cli.streams import OutputError, drop_output, replace_closed, standard_output
from portable_mlp.cli.train import train

app = typer.Typer(
    help="Multi-layer perceptrons on NumPy, CuPy, PyTorch, JAX: one training loop.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Runs the command line."""
    warnings.showwarning = _show_warning
    replace_closed()
    try:
        with standard_output():
            app(prog_name="portable-mlp")
    except (OutputError, OSError) as error:
        with suppress(OSError):  # standard error may be full as well
            if not isinstance(error, BrokenPipeError):
                note(str(error))
        drop_output()
        sys.exit(1)


def _show_warning(message: Warning | str, *where: object, **more: object) -> None:
    """In one line, without a place in the code, which is of no use here."""
    note(str(message))


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(portable_mlp.__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


app.command("train")(train)
app.command("evaluate")(evaluate)
app.command("predict")(predict)
app.command("info")(info)
app.command("export")(export)
app.command("doctor")(doctor)
app.command("gallery")(gallery)
app.command("backends")(list_backends)
