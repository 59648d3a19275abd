"""What can be wrong with a data file or with fetching it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


class DataFileError(ValueError):
    """A data file that exists doesn't hold what it should.

    The message names the file, what was found, what was expected and the likely cause.

    Example:
        >>> try:
        ...     raise DataFileError("labels.gz: found 0 bytes, expected an IDX header.")
        ... except ValueError as error:
        ...     print(error)
        labels.gz: found 0 bytes, expected an IDX header.
    """


class NotNumbersError(DataFileError):
    """A table has text or gaps where numbers were expected: `portable_mlp.TableEncoder` takes it."""


class DownloadError(OSError):
    """A file could be had from none of its mirrors, or could not be stored.

    The message names the file, each mirror with its reason, and what to do instead.

    Example:
        >>> try:
        ...     raise DownloadError("labels.gz: no mirror answered.")
        ... except OSError as error:
        ...     print(error)
        labels.gz: no mirror answered.
    """


def data_file_error(
    path: str | os.PathLike[str], *, found: str, expected: str, cause: str
) -> DataFileError:
    """Build the error for ``path`` so that every data file is complained about in one form.

    Args:
        path: The file at fault.
        found: What is in it, as the end of "found ...".
        expected: What should be in it, as the end of "expected ...".
        cause: The most likely reason, as the end of "likely cause: ...".

    Returns:
        The error, to be raised by the caller.

    Example:
        >>> print(data_file_error("a.idx", found="0 bytes", expected="a header", cause="a cut"))
        'a.idx': found 0 bytes, expected a header; likely cause: a cut.
    """
    # !r, because a file name may hold control characters that a terminal would obey.
    return DataFileError(
        f"{os.fspath(path)!r}: found {found}, expected {expected}; likely cause: {cause}."
    )


@contextmanager
def system_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Errors of the operating system as one line about a file.

    Args:
        path: The file.

    Raises:
        DataFileError: The file isn't there, or can't be opened or read.
    """
    try:
        yield
    except FileNotFoundError:
        raise DataFileError(f"{os.fspath(path)}: there is no such file.") from None
    except OSError as error:
        reason = (error.strerror or str(error)).partition("\n")[0].rstrip(".")
        raise DataFileError(f"{os.fspath(path)}: can't be read: {reason}.") from None
