"""Which format a name asks for, and the file on the disk."""

from __future__ import annotations

import os
from pathlib import Path

from portable_mlp.export.exported import Exported
from portable_mlp.files import atomic
from portable_mlp.files.opening import PathLike, checked

SUFFIXES = (".onnx", ".py")
"""How the names of exported files end."""


def write(model: Exported, path: PathLike, *, overwrite: bool = False) -> None:
    """Writes a model for others to run: whole or not at all.

    Args:
        model: what is exported.
        path: the name; its end says the format.
        overwrite: whether a file of that name may be replaced.

    Raises:
        ValueError: a name that ends otherwise.
        ExportError: the format can't have what the model has.
        ModuleNotFoundError: onnx or onnxruntime is not installed.
        FileExistsError: there is such a file.
        OSError: it can't be written; one that was there is as it was.
    """
    path = checked(path)
    check_suffix(path)
    if path.suffix == ".py":
        from portable_mlp.export.python_file import source

        content = source(model, path.stem).encode()
    else:
        from portable_mlp.export.onnx_file import serialized

        content = serialized(model)
    atomic.write(path, [content], overwrite=overwrite)


def check_suffix(path: Path) -> None:
    """Refuses a name that ends otherwise than the formats do.

    Raises:
        ValueError: it does.

    Example:
        >>> check_suffix(Path("model.txt"))
        Traceback (most recent call last):
        ValueError: export: got 'model.txt', expected a name that ends in .onnx or .py.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(
            f"export: got {os.fspath(path)!r}, expected a name that ends in {' or '.join(SUFFIXES)}."
        )
