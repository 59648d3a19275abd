"""A file is there whole or not at all, whatever happens while it is written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from portable_mlp.data.part_file import own_name, remove_abandoned, sync_folder

# A name that somebody planted, symbolic links included, is never opened.
_OPEN_FLAGS = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)


def write(path: Path, pieces: Iterable[bytes | memoryview], *, overwrite: bool) -> None:
    """Writes a file under another name beside the final one, and renames it when it is on the disk.

    A process that is killed leaves the old file as it was, and perhaps ``NAME.*.tmp``, which a later
    call for the same name removes when it is a day old.

    Args:
        path: the final name; a symbolic link of that name is replaced, not followed.
        pieces: the bytes.
        overwrite: whether a file of that name may be replaced.

    Raises:
        FileExistsError: there is one, and it may not.
        OSError: the disk or the folder can't take it; the old file is as it was.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write(Path(folder, "a"), [b"one"], overwrite=False)
        ...     write(Path(folder, "a"), [b"t", b"wo"], overwrite=True)
        ...     [(path.name, path.read_bytes()) for path in Path(folder).iterdir()]
        [('a', b'two')]
    """
    if os.path.isdir(path):  # noqa: PTH112  (unlike Path's it does not raise)
        raise IsADirectoryError(f"{os.fspath(path)!r} is a folder, expected the name of a file.")
    if not overwrite and os.path.lexists(path):
        raise FileExistsError(
            f"{os.fspath(path)!r} is there already, expected a new name, or overwrite=True."
        )
    with telling(path, "be written", "a folder that may be written to, with room on its disk"):
        temporary = own_name(path)
        descriptor = os.open(temporary, _OPEN_FLAGS, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                for piece in pieces:
                    stream.write(piece)
                stream.flush()
                os.fsync(descriptor)
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(path.parent)
        remove_abandoned(path)


@contextlib.contextmanager
def telling(path: Path, what: str, expected: str) -> Iterator[None]:
    """Turns an error of the disk into one sentence, of the same class.

    Args:
        path: the file.
        what: what can't happen to it.
        expected: what would do.

    Raises:
        OSError: in place of the other.
    """
    try:
        yield
    except OSError as error:
        sentence = (
            f"{os.fspath(path)!r} can't {what}: {error.strerror or error}, expected {expected}."
        )
        told = type(error)(sentence)
        told.errno = error.errno
        raise told from None
