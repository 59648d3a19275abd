"""Arrays in numpy's own files, .npy and .npz: mapped where they lie, and never more than is there.

Nothing that could run code is read (numpy stores objects as pickles), and the sizes that a file
claims are compared with its own size before memory is taken.
"""

from __future__ import annotations

import math
import os
import stat
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.arrays import scan_arrays
from portable_mlp.data.columns import no_such
from portable_mlp.data.errors import DataFileError, data_file_error, system_errors
from portable_mlp.data.source import Source
from portable_mlp.data.stamp import Stamp
from portable_mlp.data.target import short
from portable_mlp.nn.arrays import Shape

# Deflate spends at least 2 bits on 258 bytes, so no file expands further than this.
_MOST_EXPANSION = 1032
_CHUNK = 2**20
_MOST_BYTES = 4 * 2**30
_LOCAL_HEADER = 30  # bytes before the name of a member
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    *(ValueError, NotImplementedError, RuntimeError),
)


def scan_npy(X_path: str | Path, y_path: str | Path | None = None) -> Source:  # noqa: N803
    """Two .npy files as a source that a model can be trained from without loading them.

    They are mapped into memory: only the rows asked for are read, and the operating system forgets them
    when it needs the memory. They must stay as they are while a model trains.

    Args:
        X_path: samples (rows, ...), of any type of numbers, as `numpy.save` writes them.
        y_path: class numbers (rows,), or values (rows, outputs).

    Raises:
        DataFileError: no such file, no .npy, objects, text or records in place of numbers, a file that is
            cut, or y with another number of rows.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     X, y = Path(folder) / "X.npy", Path(folder) / "y.npy"
        ...     np.save(X, np.zeros((1000, 784), np.float32)), np.save(y, np.zeros(1000, int))
        ...     scan_npy(X, y).blocks
        (None, None)
        (334, 334, 332)
    """
    paths = [Path(path) for path in (X_path, y_path) if path is not None]
    stamps = [Stamp.of(path) for path in paths]
    return _source(X_path, stamps, *map(_map_file, paths))


def scan_npz(path: str | Path, X: str = "X", y: str | None = "y") -> Source:  # noqa: N803
    """Two arrays of an .npz file as a source, or the samples alone (y None); see `load_npz`."""
    names = (X,) if y is None else (X, y)
    samples, *targets = _members(Path(path), names, _MOST_BYTES)
    return _source(path, [Stamp.of(Path(path))], samples, *targets)


def load_npz(
    path: str | Path,
    X: str = "X",  # noqa: N803
    y: str = "y",
    *,
    max_bytes: int = _MOST_BYTES,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Two arrays of an .npz file.

    Args:
        path: as `numpy.savez` or `numpy.savez_compressed` write it.
        X: name of the samples.
        y: name of the targets.
        max_bytes: refuse a compressed array that takes more than this many bytes in memory.

    Returns:
        ``(X, y)``. What is not compressed (`numpy.savez`) is mapped and can only be read.

    Raises:
        DataFileError: no such file or array, no .npz, objects, text or records in place of numbers, a
            file that is cut, or one that would expand to more than ``max_bytes``.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     np.savez(Path(folder) / "data.npz", X=np.eye(2), y=[0, 1])
        ...     X, y = load_npz(Path(folder) / "data.npz")
        >>> X.tolist(), y.tolist()
        ([[1.0, 0.0], [0.0, 1.0]], [0, 1])
    """
    samples, targets = _members(Path(path), (X, y), max_bytes)
    return samples, targets


def _members(path: Path, names: Sequence[str], max_bytes: int) -> list[NDArray[Any]]:
    """Arrays of an .npz file by their names."""
    with _opened(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = {i.filename.removesuffix(".npy"): i for i in archive.infolist()}
                for name in names:
                    if name not in members:
                        raise no_such("array", str(path), name, list(members))
                return [_member(path, file, archive, members[n], max_bytes) for n in names]
        except DataFileError:
            raise
        except _DAMAGED as error:
            raise _no_npz(path, f"no zip archive, or a damaged one ({error})") from None


def _source(
    path: str | Path,
    stamps: list[Stamp],
    X: NDArray[Any],  # noqa: N803
    y: NDArray[Any] | None = None,
) -> Source:
    try:
        return scan_arrays(X, y, stamps=stamps)
    except ValueError as error:
        raise DataFileError(f"{path}: {str(error).removeprefix('scan_arrays: ')}") from None


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with system_errors(path):
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataFileError(f"{path}: is no regular file, expected an .npy or .npz file.")
        with path.open("rb") as file:
            yield file


def _map_file(path: Path) -> NDArray[Any]:
    """The array of an .npy file, where it lies."""
    with _opened(path) as file:
        return _map(path, file, 0, os.fstat(file.fileno()).st_size)


def _map(path: Path, file: BinaryIO, start: int, stop: int) -> NDArray[Any]:
    """The array that is in the bytes from ``start`` to ``stop`` of a file, where it lies."""
    file.seek(start)
    shape, order, dtype = _header(path, file)
    offset = file.tell()
    _check_size(path, shape, dtype, stop - offset)
    if 0 in shape:
        return np.empty(shape, dtype)  # nothing to be mapped
    return np.memmap(file, dtype, "r", offset, shape, order)


def _header(path: Path, stream: Any) -> tuple[Shape, Literal["C", "F"], np.dtype[Any]]:
    """Shape, order and type of the array that a stream goes on with."""
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            header = np.lib.format.read_array_header_1_0(stream)
        elif version == (2, 0):
            header = np.lib.format.read_array_header_2_0(stream)
        else:
            raise ValueError(f"version {version} of the format")
    except Exception as error:  # numpy has Python parse it: a damaged one ends in many ways
        first = str(error).partition("\n")[0]
        raise data_file_error(
            path,
            found=f"no header of a numpy array ({short(first)})",
            expected="an array as numpy.save writes it",
            cause="another kind of file under this name, or a copy that was cut",
        ) from None
    shape, fortran, dtype = header
    if dtype.kind not in "biuf":
        kind = "objects, which are pickles" if dtype.hasobject else f"{short(str(dtype))} data"
        expected = "an array of numbers"
        cause = "text, dates, records or lists of unequal length in what was saved"
        if dtype.kind == "c":
            expected = "an array of real numbers"
            cause = "complex numbers in what was saved; .real and .imag can be columns"
        raise data_file_error(path, found=kind, expected=expected, cause=cause)
    return shape, "F" if fortran else "C", dtype


def _check_size(path: Path, shape: Shape, dtype: np.dtype[Any], size: int) -> int:
    """The bytes of an array, which are those that there are."""
    nbytes = math.prod(shape) * dtype.itemsize
    # a length of 0 hides the others from the product, yet numpy multiplies them all
    memory = math.prod(max(length, 1) for length in shape) * dtype.itemsize
    if nbytes != size or min(shape, default=0) < 0 or memory > sys.maxsize or len(shape) > 64:
        raise data_file_error(
            path,
            found=f"{size:,} bytes after the header",
            expected=f"{nbytes:,} for shape {short(str(shape))} of {dtype.name}",
            cause="a copy that was cut, or a file that is still being written",
        )
    return nbytes


def _member(
    path: Path, file: BinaryIO, archive: zipfile.ZipFile, info: zipfile.ZipInfo, max_bytes: int
) -> NDArray[Any]:
    """One array of an archive: mapped, or expanded where it is compressed."""
    size = os.fstat(file.fileno()).st_size
    if info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1:
        file.seek(info.header_offset)
        local = file.read(_LOCAL_HEADER)
        names = sum(struct.unpack("<HH", local[-4:]))  # name and extra field are in between
        start = info.header_offset + _LOCAL_HEADER + names
        if local[:4] != b"PK\3\4" or start + info.file_size > size:
            raise _no_npz(path, f"no {info.filename!r} at byte {start:,}")
        return _map(path, file, start, start + info.file_size)
    if info.file_size > min(max_bytes, size * _MOST_EXPANSION):
        raise data_file_error(
            path,
            found=f"{info.filename!r} of {info.file_size:,} bytes, compressed in a file of {size:,}",
            expected=f"at most {max_bytes:,} bytes",
            cause="a damaged file, or a larger array than max_bytes allows",
        )
    with archive.open(info) as stream:
        shape, order, dtype = _header(path, stream)
        nbytes = _check_size(path, shape, dtype, info.file_size - stream.tell())
        raw, done = np.empty(nbytes, np.uint8), 0
        while piece := stream.read(_CHUNK):  # at the end the checksum is compared
            raw[done : done + len(piece)] = np.frombuffer(piece, np.uint8)
            done += len(piece)
    if done < nbytes:
        raise _no_npz(path, f"{done:,} of {nbytes:,} bytes of {info.filename!r}")
    return raw.view(dtype).reshape(shape, order=order)


def _no_npz(path: Path, found: str) -> DataFileError:
    return data_file_error(
        path,
        found=found,
        expected="a whole .npz file, as numpy.savez writes it",
        cause="another kind of file under this name, or a copy that was cut or altered",
    )
