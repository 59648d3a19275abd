"""What a doctor beside a training costs: the same training with and without one, in turn.

python -m benchmarks.diagnosis.cost [--rounds 7] [--save FILE.json]

The time is that of the whole `fit`, the examination at its end included. The networks are healthy; where
something is found, trying the fixes comes on top, and takes 20 s at most unless told otherwise.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from portable_mlp import MLP, Doctor, load_digits, load_fashion_mnist

SETTINGS = {
    "digits 64-64-10, 60 epochs": ("digits", (64,), 60, 32),
    "Fashion-MNIST 784-128-10, defaults (10 epochs)": ("fashion", (128,), 10, 128),
    "Fashion-MNIST 784-512-512-10, 2 epochs": ("fashion", (512, 512), 2, 256),
}


def data(name: str) -> tuple[Any, Any]:
    if name == "digits":
        loaded = load_digits()
        return loaded.train_images, loaded.train_labels
    loaded = load_fashion_mnist()
    return loaded.train_images, loaded.train_labels


def seconds(
    x: Any, y: Any, hidden: tuple[int, ...], epochs: int, batch: int, with_one: bool
) -> Any:
    model = MLP([x.shape[1], *hidden, 10], seed=0)
    doctor = Doctor(quiet=True)
    began = time.perf_counter()
    model.fit(
        x, y, epochs=epochs, batch_size=batch, callbacks=[doctor] if with_one else [], verbose=0
    )
    return time.perf_counter() - began, [f.id for f in doctor.findings]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    results = {}
    table = Table("training", "without, s", "with, s", "ratio (median)", "found")
    for words, (name, hidden, epochs, batch) in SETTINGS.items():
        x, y = data(name)
        seconds(x, y, hidden, 1, batch, True)  # what is compiled once
        pairs, found = [], []
        for number in range(options.rounds):
            order = (False, True) if number % 2 else (True, False)
            took = {}
            for with_one in order:
                took[with_one], seen = seconds(x, y, hidden, epochs, batch, with_one)
                found = seen if with_one else found
            pairs.append((took[False], took[True]))
        ratio = float(np.median([b / a for a, b in pairs]))
        results[words] = {"pairs": pairs, "ratio": ratio, "found": found}
        without, beside = np.median(pairs, axis=0)
        table.add_row(words, f"{without:.3f}", f"{beside:.3f}", f"{ratio:.3f}", ", ".join(found))
    Console().print(table)
    if options.save:
        options.save.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
