"""
Training from a file that need not fit in memory
================================================

The rows are read while the model trains: a thread fills one chunk while another is computed with,
so the memory that it takes is that of two chunks (``device_budget``), whatever the size of the
file. `scan` does the same for .csv and .parquet files. 40 MB are written to a temporary folder; or
as many as you say::

    python examples/larger_than_memory.py --megabytes 4000
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from portable_mlp import MLP
from portable_mlp.data import scan

# %%
# The file is written block by block, as it will be read.

parser = argparse.ArgumentParser()
parser.add_argument("--megabytes", type=int, default=40)
parser.add_argument("--backend", default="numpy")
arguments = parser.parse_args()

features, random = 64, np.random.default_rng(0)
rows = arguments.megabytes * 10**6 // (4 * features)
rule = random.normal(size=(features, 3))

with tempfile.TemporaryDirectory() as folder:
    samples, kinds = Path(folder) / "samples.npy", Path(folder) / "kinds.npy"
    X = np.lib.format.open_memmap(samples, "w+", np.float32, (rows, features))
    y = np.lib.format.open_memmap(kinds, "w+", np.int64, (rows,))
    for start in range(0, rows, 50_000):  # written block by block, as it will be read
        part = slice(start, min(start + 50_000, rows))
        X[part] = random.normal(size=(part.stop - start, features))
        y[part] = (X[part] @ rule).argmax(axis=1)
    X.flush(), y.flush()

    source = scan(samples, kinds)
    print(f"{source.rows:,} rows in {len(source.blocks)} blocks, {samples.stat().st_size:,} bytes")
    model = MLP([features, 128, 3], scaling="standard", backend=arguments.backend, seed=0)
    history = model.fit(source, epochs=3, device_budget=8 * 10**6, validation_fraction=0.1)
    for epoch, (loss, accuracy) in enumerate(
        zip(history["loss"], history["val_accuracy"], strict=True), start=1
    ):
        print(f"epoch {epoch}  loss {loss:.4f}  accuracy on held-out blocks {accuracy:.4f}")
    print(f"{history['samples_per_second'][-1]:,.0f} rows a second")
    del X, y
