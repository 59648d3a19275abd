"""Seconds of one epoch on each usable backend, beside the floor: the same matrix products alone.

python benchmarks/epoch.py --rows 60000 --repeats 5

784-128-10, batch 64, Adam, float32, shuffled, random data. The contestants take turns, each in a process
of its own (two libraries' threads in one process spin against each other); the median counts.
"""

import argparse
import statistics
import subprocess
import sys
import time

import numpy as np

from portable_mlp import MLP, backends

FLOOR = "matrix-products"


def floor(X: np.ndarray, batch_size: int) -> float:
    """Seconds of the five matrix products of each step, in numpy."""
    random = np.random.default_rng(1)
    w1, w2 = (random.random(s, dtype=np.float32) for s in ((784, 128), (128, 10)))
    started = time.perf_counter()
    for start in range(0, len(X), batch_size):
        x = X[start : start + batch_size]
        h = x @ w1
        o = h @ w2
        h.T @ o
        d = o @ w2.T
        x.T @ d
    return time.perf_counter() - started


def second_epoch(name: str, rows: int, batch_size: int) -> float:
    """Seconds of the second run, the first having warmed everything up."""
    random = np.random.default_rng(0)
    X = random.random((rows, 784), dtype=np.float32)
    if name == FLOOR:
        floor(X, batch_size)
        return floor(X, batch_size)
    model = MLP([784, 128, 10], backend=name)
    y = random.integers(0, 10, rows)
    return model.fit(X, y, epochs=2, batch_size=batch_size, verbose=0)["seconds"][1]


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--rows", type=int, default=60_000)
parser.add_argument("--repeats", type=int, default=5)
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--only", help="run one contestant once and print its seconds")
arguments = parser.parse_args()

if arguments.only:
    print(second_epoch(arguments.only, arguments.rows, arguments.batch_size))
    raise SystemExit

names = [FLOOR, *(n for n in backends.usable() if n != "array-api-strict")]
seconds = {name: [] for name in names}
for repeat in range(arguments.repeats):
    for name in names:
        command = [sys.executable, __file__, "--only", name, "--rows", str(arguments.rows)]
        command += ["--batch-size", str(arguments.batch_size)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds[name].append(float(done.stdout))
    print(f"round {repeat + 1} of {arguments.repeats}", file=sys.stderr)

base = statistics.median(seconds[FLOOR])
print(f"{'':16} {'median s':>9} {'min':>7} {'max':>7} {'x floor':>8}")
for name, runs in seconds.items():
    median = statistics.median(runs)
    print(f"{name:16} {median:9.3f} {min(runs):7.3f} {max(runs):7.3f} {median / base:8.2f}")
