"""A residual block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from portable_mlp.nn.arrays import Array, Shape
from portable_mlp.nn.layer import Context, Layer, Tree
from portable_mlp.nn.network import Network


@dataclass(frozen=True)
class Residual(Layer):
    """y = x + f(x), f a stack of layers.   dL/dx = dy + (dL/dx through f).

    Args:
        layers: the layers of f, whose output has the shape of its input.

    Source: He et al. 2016, eq. 1.
    """

    layers: Sequence[Layer]

    @cached_property
    def network(self) -> Network:
        """f."""
        return Network.of(self.layers)

    @property
    def streams(self) -> int:
        return self.network.streams

    def output_shape(self, shape: Shape) -> Shape:
        inner = self.network.output_shape(shape)
        if inner != shape:
            raise ValueError(
                f"Residual: its layers turn a sample of shape {shape} into {inner}, expected the "
                "same shape, because the two are added; end with Dense("
                f"{shape[-1]})."
            )
        return shape

    def parameters(self, shape: Shape) -> Tree:
        return self.network.parameters(shape)

    def state(self, shape: Shape) -> Tree:
        return self.network.state(shape)

    def apply(self, params: Tree, state: Tree, x: Array, ctx: Context) -> tuple[Any, Any, Tree]:
        y, cache, state = self.network.apply(params, state, x, ctx)
        return x + y, cache, state

    def backward(self, params: Tree, cache: Any, dy: Array, ctx: Context) -> tuple[Any, Tree]:
        dx, gradients = self.network.backward(params, cache, dy, ctx)
        return dy + dx, gradients
