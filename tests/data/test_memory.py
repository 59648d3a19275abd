"""A file is read in a small part of its size, measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

MB = 10**6
pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="memory is counted in /proc/self/status"
)

CHILD = """
import sys
import numpy as np
from portable_mlp.data import Piece, arrays, csv_stream, npy, parquet, scan
if sys.argv[1].endswith(".parquet"):
    import pyarrow.parquet

def private():
    "Memory that is not a file's, in bytes."
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) * 1024

before = most = private()
source = scan(sys.argv[1], sys.argv[2])
total = rows = 0
for piece in source.read(reversed(range(len(source.blocks)))):
    rows, total = rows + len(piece.X), total + float(piece.X.sum(dtype=float))
    most = max(most, private())
assert rows == source.rows
print(total, most - before)
"""


def npy(folder: Path) -> tuple[Path, str, float]:
    x = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, (250_000, 200))
    x[-1] = 1  # the rest of the file is a hole
    x.flush()
    np.save(folder / "y.npy", np.zeros(250_000, np.uint8))
    return folder / "X.npy", str(folder / "y.npy"), 200.0


def npz(folder: Path) -> tuple[Path, str, float]:
    np.savez(folder / "d.npz", X=np.ones((250_000, 200), np.float32), y=np.zeros(250_000))
    return folder / "d.npz", "y", 50e6


def csv(folder: Path) -> tuple[Path, str, float]:
    row = ",".join(["0.1234567890"] * 20)
    with (folder / "t.csv").open("w") as file:
        file.write(",".join(f"c{k}" for k in range(20)) + ",y\n")
        for _ in range(100):
            file.write(f"{row},cat\n{row},dog\n" * 500)
    return folder / "t.csv", "y", 100_000 * 20 * 0.1234567890


def parquet(folder: Path, group: int) -> tuple[Path, str, float]:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    writer = pytest.importorskip("pyarrow.parquet")
    rows, column = 2_500_000, np.arange(2_500_000, dtype=np.float32)
    table = pyarrow.table({f"c{k}": column for k in range(20)} | {"y": column.astype("i4") % 10})
    writer.write_table(
        table, folder / "t.parquet", row_group_size=group, use_dictionary=False, compression="none"
    )
    return folder / "t.parquet", "y", 20.0 * rows * (rows - 1) / 2


def row_groups(folder: Path) -> tuple[Path, str, float]:
    return parquet(folder, 100_000)


def one_row_group(folder: Path) -> tuple[Path, str, float]:
    return parquet(folder, 2_500_000)


@pytest.mark.parametrize(
    ("make", "size", "most"),
    [
        (npy, 200 * MB, 10 * MB),
        (npz, 200 * MB, 10 * MB),
        (csv, 26 * MB, 10 * MB),
        (row_groups, 200 * MB, 60 * MB),
        (one_row_group, 200 * MB, 60 * MB),
    ],
)
def test_private_memory(
    tmp_path: Path, make: Callable[[Path], tuple[Path, str, float]], size: int, most: int
) -> None:
    path, target, total = make(tmp_path)
    assert path.stat().st_size > size
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), target],
        capture_output=True,
        text=True,
        check=False,
    )
    path.unlink()  # pytest would keep it for a while
    assert done.returncode == 0, done.stderr
    said, grown = map(float, done.stdout.split())
    assert said == pytest.approx(total, rel=1e-6)
    assert grown < most
