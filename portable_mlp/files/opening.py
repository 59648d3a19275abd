"""Model files on a disk: written, read, looked at."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from portable_mlp.files import atomic, container
from portable_mlp.files.container import Container
from portable_mlp.files.errors import DAMAGED, NEWER, ModelFileError, Refusal, reading
from portable_mlp.files.saved import SavedModel, to_bytes, unpacked

PathLike = str | os.PathLike[str]
# To open a pipe would wait for somebody who writes to it.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def save(model: SavedModel, path: PathLike, *, overwrite: bool) -> None:
    """Writes a model to a file: whole or not at all.

    Args:
        model: what is to be in it.
        path: its name.
        overwrite: whether a file of that name may be replaced.

    Raises:
        ModelFileError: the model has parts that no file can hold.
        OSError: the file can't be written; one that was there is as it was.
    """
    path = checked(path)
    try:
        pieces = to_bytes(model)
    except Refusal as refusal:
        cause = "" if refusal.cause in (DAMAGED, NEWER) else f": {refusal.cause}"
        raise ModelFileError(f"{os.fspath(path)!r} was not written: {refusal}{cause}.") from None
    atomic.write(path, pieces, overwrite=overwrite)


def load(path: PathLike) -> SavedModel:
    """The model in a file.

    Args:
        path: its name.

    Raises:
        ModelFileError: it is no model file, is damaged, or a newer version wrote it.
        OSError: it is not there, or can't be read.
    """
    with reading(repr(os.fspath(checked(path)))):
        return unpacked(read(path))


def checked(path: PathLike) -> Path:
    """The path of a file.

    Raises:
        TypeError: it is no text and no path.
        ValueError: it holds a character that no name can.
    """
    if isinstance(path, str) or (
        isinstance(path, os.PathLike) and isinstance(os.fspath(path), str)
    ):
        if "\0" in os.fspath(path):
            raise ValueError(
                f"path: got {os.fspath(path)!r}, expected the name of a file without \\0."
            )
        return Path(path)
    raise TypeError(
        f"path: got {path!r} of type {type(path).__name__}, expected the name of a file as text or a "
        "pathlib.Path."
    )


def read(path: PathLike) -> Container:
    """What a file holds, its checksum checked.

    Args:
        path: its name.

    Raises:
        Refusal: it is no such file, or is damaged.
        OSError: it is not there, or can't be read.
    """
    path = Path(path)
    with atomic.telling(path, "be read", "a model file that may be read"):
        if path.is_dir():  # on Windows it can't even be opened
            raise Refusal("it is a folder, expected a file", "the name of the file is missing")
        descriptor = os.open(path, _OPEN_FLAGS)
        with os.fdopen(descriptor, "rb") as stream:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise Refusal(
                    "it is a pipe or a device, expected a file",
                    "the name is that of something else",
                )
            try:
                return container.read(stream, found.st_size)
            except MemoryError:
                raise Refusal(
                    f"it has {found.st_size:,} bytes, expected as many as memory can hold",
                    "it is too large for this machine",
                ) from None
