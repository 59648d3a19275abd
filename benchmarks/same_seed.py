"""How nearly equal one training is on several backends: first-epoch losses against numpy's.

python benchmarks/same_seed.py --seeds 8

784-256-128-10, dropout 0.1, Adam, batch 128, one epoch of Fashion-MNIST.
"""

import argparse

from portable_mlp import MLP, backends, load_fashion_mnist

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--seeds", type=int, default=8)
parser.add_argument("--kinds", nargs="+", default=["relu/float32", "silu/float32", "relu/float64"])
parser.add_argument("--backends", nargs="+", default=["torch", "jax"])
arguments = parser.parse_args()

data = load_fashion_mnist()
others = [name for name in arguments.backends if name in backends.usable()]


def first_loss(backend: str, activation: str, dtype: str, seed: int) -> float:
    """The mean loss of the first epoch."""
    model = MLP(
        [784, 256, 128, 10],
        activation=activation,
        dropout=0.1,
        backend=backend,
        dtype=dtype,
        seed=seed,
        metrics=(),
    )
    return model.fit(data.train_images, data.train_labels, epochs=1)["loss"][0]


for activation, dtype in (kind.split("/") for kind in arguments.kinds):
    found = {name: [] for name in others}
    for seed in range(arguments.seeds):
        expected = first_loss("numpy", activation, dtype, seed)
        for name in others:
            loss = first_loss(name, activation, dtype, seed)
            found[name].append(abs(loss / expected - 1))
    for name, differences in found.items():
        ordered = sorted(differences)
        print(
            f"{activation} {dtype}  {name:8} smallest {ordered[0]:.1e}  "
            f"median {ordered[len(ordered) // 2]:.1e}  largest {ordered[-1]:.1e}",
            flush=True,
        )
