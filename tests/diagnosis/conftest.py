"""A network as people write it, in rows or columns, with faults that can be planted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

Array = np.ndarray


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


FORWARD = {
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(0, z),
    "identity": lambda z: z,
}
DERIVATIVE = {
    "sigmoid": lambda a: a * (1 - a),
    "tanh": lambda a: 1 - a**2,
    "relu": lambda a: (a > 0) * 1.0,
    "identity": lambda a: np.ones_like(a),
}


@dataclass
class HandWritten:
    """Samples in rows. Parameters: W1, b1, W2, b2, ...

    Args:
        sizes: features, widths, outputs.
        hidden: activation of the hidden layers.
        head: ``softmax`` and ``sigmoid`` with cross-entropy; ``identity``, ``sigmoid_mse`` with squares.
        fault: what is planted; empty for nothing.
        columns: whether the world sees samples in columns, and (out, in) weights.
    """

    sizes: tuple[int, ...]
    hidden: str = "tanh"
    head: str = "softmax"
    fault: str = ""
    columns: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.calls = 0
        self.memory: list[Array] | None = None

    def params(self) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for k, (n, m) in enumerate(zip(self.sizes, self.sizes[1:], strict=False), 1):
            w, b = self.random.normal(size=(n, m)) / np.sqrt(n), np.zeros((1, m))
            found[f"W{k}"], found[f"b{k}"] = (w.T.copy(), b.T.copy()) if self.columns else (w, b)
        return found

    def data(self, samples: int = 40) -> tuple[Array, Array]:
        x = self.random.normal(size=(samples, self.sizes[0]))
        outputs = self.sizes[-1]
        if self.head == "softmax":
            y = np.eye(outputs)[self.random.integers(0, outputs, samples)]
        elif self.head == "identity":
            y = self.random.normal(size=(samples, outputs))
        else:
            y = (self.random.random((samples, outputs)) < 0.5) * 1.0
        return (x.T.copy(), y.T.copy()) if self.columns else (x, y)

    def _rows(self, params: dict[str, Array], *data: Array) -> Any:
        if not self.columns:
            return params, *data
        return {k: v.T for k, v in params.items()}, *(d.T for d in data)

    def _forward(self, p: dict[str, Array], x: Array) -> tuple[list[Array], list[Array]]:
        zs: list[Array] = []
        activations = [x]
        layers = len(self.sizes) - 1
        for k in range(1, layers + 1):
            z = activations[-1] @ p[f"W{k}"] + p[f"b{k}"]
            zs.append(z)
            if k < layers:
                activations.append(FORWARD[self.hidden](z))
            elif self.head == "softmax":
                axis = 0 if self.fault == "softmax axis" else 1
                e = np.exp(z - z.max(axis=axis, keepdims=True))
                activations.append(e / e.sum(axis=axis, keepdims=True))
            elif self.head == "identity":
                activations.append(z)
            else:
                activations.append(sigmoid(-z if self.fault == "sigmoid of -z" else z))
        return zs, activations

    def forward(self, params: dict[str, Array], x: Array) -> Array:
        p, rows = self._rows(params, x)
        a = self._forward(p, rows)[1][-1]
        return a.T if self.columns else a

    def loss(self, params: dict[str, Array], x: Array, y: Array) -> float:
        p, x, y = self._rows(params, x, y)
        a = self._forward(p, x)[1][-1]
        if self.head == "softmax":
            value = -np.sum(y * np.log(a)) / len(x)
        elif self.head == "sigmoid":
            value = -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a)) / len(x)
        else:
            value = 0.5 * np.sum((a - y) ** 2) / len(x)
        if self.fault == "penalty in the loss only":
            value += 0.05 * sum(np.sum(w**2) for k, w in p.items() if k[0] == "W")
        return float(value)

    def gradients(self, params: dict[str, Array], x: Array, y: Array) -> dict[str, Array]:
        p, x, y = self._rows(params, x, y)
        fault, n = self.fault, len(x)
        zs, acts = self._forward(p, x)
        a, layers = acts[-1], len(zs)
        d = a - y
        if self.head == "sigmoid_mse" and fault != "no output derivative":
            d = d * a * (1 - a)
        if self.head == "softmax" and fault == "softmax elementwise":
            d = d * a * (1 - a)
        if self.head == "sigmoid" and fault == "extra derivative":
            d = d * a * (1 - a)
        if self.head == "sigmoid" and fault == "plus":
            d = -(y / a + (1 - y) / (1 - a)) * a * (1 - a)
        if fault == "sign":
            d = -d
        if fault != "sum":
            d = d / n
        found: dict[str, Array] = {}
        for k in range(layers, 0, -1):
            left = acts[k - 1]
            if fault == "own output" and left.shape == acts[k].shape:
                left = acts[k]
            found[f"W{k}"] = left.T @ d
            if fault == "collapse":
                found[f"W{k}"] = np.outer(left.sum(0), d.sum(0)) / n
            found[f"b{k}"] = d.sum(axis=0, keepdims=True)
            if fault == "scalar bias":
                found[f"b{k}"] = np.sum(d) * np.ones_like(found[f"b{k}"])
            if fault == "bias not summed":
                found[f"b{k}"] = d
            if fault == "bias twice":
                found[f"b{k}"] = 2 * found[f"b{k}"]
            if k == 1:
                break
            w = p[f"W{k}"]
            back = d @ (w if fault == "no transpose" and w.shape[0] == w.shape[1] else w.T)
            z, a_k = zs[k - 2], acts[k - 1]
            if fault == "no hidden derivative":
                d = back
            elif fault == "formula of z":
                d = back * DERIVATIVE[self.hidden](z)
            elif fault == "derivative of a":
                d = back * DERIVATIVE[self.hidden](FORWARD[self.hidden](a_k))
            elif fault == "derivative twice":
                d = back * DERIVATIVE[self.hidden](a_k) ** 2
            else:
                d = back * DERIVATIVE[self.hidden](a_k)
        if fault == "times W":
            found |= {f"W{k}": found[f"W{k}"] * p[f"W{k}"] for k in range(1, layers + 1)}
        if fault == "penalty in the gradient only":
            found |= {f"W{k}": found[f"W{k}"] + 0.1 * p[f"W{k}"] for k in range(1, layers + 1)}
        if fault == "same number":
            found |= {k: np.full_like(v, v.mean()) for k, v in found.items()}
        if fault == "zero":
            found |= {k: 0 * v for k, v in found.items()}
        if fault == "accumulates":
            if self.memory is not None:
                found = {k: v + m for (k, v), m in zip(found.items(), self.memory, strict=True)}
            self.memory = list(found.values())
        ordered = {key: found[key] for key in params}
        return {k: v.T for k, v in ordered.items()} if self.columns else ordered


@pytest.fixture
def hand_written() -> type[HandWritten]:
    return HandWritten
