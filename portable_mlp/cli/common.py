"""What the commands share: how errors are told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from portable_mlp.training import TrainingDiverged


@contextmanager
def usage_errors() -> Iterator[None]:
    """A ValueError in here is the user's option: exit code 2."""
    try:
        yield
    except TrainingDiverged:
        raise
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def fail(message: str) -> NoReturn:
    """Says one line on standard error and ends with exit code 1."""
    typer.echo(f"portable-mlp: {message}", err=True)
    raise typer.Exit(1)
