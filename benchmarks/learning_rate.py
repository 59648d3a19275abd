"""Which rule finds the rate in a learning-rate sweep: python -m benchmarks.learning_rate (a minute).

For each problem and optimizer, trainings with a grid of rates say which is best; each rule's suggestion
is judged by the loss that a training with it ends at, as a share of the way from the first loss to that
of the best rate (0: as good as the best rate, 1: nothing learnt).
"""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn import datasets

from portable_mlp import MLP, TrainingDiverged, find_learning_rate
from portable_mlp.optim import SGD
from portable_mlp.steering import RateCurve

GRID = 10 ** np.arange(-4, 1.01, 0.25)
SEEDS = (0, 1, 2)
OPTIMIZERS: dict[str, Any] = {"adam": "adam", "sgd": "sgd", "momentum": SGD(momentum=0.9)}


class Task(NamedTuple):
    """A data set, a network, and how long it is trained."""

    name: str
    x: np.ndarray
    y: np.ndarray
    sizes: list[int]
    options: dict[str, Any]
    batch_size: int
    epochs: int


def tasks() -> Iterator[Task]:
    def standard(x: np.ndarray) -> np.ndarray:
        return (x - x.mean(axis=0)) / x.std(axis=0)

    x, y = datasets.load_digits(return_X_y=True)
    yield Task("digits", x / 16, y, [64, 64, 10], {}, 128, 5)
    yield Task("digits, deep", x / 16, y, [64, 64, 64, 64, 10], {}, 64, 5)
    x, y = datasets.load_breast_cancer(return_X_y=True)
    yield Task("breast cancer", standard(x), y, [30, 32, 2], {}, 32, 5)
    x, y = datasets.load_iris(return_X_y=True)
    yield Task("iris", standard(x), y, [4, 16, 3], {}, 16, 10)
    x, y = datasets.make_moons(1000, noise=0.2, random_state=0)
    yield Task("moons", x, y, [2, 32, 32, 2], {}, 64, 10)
    numbers = {"loss": "squared_error"}
    x, y = datasets.load_diabetes(return_X_y=True)
    yield Task("diabetes", standard(x), standard(y)[:, None], [10, 32, 1], numbers, 32, 10)
    x, y = datasets.make_friedman1(2000, random_state=0)
    smooth = numbers | {"activation": "tanh"}
    yield Task("friedman", x - 0.5, standard(y)[:, None], [10, 64, 64, 1], smooth, 128, 10)


def final_loss(task: Task, optimizer: Any, rate: float) -> float:
    """The largest over two seeds; infinite where one diverges."""
    losses = []
    for seed in SEEDS[:2]:
        model = MLP(task.sizes, seed=seed, **task.options)
        with np.errstate(all="ignore"):
            try:
                history = model.fit(
                    *(task.x, task.y),
                    epochs=task.epochs,
                    batch_size=task.batch_size,
                    optimizer=optimizer,
                    learning_rate=rate,
                    verbose=0,
                )
            except TrainingDiverged:
                return math.inf
        losses.append(history["loss"][-1])
    return max(losses)


def rules(curve: RateCurve) -> dict[str, float]:
    smoothed = curve.smoothed
    slope = np.gradient(smoothed)[: smoothed.argmin() + 1]
    found = {f"smallest loss / {d}": curve.lowest / d for d in (2, 3, 4, 6, 10)}
    return found | {"steepest slope": float(curve.rates[slope.argmin()])}


def main() -> None:
    lost, off = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    for task in tasks():
        for name, optimizer in OPTIMIZERS.items():
            losses = [min(final_loss(task, optimizer, float(rate)), 1e6) for rate in GRID]
            best, start = (
                min(losses),
                MLP(task.sizes, **task.options).evaluate(task.x, task.y)["loss"],
            )
            rate = float(GRID[int(np.argmin(losses))])
            print(f"{task.name:14} {name:9} best rate {rate:.2g}, loss {best:.3g}", flush=True)
            for seed in SEEDS:
                model = MLP(task.sizes, seed=seed, **task.options)
                curve = find_learning_rate(
                    model, task.x, task.y, optimizer=optimizer, batch_size=task.batch_size
                )
                if not curve.falls:
                    print(f"{'':14} seed {seed}: {curve}")
                    continue
                for rule, suggested in rules(curve).items():
                    loss = np.interp(np.log10(suggested), np.log10(GRID), losses)
                    lost[rule].append(float(loss - best) / (start - best))
                    off[rule].append(math.log10(suggested / rate))
    print(f"\n{'rule':20} lost: mean  worst   times the best rate: geometric mean, from, to")
    for rule, shares in lost.items():
        mean, low, high = (10 ** f(off[rule]) for f in (np.mean, np.min, np.max))
        print(
            f"{rule:20} {np.mean(np.minimum(shares, 1)):10.3f} {max(shares):6.3f} "
            f"{mean:22.2f} {low:15.3f} {high:5.2f}"
        )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
