"""A download that isn't whole yet: where its bytes are kept, and how it gets its final name.

The unfinished file is ``NAME.part`` beside the final one, locked while a process writes to it, so
that a later attempt can go on where an earlier one stopped, however it stopped. It takes the
final name in one step, after its bytes are safely on the disk.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import io
import os
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from portable_mlp.data.errors import DownloadError

if sys.platform != "win32":
    import fcntl

_LOOK_AGAIN_SECONDS = 0.05
_ABANDONED_SECONDS = 24 * 3600
# A symbolic link planted under the part file's name must not lead the bytes elsewhere.
_OPEN_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class PartFile:
    """The unfinished copy of ``target``, open for one writer.

    Args:
        target: The final name, used by ``publish``.
        path: Where the bytes are now.
        descriptor: An open file descriptor of ``path``, for reading and writing.
        resumable: Whether ``close`` keeps the bytes for a later attempt.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     part = open_part(pathlib.Path(folder, "a.txt"), patience=1.0)
        ...     part.append(b"abc")
        ...     part.publish()
        ...     part.close()
        ...     sorted(path.name for path in pathlib.Path(folder).iterdir())
        ['a.txt']
    """

    def __init__(self, target: Path, path: Path, descriptor: int, *, resumable: bool) -> None:
        """Take over ``descriptor``."""
        self.target = target
        self.path = path
        self.resumable = resumable
        self._published = False
        self._stream: io.BufferedRandom = os.fdopen(descriptor, "r+b")
        self.size = self._stream.seek(0, os.SEEK_END)

    def append(self, piece: bytes) -> None:
        """Write ``piece`` after what is there."""
        with storing(self.target):
            self._stream.write(piece)
        self.size += len(piece)

    def restart(self) -> None:
        """Throw away what is there."""
        with storing(self.target):
            self._stream.seek(0)
            self._stream.truncate()
        self.size = 0

    def sha256(self) -> str:
        """Return the SHA-256 of what is there, 64 hexadecimal digits."""
        with storing(self.target):
            self._stream.seek(0)
            return hashlib.file_digest(self._stream, "sha256").hexdigest()

    def publish(self) -> None:
        """Give the file its final name, in one step that survives a power failure."""
        with storing(self.target):
            self._stream.flush()
            os.fsync(self._stream.fileno())
            if sys.platform == "win32":  # an open file can't be renamed there
                self._stream.close()
            self.path.replace(self.target)
            self._published = True
            sync_folder(self.target.parent)

    def close(self) -> None:
        """Close the file; keep it only if a later attempt can go on with it."""
        with contextlib.suppress(OSError):  # a full disk has been reported already
            self._stream.flush()
        if not self._published and not (self.resumable and self.size):
            if sys.platform == "win32":
                self._stream.close()
            # While the lock is held: afterwards the name may belong to another process.
            with contextlib.suppress(OSError):
                self.path.unlink()
        with contextlib.suppress(OSError):
            self._stream.close()


def open_part(target: Path, *, patience: float) -> PartFile:
    """Open the part file of ``target``, waiting for another process that is writing to it.

    Args:
        target: The final name. Its folder exists.
        patience: Seconds to wait for a writer that makes no headway; then, and where files can't
            be locked, the bytes go to a file of our own, which can't be resumed.

    Returns:
        The part file, with the bytes of an earlier attempt, if any.

    Raises:
        DownloadError: The folder can't be written to.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     part = open_part(pathlib.Path(folder, "a.txt"), patience=1.0)
        ...     part.path.name, part.size
        ...     part.close()
        ('a.txt.part', 0)
    """
    with storing(target):
        path = target.with_name(target.name + ".part")
        descriptor = _lock_shared(path, patience)
        if descriptor is not None:
            return PartFile(target, path, descriptor, resumable=True)
        remove_abandoned(target)
        path = own_name(target)
        return PartFile(
            target, path, os.open(path, _OPEN_FLAGS | os.O_EXCL, 0o666), resumable=False
        )


def _lock_shared(path: Path, patience: float) -> int | None:
    """Open and lock ``path``; None if it can't be had."""
    if sys.platform == "win32":  # the lock would also keep it from being renamed
        return None
    last_size, deadline = -1, time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            descriptor = os.open(path, _OPEN_FLAGS, 0o666)
        except OSError:
            if path.is_symlink() or path.is_dir():
                return None
            raise
        try:
            _lock(descriptor)
        except BlockingIOError:
            size = os.fstat(descriptor).st_size
            os.close(descriptor)
            if size != last_size:  # the other writer makes headway: be patient anew
                last_size, deadline = size, time.monotonic() + patience
            time.sleep(_LOOK_AGAIN_SECONDS)
            continue
        except OSError:  # a network drive without locks
            os.close(descriptor)
            return None
        if _is_still_named(descriptor, path):
            return descriptor
        os.close(descriptor)
    return None


def _lock(descriptor: int) -> None:
    """Lock the file for this process, or raise; the system unlocks it when the process ends."""
    if sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_still_named(descriptor: int, path: Path) -> bool:
    """Tell whether the locked file still has that name: its last owner may have published it."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def own_name(target: Path) -> Path:
    """A name beside ``target`` that nobody else has.

    Args:
        target: The final name.
    """
    return target.with_name(f"{target.name}.{secrets.token_hex(4)}.tmp")


def remove_abandoned(target: Path) -> None:
    """Remove what killed processes left behind: ``NAME.01234567.tmp`` that is a day old.

    Args:
        target: The final name.
    """
    for path in target.parent.glob(f"{glob.escape(target.name)}.{'[0-9a-f]' * 8}.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - path.lstat().st_mtime > _ABANDONED_SECONDS:
                path.unlink()


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power failure.

    Args:
        folder: Where the new name is.
    """
    if sys.platform == "win32":  # folders can't be opened there
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder may be written to and not read
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network drives can't
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def storing(target: Path) -> Iterator[None]:
    """Turn errors of the local disk into one sentence about ``target``.

    Args:
        target: The final name of the file that is being stored.

    Raises:
        DownloadError: In place of any other OSError.

    Example:
        >>> import pathlib
        >>> with storing(pathlib.Path("a.txt")):
        ...     raise OSError(28, "No space left on device")
        Traceback (most recent call last):
        portable_mlp.data.errors.DownloadError: 'a.txt': can't be stored: No space left on device; \
expected a folder that may be written to, with room on its disk.
    """
    try:
        yield
    except DownloadError:
        raise
    except OSError as error:
        raise DownloadError(
            f"{os.fspath(target)!r}: can't be stored: {error.strerror or error}; expected a folder "
            "that may be written to, with room on its disk."
        ) from error
