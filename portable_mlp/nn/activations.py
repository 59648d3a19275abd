"""Activations: f(z) and its derivative, side by side.

An elementwise activation writes ``value`` and ``derivative``; backward is ``dy * f'(z)``. Softmax and
PReLU are layers of their own, because their derivatives are more than a factor for each element.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from portable_mlp.nn.arrays import Array, Namespace, Shape
from portable_mlp.nn.initializers import Constant
from portable_mlp.nn.layer import Context, Layer, ParameterSpec, Tree
from portable_mlp.nn.normal_cdf import normal_cdf


@dataclass(frozen=True)
class Elementwise(Layer):
    """y = f(z), element by element.   dL/dz = dL/dy · f'(z)."""

    def value(self, z: Array, xp: Namespace) -> Any:
        """f(z)."""
        raise TypeError(f"{type(self).__name__} does not define value")

    def derivative(self, z: Array, a: Array, xp: Namespace) -> Any:
        """f'(z); ``a = f(z)`` is given too, because many derivatives are cheaper from it."""
        raise TypeError(f"{type(self).__name__} does not define derivative")

    def forward(self, params: Tree, x: Array, ctx: Context) -> tuple[Any, Any]:
        a = self.value(x, ctx.xp)
        return a, (x, a)

    def backward(self, params: Tree, cache: Any, dy: Array, ctx: Context) -> tuple[Any, Tree]:
        z, a = cache
        return dy * self.derivative(z, a, ctx.xp), None


def sigmoid(z: Array, xp: Namespace) -> Any:
    """σ(z) = 1 / (1 + exp(-z)), without overflow and with full relative accuracy for z < 0."""
    return xp.exp(xp.minimum(z, 0.0)) / (1.0 + xp.exp(-xp.abs(z)))


def softplus(z: Array, xp: Namespace) -> Any:
    """log(1 + exp(z)), without overflow."""
    return xp.maximum(z, 0.0) + xp.log1p(xp.exp(-xp.abs(z)))


def softmax(z: Array, xp: Namespace) -> Any:
    """exp(z) / Σ exp(z) along the last axis, shifted by the largest z so that nothing overflows."""
    e = xp.exp(z - xp.max(z, axis=-1, keepdims=True))
    return e / xp.sum(e, axis=-1, keepdims=True)


@dataclass(frozen=True)
class Identity(Elementwise):
    """f(z) = z.   f'(z) = 1."""

    def value(self, z: Array, xp: Namespace) -> Any:
        return z

    def derivative(self, z: Array, a: Array, xp: Namespace) -> Any:
        return xp.ones_like(z)


@dataclass(frozen=True)
class ReLU(Elementwise):
    """f(z) = max(z, 0).   f'(z) = 1 where z > 0, else 0 (0 at 0, as everywhere in the field).

    Example:
        >>> import numpy as np
        >>> ReLU().value(np.asarray([-1.0, 2.0]), np).tolist()
        [0.0, 2.0]
    """

    def value(self, z: Array, xp: Namespace) -> Any:
        return xp.maximum(z, 0.0)

    def derivative(self, z: Array, a: Array, xp: Namespace) -> Any:
        return xp.astype(a > 0, a.dtype)  # a > 0 where z > 0, and then z need not be kept


@dataclass(frozen=True)
class LeakyReLU(Elementwise):
    """f(z) = z where z > 0, else slope · z.   f'(z) = 1 or slope. Source: Maas et al. 2013.

    Args:
        slope: slope for negative z.
    """

    slope: float = 0.01

    def value(self, z: Array, xp: Namespace) -> Any:
        return xp.maximum(z, 0.0) + self.slope * xp.minimum(z, 0.0)

    def derivative(self, z: Array, a: Array, xp: Namespace) -> Any:
        return self.slope + (1.0 - self.slope) * xp.astype(z > 0, z.dtype)


@dataclass(frozen=True)
class ELU(Elementwise):
    """f(z) = z where z > 0, else α (eᶻ - 1).   f'(z) = 1 or α eᶻ. Source: Clevert et al. 2016.

    Args:
        alpha: α, minus the limit of f for z → -∞.
    """

    alpha: float = 1.0

    def value(self, z: Array, xp: Namespace) -> Any:
        return xp.maximum(z, 0.0) + self.alpha * xp.expm1(xp.minimum(z, 0.0))

    def derivative(self, z: Array, a: Array, xp: Namespace) -> Any:
        positive = xp.astype(z > 0, z.dtype)
        return positive + (1.0 - positive) * (self.alpha * xp.exp(xp.minimum(z, 0.0)))


@dataclass(frozen=True)
class SELU(Elementwise):
    """f(z) = λ ELU(z; α) with the λ and α that keep mean 0 and variance 1. Use LeCunNormal weights.

    Source: Klambauer et al. 2017, eq. 14.
    """

    def value(self, z: Array, xp: Namespace) -> Any:
        return SELU_SCALE * ELU(SELU_ALPHA).value(z, xp)

    def derivative(self, z: Array, a: Array, xp: Namespace) -> Any:
        return SELU_SCALE * ELU(SELU_ALPHA).derivative(z, a, xp)


SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


@dataclass(frozen=True)
class GELU(Elementwise):
    """f(z) = z Φ(z).   f'(z) = Φ(z) + z φ(z). Source: Hendrycks & Gimpel 2016.

    Args:
        approximate: ``"none"`` for Φ itself; ``"tanh"`` for the paper's ½ z (1 + tanh u),
            u = √(2/π) (z + 0.044715 z³).
    """

    approximate: str = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.approximate not in ("none", "tanh"):
            raise ValueError(
                f"GELU: approximate is {self.approximate!r}, expected 'none' or 'tanh'."
            )

    def value(self, z: Array, xp: Namespace) -> Any:
        if self.approximate == "tanh":
            return 0.5 * z * (1.0 + xp.tanh(_gelu_argument(z)))
        return z * normal_cdf(z, xp)

    def derivative(self, z: Array, a: Array, xp: Namespace) -> Any:
        if self.approximate == "tanh":
            t = xp.tanh(_gelu_argument(z))
            near = xp.minimum(
                xp.maximum(z, -50.0), 50.0
            )  # beyond, 1 - t² is 0, and z² may overflow
            du = math.sqrt(2 / math.pi) * (1.0 + 3 * 0.044715 * near * near)
            return 0.5 * (1.0 + t) + 0.5 * z * (1.0 - t * t) * du
        density = xp.exp(-0.5 * z * z) * (1 / math.sqrt(2 * math.pi))
        return normal_cdf(z, xp) + z * density


def _gelu_argument(z: Array) -> Any:
    return math.sqrt(2 / math.pi) * (z + 0.044715 * z * z * z)


@dataclass(frozen=True)
class SiLU(Elementwise):
    """f(z) = z σ(z), also called swish.   f'(z) = σ + f (1 - σ). Source: Elfwing et al. 2018."""

    def value(self, z: Array, xp: Namespace) -> Any:
        return z * sigmoid(z, xp)

    def derivative(self, z: Array, a: Array, xp: Namespace) -> Any:
        s = sigmoid(z, xp)
        return s + a * (1.0 - s)

    def forward(self, params: Tree, x: Array, ctx: Context) -> tuple[Any, Any]:
        s = sigmoid(x, ctx.xp)  # kept for backward, which then needs no exponential
        a = x * s
        return a, (s, a)

    def backward(self, params: Tree, cache: Any, dy: Array, ctx: Context) -> tuple[Any, Tree]:
        s, a = cache
        return dy * (s + a * (1.0 - s)), None


@dataclass(frozen=True)
class Mish(Elementwise):
    """f(z) = z tanh(softplus z).   f'(z) = t + z (1 - t²) σ(z). Source: Misra 2019."""

    def value(self, z: Array, xp: Namespace) -> Any:
        return z * xp.tanh(softplus(z, xp))

    def derivative(self, z: Array, a: Array, xp: Namespace) -> Any:
        t = xp.tanh(softplus(z, xp))
        return t + z * (1.0 - t * t) * sigmoid(z, xp)


@dataclass(frozen=True)
class Softplus(Elementwise):
    """f(z) = log(1 + eᶻ).   f'(z) = σ(z). Source: Dugas et al. 2000."""

    def value(self, z: Array, xp: Namespace) -> Any:
        return softplus(z, xp)

    def derivative(self, z: Array, a: Array, xp: Namespace) -> Any:
        return sigmoid(z, xp)


@dataclass(frozen=True)
class Sigmoid(Elementwise):
    """f(z) = σ(β z).   f'(z) = β f (1 - f).

    Args:
        slope: β.
    """

    slope: float = 1.0

    def value(self, z: Array, xp: Namespace) -> Any:
        return sigmoid(self.slope * z, xp)

    def derivative(self, z: Array, a: Array, xp: Namespace) -> Any:
        return self.slope * a * (1.0 - a)


@dataclass(frozen=True)
class Tanh(Elementwise):
    """f(z) = tanh z.   f'(z) = 1 - f²."""

    def value(self, z: Array, xp: Namespace) -> Any:
        return xp.tanh(z)

    def derivative(self, z: Array, a: Array, xp: Namespace) -> Any:
        return 1.0 - a * a


@dataclass(frozen=True)
class CustomActivation(Elementwise):
    """A user's own pair (f, f').

    Args:
        function: ``f(z, xp)``, elementwise.
        slope: ``f'(z, xp)``, elementwise. Compare it with finite differences, as
            examples/custom_layer.py does: a wrong one trains to a wrong place without complaint.

    Example:
        >>> import numpy as np
        >>> square = CustomActivation(lambda z, xp: z * z, lambda z, xp: 2 * z)
        >>> square.value(np.asarray([3.0]), np).tolist()
        [9.0]
    """

    function: Callable[[Any, Any], Any]
    slope: Callable[[Any, Any], Any]

    def value(self, z: Array, xp: Namespace) -> Any:
        return self.function(z, xp)

    def derivative(self, z: Array, a: Array, xp: Namespace) -> Any:
        return self.slope(z, xp)


@dataclass(frozen=True)
class Softmax(Layer):
    """y = softmax(z) over the last axis.   dL/dz = y ⊙ (dL/dy - Σ dL/dy ⊙ y).

    The whole Jacobian product, so it is right in a hidden layer and beside any loss. Before
    cross-entropy leave it out: that loss takes logits.
    """

    def forward(self, params: Tree, x: Array, ctx: Context) -> tuple[Any, Any]:
        y = softmax(x, ctx.xp)
        return y, y

    def backward(self, params: Tree, cache: Any, dy: Array, ctx: Context) -> tuple[Any, Tree]:
        y = cache
        return y * (dy - ctx.xp.sum(dy * y, axis=-1, keepdims=True)), None


class PReLUParams(NamedTuple):
    """Parameters of `PReLU`."""

    slope: Any


@dataclass(frozen=True)
class PReLU(Layer):
    """y = max(z, 0) + s min(z, 0), one learned s for each unit.   dL/ds = Σ_batch dL/dy min(z, 0).

    Args:
        initial_slope: first value of s. Source: He et al. 2015, eq. 1 and section 2.1.
    """

    initial_slope: float = 0.25

    def parameters(self, shape: Shape) -> PReLUParams:
        return PReLUParams(ParameterSpec(shape, Constant(self.initial_slope)))

    def forward(self, params: PReLUParams, x: Array, ctx: Context) -> tuple[Any, Any]:
        return ctx.xp.maximum(x, 0.0) + params.slope * ctx.xp.minimum(x, 0.0), x

    def backward(
        self, params: PReLUParams, cache: Any, dy: Array, ctx: Context
    ) -> tuple[Any, PReLUParams]:
        xp, z = ctx.xp, cache
        positive = xp.astype(z > 0, z.dtype)
        dslope = xp.sum(dy * xp.minimum(z, 0.0), axis=0)
        return dy * (positive + (1.0 - positive) * params.slope), PReLUParams(dslope)


ACTIVATIONS: dict[str, Layer] = {
    "identity": Identity(),
    "relu": ReLU(),
    "leaky_relu": LeakyReLU(),
    "prelu": PReLU(),
    "elu": ELU(),
    "selu": SELU(),
    "gelu": GELU(),
    "gelu_tanh": GELU("tanh"),
    "silu": SiLU(),
    "mish": Mish(),
    "softplus": Softplus(),
    "sigmoid": Sigmoid(),
    "tanh": Tanh(),
    "softmax": Softmax(),
}
"""The names that stand for an activation with its default numbers."""
