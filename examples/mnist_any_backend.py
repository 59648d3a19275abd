"""
MNIST on any backend
====================

The same code, the same numbers.

::

    python examples/mnist_any_backend.py --backend torch --device cuda
    python examples/mnist_any_backend.py --backend jax --data digits
"""

import argparse

from portable_mlp import MLP, backends
from portable_mlp.data import DATASETS, load_dataset

# %%
# SiLU is smooth, so that rounding does not grow and the figures agree from backend to backend.

parser = argparse.ArgumentParser()
parser.add_argument("--backend", default="numpy", choices=list(backends.BACKENDS))
parser.add_argument("--device", help="such as cpu, cuda, cuda:1")
parser.add_argument("--data", default="mnist", choices=DATASETS)
parser.add_argument("--epochs", type=int, default=10)
arguments = parser.parse_args()

data = load_dataset(arguments.data)
model = MLP(
    [data.features, 256, 128, data.classes],
    activation="silu",
    dropout=0.1,
    backend=arguments.backend,
    device=arguments.device,
    seed=0,
)
history = model.fit(data.train_images, data.train_labels, epochs=arguments.epochs)

for epoch, (loss, rate) in enumerate(
    zip(history["loss"], history["samples_per_second"], strict=True), start=1
):
    print(f"epoch {epoch:2}  loss {loss:.6f}  {rate:10,.0f} samples/s")
print(f"test accuracy {model.evaluate(data.test_images, data.test_labels)['accuracy']:.4f}")
