"""Standard input, output and error as they may be: closed, full, or without a reader."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class OutputError(Exception):
    """Standard output takes no more."""


@contextmanager
def standard_output() -> Iterator[None]:
    """What is written in here has left the program at its end.

    Raises:
        OutputError: standard output can't take it.
        BrokenPipeError: whoever read it has gone, as ``head`` does.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()  # nobody hears of a failure at the program's end
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is not None or error.strerror is None:  # of a file, in its own words
            raise
        raise OutputError(f"standard output: can't be written: {reason(error)}.") from None


def reason(error: OSError) -> str:
    """Why a standard stream fails."""
    return "it is closed" if error.errno == errno.EBADF else error.strerror or str(error)


def replace_closed() -> None:
    """Puts a stream that fails when it is used where one was closed before the program began.

    Python has None there; and the next file to be opened would have the number of standard output, into
    which libraries write. Standard error loses what it is told, as there is nobody to tell it.
    """
    for name, mode, access in (
        ("stdin", "r", os.O_WRONLY),
        ("stdout", "w", os.O_RDONLY),
        ("stderr", "w", os.O_WRONLY),
    ):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, access), mode, closefd=False))


def drop_output() -> None:
    """Throws away what standard output still holds, which would fail once more at the program's end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
