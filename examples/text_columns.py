"""
A table with text and gaps
==========================

No preparation by hand, no other library than NumPy. The same by the command line::

    portable-mlp train homes.csv --target rent --drop street
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from portable_mlp import MLP, TableEncoder
from portable_mlp.tables import read_table

# %%
# Twenty districts, three ways to heat, and areas of which every twentieth is missing.

DISTRICTS = [f"district {k}" for k in range(20)]


def make_table(path, rows=1500):
    random = np.random.default_rng(0)
    lines = ["area,heating,balcony,district,street,rent"]
    for number in range(rows):
        area, district = random.uniform(25, 140), int(random.integers(20))
        heating = random.choice(["gas", "oil", "heat pump"])
        balcony = random.choice(["yes", "no"])
        rent = 9 * area + 15 * ((7 * district) % 20) + 60 * (heating == "heat pump")
        rent += 40 * (balcony == "yes") + random.normal(0, 20)
        shown = "" if random.random() < 0.05 else f"{area:.0f}"
        lines.append(
            f"{shown},{heating},{balcony},{DISTRICTS[district]},Elm St {number},{rent:.0f}"
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    with TemporaryDirectory() as folder:
        path = Path(folder, "homes.csv")
        make_table(path)
        features = ["area", "heating", "balcony", "district"]
        homes = read_table(path, "rent", features=features)

    train, test = np.arange(1200), np.arange(1200, 1500)
    encoder = TableEncoder.of(homes.X.take(train))
    for name, words in encoder.describe():
        print(f"{name:9} {words}")

    model = MLP(
        [encoder, 64, 1],
        loss="squared_error",
        metrics=["r2"],
        target_scaling="standard",
        seed=0,
    )
    model.fit(homes.X.take(train), homes.y[train], epochs=60, learning_rate=3e-3, verbose=0)
    figures = model.evaluate(homes.X.take(test), homes.y[test])
    print(f"r2 on homes it has not seen: {figures['r2']:.3f}")

    home = {"area": [70], "heating": ["heat pump"], "balcony": ["yes"], "district": ["Newtown"]}
    print(f"a district it has never seen: {model.predict(home)[0, 0]:.0f}")


if __name__ == "__main__":
    main()
