"""A perceptron written by hand, with the right formulas: what the faulty ones are repaired to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from portable_mlp.gallery.system import Array, Params, Program


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)), which overflows to 0 for z far below 0.

    Args:
        z: weighted sums.

    Example:
        >>> float(sigmoid(np.zeros(1))[0])
        0.5
    """
    found: Array = 1 / (1 + np.exp(-z))
    return found


def softmax(z: Array, axis: int) -> Array:
    """Exp(z) divided by its sum along an axis.

    Args:
        z: weighted sums.
        axis: of the outputs of one sample.

    Example:
        >>> softmax(np.zeros((1, 4)), axis=1).tolist()
        [[0.25, 0.25, 0.25, 0.25]]
    """
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    found: Array = e / e.sum(axis=axis, keepdims=True)
    return found


_HIDDEN: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "sigmoid": (sigmoid, lambda a: a * (1 - a)),
    "tanh": (np.tanh, lambda a: 1 - a * a),
    "relu": (lambda z: np.maximum(0, z), lambda a: (a > 0) * 1.0),
}
"""f(z), and f'(z) written in a = f(z)."""


@dataclass(frozen=True)
class Perceptron:
    """Loss and gradients, means over the samples, of parameters W1, b1, W2, b2, ...

    delta of the last layer, d of the one before it:

        delta = a - t                    softmax with -Σ t ln a, sigmoid with binary cross-entropy,
                                         linear with ½ Σ (a - t)²
        delta = 2 (a - t) a (1 - a)      "sigmoid, squares": Σ (a - t)²
        d = delta Wᵀ * f'(z)             dW = inputᵀ delta / n       db = Σ delta / n

    Args:
        sizes: features, hidden widths, outputs.
        hidden: sigmoid, tanh or relu.
        output: softmax, sigmoid, "sigmoid, squares" or linear.
        columns: whether samples are columns; then W is (out, in) and b (out, 1), else (in, out) and
            (1, out).

    Example:
        >>> net = Perceptron((2, 3, 1), "tanh", "linear")
        >>> net.forward(net.draw(0), np.zeros((5, 2))).tolist()
        [[0.0], [0.0], [0.0], [0.0], [0.0]]
    """

    sizes: tuple[int, ...]
    hidden: str
    output: str
    columns: bool = False

    def draw(self, seed: int) -> Params:
        """First parameters: He's for relu, else Glorot's; biases 0."""
        random = np.random.default_rng(seed)
        found: Params = {}
        for k, (n, m) in enumerate(pairwise(self.sizes), 1):
            spread = np.sqrt(2 / n if self.hidden == "relu" else 2 / (n + m))
            w, b = random.normal(0.0, spread, (n, m)), np.zeros((1, m))
            found[f"W{k}"], found[f"b{k}"] = (w.T.copy(), b.T) if self.columns else (w, b)
        return found

    def forward(self, params: Params, x: Array) -> Array:
        """The outputs, laid out as x is."""
        z = self._sums(params, x)[1]
        return self._turned(softmax(z, 1) if self.output == "softmax" else self._activated(z))

    def loss(self, params: Params, x: Array, t: Array) -> float:
        """The mean over the samples."""
        z, t = self._sums(params, x)[1], self._turned(t)
        if self.output == "softmax":
            top = z.max(axis=1, keepdims=True)
            each = t * (top + np.log(np.exp(z - top).sum(axis=1, keepdims=True)) - z)
        elif self.output == "sigmoid":
            each = np.logaddexp(0, z) - t * z
        else:
            each = (self._activated(z) - t) ** 2 * (0.5 if self.output == "linear" else 1.0)
        return float(each.sum() / len(z))

    def gradients(self, params: Params, x: Array, t: Array) -> Params:
        """Its derivatives."""
        inputs, z = self._sums(params, x)
        a = softmax(z, 1) if self.output == "softmax" else self._activated(z)
        delta = a - self._turned(t)
        if self.output == "sigmoid, squares":
            delta = 2 * delta * a * (1 - a)
        found: Params = {}
        for k in range(len(inputs), 0, -1):
            w, b = inputs[k - 1].T @ delta / len(z), delta.sum(axis=0, keepdims=True) / len(z)
            found[f"W{k}"], found[f"b{k}"] = self._turned(w), self._turned(b)
            if k > 1:
                slope = _HIDDEN[self.hidden][1](inputs[k - 1])
                delta = delta @ self._turned(params[f"W{k}"]).T * slope
        return {name: found[name] for name in params}

    def program(
        self,
        params: Params,
        x: Array,
        t: Array,
        *,
        lr: float,
        steps: int,
        batch: int | None = None,
        score: Callable[[Params], dict[str, float]] | None = None,
    ) -> Program:
        """Its training from these parameters; scored by accuracy and loss unless told otherwise."""
        return Program(
            loss=self.loss,
            gradients=self.gradients,
            params=params,
            X=x,
            Y=t,
            lr=lr,
            steps=steps,
            batch=batch,
            forward=self.forward,
            score=score
            or (lambda p: {"accuracy": self.accuracy(p, x, t), "loss": self.loss(p, x, t)}),
            columns=self.columns,
        )

    def accuracy(self, params: Params, x: Array, t: Array) -> float:
        """Share of the samples whose largest output, or side of ½, is that of the target."""
        return accuracy(self.forward(params, x), t, self.columns)

    def _turned(self, a: Array) -> Array:
        return a.T if self.columns else a

    def _sums(self, params: Params, x: Array) -> tuple[list[Array], Array]:
        """``(the inputs of each layer, z of the last one)``, samples in rows."""
        f = _HIDDEN[self.hidden][0]
        inputs, z = [], self._turned(x)
        for k in range(1, len(self.sizes)):
            inputs.append(z if k == 1 else f(z))
            z = inputs[-1] @ self._turned(params[f"W{k}"]) + self._turned(params[f"b{k}"])
        return inputs, z

    def _activated(self, z: Array) -> Array:
        return z if self.output == "linear" else sigmoid(z)


def accuracy(outputs: Array, t: Array, columns: bool) -> float:
    """Share of the samples whose largest output, or side of ½, is that of the target.

    Args:
        outputs: of the network.
        t: targets of the same shape.
        columns: whether a sample is a column.

    Example:
        >>> accuracy(np.array([[0.2, 0.8], [0.6, 0.4]]), np.array([[0, 1], [0, 1]]), False)
        0.5
    """
    axis = 0 if columns else 1
    if outputs.shape[axis] == 1:
        return float(np.mean((outputs > 0.5) == (t > 0.5)))
    return float(np.mean(outputs.argmax(axis=axis) == t.argmax(axis=axis)))
