"""Points that a small network can learn: classes and values, in two sets that share no family."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Array = np.ndarray
Random = np.random.Generator


class Points(NamedTuple):
    """What is to be learned.

    Args:
        x: inputs, samples in rows.
        labels: numbers of classes; None for values.
        values: (samples, outputs); None for classes.
        straight: whether a network without a hidden layer can learn them.
    """

    x: Array
    labels: Array | None = None
    values: Array | None = None
    straight: bool = False


# -- for tuning --------------------------------------------------------------------------------------


def blobs(random: Random, n: int) -> Points:
    """A ball of points for each class."""
    classes, features = int(random.integers(2, 6)), int(random.integers(2, 11))
    centres = random.normal(0, random.uniform(1.5, 3.0), (classes, features))
    labels = random.integers(0, classes, n)
    return Points(centres[labels] + random.normal(size=(n, features)), labels, straight=True)


def line(random: Random, n: int) -> Points:
    """Values that are linear in the inputs."""
    features, outputs = int(random.integers(2, 13)), int(random.integers(1, 4))
    x = random.normal(size=(n, features))
    values = x @ random.normal(size=(features, outputs)) / np.sqrt(features)
    return Points(x, None, values + 0.1 * random.normal(size=values.shape), True)


def sine(random: Random, n: int) -> Points:
    """A wave of two inputs."""
    x = random.uniform(-2, 2, (n, 2))
    values = np.sin(random.uniform(1.0, 2.0) * x[:, :1]) + 0.5 * x[:, 1:]
    return Points(x, None, values + 0.05 * random.normal(size=values.shape))


# -- for judging -------------------------------------------------------------------------------------


def _among(random: Random, x: Array, most: int) -> Array:
    """The same points turned into a space of more features, with a little noise there."""
    features = int(random.integers(x.shape[1], most + 1))
    turn, _ = np.linalg.qr(random.normal(size=(features, features)))
    wide = np.concatenate([x, 0.2 * random.normal(size=(len(x), features - x.shape[1]))], axis=1)
    return wide @ turn if random.random() < 0.5 else wide


def moons(random: Random, n: int) -> Points:
    """Two half circles that reach into each other."""
    labels = random.integers(0, 2, n)
    angle = random.uniform(0, np.pi, n)
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x[labels == 1] = np.array([1.0, 0.4]) - x[labels == 1]
    return Points(_among(random, x + 0.12 * random.normal(size=x.shape), 8), labels)


def spirals(random: Random, n: int) -> Points:
    """Two or three arms of half a turn."""
    arms = int(random.integers(2, 4))
    labels = random.integers(0, arms, n)
    radius = random.uniform(0.3, 2.0, n)
    angle = radius * random.uniform(1.0, 1.7) + 2 * np.pi * labels / arms
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return Points(_among(random, x + 0.08 * random.normal(size=x.shape), 4), labels)


def rings(random: Random, n: int) -> Points:
    """Classes by the distance from the middle."""
    labels, angle = random.integers(0, 2, n), random.uniform(0, 2 * np.pi, n)
    radius = np.where(labels == 1, 1.9, 0.7) + 0.15 * random.normal(size=n)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return Points(_among(random, x, 5), labels)


def quadrants(random: Random, n: int) -> Points:
    """Exclusive or, of the signs of two inputs."""
    x = random.uniform(-2, 2, (n, 2))
    x += 0.2 * np.sign(x)
    return Points(_among(random, x, 5), ((x[:, 0] > 0) ^ (x[:, 1] > 0)).astype(int))


def cones(random: Random, n: int) -> Points:
    """The class is the largest of some linear functions, with room between the classes."""
    classes, features = int(random.integers(2, 8)), int(random.integers(3, 21))
    x = random.normal(size=(4 * n, features))
    scores = x @ random.normal(size=(features, classes)) / np.sqrt(features)
    ranked = np.sort(scores, axis=1)
    clear = np.argsort(ranked[:, -2] - ranked[:, -1])[: 2 * n]
    chosen = random.permutation(clear)[:n]
    return Points(x[chosen], scores[chosen].argmax(axis=1), straight=True)


def teacher(random: Random, n: int) -> Points:
    """The outputs of another network."""
    features, outputs = int(random.integers(2, 16)), int(random.integers(1, 4))
    units = int(random.integers(2, 6))
    x = random.normal(size=(n, features))
    inner = np.tanh(1.5 * x @ random.normal(size=(features, units)) / np.sqrt(features))
    values = inner @ random.normal(size=(units, outputs))
    return Points(x, None, values + 0.05 * random.normal(size=values.shape))


def hills(random: Random, n: int) -> Points:
    """A few bumps on a plane."""
    x = random.uniform(-2, 2, (n, 2))
    outputs = int(random.integers(1, 3))
    values = np.zeros((n, outputs))
    for _ in range(3):
        centre = random.uniform(-1.5, 1.5, 2)
        height = np.exp(-((x - centre) ** 2).sum(axis=1, keepdims=True) / random.uniform(1.0, 2.5))
        values += height * random.normal(size=(1, outputs))
    return Points(_among(random, x, 4), None, values + 0.02 * random.normal(size=values.shape))


def bowl(random: Random, n: int) -> Points:
    """A square of a linear function beside another linear one."""
    features = int(random.integers(2, 9))
    x = random.normal(size=(n, features))
    one, other = random.normal(size=(2, features, 1)) / np.sqrt(features)
    values = (x @ one) ** 2 + 0.7 * x @ other
    return Points(x, None, values + 0.05 * random.normal(size=values.shape))


def plane(random: Random, n: int) -> Points:
    """Values linear in inputs that depend on each other."""
    features, outputs = int(random.integers(2, 13)), int(random.integers(1, 4))
    x = random.normal(size=(n, features)) @ (
        np.eye(features) + 0.3 * random.normal(size=(features, features))
    )
    values = x @ random.normal(size=(features, outputs)) / np.sqrt(features)
    return Points(x, None, values + 0.15 * random.normal(size=values.shape), True)


def several(random: Random, n: int) -> Points:
    """Two to four yes-or-no questions at once, as values 0 and 1."""
    features, outputs = int(random.integers(3, 13)), int(random.integers(2, 5))
    x = random.normal(size=(n, features))
    scores = x @ random.normal(size=(features, outputs)) / np.sqrt(features)
    return Points(x, None, (scores + 0.1 * random.normal(size=scores.shape) > 0) * 1.0, True)


TUNING: dict[str, Callable[[Random, int], Points]] = {"blobs": blobs, "line": line, "sine": sine}
JUDGING: dict[str, Callable[[Random, int], Points]] = {
    "moons": moons,
    "spirals": spirals,
    "rings": rings,
    "quadrants": quadrants,
    "cones": cones,
    "teacher": teacher,
    "hills": hills,
    "bowl": bowl,
    "plane": plane,
    "several": several,
}
