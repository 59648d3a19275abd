"""The data of the gallery. All of it is the same for every seed of a system, unless it says otherwise."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data import load_digits
from portable_mlp.data.mnist import _own_folder, read_labelled_images

Array = NDArray[Any]
_SEED = 2024


def one_hot(labels: Array, classes: int) -> Array:
    """A row for each label: 1 at its class, 0 elsewhere.

    Args:
        labels: (n,) whole numbers in 0 .. classes - 1.
        classes: K.

    Returns:
        (n, K).

    Example:
        >>> one_hot(np.array([1, 0]), 3).tolist()
        [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    return np.eye(classes)[labels]


def xor() -> tuple[Array, Array]:
    """The four points in columns: X (2, 4) and one-hot targets (2, 4).

    Example:
        >>> xor()[1].argmax(axis=0).tolist()
        [0, 1, 1, 0]
    """
    x = np.array([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]])
    return x, one_hot(np.array([0, 1, 1, 0]), 2).T


def blobs(samples: int, *, draw: int = 0) -> tuple[Array, Array]:
    """Two round clouds of points that overlap; a straight line gets .91 of the labels right.

    Args:
        samples: n; .519 of them are of class 0.
        draw: another number gives other points.

    Returns:
        X (n, 2), positive, and labels (n,) of 0 and 1.

    Example:
        >>> x, labels = blobs(200)
        >>> x.shape, int(labels.sum())
        ((200, 2), 96)
    """
    random = np.random.default_rng([_SEED, draw])
    labels = (np.arange(samples) >= round(0.519 * samples)).astype(np.int64)
    random.shuffle(labels)
    centres = np.array([[2.0, 5.0], [5.0, 2.0]])
    return np.abs(random.normal(centres[labels], 1.5)), labels


def moons(samples: int, noise: float = 0.1) -> tuple[Array, Array]:
    """Two half circles, one inside of the other's opening.

    Args:
        samples: n, even.
        noise: standard deviation of what is added.

    Returns:
        X (n, 2) and labels (n,) of 0 and 1.

    Example:
        >>> x, labels = moons(100)
        >>> x.shape, int(labels.sum())
        ((100, 2), 50)
    """
    random = np.random.default_rng(_SEED)
    labels = np.arange(samples) % 2
    angle = np.pi * random.random(samples)
    upper = np.column_stack([np.cos(angle), np.sin(angle)])
    lower = np.column_stack([1 - np.cos(angle), 0.5 - np.sin(angle)])
    points = np.where(labels[:, None] == 0, upper, lower)
    return points + random.normal(0.0, noise, points.shape), labels


def sine_pairs(samples: int, limit: float, *, draw: int = 0) -> tuple[Array, Array]:
    """Numbers and their sines, both in steps of .1.

    Args:
        samples: n.
        limit: x is in -limit .. limit.
        draw: another number gives other pairs.

    Returns:
        x (n, 1) and sin x (n,).

    Example:
        >>> x, y = sine_pairs(600, 200.0)
        >>> x.shape, bool(np.abs(x).max() > 190), bool(np.abs(y).max() <= 1)
        ((600, 1), True, True)
    """
    random = np.random.default_rng([_SEED, draw])
    tenths = round(10 * limit)
    x = random.integers(-tenths, tenths + 1, (samples, 1)) / 10
    return x, np.round(np.sin(x[:, 0]), 1)


def digits() -> tuple[Array, Array]:
    """The 1,797 digits of 8x8 pixels that come with this library: X (1797, 64) and labels.

    Example:
        >>> digits()[0].shape
        (1797, 64)
    """
    found = load_digits()
    images = np.concatenate([found.train_images, found.test_images]).astype(np.float64)
    return images, np.concatenate([found.train_labels, found.test_labels])


def mnist_test_set(folder: str | os.PathLike[str] | None = None) -> tuple[Array, Array]:
    """The 10,000 images of MNIST's test set and their labels; nothing is downloaded.

    Args:
        folder: where ``t10k-images-idx3-ubyte.gz`` and ``t10k-labels-idx1-ubyte.gz`` are, with or
            without ``.gz``; None is the folder ``mnist`` in ``$PORTABLE_MLP_DATA`` or the cache, as
            in `load_mnist`.

    Returns:
        X (10000, 784) in [0, 1], read-only, and labels (10000,).

    Raises:
        FileNotFoundError: one of the files is not there.

    Example:
        >>> try:
        ...     mnist_test_set("nowhere")
        ... except FileNotFoundError as error:
        ...     print(str(error).split(";")[0])
        MNIST: 'nowhere' lacks t10k-images-idx3-ubyte.gz
    """
    return _mnist_in(Path(folder) if folder is not None else _own_folder("mnist"))


@cache
def _mnist_in(folder: Path) -> tuple[Array, Array]:
    found = []
    for name in ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"):
        places = (folder / name, folder / name.removesuffix(".gz"))
        path = next((p for p in places if p.is_file()), None)
        if path is None:
            raise FileNotFoundError(
                f"MNIST: {os.fspath(folder)!r} lacks {name}; set PORTABLE_MLP_DATA to the folder in "
                "which a folder mnist has it, or load it with portable_mlp.load_mnist()."
            )
        found.append(path)
    images, labels = read_labelled_images(found[0], found[1])
    x = images.astype(np.float64)
    x.flags.writeable = labels.flags.writeable = False
    return x, labels
