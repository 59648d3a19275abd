"""A learned factor for each feature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from portable_mlp.nn.arrays import Array, Shape
from portable_mlp.nn.initializers import Constant
from portable_mlp.nn.layer import Context, Layer, ParameterSpec
from portable_mlp.nn.plain_numbers import is_number


class ScaleParams(NamedTuple):
    """Parameters of `Scale`, or their gradients."""

    scale: Any  # the shape of one sample


@dataclass(frozen=True)
class Scale(Layer):
    """y = x ⊙ s.   dL/ds = Σ_batch dy ⊙ x,   dL/dx = dy ⊙ s.

    In front of the first layer it learns which features matter.

    Args:
        initial: first value of every s.
        rate: factor of the learning rate of s, above 0; RealMLP has 6.

    Source: RealMLP, Holzmüller et al. 2024, arXiv 2407.04491.
    """

    initial: float = 1.0
    rate: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (is_number(self.rate) and 0 < self.rate < math.inf):
            raise ValueError(f"Scale: rate is {self.rate!r}, expected a finite number above 0.")

    def parameters(self, shape: Shape) -> ScaleParams:
        return ScaleParams(ParameterSpec(shape, Constant(self.initial), rate=self.rate))

    def forward(self, params: ScaleParams, x: Array, ctx: Context) -> tuple[Any, Any]:
        return x * params.scale, x

    def gradients(self, params: ScaleParams, cache: Any, dy: Array, ctx: Context) -> ScaleParams:
        x = cache
        return ScaleParams(ctx.xp.sum(dy * x, axis=0))

    def backward(
        self, params: ScaleParams, cache: Any, dy: Array, ctx: Context
    ) -> tuple[Any, ScaleParams]:
        return dy * params.scale, self.gradients(params, cache, dy, ctx)
