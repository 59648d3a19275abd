"""
Trained on a GPU, answering on a CPU
====================================

One file between the two.
"""

import tempfile
from pathlib import Path

import numpy as np

from portable_mlp import MLP, backends, load_digits
from portable_mlp.files import inspect

# %%
# Without a GPU it takes the backend that is fastest here, and the rest stays the same.

GPUS = (("cupy", None), ("torch", "cuda"), ("torch", "mps"), ("jax", "gpu"))


def gpu() -> backends.Backend | None:
    """The first GPU that can be used here."""
    for name, device in GPUS:
        try:
            return backends.get(name, device)
        except (backends.BackendUnavailableError, ValueError):
            continue
    return None


digits = load_digits()
place = gpu()
if place is None:
    print("no GPU here: training on the backend that is fastest without one")
model = MLP([64, 64, 10], scaling="standard", backend=place or "auto", seed=0)
model.fit(digits.train_images, digits.train_labels, epochs=20, batch_size=64)
print(f"trained on {model.backend.name} {model.backend.place!r}")

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "digits.safetensors")
    model.save(path)
    print(f"\n{path.name}, {path.stat().st_size:,} bytes: {inspect(path)}\n")
    loaded = MLP.load(path, backend="numpy")

there, here = (m.predict_proba(digits.test_images) for m in (model, loaded))
print(f"loaded on {loaded.backend.name} {loaded.backend.place!r}")
print(f"largest difference of a probability: {np.abs(there - here).max():.1e}")
print(f"test accuracy {loaded.evaluate(digits.test_images, digits.test_labels)['accuracy']:.3f}")
