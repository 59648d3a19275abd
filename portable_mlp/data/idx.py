"""A strict reader of IDX, the file format of MNIST and Fashion-MNIST.

An IDX file is two zero bytes, one byte for the type, one for the number of dimensions, each
dimension as four bytes, then the values; all numbers are big-endian. Files are often compressed
with gzip, so a small file may claim, or expand to, a huge one: every size is checked before
memory is taken for it.
"""

from __future__ import annotations

import gzip
import math
import os
import stat
import sys
import zlib
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.errors import DataFileError, data_file_error

_DTYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_GZIP_MAGIC = b"\x1f\x8b"
_MOST_DIMENSIONS = 64  # numpy's own limit
# Deflate spends at least 2 bits on 258 bytes, so no file expands further than this.
_MOST_EXPANSION = 1032
_CHUNK = 2**20


class _Readable(Protocol):
    """An open file, plain or expanding."""

    def read(self, size: int, /) -> bytes: ...


def read_idx(path: str | os.PathLike[str], *, max_bytes: int = 4 * 2**30) -> NDArray[Any]:
    """Read one array from an IDX file, plain or compressed with gzip.

    Which of the two it is, is told by the first bytes and not by the name.

    Args:
        path: The file.
        max_bytes: Refuse an array that takes more than this many bytes in memory, at least 1.
            The default is 4 GiB.

    Returns:
        A new array in this machine's byte order: uint8, int8, int16, int32, float32 or float64,
        with the file's dimensions.

    Raises:
        DataFileError: The file isn't IDX, is damaged, cut, too long, or claims too large an array.
        FileNotFoundError: There is no such file.
        PermissionError: The file may not be read.

    Example:
        >>> import pathlib, tempfile
        >>> header = bytes([0, 0, 8, 1, 0, 0, 0, 3])  # uint8, 1 dimension of 3
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "labels-idx1-ubyte")
        ...     _ = path.write_bytes(header + bytes([7, 2, 1]))
        ...     read_idx(path)
        array([7, 2, 1], dtype=uint8)

    Source:
        Y. LeCun, C. Cortes, C. Burges, The MNIST database, "File formats",
        http://yann.lecun.com/exdb/mnist/.
    """
    if max_bytes < 1:
        raise ValueError(
            f"read_idx: max_bytes is {max_bytes}, expected at least 1; likely cause: a size that "
            "was computed and came out as nothing."
        )
    try:
        return _read_file(path, max_bytes)
    except (FileNotFoundError, PermissionError):
        raise
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise data_file_error(
            path,
            found=f"damaged gzip data ({error})",
            expected="a whole gzip file",
            cause="a download or copy that was cut or altered",
        ) from error
    except OSError as error:
        raise data_file_error(
            path,
            found=f"that it can't be read ({error.strerror or error})",
            expected="a readable file",
            cause="a failing disk or network drive",
        ) from error


def _read_file(path: str | os.PathLike[str], max_bytes: int) -> NDArray[Any]:
    """Tell plain from compressed and read the array."""
    # Asked before opening: opening a named pipe would wait for ever.
    if not stat.S_ISREG(Path(path).stat().st_mode):
        raise data_file_error(
            path,
            found="a folder or device",
            expected="a regular file",
            cause="a path that stops one level too early",
        )
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        compressed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        if not compressed:
            return _read_array(path, file, max_bytes, plain_size=size, most_bytes=size)
        with gzip.GzipFile(fileobj=file, mode="rb") as expanded:
            return _read_array(
                path, expanded, max_bytes, plain_size=None, most_bytes=size * _MOST_EXPANSION
            )


def _read_array(
    path: str | os.PathLike[str],
    stream: _Readable,
    max_bytes: int,
    *,
    plain_size: int | None,
    most_bytes: int,
) -> NDArray[Any]:
    """Read header and values; ``most_bytes`` is what the file can expand to at the utmost."""
    dtype, shape = _read_header(path, stream)
    # A dimension of 0 hides the others from the product, yet numpy multiplies them all.
    memory = math.prod(max(length, 1) for length in shape) * dtype.itemsize
    if memory > min(max_bytes, sys.maxsize):
        raise data_file_error(
            path,
            found=f"a header that claims shape {shape} of {dtype.name}, {memory:,} bytes",
            expected=f"at most {max_bytes:,} bytes",
            cause="a damaged header, or a larger data set than max_bytes allows",
        )
    nbytes = math.prod(shape) * dtype.itemsize
    header_bytes = 4 + 4 * len(shape)
    if plain_size is not None and plain_size != header_bytes + nbytes:
        raise _wrong_length(path, shape, dtype, nbytes, f"{plain_size - header_bytes:,}")
    if header_bytes + nbytes > most_bytes:
        raise _wrong_length(path, shape, dtype, nbytes, f"at most {most_bytes - header_bytes:,}")
    values = _read_values(path, stream, shape, dtype, nbytes)
    if stream.read(1):  # reading on to the end also makes gzip compare its checksum
        raise _wrong_length(path, shape, dtype, nbytes, f"more than {nbytes:,}")
    return values


def _read_header(
    path: str | os.PathLike[str], stream: _Readable
) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Read the type of the values and the dimensions."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES:
        raise data_file_error(
            path,
            found=f"the first bytes {magic!r}",
            expected="those of IDX: 0, 0, a type of 8, 9, 11, 12, 13 or 14, the dimensions",
            cause=_guess_what_it_is(magic),
        )
    dimensions = magic[3]
    if not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise data_file_error(
            path,
            found=f"{dimensions} dimensions",
            expected=f"1 to {_MOST_DIMENSIONS}",
            cause="a damaged header",
        )
    lengths = stream.read(4 * dimensions)
    if len(lengths) < 4 * dimensions:
        raise data_file_error(
            path,
            found=f"a header of {4 + len(lengths)} bytes",
            expected=f"{4 + 4 * dimensions} bytes for {dimensions} dimensions",
            cause="a download or copy that was cut",
        )
    return _DTYPES[magic[2]], tuple(np.frombuffer(lengths, dtype=">u4").tolist())


def _read_values(
    path: str | os.PathLike[str],
    stream: _Readable,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    nbytes: int,
) -> NDArray[Any]:
    """Read exactly ``nbytes`` in pieces and turn them to this machine's byte order."""
    try:
        raw = np.empty(nbytes, dtype=np.uint8)
    except MemoryError as error:
        raise data_file_error(
            path,
            found=f"an array of {nbytes:,} bytes",
            expected="one that fits into memory",
            cause="a data set too large for this machine",
        ) from error
    done = 0
    while done < nbytes:
        piece = stream.read(min(_CHUNK, nbytes - done))
        if not piece:
            raise _wrong_length(path, shape, dtype, nbytes, f"{done:,}")
        raw[done : done + len(piece)] = np.frombuffer(piece, dtype=np.uint8)
        done += len(piece)
    values = raw.view(dtype).reshape(shape)
    if values.dtype.isnative:
        return values
    return values.byteswap(inplace=True).view(dtype.newbyteorder("="))


def _wrong_length(
    path: str | os.PathLike[str],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    nbytes: int,
    found: str,
) -> DataFileError:
    """Say that the header and the length of the file disagree."""
    return data_file_error(
        path,
        found=f"{found} bytes after the header",
        expected=f"{nbytes:,} for shape {shape} of {dtype.name}",
        cause="a download or copy that was cut or altered",
    )


def _guess_what_it_is(first_bytes: bytes) -> str:
    """Name what people most often have under the name of a data file."""
    if not first_bytes:
        return "an empty file, left by a download that failed"
    if first_bytes.lstrip()[:1] == b"<":
        return "a web page saved instead of the data"
    if first_bytes[:2] == b"PK":
        return "a zip archive that was not unpacked"
    return "a file of another format, or a damaged one"
