"""The affine layer in the neural tangent parametrisation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from portable_mlp.nn.arrays import Array, Shape
from portable_mlp.nn.initializers import Initializer
from portable_mlp.nn.layer import Context
from portable_mlp.nn.layers.dense import Dense, DenseParams
from portable_mlp.nn.plain_numbers import is_number


@dataclass(frozen=True)
class NTKDense(Dense):
    """y = x W / √in + b.   dL/dW = xᵀ dy / √in,   dL/db = Σ_batch dy,   dL/dx = dy Wᵀ / √in.

    All weights are of the order of 1 whatever the width, so that one learning rate suits every layer.

    Args:
        units: number of outputs, at least 1.
        weight_init: initializer of W, of shape (in, units), or its name.
        bias_init: initializer of b, of shape (units,), or its name.
        use_bias: whether there is a b.
        bias_rate: factor of the learning rate of b, above 0.

    Example:
        >>> import numpy as np
        >>> from portable_mlp.nn import Context
        >>> params = DenseParams(weight=np.ones((4, 1)), bias=np.asarray([0.5]))
        >>> NTKDense(1).forward(params, np.ones((1, 4)), Context(np))[0].tolist()
        [[2.5]]

    Source: Jacot et al. 2018, arXiv 1806.07572; b of N(0, 1) with its own rate as in RealMLP, Holzmüller
    et al. 2024, arXiv 2407.04491.
    """

    weight_init: Initializer | str = "standard_normal"
    bias_init: Initializer | str = "standard_normal"
    bias_rate: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (is_number(self.bias_rate) and 0 < self.bias_rate < math.inf):
            raise ValueError(
                f"NTKDense: bias_rate is {self.bias_rate!r}, expected a finite number above 0."
            )

    def parameters(self, shape: Shape) -> DenseParams:
        weight, bias = super().parameters(shape)
        return DenseParams(weight, None if bias is None else bias._replace(rate=self.bias_rate))

    def forward(self, params: DenseParams, x: Array, ctx: Context) -> tuple[Any, Any]:
        y = ctx.matmul(x, params.weight) * (1 / math.sqrt(x.shape[1]))  # (batch, out)
        return (y if params.bias is None else y + params.bias), x

    def gradients(self, params: DenseParams, cache: Any, dy: Array, ctx: Context) -> DenseParams:
        x = cache  # (batch, in)
        bias = None if params.bias is None else ctx.xp.sum(dy, axis=0)
        return DenseParams(ctx.transposed_matmul(x, dy) * (1 / math.sqrt(x.shape[1])), bias)

    def backward(
        self, params: DenseParams, cache: Any, dy: Array, ctx: Context
    ) -> tuple[Any, DenseParams]:
        dx = ctx.matmul(dy, params.weight.T) * (1 / math.sqrt(params.weight.shape[0]))
        return dx, self.gradients(params, cache, dy, ctx)
