"""Seconds of one epoch on each usable backend, beside the floor: the same matrix products alone.

python benchmarks/epoch.py --rows 60000 --repeats 5

784-128-10, batch 64, Adam, float32, shuffled, random data. The contestants take turns; the median counts.
"""

import argparse
import statistics
import time

import numpy as np

from portable_mlp import MLP, backends

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--rows", type=int, default=60_000)
parser.add_argument("--repeats", type=int, default=5)
parser.add_argument("--batch-size", type=int, default=64)
arguments = parser.parse_args()

random = np.random.default_rng(0)
X = random.random((arguments.rows, 784), dtype=np.float32)
y = random.integers(0, 10, arguments.rows)


def floor() -> float:
    """The five matrix products of a step, in numpy."""
    w1, w2 = (random.random(s, dtype=np.float32) for s in ((784, 128), (128, 10)))
    started = time.perf_counter()
    for start in range(0, arguments.rows - arguments.batch_size + 1, arguments.batch_size):
        x = X[start : start + arguments.batch_size]
        h = x @ w1
        o = h @ w2
        h.T @ o
        d = o @ w2.T
        x.T @ d
    return time.perf_counter() - started


names = [n for n in backends.usable() if n != "array-api-strict"]
models = {name: MLP([784, 128, 10], backend=name) for name in names}
seconds = {name: [] for name in ("matrix products", *names)}
for repeat in range(arguments.repeats + 1):
    seconds["matrix products"].append(floor())
    for name, model in models.items():
        history = model.fit(X, y, epochs=1, batch_size=arguments.batch_size, verbose=0)
        seconds[name].append(history["seconds"][0])
    print(f"round {repeat} of {arguments.repeats}" + (" (not counted)" if repeat == 0 else ""))

base = statistics.median(seconds["matrix products"][1:])
print(f"\n{'':16} {'median s':>9} {'min':>7} {'max':>7} {'x floor':>8}")
for name, runs in seconds.items():
    counted = runs[1:]
    median = statistics.median(counted)
    print(f"{name:16} {median:9.3f} {min(counted):7.3f} {max(counted):7.3f} {median / base:8.2f}")
