"""Ends processes with kill -9 while they save, and looks at what is left.

python -m benchmarks.save_kills --kills 100
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.processes import ROOT
from portable_mlp import MLP
from portable_mlp.files import ModelFileError

SAVING = """
import sys
from portable_mlp import MLP
models = [MLP([784, 600, 10], seed=seed) for seed in range(4)]
print("ready", flush=True)
while True:
    for model in models:
        model.save(sys.argv[1], overwrite=True)
"""
# what many programs do: to see that the kills would find something
IN_PLACE = """
import sys
import numpy as np
from portable_mlp import MLP
models = [MLP([784, 600, 10], seed=seed).parameters() for seed in range(4)]
print("ready", flush=True)
while True:
    for parameters in models:
        np.savez(sys.argv[1], **parameters)
"""


def main() -> None:
    """Kills, counts, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    options = parser.parse_args()
    for name, code, read in (
        ("MLP.save", SAVING, MLP.load),
        ("numpy.savez in place", IN_PLACE, read_npz),
    ):
        counts, size = kills(code, read, options.kills)
        figures = ", ".join(f"{counts[what]} {what}" for what in ("unreadable", "readable"))
        print(
            f"{name}, {size / 1e6:.1f} MB: {options.kills} kills, {figures}, "
            f"{counts['left over']} temporary files left"
        )


def kills(code: str, read: Callable[[Path], object], number: int) -> tuple[Counter[str], int]:
    """``(what was found after each kill, largest size of the file)``."""
    counts: Counter[str] = Counter()
    size = 0
    rng = random.Random(0)  # noqa: S311
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.npz")
        for _ in range(number):
            kill_one(code, path, rng.uniform(0, 0.1))
            size = max(size, path.stat().st_size)
            try:
                read(path)
                counts["readable"] += 1
            except Exception as error:
                if read is MLP.load and not isinstance(error, ModelFileError):
                    raise
                counts["unreadable"] += 1
        counts["left over"] = len(list(Path(folder).iterdir())) - 1
        return counts, size


def kill_one(code: str, path: Path, seconds: float) -> None:
    """Starts a process that saves without end and kills it after so many seconds of that."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None  # noqa: S101
    process.stdout.readline()
    while not path.exists():
        time.sleep(0.001)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def read_npz(path: Path) -> dict[str, object]:
    """All arrays of the file."""
    import numpy as np

    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


if __name__ == "__main__":
    main()
