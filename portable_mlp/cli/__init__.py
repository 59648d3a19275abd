"""The command line: ``portable-mlp train``, ``doctor``, ``gallery``, ``backends``.

Exit codes: 0 done, 1 failed, 2 wrong usage. Progress goes to standard error, results to standard out.
"""

from __future__ import annotations

from typing import Annotated

import typer

import portable_mlp
from portable_mlp.cli.doctor import doctor
from portable_mlp.cli.gallery import gallery
from portable_mlp.cli.list_backends import list_backends
from portable_mlp.cli.train import train

app = typer.Typer(
    help="Multi-layer perceptrons on NumPy, CuPy, PyTorch, JAX: one training loop.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Runs the command line."""
    app(prog_name="portable-mlp")


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
app.command("doctor")(doctor)
app.command("gallery")(gallery)
app.command("backends")(list_backends)
