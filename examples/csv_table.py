"""
A table with text labels
========================

Read, scaled, learned; and what a missing cell is answered with.

::

    python examples/csv_table.py [table.csv --target COLUMN]
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from portable_mlp import MLP
from portable_mlp.data import DataFileError, read_csv

# %%
# The table is made here; give the name of a file of yours to take that one.


def write_table(path, rows=600, seed=0):
    """Fruit: a weight in grams, a length in millimetres, how yellow it is from 0 to 1."""
    random = np.random.default_rng(seed)
    lines = ["weight,length,yellow,fruit"]
    for fruit, weight, length, yellow in (
        ("apple", 180, 80, 0.3),
        ("banana", 120, 190, 0.9),
        ("lemon", 110, 85, 0.8),
    ):
        for noise in random.normal(size=(rows // 3, 3)):
            cells = (weight + 40 * noise[0], length + 15 * noise[1], yellow + 0.2 * noise[2])
            lines.append(",".join(f"{cell:.2f}" for cell in cells) + f",{fruit}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def learn(path, target):
    table = read_csv(path, target, task="classification")
    print(f"{len(table.X)} rows, features {', '.join(table.features)}")
    print(f"classes {', '.join(table.classes)}")
    model = MLP([len(table.features), 16, len(table.classes)], scaling="standard")
    history = model.fit(
        table.X, table.y, epochs=60, batch_size=32, learning_rate=0.01, validation_fraction=0.25
    )
    print(f"accuracy on rows held out {history['val_accuracy'][-1]:.3f}")
    print(f"the first row is {table.classes[model.predict(table.X[:1])[0]]}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("path", nargs="?", type=Path, help="a .csv file with a header")
    parser.add_argument("--target", default="fruit", help="name of the column to predict")
    options = parser.parse_args()
    if options.path is not None:
        learn(options.path, options.target)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fruit.csv"
        write_table(path)
        learn(path, "fruit")

        lines = path.read_text(encoding="utf-8").splitlines()
        lines[4] = "181.20,,0.31,apple"  # the length was forgotten
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        try:
            read_csv(path, "fruit")
        except DataFileError as error:
            print(f"with a cell missing: {str(error).replace(str(path), path.name)}")


if __name__ == "__main__":
    main()
