"""What is said of a file that can't be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

DAMAGED = "it was damaged or changed after it was written"
NEWER = "a newer version wrote it, upgrade portable_mlp"


class ModelFileError(ValueError):
    """A model that can't be written to a file, or a file that can't be read as one.

    The message names the file, what was found, what was expected, and the likely cause.
    """


class Refusal(ValueError):  # noqa: N818  (it becomes a ModelFileError)
    """What was found and what was expected, before anybody knows the name of the file.

    Args:
        found: both, in words.
        cause: the likely cause.
    """

    def __init__(self, found: str, cause: str = DAMAGED) -> None:
        """Keeps the cause apart: nothing was damaged yet when a model is being written."""
        super().__init__(found)
        self.cause = cause


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Turns a refusal into one sentence about the file.

    Args:
        source: its name.

    Raises:
        ModelFileError: in place of a refusal.

    Example:
        >>> with reading("'a.safetensors'"):
        ...     raise Refusal("it has 3 bytes, expected at least 8")
        Traceback (most recent call last):
        portable_mlp.files.errors.ModelFileError: 'a.safetensors': it has 3 bytes, expected at least 8: \
it was damaged or changed after it was written.
    """
    try:
        yield
    except Refusal as refusal:
        raise ModelFileError(f"{source}: {refusal}: {refusal.cause}.") from None
