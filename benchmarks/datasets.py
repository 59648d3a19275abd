"""The arrays of a point: made once by the command, read by every worker."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.grid import Point

FASHION = "fashion-mnist"


@dataclass(frozen=True)
class Arrays:
    """Training and test part, float32 in about [0, 1] and int64 class numbers.

    Args:
        X: (rows, features).
        y: (rows,).
        X_test: (test rows, features).
        y_test: (test rows,).
        source: what they are, in words.
        learnable: whether a test accuracy means something.
    """

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    source: str = ""
    learnable: bool = True

    def save(self, folder: Path) -> None:
        """Into files that `load` reads."""
        for name in ("X", "y", "X_test", "y_test"):
            np.save(folder / f"{name}.npy", getattr(self, name))

    @staticmethod
    def load(folder: str | Path) -> Arrays:
        """What `save` wrote."""
        return Arrays(*(np.load(Path(folder, f"{n}.npy")) for n in ("X", "y", "X_test", "y_test")))


def arrays_of(point: Point, data_dir: str | None = None) -> Arrays:
    """The data of a point; random numbers where Fashion-MNIST is not on this machine.

    Args:
        point: says which, and how many rows.
        data_dir: folder of the Fashion-MNIST files; None looks where portable_mlp looks.
    """
    from portable_mlp import load_digits  # here, because the peers' processes must not

    if point.data == "moons":
        X, y = moons(point.rows, seed=0)
        return Arrays(X, y, *moons(2_000, seed=1), "two moons, noise 0.1")
    if point.data == "digits":
        digits = load_digits()
        again = np.arange(point.rows) % len(digits.train_labels)
        X, y = digits.train_images[again], digits.train_labels[again]
        return Arrays(X, y, digits.test_images, digits.test_labels, "digits, rows repeated")
    if point.data == FASHION:
        try:
            fashion = _fashion_mnist(data_dir)
        except FileNotFoundError:
            return random_arrays(point, "random numbers: Fashion-MNIST is not on this machine")
        X, y = fashion.train_images[: point.rows], fashion.train_labels[: point.rows]
        return Arrays(X, y, fashion.test_images, fashion.test_labels, "Fashion-MNIST")
    return random_arrays(point, "random numbers")


@cache
def _fashion_mnist(data_dir: str | None) -> Any:
    from portable_mlp import load_fashion_mnist

    return load_fashion_mnist(data_dir, download=False)


def random_arrays(point: Point, source: str) -> Arrays:
    """Rows of the point's shape in which there is nothing to learn."""
    random = np.random.default_rng(0)

    def part(rows: int) -> tuple[np.ndarray, np.ndarray]:
        X = random.random((rows, point.sizes[0]), dtype=np.float32)
        return X, random.integers(0, point.sizes[-1], rows)

    return Arrays(*part(point.rows), *part(10_000), source, learnable=False)


def moons(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two half circles that reach into each other, a class each, with noise."""
    random = np.random.default_rng(seed)
    y = np.arange(rows) % 2
    angle = random.uniform(0, np.pi, rows)
    X = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    X[y == 1] = np.asarray([1.0, 0.5]) - X[y == 1]
    X += random.normal(0, 0.1, X.shape)
    return X.astype(np.float32), y
