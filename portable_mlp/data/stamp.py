"""Whether a file is still the one that was looked at."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import NamedTuple

from portable_mlp.data.errors import DataFileError, system_errors


class Stamp(NamedTuple):
    """Size and time of a file that is read again and again.

    Args:
        path: of the file.
        size: in bytes.
        changed: when it was written to last, in nanoseconds.
    """

    path: Path
    size: int
    changed: int

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """The stamp of a file as it is now.

        Raises:
            DataFileError: it is not there, or can't be read twice, as a pipe.
        """
        with system_errors(path):
            found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise DataFileError(
                f"{path}: is no regular file, expected one that can be read again in each epoch."
            )
        return cls(path, found.st_size, found.st_mtime_ns)

    def check(self) -> None:
        """Whether it has not been written to since.

        Raises:
            DataFileError: it has.
        """
        if Stamp.of(self.path) != self:
            raise DataFileError(
                f"{self.path}: was changed since it was looked at first, expected the same file in every "
                "epoch; write new data to a new file."
            )
