"""Data files: whatever the bytes are, a reader gives numbers or one kind of error.

An array larger than what the bytes can hold is a failure, and so are tables that differ between
`read_csv` and `scan_csv`, which must agree in blocks of any size.
"""

from __future__ import annotations

import atexit
import gzip
import io
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fuzzing.target import Target
from portable_mlp.data import (
    DataFileError,
    csv_file,
    load_npz,
    read_csv,
    read_idx,
    scan_csv,
    scan_npy,
)

_MEMORY = Path("/dev/shm")  # noqa: S108
_FILE = Path(
    tempfile.mkdtemp(prefix="portable_mlp_fuzz_", dir=_MEMORY if _MEMORY.is_dir() else None)
)
atexit.register(lambda: [*map(Path.unlink, _FILE.iterdir()), _FILE.rmdir()])
_MOST_EXPANSION = 1032  # of deflate


def _written(data: bytes, name: str) -> Path:
    path = _FILE / name
    path.write_bytes(data)
    return path


def _check_bounded(array: Any, most: int) -> None:
    if array.nbytes > most:
        raise AssertionError(f"{array.nbytes} bytes of numbers from a file that holds {most}")


def _sum(array: Any) -> float:
    """Touches every number."""
    with np.errstate(all="ignore"):
        return float(array.sum(dtype=np.float64))


def run_idx(data: bytes) -> None:
    """An IDX file, plain or compressed."""
    array = read_idx(_written(data, "idx"))
    _check_bounded(array, len(data) * _MOST_EXPANSION)
    _sum(array)


def run_npy(data: bytes) -> None:
    """An .npy file."""
    for piece in scan_npy(_written(data, "X.npy")).read([0]):
        _check_bounded(piece.X, len(data))
        _sum(piece.X)


def run_npz(data: bytes) -> None:
    """An .npz file."""
    for array in load_npz(_written(data, "d.npz")):
        _check_bounded(array, len(data) * _MOST_EXPANSION)
        _sum(array)


def run_npz_member(data: bytes) -> None:
    """What an archive holds, with the checksums right."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr("X.npy", data)
        file.writestr("y.npy", data)
    for array in load_npz(_written(archive.getvalue(), "d.npz")):
        _check_bounded(array, len(data))
        _sum(array)


def run_csv(data: bytes) -> None:
    """A .csv file, read as a whole and in blocks of a few bytes."""
    path = _written(data, "t.csv")
    block, csv_file.BLOCK = csv_file.BLOCK, 1 << (4 + len(data) % 4)
    try:
        source = scan_csv(path, "y")
        pieces = list(source.read(range(len(source.blocks))))
    except DataFileError:
        pieces = []
    finally:
        csv_file.BLOCK = block
    try:
        table = read_csv(path, "y")
    except DataFileError:
        if pieces:
            raise AssertionError("scan_csv accepts what read_csv refuses") from None
        raise
    _check_bounded(table.X, 8 * len(data))
    for whole, parts in (
        (table.X, [piece.X for piece in pieces]),
        (table.y, [piece.y for piece in pieces]),
    ):
        if not pieces or not np.array_equal(whole, np.concatenate(parts)):
            raise AssertionError("scan_csv and read_csv differ")


def _npy(array: Any, version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version)
    return file.getvalue()


def _npz(save: Any, **arrays: Any) -> bytes:
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def _seeds_idx() -> list[bytes]:
    plain = [
        bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]),
        bytes([0, 0, 0x0E, 2, 0, 0, 0, 2, 0, 0, 0, 1]) + bytes(16),
        bytes([0, 0, 0x0B, 3, *[0, 0, 0, 2] * 3]) + bytes(range(16)),
    ]
    zeros = bytes([0, 0, 8, 2, 0, 0, 0, 40, 0, 0, 0, 100]) + bytes(4000)
    return [*plain, *(gzip.compress(array, mtime=0) for array in (*plain, zeros))]


_ARRAYS = [
    np.arange(6, dtype="f4").reshape(2, 3),
    np.arange(6, dtype=">i8").reshape(3, 2, order="F"),
    np.zeros((4, 2, 2), "u1"),
]
_SEEDS_NPY = [_npy(a) for a in _ARRAYS] + [_npy(_ARRAYS[0], (2, 0))]
_SEEDS_NPZ = [
    _npz(save, X=array, y=np.arange(3))
    for save in (np.savez, np.savez_compressed)
    for array in _ARRAYS
]
_ROWS = b'1,2,dog\n3.5,-4e2,cat\n 5 ,"6",dog\r\n"7",.8,"c, d"\n10,0,"e\nf"\n'
_SEEDS_CSV = [
    b"a,b,y\n" + _ROWS,
    b"\xef\xbb\xbfa,b,y\n1,2,3\n4,5,6\n7,8,9",
    b"y,a\r\n0.5,1\r\n1.5,2\r\n\r\n2.5,3\r\n",
    "y,\u00e9\ncaf\u00e9,1\nt\u00ea,2\n".encode(),
    b'\n"the ""a""",y\n1,u\n2,v\n',
]

_WORDS: tuple[bytes, ...] = (
    *(
        b"\0",
        b"\xff",
        b"\x7f\xff\xff\xff",
        b"\xff" * 4,
        b"\xff" * 8,
        b"\0\0\0\x80",
        b"\x80" + bytes(7),
    ),
    *(
        b",",
        b'"',
        b"\n",
        b"\r\n",
        b"\r",
        b"nan",
        b"1e999",
        b"_",
        b" ",
        b"y",
        b"\xc3",
        b"\x1c",
        b'""',
    ),
    *(
        b"(",
        b")",
        b"'",
        b"9" * 19,
        b"-1",
        b"True",
        b"|O",
        b"<f8",
        b"<U9",
        b"99999999",
        b"PK\1\2",
        b"{",
    ),
)


def _target(read: Callable[[bytes], None], seeds: list[bytes]) -> Target:
    return Target(read, DataFileError, lambda: seeds, lambda data, result: None, words=_WORDS)


TARGETS = {
    "idx": _target(run_idx, _seeds_idx()),
    "npy": _target(run_npy, _SEEDS_NPY),
    "npz": _target(run_npz, _SEEDS_NPZ),
    "npz-member": _target(run_npz_member, _SEEDS_NPY),
    "csv": _target(run_csv, _SEEDS_CSV),
}
