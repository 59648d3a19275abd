"""Flatten."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from portable_mlp.nn.arrays import Array, Shape
from portable_mlp.nn.layer import Context, Layer, Tree


@dataclass(frozen=True)
class Flatten(Layer):
    """All axes of a sample in one: (batch, 28, 28) becomes (batch, 784)."""

    def output_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def forward(self, params: Tree, x: Array, ctx: Context) -> tuple[Any, Any]:
        return ctx.xp.reshape(x, (x.shape[0], math.prod(x.shape[1:]))), x.shape

    def backward(self, params: Tree, cache: Any, dy: Array, ctx: Context) -> tuple[Any, Tree]:
        return ctx.xp.reshape(dy, cache), None
