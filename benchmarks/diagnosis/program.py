"""A network as people write it by hand in numpy, every formula of it exchangeable.

Inside, samples are in rows and weights (in, out); the world sees the layout of the program's `Style`.
The formulas of the backward pass are functions in `Program.parts`: a fault puts another in the place
of one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray
SOFT = ("softmax_ce", "softmax_mse")
SQUARES = ("linear_mse", "sigmoid_mse", "tanh_mse", "relu_mse", "softmax_mse")
OUTPUT = {
    "softmax_ce": "softmax",
    "softmax_mse": "softmax",
    "sigmoid_bce": "sigmoid",
    "sigmoid_mse": "sigmoid",
    "tanh_mse": "tanh",
    "relu_mse": "relu",
    "linear_mse": "identity",
}
"""Activation of the last layer, by head."""


class Layer(NamedTuple):
    """One layer of a forward pass: its input, its weighted sums, and f of them."""

    x: Array
    z: Array
    a: Array


@dataclass(frozen=True)
class Style:
    """How somebody writes.

    Args:
        columns: samples in columns, weights (out, in).
        turned: weights (out, in) although samples are in rows.
        bias: ``"2-D"``: (1, n) in rows, (n, 1) in columns; ``"flat"``: (n,); empty for none.
        container: of the parameters: ``dict``, ``list``, ``tuple``, ``pairs`` or ``two lists``.
        prefix: before the keys of the gradients, where they are a dict.
        labels: ``"2-D"``: as the outputs; ``"numbers"``: of classes; ``"flat"``: (n,) for one output.
        flat_outputs: whether the forward pass gives (n,) for one output.
        guard: of the logarithm: ``""``, ``"plus"`` or ``"clip"``.
        loose: whether gradients of (1, n) biases are (n,), which does no harm.
        update: ``"new"`` gives back other arrays, ``"in place"`` writes to the old ones.
        shows_update: whether the update is shown to the diagnosis.
        shows_forward: whether the forward pass is.
    """

    columns: bool = False
    turned: bool = False
    bias: str = "2-D"
    container: str = "dict"
    prefix: str = ""
    labels: str = "2-D"
    flat_outputs: bool = False
    guard: str = ""
    loose: bool = False
    update: str = "new"
    shows_update: bool = False
    shows_forward: bool = True


def activate(name: str, z: Array, slope: float = 0.01) -> Array:
    """f(z)."""
    if name == "sigmoid":
        return 1 / (1 + np.exp(-z))
    if name == "tanh":
        return np.tanh(z)
    if name == "relu":
        return np.maximum(z, 0)
    if name == "leaky_relu":
        return np.where(z > 0, z, slope * z)
    if name == "softmax":
        return softmax(z, 1)
    return z


def softmax(z: Array, axis: int) -> Array:
    """Shares that sum to 1 along an axis."""
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def derivative(name: str, z: Array, a: Array, slope: float = 0.01) -> Array:
    """f'(z), written with a = f(z) where people do so."""
    if name == "sigmoid":
        return a * (1 - a)
    if name == "tanh":
        return 1 - a**2
    if name == "relu":
        return (z > 0) * 1.0
    if name == "leaky_relu":
        return np.where(z > 0, 1.0, slope)
    return np.ones_like(z)


# -- the parts of a right backward pass --------------------------------------------------------------


def tape(p: Program, weights: list[Array], biases: list[Array], x: Array) -> list[Layer]:
    """The forward pass that the gradients start from."""
    return p.layers(weights, biases, x)


def error(p: Program, a: Array, t: Array) -> Array:
    """a - t, times the constants of the loss."""
    return p.constant(len(a)) * (2.0 if p.head in SQUARES and not p.half else 1.0) * (a - t)


def output_delta(p: Program, layers: list[Layer], t: Array) -> Array:
    """∂L/∂z of the last layer."""
    last = layers[-1]
    e = error(p, last.a, t)
    if p.head in ("softmax_ce", "sigmoid_bce"):
        return e
    if p.head == "softmax_mse":
        return last.a * (e - (e * last.a).sum(axis=1, keepdims=True))
    return e * derivative(OUTPUT[p.head], last.z, last.a)


def back_signal(p: Program, weight: Array, k: int, delta: Array, bare: Array, e: Array) -> Array:
    """∂L/∂a of layer k - 1, from δ of layer k.

    Args:
        p: the program.
        weight: of layer k.
        k: number of the layer, from 0.
        delta: δ of layer k.
        bare: the same before its f' was multiplied in.
        e: error of the outputs.
    """
    return delta @ weight.T


def hidden_delta(p: Program, layers: list[Layer], k: int, signal: Array) -> Array:
    """∂L/∂z of hidden layer k."""
    layer, name = layers[k], p.hidden[k]
    if name == "softmax":
        return layer.a * (signal - (signal * layer.a).sum(axis=1, keepdims=True))
    return signal * derivative(name, layer.z, layer.a, p.slope)


def weight_gradient(
    p: Program, layers: list[Layer], weights: list[Array], k: int, delta: Array
) -> Array:
    """∂L/∂W of layer k, (in, out)."""
    return layers[k].x.T @ delta


def bias_gradient(p: Program, biases: list[Array], k: int, delta: Array, bare: Array) -> Array:
    """∂L/∂b of layer k, (1, out)."""
    return delta.sum(axis=0, keepdims=True)


def finish(
    p: Program, dw: list[Array], db: list[Array], weights: list[Array]
) -> tuple[list[Array], list[Array]]:
    """What is done to all gradients in the end."""
    return dw, db


def step(p: Program, value: Array, slope: Array) -> Array:
    """One array after an update."""
    return value - p.lr * slope


def batch_of(p: Program) -> int:
    """Samples of one step of the training."""
    return p.batch or len(p.x)


PARTS: dict[str, Callable[..., Any]] = {
    "tape": tape,
    "output": output_delta,
    "back": back_signal,
    "hidden": hidden_delta,
    "weight": weight_gradient,
    "bias": bias_gradient,
    "finish": finish,
    "step": step,
}


@dataclass
class Program:
    """A network, its data, its training, and how it is written.

    Args:
        family: of the data.
        sizes: features, widths, outputs.
        hidden: activation of each hidden layer.
        head: of `OUTPUT`; ``ce`` and ``bce`` are cross-entropies, ``mse`` squares.
        reduction: ``mean`` over the samples, ``all`` for the mean over all numbers, or ``sum``.
        half: whether the squares have a ½.
        slope: of leaky ReLUs.
        penalty: λ of λ/2 ΣW², times the samples where the loss is a sum.
        style: how it is written.
        x: inputs, samples in rows.
        t: targets, (samples, outputs).
        weights: initial ones, (in, out).
        biases: initial ones, (1, out); empty for none.
        lr: learning rate.
        steps: updates.
        batch: samples of each; None for all.
        order: seed of the order of the samples.
        offset: whether inputs or targets lie away from 0, so that biases are needed.
        softmax_axis: 0 where it is wrong.
        flipped: layers with a sigmoid of -z.
        forgets_bias: whether the forward pass leaves it out.
        spread: ``exact``, ``loss`` or ``raw`` where outputs and targets broadcast, see `faults`.
        parts: the formulas.
        memory: what calls leave behind, where a fault makes them.
    """

    family: str
    sizes: tuple[int, ...]
    hidden: tuple[str, ...]
    head: str
    reduction: str
    half: bool
    slope: float
    penalty: float
    style: Style
    x: Array
    t: Array
    weights: list[Array]
    biases: list[Array]
    lr: float
    steps: int
    batch: int | None
    order: int
    offset: bool = False
    softmax_axis: int = 1
    flipped: frozenset[int] = frozenset()
    forgets_bias: bool = False
    spread: str = ""
    parts: dict[str, Callable[..., Any]] = field(default_factory=lambda: dict(PARTS))
    memory: dict[str, Any] = field(default_factory=dict)

    def copied(self) -> Program:
        """Another one with arrays of its own and nothing in its memory."""
        made = copy.copy(self)
        made.x, made.t = self.x.copy(), self.t.copy()
        made.weights = [w.copy() for w in self.weights]
        made.biases = [b.copy() for b in self.biases]
        made.parts, made.memory = dict(self.parts), {}
        return made

    def exchange(self, part: str, of: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        """Puts another formula in the place of one.

        Args:
            part: of `PARTS`.
            of: gives the new formula, from the old one.
        """
        self.parts[part] = of(self.parts[part])

    # -- as the world sees it ------------------------------------------------------------------------

    @property
    def params(self) -> Any:
        """The initial parameters."""
        return self._container(self._leaves(self.weights, self.biases))

    @property
    def X(self) -> Array:  # noqa: N802
        """The inputs."""
        return self.x.T.copy() if self.style.columns else self.x.copy()

    @property
    def Y(self) -> Array:  # noqa: N802
        """The targets."""
        if self.style.labels == "numbers":
            return self.t.argmax(axis=1)
        if self.style.labels == "flat":
            return self.t[:, 0].copy()
        if self.spread:  # outputs (n,) or (1, n) beside targets (n, 1)
            return self.t.copy()
        return self.t.T.copy() if self.style.columns else self.t.copy()

    @property
    def train(self) -> dict[str, Any]:
        """The settings of its training."""
        return {"lr": self.lr, "steps": self.steps, "batch": self.batch}

    def forward(self, params: Any, X: Array) -> Array:
        """The outputs."""
        a = self.layers(*self._rows(params), self._samples(X))[-1].a
        if self.style.flat_outputs:
            return a[:, 0]
        return a.T if self.style.columns else a

    def loss(self, params: Any, X: Array, Y: Array) -> float:
        """The loss."""
        weights, biases = self._rows(params)
        x = self._samples(X)
        layers = self.layers(weights, biases, x)
        self.memory["tape"] = layers
        a, t = layers[-1].a, self._targets(Y)
        n = len(a)
        spreads = self._spreads(Y)
        if spreads:
            t = t.reshape(1, -1)  # (n, 1) - (1, n) is (n, n)
        value = self.constant(n) * self._summed(a, t)
        if spreads and self.reduction == "all":
            value /= n
        if self.penalty:
            value += 0.5 * self._lambda(n) * sum(float((w**2).sum()) for w in weights)
        return float(value)

    def gradients(self, params: Any, X: Array, Y: Array) -> Any:
        """∂loss/∂params, or what its owner takes for it."""
        weights, biases = self._rows(params)
        layers = self.parts["tape"](self, weights, biases, self._samples(X))
        t = self._targets(Y)
        n = len(t)
        if self.spread in ("exact", "raw") and self._spreads(Y):
            delta = e = self._spread_delta(layers[-1], t.reshape(1, -1))
        else:
            delta, e = self.parts["output"](self, layers, t), error(self, layers[-1].a, t)
        bare = e
        dw: list[Array] = [np.empty(0)] * len(weights)
        db: list[Array] = [np.empty(0)] * len(biases)
        for k in reversed(range(len(weights))):
            dw[k] = self.parts["weight"](self, layers, weights, k, delta)
            if biases:
                db[k] = self.parts["bias"](self, biases, k, delta, bare)
            if k:
                bare = self.parts["back"](self, weights[k], k, delta, bare, e)
                delta = self.parts["hidden"](self, layers, k - 1, bare)
        if self.penalty:
            dw = [d + self._lambda(n) * w for d, w in zip(dw, weights, strict=True)]
        dw, db = self.parts["finish"](self, dw, db, weights)
        return self._container(self._leaves(dw, db, self.style.loose), self.style.prefix)

    def update(self, params: Any, gradients: Any) -> Any:
        """One step of the training; None where it writes to the arrays that it is given."""
        values, slopes = self._flat(params), self._flat(gradients)
        if self.style.update == "in place":
            for value, slope in zip(values, slopes, strict=True):
                value[...] = self.parts["step"](self, value, slope)
            return None
        pairs = zip(values, slopes, strict=True)
        return self._container([self.parts["step"](self, v, g) for v, g in pairs])

    # -- in rows -------------------------------------------------------------------------------------

    def layers(self, weights: Sequence[Array], biases: Sequence[Array], x: Array) -> list[Layer]:
        """A forward pass."""
        made: list[Layer] = []
        for k, weight in enumerate(weights):
            z = x @ weight
            if biases and not self.forgets_bias:
                z = z + biases[k]
            last = k == len(weights) - 1
            name = OUTPUT[self.head] if last else self.hidden[k]
            if last and name == "softmax":
                a = softmax(z, self.softmax_axis)
            else:
                a = activate(name, -z if k in self.flipped else z, self.slope)
            made.append(Layer(x, z, a))
            x = a
        return made

    def constant(self, samples: int) -> float:
        """What the summed loss is multiplied by."""
        if self.reduction == "sum":
            return 1.0
        return 1 / (samples * (self.sizes[-1] if self.reduction == "all" else 1))

    def best_constant(self) -> float:
        """The least loss of outputs that are the same for all samples; without the penalty."""
        n = len(self.t)
        mean = self.t.mean(axis=0, keepdims=True)
        if self.head == "softmax_ce":
            least = -float((self.t * np.log(mean + 1e-300)).sum())
        elif self.head == "sigmoid_bce":
            inside = np.clip(mean, 1e-12, 1 - 1e-12)
            each = self.t * np.log(inside) + (1 - self.t) * np.log(1 - inside)
            least = -float(each.sum())
        else:
            least = (0.5 if self.half else 1.0) * float(((self.t - mean) ** 2).sum())
        return self.constant(n) * least

    def _summed(self, a: Array, t: Array) -> float:
        if self.head == "softmax_ce":
            return -float((t * self._log(a)).sum())
        if self.head == "sigmoid_bce":
            return -float((t * self._log(a) + (1 - t) * self._log(1 - a)).sum())
        return (0.5 if self.half else 1.0) * float(((a - t) ** 2).sum())

    def _log(self, a: Array) -> Array:
        if self.style.guard == "plus":
            return np.log(a + 1e-12)
        if self.style.guard == "clip":
            return np.log(np.clip(a, 1e-12, 1.0))
        return np.log(a)

    def _spreads(self, Y: Array) -> bool:
        """Whether outputs and these targets broadcast; targets in the outputs' shape do not."""
        if not self.spread:
            return False
        n = Y.size
        columns = (1, n) if self.style.columns else (n, 1)
        return Y.shape != ((n,) if self.style.flat_outputs else columns)

    def _spread_delta(self, last: Layer, t: Array) -> Array:
        """δ of a loss over all pairs of outputs and targets, summed over the targets or not."""
        n = len(last.a)
        e = error(self, last.a, t)
        if self.reduction == "all":
            e = e / n
        if self.head != "sigmoid_bce":
            e = e * derivative(OUTPUT[self.head], last.z, last.a)
        return e if self.spread == "raw" else e.sum(axis=1, keepdims=True)

    def _lambda(self, samples: int) -> float:
        return self.penalty * (samples if self.reduction == "sum" else 1)

    def _samples(self, X: Array) -> Array:
        return X.T if self.style.columns else X

    def _targets(self, Y: Array) -> Array:
        if self.style.labels == "numbers":
            return np.eye(self.sizes[-1])[Y]
        if self.style.labels == "flat" or self.spread:
            return Y.reshape(-1, 1)
        return Y.T if self.style.columns else Y

    # -- arrays in containers ------------------------------------------------------------------------

    @property
    def _turned(self) -> bool:
        return self.style.columns or self.style.turned

    def _leaves(
        self, weights: Sequence[Array], biases: Sequence[Array], loose: bool = False
    ) -> list[Array]:
        """Arrays in the layout of the world: weights and biases in turn."""
        made = []
        for k, weight in enumerate(weights):
            made.append(weight.T.copy() if self._turned and weight.ndim == 2 else weight.copy())
            if biases:
                made.append(self._bias_outside(biases[k], loose))
        return made

    def _bias_outside(self, bias: Array, loose: bool) -> Array:
        if bias.ndim == 2 and len(bias) == 1 and (loose or self.style.bias == "flat"):
            return bias[0].copy()
        return bias.T.copy() if self.style.columns and bias.ndim == 2 else bias.copy()

    def _container(self, leaves: list[Array], prefix: str = "") -> Any:
        each = 2 if self.biases else 1
        style = self.style.container
        if style == "dict":
            return {
                f"{prefix}{'Wb'[i % each]}{i // each + 1}": leaf for i, leaf in enumerate(leaves)
            }
        if style == "pairs" and each == 2:
            return [(leaves[i], leaves[i + 1]) for i in range(0, len(leaves), 2)]
        if style == "two lists" and each == 2:
            return leaves[::2], leaves[1::2]
        return tuple(leaves) if style == "tuple" else list(leaves)

    def _flat(self, container: Any) -> list[Array]:
        """The leaves, as `_leaves` gave them."""
        each, style = (2 if self.biases else 1), self.style.container
        if style == "dict":
            return list(container.values())
        if style == "pairs" and each == 2:
            return [leaf for pair in container for leaf in pair]
        if style == "two lists" and each == 2:
            return [leaf for pair in zip(*container, strict=True) for leaf in pair]
        return list(container)

    def _rows(self, params: Any) -> tuple[list[Array], list[Array]]:
        """``(weights, biases)`` with samples in rows."""
        leaves = self._flat(params)
        each = 2 if self.biases else 1
        weights = [w.T if self._turned else w for w in leaves[::each]]
        if each == 1:
            return weights, []
        biases = []
        for b in leaves[1::2]:
            if b.ndim < 2:
                biases.append(b.reshape(1, -1))
            else:
                biases.append(b.T if self.style.columns else b)
        return weights, biases


# -- its training ------------------------------------------------------------------------------------


class Run(NamedTuple):
    """What a training led to.

    Args:
        first: the loss before it, over that of the best constant outputs.
        last: after it; infinite where it broke.
        least: the smallest of those seen on the way.
    """

    first: float
    last: float
    least: float


def trained(program: Program, looks: int = 12) -> Run:
    """Trains a copy with the program's own settings; all samples' loss, over the best constant one."""
    p = program.copied()
    params, X, Y, n = p.params, p.X, p.Y, len(p.x)
    random, size = np.random.default_rng(p.order), batch_of(p)
    axis, order = (1 if p.style.columns else 0), np.arange(0)
    constant = p.best_constant()
    seen: list[float] = []
    with np.errstate(all="ignore"):
        try:
            for done in range(p.steps + 1):
                if done % max(1, p.steps // looks) == 0 or done == p.steps:
                    now = p.loss(params, X, Y) / constant
                    seen.append(now if np.isfinite(now) else float("inf"))
                    if seen[-1] > 1e9:
                        break
                if done == p.steps:
                    break
                if size >= n:
                    bx, by = X, Y
                else:
                    if len(order) < size:
                        order = random.permutation(n)
                    chosen, order = order[:size], order[size:]
                    bx = X[:, chosen] if axis else X[chosen]
                    across = bool(axis) and Y.ndim == 2 and not p.spread
                    by = Y[:, chosen] if across else Y[chosen]
                new = p.update(params, p.gradients(params, bx, by))
                params = params if new is None else new
        except (ValueError, TypeError, FloatingPointError):
            seen.append(float("inf"))
    return Run(seen[0], seen[-1], min(seen))
