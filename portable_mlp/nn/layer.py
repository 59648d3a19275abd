"""The contract of a layer, and what a layer is handed when it runs."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from portable_mlp.nn.arrays import Array, Namespace, Shape
from portable_mlp.nn.initializers import Initializer
from portable_mlp.nn.plain_numbers import PlainNumbers

Tree = Any
"""Arrays in dictionaries (a container's layers by name) and named tuples (a layer's own arrays);
``None`` marks an absent array."""


class ParameterSpec(NamedTuple):
    """Shape and starting value of one array that a layer owns.

    Args:
        shape: its shape.
        initializer: the rule that draws its first value on the host.
        fan_in: inputs that feed one unit, for the rules that need it.
        fan_out: units that one input feeds.
        decay: whether L1, L2 and weight decay apply to it; false for biases and norms.
        rate: factor of the learning rate of its steps. (L-BFGS looks for its own step and has none.)
    """

    shape: Shape
    initializer: Initializer
    fan_in: int = 1
    fan_out: int = 1
    decay: bool = False
    rate: float = 1.0


def _no_randomness(shape: Shape) -> Array:
    raise RuntimeError(
        f"a random array of shape {shape} was asked for outside training: "
        "a layer may draw only while ctx.training is true, and must declare `streams`"
    )


def _transposed_matmul(a: Any, b: Any) -> Any:
    return a.T @ b


@dataclass(frozen=True)
class Context:
    """What a layer or loss may use besides its own arguments.

    Args:
        xp: the array namespace.
        device: where new arrays are to be made.
        training: true during training; dropout and batch statistics depend on it.
        uniform: gives a fresh float32 array of that shape, uniform in [0, 1), from the next random
            stream of this step: the same numbers on every backend.
        matmul: the product of two matrices: ``@``, or ``@`` with factors rounded to a smaller type.
        transposed_matmul: ``transposed_matmul(a, b)`` = aᵀ b, likewise: the sum over a batch in the
            gradient of a weight, for which some libraries have a faster way than ``a.T @ b``.
        running_share: of this batch in the running statistics of each layer; None for the layer's own
            ``momentum``. It is 1 where the batch is the whole training set, with L-BFGS.
    """

    xp: Namespace
    device: Any = None
    training: bool = False
    uniform: Callable[[Shape], Array] = _no_randomness
    matmul: Callable[[Any, Any], Any] = operator.matmul
    transposed_matmul: Callable[[Any, Any], Any] = _transposed_matmul
    running_share: float | None = None


@dataclass(frozen=True)
class Layer(PlainNumbers):
    """One differentiable map from a batch to a batch.

    A layer is a frozen dataclass: it holds its sizes and rules, never arrays. Its parameters are
    handed to it, and what backward needs is returned by forward as an explicit cache. ``backward``
    is the true derivative of ``forward``, alone; it is right beside every loss.

    A layer with running statistics overrides `state` and `apply`; all others write `forward`.
    """

    name: str | None = field(default=None, kw_only=True)
    """What messages and parameter names call it; by default its kind and its number."""

    @property
    def kind(self) -> str:
        """The layer's name in messages and parameter names: ``Dense`` gives ``dense``."""
        return _snake_case(type(self).__name__)

    @property
    def streams(self) -> int:
        """How many random arrays one training forward draws; a container sums its layers'."""
        return 0

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of one output sample for one input sample of this shape; refuses a wrong one."""
        return shape

    def parameters(self, shape: Shape) -> Tree:
        """`ParameterSpec` leaves in the structure that forward and backward will receive, or None."""
        return None

    def state(self, shape: Shape) -> Tree:
        """`ParameterSpec` leaves of the running statistics; None, as in most layers."""
        return None

    def forward(self, params: Tree, x: Array, ctx: Context) -> tuple[Array, Any]:
        """``(y, cache)`` for a batch x."""
        raise TypeError(f"{type(self).__name__} defines neither forward nor apply")

    def backward(self, params: Tree, cache: Any, dy: Array, ctx: Context) -> tuple[Array, Tree]:
        """``(dL/dx, dL/dparams)`` from dL/dy; the second has the structure of ``params``."""
        raise TypeError(f"{type(self).__name__} does not define backward")

    def gradients(self, params: Tree, cache: Any, dy: Array, ctx: Context) -> Tree:
        """``dL/dparams`` alone, for the first layer, whose dL/dx nobody needs."""
        return self.backward(params, cache, dy, ctx)[1]

    def apply(self, params: Tree, state: Tree, x: Array, ctx: Context) -> tuple[Array, Any, Tree]:
        """``(y, cache, new state)``; layers without running statistics leave this alone."""
        y, cache = self.forward(params, x, ctx)
        return y, cache, state


def _snake_case(name: str) -> str:
    """``BatchNorm`` gives ``batch_norm``, ``RMSNorm`` ``rms_norm``, ``LeakyReLU`` ``leaky_relu``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z][a-z])|(?<=[A-Z]{2})(?=[A-Z][a-z])", "_", name).lower()
