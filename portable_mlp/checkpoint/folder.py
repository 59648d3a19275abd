"""A folder with the checkpoints of one training: the newest that can be trusted, and a few before it."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from portable_mlp.checkpoint import file
from portable_mlp.data.part_file import remove_abandoned, sync_folder
from portable_mlp.files import atomic
from portable_mlp.files.errors import ModelFileError
from portable_mlp.warning import warn

if sys.platform != "win32":
    import fcntl

_NAME = re.compile(r"checkpoint-([0-9]{12,18})\.safetensors")
_TEMPORARY = re.compile(rf"({_NAME.pattern})\.[0-9a-f]{{8}}\.tmp")
_OPEN_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)


class Folder:
    """The folder, used by one training at a time.

    Args:
        path: its name; it is made when it is opened.
        keep: how many checkpoints stay in it.
    """

    def __init__(self, path: Path, keep: int) -> None:
        """Touches nothing yet."""
        self.path, self.keep = path, keep
        self._lock: int | None = None

    def open(self) -> None:
        """Makes the folder, locks it, and removes what killed trainings left half written.

        Raises:
            OSError: it can't be made or written to, or another training writes to it.
        """
        with atomic.telling(self.path, "be used", "a folder that may be written to"):
            if not self.path.is_dir():
                self.path.mkdir(parents=True)
                sync_folder(self.path.parent)
            if self._lock is None:
                self._lock = _locked(self.path / "lock")
            for path in self.path.iterdir():
                if not (found := _TEMPORARY.fullmatch(path.name)):
                    continue
                if self._lock is None:  # it may be another training's, which is writing it
                    remove_abandoned(path.with_name(found[1]))
                else:
                    path.unlink()

    def close(self) -> None:
        """Lets another training use it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def files(self) -> dict[int, Path]:
        """The checkpoints by the number of their step, the oldest first."""
        there = self.path.iterdir() if self.path.is_dir() else ()
        found = {int(match[1]): path for path in there if (match := _NAME.fullmatch(path.name))}
        return dict(sorted(found.items()))

    def newest(self) -> tuple[Path, file.Saved] | None:
        """The newest checkpoint that can be read, or None if there is none at all.

        Raises:
            ModelFileError: there are some, and none of them can be read.
        """
        refused: list[str] = []
        for path in reversed(self.files().values()):
            try:
                saved = file.read(path)
            except (ModelFileError, OSError) as error:
                refused.append(str(error))
                continue
            if refused:
                warn(f"Checkpoint: the training goes on from {path.name!r}: {' '.join(refused)}")
            return path, saved
        if refused:
            raise ModelFileError(
                f"Checkpoint: none of the {len(refused)} files in {str(self.path)!r} can be read. The "
                f"newest: {refused[0]}"
            )
        return None

    def write(self, step: int, pieces: Sequence[bytes | memoryview]) -> Path:
        """Writes a checkpoint, reads it again, and only then removes those that it replaces.

        Args:
            step: by which it is called.
            pieces: its bytes.

        Raises:
            OSError: it can't be written; the earlier ones are as they were.
            ModelFileError: what was written can't be read again; likewise.
        """
        path = self.path / f"checkpoint-{step:012d}.safetensors"
        atomic.write(path, pieces, overwrite=True)
        file.read(path)
        files = self.files()
        good = [number for number in files if number <= step][-self.keep :]
        for number, old in files.items():
            if number not in good:  # too old; or newer, and so one that could not be read
                with contextlib.suppress(OSError):
                    old.unlink()
        return path


def _locked(path: Path) -> int | None:
    """The lock file, locked until this process ends or closes it; None where there are no locks.

    Raises:
        OSError: another process has it.
    """
    if sys.platform == "win32":
        return None
    descriptor = os.open(path, _OPEN_FLAGS, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise BlockingIOError(
            0, "another training that is still running writes its checkpoints there"
        ) from None
    except OSError:  # a network drive without locks
        os.close(descriptor)
        return None
    return descriptor
