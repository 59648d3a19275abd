"""A hand-written network of any depth, whose training can be spoiled in one way at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Arguments = dict[str, Any]


def network(
    depth: int = 2,
    activation: str = "tanh",
    weights: str = "glorot",
    lr: float = 0.5,
    steps: int = 200,
    batch: int | None = None,
    size: float = 1.0,
    summed: bool = False,
    fault: str = "",
    seed: int = 0,
) -> Arguments:
    """Arguments for `diagnose`: three clouds of points, softmax and cross-entropy.

    Args:
        depth: layers.
        activation: of the hidden ones, tanh or relu.
        weights: how the first ones are drawn.
        lr: learning rate.
        steps: updates.
        batch: samples in each; None for all.
        size: what the inputs are multiplied by.
        summed: whether loss and gradient are sums over the samples.
        fault: ``"sign"``, ``"no f'"`` or none.
        seed: of everything.
    """
    random = np.random.default_rng(seed)
    centres, labels = 2 * random.normal(size=(3, 4)), random.integers(0, 3, 200)
    x = size * (centres[labels] + random.normal(size=(200, 4)))
    sizes = [4, *[10] * (depth - 1), 3]
    draw: dict[str, Callable[[int, int], np.ndarray]] = {
        "glorot": lambda n, m: random.normal(size=(n, m)) * np.sqrt(2 / (n + m)),
        "large": lambda n, m: random.uniform(-10, 10, (n, m)),
        "positive": lambda n, m: 3 * random.random((n, m)),
        "small": lambda n, m: 0.001 * random.normal(size=(n, m)),
        "zero": lambda n, m: np.zeros((n, m)),
    }
    params = {}
    for k in range(depth):
        params[f"W{k}"] = draw[weights](sizes[k], sizes[k + 1])
        params[f"b{k}"] = np.zeros(sizes[k + 1])

    def f(z: Any) -> Any:
        return np.tanh(z) if activation == "tanh" else np.maximum(z, 0)

    def slope(z: Any) -> Any:
        return 1 - np.tanh(z) ** 2 if activation == "tanh" else (z > 0) * 1.0

    def passes(p: dict[str, Any], X: Any) -> tuple[list[Any], list[Any]]:
        a, z = [X], []
        for k in range(depth):
            z.append(a[-1] @ p[f"W{k}"] + p[f"b{k}"])
            if k < depth - 1:
                a.append(f(z[-1]))
        e = np.exp(z[-1] - z[-1].max(axis=1, keepdims=True))
        return [*a, e / e.sum(axis=1, keepdims=True)], z

    def loss(p: dict[str, Any], X: Any, Y: Any) -> float:
        return float(-np.sum(Y * np.log(passes(p, X)[0][-1] + 1e-300)) / (1 if summed else len(X)))

    def gradients(p: dict[str, Any], X: Any, Y: Any) -> dict[str, Any]:
        a, z = passes(p, X)
        delta = (a[-1] - Y) / (1 if summed else len(X))
        delta = -delta if fault == "sign" else delta
        found = {}
        for k in reversed(range(depth)):
            found[f"W{k}"], found[f"b{k}"] = a[k].T @ delta, delta.sum(axis=0)
            if k:
                delta = delta @ p[f"W{k}"].T
                delta = delta if fault == "no f'" else delta * slope(z[k - 1])
        return found

    return {
        "loss": loss,
        "gradients": gradients,
        "params": params,
        "X": x,
        "Y": np.eye(3)[labels],
        "train": {"lr": lr, "steps": steps, "batch": batch},
    }
