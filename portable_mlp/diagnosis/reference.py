"""Forward and backward pass of a described perceptron in numpy, right or with one formula exchanged.

    z_l = a_{l-1} W_l + b_l,   a_l = f_l(z_l)
    δ_L = ∂L/∂z_L,             δ_l = (δ_{l+1} W_{l+1}ᵀ) f_l'(z_l)
    ∂L/∂W_l = a_{l-1}ᵀ δ_l,    ∂L/∂b_l = Σ_samples δ_l

Samples are in rows here. What somebody else's formula could be in place of one of these is a *mutant*: a
function that takes the same quantities. `autopsy` looks for the mutant that gives a program's gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from portable_mlp.diagnosis.description import COLUMNS, Network, Wiring

Array = NDArray[np.float64]


def value_of(name: str, z: Array, slope: float) -> Array:
    """f(z)."""
    with np.errstate(over="ignore"):
        if name == "sigmoid":
            return 1 / (1 + np.exp(-z))
        if name == "tanh":
            return np.tanh(z)
        if name == "relu":
            return np.maximum(z, 0)
        if name == "leaky_relu":
            return np.where(z > 0, z, slope * z)
        if name == "softmax":
            e = np.exp(z - z.max(axis=1, keepdims=True))
            shares: Array = e / e.sum(axis=1, keepdims=True)
            return shares
        if name == "softmax over the samples":
            return value_of("softmax", z.T, slope).T
        if name == "softmax of a softmax":
            return value_of("softmax", value_of("softmax", z, slope), slope)
        if name == "softmax over everything":
            return value_of("softmax", z.reshape(1, -1), slope).reshape(z.shape)
        if name == "sigmoid of -z":
            return 1 / (1 + np.exp(z))
    return z


def slope_of(name: str, z: Array, slope: float) -> Array:
    """f'(z); of softmax the diagonal a (1 - a)."""
    a = value_of(name, z, slope)
    if name == "sigmoid of -z":
        return -a * (1 - a)
    if name == "sigmoid" or name.startswith("softmax"):
        return a * (1 - a)
    if name == "tanh":
        return 1 - a * a
    if name == "relu":
        return (z > 0).astype(float)
    if name == "leaky_relu":
        return np.where(z > 0, 1.0, slope)
    return np.ones_like(z)


def in_terms_of_a(name: str, a: Array, slope: float) -> Array:
    """The formula of f' that is meant for a = f(z), evaluated at whatever it is given."""
    if name.startswith(("sigmoid", "softmax")):
        return a * (1 - a)
    if name == "tanh":
        return 1 - a * a
    if name == "relu":
        return (a > 0).astype(float)
    if name == "leaky_relu":
        return np.where(a > 0, 1.0, slope)
    return np.ones_like(a)


def backward_through(name: str, z: Array, da: Array, slope: float) -> Array:
    """∂L/∂z from ∂L/∂a, with the whole Jacobian of a softmax."""
    if not name.startswith("softmax"):
        return da * slope_of(name, z, slope)
    if name == "softmax over the samples":
        return backward_through("softmax", z.T, da.T, slope).T
    if name == "softmax of a softmax":
        inner = value_of("softmax", z, slope)
        return backward_through("softmax", z, backward_through("softmax", inner, da, slope), slope)
    if name == "softmax over everything":
        flat = backward_through("softmax", z.reshape(1, -1), da.reshape(1, -1), slope)
        return flat.reshape(z.shape)
    a = value_of(name, z, slope)
    dz: Array = a * (da - (da * a).sum(axis=1, keepdims=True))
    return dz


class Layer(NamedTuple):
    """What is known of a layer after a forward pass.

    Args:
        weight: (in, out).
        bias: (out,), or None.
        x: its input, (samples, in).
        z: (samples, out), what the activation is given.
        a: f(z).
        activation: f.
    """

    weight: Array
    bias: Array | None
    x: Array
    z: Array
    a: Array
    activation: str


@dataclass(frozen=True)
class Reference:
    """A described network, wired to the arrays of a program.

    Args:
        network: activations and loss.
        wiring: which array is what.
    """

    network: Network
    wiring: Wiring
    penalty: float = 0.0
    """λ of ½ λ ΣW², beside a loss that is a sum over the samples."""

    def squared_weights(self, values: Sequence[Array]) -> float:
        """Σ W² over all weights, biases left out."""
        return float(sum((weight**2).sum() for weight, _ in self.weights(values)))

    def rows(self, data: Array) -> Array:
        """Inputs or targets with samples in rows."""
        return data.T if self.wiring.samples_in == COLUMNS and data.ndim == 2 else data

    def targets(self, y: Array, outputs: int) -> Array:
        """Targets as (samples, outputs); labels become one-hot."""
        t = y if y.ndim == 2 and 1 in y.shape and outputs == 1 else self.rows(y)
        if t.ndim == 2 and t.shape[1] == outputs:
            return t.astype(float)
        flat = t.reshape(-1)
        if outputs == 1:
            return flat[:, None].astype(float)
        one_hot: Array = (flat[:, None] == np.arange(outputs)).astype(float)
        return one_hot

    def units(self, values: Sequence[Array]) -> int:
        """Number of outputs."""
        return int(self.weights(values)[-1][0].shape[1])

    def weights(self, values: Sequence[Array]) -> list[tuple[Array, Array | None]]:
        """``(weight (in, out), bias (out,))`` of each layer."""
        found = []
        for place in self.wiring.places:
            weight, bias = place.split(values[place.weight])
            found.append((weight, bias if place.bias is None else values[place.bias].reshape(-1)))
        return found

    def forward(self, values: Sequence[Array], x: Array) -> list[Layer]:
        """All layers of a forward pass."""
        layers, a = [], self.rows(x).astype(float)
        scales = [1.0] * (len(self.network.activations) - 1) + [self.network.scale]
        for (weight, bias), name, scale in zip(
            self.weights(values), self.network.activations, scales, strict=True
        ):
            with np.errstate(all="ignore"):
                z = scale * (a @ weight + (0 if bias is None else bias))
                layers.append(Layer(weight, bias, a, z, value_of(name, z, self.slope), name))
            a = layers[-1].a
        return layers

    @property
    def slope(self) -> float:
        """Of leaky ReLU below 0."""
        return self.network.slope

    def loss(self, layers: Sequence[Layer], t: Array) -> float:
        """Σ over samples and outputs; what it is divided by is the program's affair."""
        a, z, pair = layers[-1].a, layers[-1].z, (layers[-1].activation, self.network.loss)
        with np.errstate(all="ignore"):
            # from the weighted sums, where that is finite although a rounds to 0 or 1
            if pair == ("sigmoid", "binary_cross_entropy"):
                return float((np.logaddexp(0, z) - t * z).sum())
            if pair == ("softmax", "cross_entropy"):
                largest = z.max(axis=1, keepdims=True)
                log_sum = largest + np.log(np.exp(z - largest).sum(axis=1, keepdims=True))
                return float((t * (log_sum - z)).sum())
            if self.network.loss == "mse":
                return float(((a - t) ** 2).sum())
            if self.network.loss == "half_mse":
                return float(0.5 * ((a - t) ** 2).sum())
            if self.network.loss == "cross_entropy":
                return float(-np.where(t > 0, t * np.log(a), 0).sum())
            return float(-(t * np.log(a) + (1 - t) * np.log(1 - a)).sum())

    def d_outputs(self, layers: Sequence[Layer], t: Array) -> Array:
        """∂L/∂a of the last layer."""
        a = layers[-1].a
        with np.errstate(all="ignore"):
            if self.network.loss == "mse":
                return 2 * (a - t)
            if self.network.loss == "half_mse":
                return a - t
            if self.network.loss == "cross_entropy":
                return -t / a
            found: Array = (a - t) / (a * (1 - a))
        return found

    def delta(self, layers: Sequence[Layer], t: Array) -> Array:
        """δ_L = ∂L/∂z of the last layer, without the division that overflows."""
        last, scale = layers[-1], self.network.scale
        pair = (last.activation, self.network.loss)
        if pair in (("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy")):
            share = t.sum(axis=1, keepdims=True) if pair[0] == "softmax" else 1
            delta: Array = scale * (last.a * share - t)
            return delta
        outer = self.d_outputs(layers, t)
        return scale * backward_through(last.activation, last.z, outer, self.slope)

    def gradients(self, values: Sequence[Array], x: Array, t: Array) -> list[Array]:
        """∂L/∂θ in the shapes of the program's arrays."""
        layers = self.forward(values, x)
        found: list[Array] = [np.zeros_like(v) for v in values]
        delta = self.delta(layers, t)
        for k in reversed(range(len(layers))):
            place = self.wiring.places[k]
            slope = layers[k].x.T @ delta + self.penalty * layers[k].weight
            found[place.weight] = place.joined(slope, delta.sum(axis=0))
            if place.bias is not None:
                found[place.bias] = delta.sum(axis=0).reshape(values[place.bias].shape)
            if k:
                before = layers[k - 1]
                delta = backward_through(
                    before.activation, before.z, delta @ layers[k].weight.T, self.slope
                )
        return found
