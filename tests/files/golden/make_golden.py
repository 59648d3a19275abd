"""Make the golden model files of the format's present version, and what they predict.

Run from the repository, once for each version of the format, before its first release:

    python tests/files/golden/make_golden.py

Files that are there are left alone: those of a version stay as they are for ever.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from portable_mlp import MLP, TableEncoder, nn
from portable_mlp.data.columns import Columns
from portable_mlp.files.saved import VERSION

FOLDER = Path(__file__).parent


def classifier() -> tuple[MLP, np.ndarray]:
    """float32, every layer with arrays of its own, names of columns."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(60, 4)) * [1, 10, 100, 0.1], np.arange(60) % 3
    block = nn.Residual([nn.Dense(5), nn.BatchNorm(), nn.SiLU(), nn.Dropout(0.1)], name="block")
    layers = [
        *(nn.Scale(), nn.Dense(5, "he_normal", nn.Constant(0.1)), nn.LayerNorm(), nn.GELU("tanh")),
        *(block, nn.Network.of([nn.RMSNorm(), nn.PReLU()]), nn.Dense(3, use_bias=False)),
    ]
    model = MLP(
        layers=layers,
        inputs=4,
        loss=nn.SoftmaxCrossEntropy(0.05),
        l2=1e-4,
        scaling="standard",
        seed=11,
    )
    model.columns = Columns(("länge", "width", "height", "mass"), "kind", ("a", "b", "c"))
    model.fit(x, y, epochs=5, batch_size=20, optimizer="adamw", learning_rate=0.01)
    return model, x[:8]


def regressor() -> tuple[MLP, np.ndarray]:
    """float64, samples of two axes, targets scaled."""
    rng = np.random.default_rng(2)
    x = rng.uniform(0, 255, size=(40, 2, 3))
    y = 1000 + x.reshape(40, 6) @ rng.normal(size=(6, 2))
    layers = [nn.Flatten(), nn.Dense(6), nn.Tanh(), nn.Dense(2, nn.Orthogonal(0.5))]
    model = MLP(
        layers=layers,
        inputs=(2, 3),
        loss=nn.Huber(1.5),
        metrics=["mean_absolute_error"],
        scaling="/255",
        target_scaling="standard",
        dtype="float64",
        seed=2**64 - 1,
    )
    model.fit(x, y, epochs=5, batch_size=None, learning_rate=0.01)
    return model, x[:8]


def table() -> tuple[MLP, dict[str, list[Any]]]:
    """Columns of every kind, gaps, an embedding."""
    rng = np.random.default_rng(3)
    towns = [f"town {k}" for k in range(12)]
    x = {
        "age": [None if k % 7 == 3 else 20 + k % 50 for k in range(60)],
        "größe": rng.normal(170, 10, 60).round(1).tolist(),
        "sex": [["f", "m", None][k % 3] for k in range(60)],
        "job": [["cook", "clerk", "nurse"][k % 5 % 3] for k in range(60)],
        "town": [towns[k % 12] for k in range(60)],
        "same": [1] * 60,
    }
    model = MLP([TableEncoder.of(x), 6, 2], seed=3)
    model.fit(x, np.arange(60) % 2, epochs=5, batch_size=20)
    x["town"][0] = "elsewhere"
    return model, {name: column[:8] for name, column in x.items()}


if __name__ == "__main__":
    for make in (classifier, regressor, table):
        path = FOLDER / f"v{VERSION}_{make.__name__}.safetensors"
        if path.exists():
            continue
        model, samples = make()
        model.save(path)
        listed = samples if isinstance(samples, dict) else samples.tolist()
        expected = {"samples": listed, "outputs": model.forward(samples).tolist()}
        expected["predictions"] = model.predict(samples).tolist()
        path.with_suffix(".json").write_text(json.dumps(expected) + "\n", encoding="utf-8")
