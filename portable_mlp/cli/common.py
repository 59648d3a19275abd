"""What the commands share: how errors are told, what is shown of names, which files are not touched."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from portable_mlp.backends import BACKENDS, BackendUnavailableError
from portable_mlp.data import DataFileError
from portable_mlp.files import ModelFileError
from portable_mlp.model import MLP
from portable_mlp.training import TrainingDiverged


def completed(names: Iterable[str]) -> Callable[[str], list[str]]:
    """What a shell completes an option's value to.

    Args:
        names: the values that there are.
    """
    known = list(names)

    def begun(incomplete: str) -> list[str]:
        return [name for name in known if name.startswith(incomplete)]

    return begun


BackendOption = Annotated[
    str, typer.Option(help=f"One of {', '.join(BACKENDS)}.", autocompletion=completed(BACKENDS))
]
DeviceOption = Annotated[str | None, typer.Option(help="Such as cpu, cuda, cuda:1, mps.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")
]
ModelArgument = Annotated[Path, typer.Argument(help="A file that train --out wrote.")]


@contextmanager
def usage_errors() -> Iterator[None]:
    """A ValueError in here is the user's option: exit code 2."""
    try:
        yield
    except (TrainingDiverged, DataFileError, ModelFileError):
        raise
    except ValueError as error:
        raise typer.BadParameter(printable(str(error))) from None


@contextmanager
def failures(file: Path | None = None) -> Iterator[None]:
    """What can be wrong with files, backends and memory: one line, exit code 1.

    Args:
        file: the data, which a message that does not name it begins with.
    """
    try:
        yield
    except (BrokenPipeError, typer.BadParameter):
        raise
    except TrainingDiverged as error:
        fail(
            f"{error.happened} A learning rate that is too large is the usual cause: try --lr with a "
            "tenth of it, or features and targets scaled to about 1. No model is saved."
        )
    except (DataFileError, ModelFileError) as error:
        fail(str(error))
    except (BackendUnavailableError, ModuleNotFoundError, OSError, MemoryError) as error:
        fail(str(error) or type(error).__name__)
    except ValueError as error:
        fail(str(error) if file is None else f"{file}: {error}")


def fail(message: str) -> NoReturn:
    """Says one line on standard error and ends with exit code 1."""
    note(message)
    raise typer.Exit(1)


def note(message: str) -> None:
    """Says one line on standard error."""
    typer.echo(f"portable-mlp: {printable(message)}", err=True)


def printable(text: str) -> str:
    """A text without what would move a terminal's cursor, colour it, or turn its writing around.

    Names of columns and classes come from files, and so may be anything.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def check_out(out: Path | None, force: bool, *inputs: Path) -> None:
    """Refuses a file that can't be written, before work is done for it.

    Args:
        out: the file, or None.
        force: whether one that is there may be replaced.
        inputs: files that are read.

    Raises:
        ValueError: it is there, or its folder is not.
    """
    if out is None:
        return
    start = f"--out: got {str(out)!r}"
    if out.is_dir() or not out.parent.is_dir():
        raise ValueError(f"{start}, expected a file in a folder that exists.")
    if not os.access(out.parent, os.W_OK):
        raise ValueError(f"{start}, expected a folder that may be written to.")
    if any(out.exists() and path.exists() and out.samefile(path) for path in inputs):
        raise ValueError(f"{start}, which is read from, expected another file.")
    if not force and os.path.lexists(out):
        raise ValueError(f"{start}, which is there already, expected a new name, or --force.")


def load_model(path: Path, backend: str, device: str | None) -> MLP:
    """The model in a file, on a backend; what is wrong with either is said in one line."""
    with failures(), usage_errors():
        return MLP.load(path, backend=backend, device=device)
