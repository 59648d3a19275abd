"""The affine layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from portable_mlp.nn.arrays import Array, Shape
from portable_mlp.nn.choices import choose
from portable_mlp.nn.initializers import INITIALIZERS, Initializer
from portable_mlp.nn.layer import Context, Layer, ParameterSpec


class DenseParams(NamedTuple):
    """Parameters of `Dense`, or their gradients."""

    weight: Any  # (in, out)
    bias: Any  # (out,), or None


@dataclass(frozen=True)
class Dense(Layer):
    """y = x W + b.   dL/dW = xᵀ dy,   dL/db = Σ_batch dy,   dL/dx = dy Wᵀ.

    Args:
        units: number of outputs, at least 1.
        weight_init: initializer of W, of shape (in, units), or its name.
        bias_init: initializer of b, of shape (units,), or its name.
        use_bias: whether there is a b.

    Example:
        >>> import numpy as np
        >>> from portable_mlp.nn import Context
        >>> params = DenseParams(weight=np.asarray([[1.0], [2.0]]), bias=np.asarray([0.5]))
        >>> Dense(1).forward(params, np.asarray([[1.0, 1.0]]), Context(np))[0].tolist()
        [[3.5]]
    """

    units: int
    weight_init: Initializer | str = "glorot_uniform"
    bias_init: Initializer | str = "zeros"
    use_bias: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not hasattr(self.units, "__index__") or self.units is True or self.units < 1:
            raise ValueError(
                f"Dense: units is {self.units!r}, expected a whole number of at least 1."
            )
        choose("Dense weight_init", self.weight_init, INITIALIZERS, Initializer)
        choose("Dense bias_init", self.bias_init, INITIALIZERS, Initializer)

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ValueError(
                f"Dense{self._label()}: a sample has shape {shape}, expected one axis (features,); "
                "put a Flatten() before it."
            )
        return (self.units,)

    def parameters(self, shape: Shape) -> DenseParams:
        (features,) = shape
        weight_init = choose("weight_init", self.weight_init, INITIALIZERS, Initializer)
        bias_init = choose("bias_init", self.bias_init, INITIALIZERS, Initializer)
        weight = ParameterSpec(
            (features, self.units), weight_init, features, self.units, decay=True
        )
        bias = ParameterSpec((self.units,), bias_init, features, self.units)
        return DenseParams(weight, bias if self.use_bias else None)

    def forward(self, params: DenseParams, x: Array, ctx: Context) -> tuple[Any, Any]:
        y = ctx.matmul(x, params.weight)  # (batch, out)
        if params.bias is not None:
            y += params.bias  # into the fresh product: no second temporary
        return y, x

    def gradients(self, params: DenseParams, cache: Any, dy: Array, ctx: Context) -> DenseParams:
        x = cache  # (batch, in)
        bias = None if params.bias is None else ctx.xp.sum(dy, axis=0)
        return DenseParams(weight=ctx.transposed_matmul(x, dy), bias=bias)

    def backward(
        self, params: DenseParams, cache: Any, dy: Array, ctx: Context
    ) -> tuple[Any, DenseParams]:
        return ctx.matmul(dy, params.weight.T), self.gradients(params, cache, dy, ctx)

    def _label(self) -> str:
        return f' "{self.name}"' if self.name else ""
