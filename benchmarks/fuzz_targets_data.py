"""Damaged data files: whatever the bytes are, a reader gives numbers or one kind of error.

python -m benchmarks.fuzz_targets_data [--inputs 300000] [--seed 0] [--target npz]

Each target is ``(seeds, run, allowed)``: files to begin with, a function that reads one, and the errors
that it may raise. An array larger than what the bytes can hold is a failure, and so are tables that
differ between `read_csv` and `scan_csv`, which must hold in blocks of any size.
"""

from __future__ import annotations

import argparse
import atexit
import faulthandler
import gzip
import io
import random
import tempfile
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from portable_mlp.data import (
    DataFileError,
    csv_file,
    load_npz,
    read_csv,
    read_idx,
    scan_csv,
    scan_npy,
)

Target = tuple[list[bytes], Callable[[bytes], None], tuple[type[Exception], ...]]

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
_ROWS = b'1,2,dog\n3.5,-4e2,cat\n 5 ,"6",dog\r\n"7",.8,"c, d"\n1_0,0,"e\nf"\n'
_SEEDS_CSV = [
    b"a,b,y\n" + _ROWS,
    b"\xef\xbb\xbfa,b,y\n1,2,3\n4,5,6\n7,8,9",
    b"y,a\r\n0.5,1\r\n1.5,2\r\n\r\n2.5,3\r\n",
    "y,\u00e9\ncaf\u00e9,1\nt\u00ea,2\n".encode(),
    b'\n"the ""a""",y\n1,u\n2,v\n',
]

TARGETS: dict[str, Target] = {
    "idx": (_seeds_idx(), run_idx, (DataFileError,)),
    "npy": (_SEEDS_NPY, run_npy, (DataFileError,)),
    "npz": (_SEEDS_NPZ, run_npz, (DataFileError,)),
    "npz member": (_SEEDS_NPY, run_npz_member, (DataFileError,)),
    "csv": (_SEEDS_CSV, run_csv, (DataFileError,)),
}

TOKENS = [
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
]


def mutated(seed: bytes, others: list[bytes], r: random.Random) -> bytes:
    """One to four changes: a bit, a byte, a token; something left out, doubled, or from another seed."""
    data = bytearray(seed)
    for _ in range(r.choice((1, 1, 2, 4))):
        at = r.randrange(len(data) + 1)
        kind = r.randrange(6)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << r.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = r.randrange(256)
        elif kind == 2:
            token = r.choice(TOKENS)
            data[at : at + r.choice((0, len(token)))] = token
        elif kind == 3:
            del data[at : at + r.choice((1, 2, 8, 1000))]
        elif kind == 4:
            data[at:at] = data[at : at + r.randrange(40)] * r.choice((1, 1, 1, 50))
        else:
            other = r.choice(others)
            start = r.randrange(len(other))
            data[at : at + r.randrange(20)] = other[start : start + r.randrange(40)]
    return bytes(data)


def try_out(name: str, inputs: int, seed: int) -> int:
    """Runs one target on mutated inputs and prints what happened; the number of failures."""
    seeds, run, allowed = TARGETS[name]
    r, refused, failures = random.Random(seed), 0, 0  # noqa: S311
    for data in seeds:
        try:
            run(data)
        except allowed:
            print(f"{name}: a seed is refused: {data[:60]!r}")
    started = time.perf_counter()
    for _ in range(inputs):
        data = mutated(r.choice(seeds), seeds, r)
        try:
            run(data)
        except allowed:
            refused += 1
        except Exception:
            failures += 1
            if failures <= 5:
                print(f"{name}: {data!r}")
                traceback.print_exc()
    seconds = time.perf_counter() - started
    print(
        f"{name:12} {inputs:,} inputs, {refused:,} refused, {inputs - refused - failures:,} read, "
        f"{failures} failures, {inputs / seconds:,.0f} a second",
        flush=True,
    )
    return failures


def main() -> None:
    """Tries out the targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=300_000, help="of each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", choices=TARGETS, help="one of them only")
    options = parser.parse_args()
    faulthandler.enable()
    warnings.simplefilter("ignore")
    if Path("/proc/self/statm").exists():
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + 2**28  # no silent gigabytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    names = [options.target] if options.target else list(TARGETS)
    raise SystemExit(1 if sum(try_out(n, options.inputs, options.seed) for n in names) else 0)


if __name__ == "__main__":
    main()
