"""Training from files of any size: memory of its own and speed beside the same rows in memory.

    python -m benchmarks.larger_than_memory --gigabytes 4 --folder /tmp

Writes a memory map and a Parquet file of that size (noise with a rule in it, float32), and trains one
epoch from each in a process of its own, which reports its largest RssAnon (memory of its own, without the
pages of files that the system keeps). The in-memory figure is of the first gigabyte of the same rows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

FEATURES = 100
HIDDEN = (256, 128)
BATCH = 128
RULE = np.random.default_rng(0).standard_normal((FEATURES, 4)).astype(np.float32)


def rows_in(gigabytes: float) -> int:
    """Rows of float32 that take so much."""
    return int(gigabytes * 2**30) // (4 * FEATURES)


def blocks(rows: int) -> Any:
    """The samples and their classes, block by block."""
    random = np.random.default_rng(1)
    for start in range(0, rows, 100_000):
        x = random.standard_normal((min(100_000, rows - start), FEATURES), dtype=np.float32)
        yield start, x, (x @ RULE).argmax(1)


def write(folder: Path, rows: int) -> None:
    """``x.npy``, ``y.npy`` and ``rows.parquet``, unless they are there."""
    if (folder / "written.json").exists() and json.loads(
        (folder / "written.json").read_text(encoding="utf-8")
    ) == [rows, FEATURES]:
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    shape = (rows, FEATURES)
    x_map = np.lib.format.open_memmap(folder / "x.npy", "w+", np.float32, shape)
    y_map = np.lib.format.open_memmap(folder / "y.npy", "w+", np.int64, (rows,))
    names = [*(f"x{k}" for k in range(FEATURES)), "kind"]
    schema = pa.schema([(name, pa.int64() if name == "kind" else pa.float32()) for name in names])
    with pq.ParquetWriter(
        folder / "rows.parquet", schema, compression="snappy", use_dictionary=False
    ) as out:
        for start, x, y in blocks(rows):
            x_map[start : start + len(x)], y_map[start : start + len(y)] = x, y
            columns = [pa.array(np.ascontiguousarray(x[:, k])) for k in range(FEATURES)]
            out.write_table(pa.table([*columns, pa.array(y)], schema=schema))
    x_map.flush()
    y_map.flush()
    (folder / "written.json").write_text(json.dumps([rows, FEATURES]), encoding="utf-8")


class Watch(threading.Thread):
    """The largest RssAnon of this process, looked at fifty times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.start_value = self.largest = self.now()
        self.start()

    @staticmethod
    def now() -> int:
        """In KiB."""
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.split("RssAnon:")[1].split()[0])

    def run(self) -> None:
        """Until the process ends."""
        while True:
            self.largest = max(self.largest, self.now())
            time.sleep(0.02)


def measure(kind: str, folder: Path, rows: int, backend: str) -> None:
    """Trains from one kind of file and prints one JSON object."""
    from portable_mlp import MLP
    from portable_mlp.data import scan

    model = MLP([FEATURES, *HIDDEN, 4], backend=backend)
    warm = np.random.default_rng(2).standard_normal((4 * BATCH, FEATURES), dtype=np.float32)
    model.fit(warm, (warm @ RULE).argmax(1), epochs=2, batch_size=BATCH)
    x_map, y_map = (np.load(folder / f"{n}.npy", mmap_mode="r") for n in "xy")
    watch = Watch()
    if kind == "memory":
        x, y = np.array(x_map[:rows]), np.array(y_map[:rows])
        history = model.fit(x, y, epochs=1, batch_size=BATCH, verbose=0)
    elif kind == "npy":
        history = model.fit(x_map, y_map, epochs=1, batch_size=BATCH, verbose=0)
    else:
        source = scan(folder / "rows.parquet", "kind")
        history = model.fit(source, epochs=1, batch_size=BATCH, verbose=0)
    tested = np.random.default_rng(3).standard_normal((10_000, FEATURES), dtype=np.float32)
    found = {
        "kind": kind,
        "rows": rows,
        "samples_per_second": history["samples_per_second"][-1],
        "accuracy": model.evaluate(tested, (tested @ RULE).argmax(1))["accuracy"],
        "rss_anon_mib": watch.largest / 1024,
        "before_mib": watch.start_value / 1024,
    }
    print(json.dumps(found))


def main() -> None:
    """Writes the files and measures each kind."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kind", help=argparse.SUPPRESS)
    options = parser.parse_args()
    rows = rows_in(options.gigabytes)
    if options.kind:
        measure(options.kind, options.folder, rows, options.backend)
        return
    write(options.folder, rows)
    kinds = ("memory", "npy", "parquet")
    results: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    for _ in range(options.rounds):
        for kind in kinds:
            size = min(1.0, options.gigabytes) if kind == "memory" else options.gigabytes
            command = [sys.executable, "-m", "benchmarks.larger_than_memory", "--kind", kind]
            command += ["--folder", str(options.folder), "--backend", options.backend]
            command += ["--gigabytes", str(size)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            results[kind].append(json.loads(done.stdout))
            print(f"{kind}: {results[kind][-1]}", file=sys.stderr)
    print(f"{'':10}{'samples/s':>12}{'x in memory':>13}{'RssAnon, MiB':>14}{'accuracy':>10}")
    for kind in kinds:
        speeds = [r["samples_per_second"] for r in results[kind]]
        ratios = [
            a / b["samples_per_second"] for a, b in zip(speeds, results["memory"], strict=True)
        ]
        memory = max(r["rss_anon_mib"] for r in results[kind])
        accuracy = results[kind][-1]["accuracy"]
        print(
            f"{kind:10}{np.median(speeds):12,.0f}{np.median(ratios):13.2f}{memory:14,.0f}"
            f"{accuracy:10.3f}"
        )


if __name__ == "__main__":
    main()
