"""Normalisation over the features of one sample: LayerNorm and RMSNorm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from portable_mlp.nn.arrays import Array, Shape
from portable_mlp.nn.initializers import Constant, Zeros
from portable_mlp.nn.layer import Context, Layer, ParameterSpec


class LayerNormParams(NamedTuple):
    """Parameters of `LayerNorm`, or their gradients."""

    scale: Any  # (features,)
    shift: Any  # (features,)


@dataclass(frozen=True)
class LayerNorm(Layer):
    """x̂ = (x - mean x) / √(var x + ε),  y = γ x̂ + β, with mean and variance over the last axis.

    dL/dγ = Σ_batch dy x̂,   dL/dβ = Σ_batch dy,
    dL/dx = (g - mean g - x̂ mean(g x̂)) / √(var x + ε) with g = γ dy.

    Args:
        epsilon: ε, inside the root. The variance is the biased one.

    Source: Ba, Kiros & Hinton 2016, eq. 4.
    """

    epsilon: float = 1e-5

    def parameters(self, shape: Shape) -> LayerNormParams:
        features = shape[-1:]
        return LayerNormParams(
            ParameterSpec(features, Constant(1.0)), ParameterSpec(features, Zeros())
        )

    def forward(self, params: LayerNormParams, x: Array, ctx: Context) -> tuple[Any, Any]:
        xp = ctx.xp
        centred = x - xp.mean(x, axis=-1, keepdims=True)
        variance = xp.mean(centred * centred, axis=-1, keepdims=True)
        inverse = 1.0 / xp.sqrt(variance + self.epsilon)
        normal = centred * inverse
        return params.scale * normal + params.shift, (normal, inverse)

    def backward(
        self, params: LayerNormParams, cache: Any, dy: Array, ctx: Context
    ) -> tuple[Any, LayerNormParams]:
        xp = ctx.xp
        normal, inverse = cache
        g = params.scale * dy
        mean_g = xp.mean(g, axis=-1, keepdims=True)
        mean_gn = xp.mean(g * normal, axis=-1, keepdims=True)
        dx = (g - mean_g - normal * mean_gn) * inverse
        batch_axes = tuple(range(dy.ndim - 1))
        dscale = xp.sum(dy * normal, axis=batch_axes)
        return dx, LayerNormParams(dscale, xp.sum(dy, axis=batch_axes))


class RMSNormParams(NamedTuple):
    """Parameters of `RMSNorm`, or their gradients."""

    scale: Any  # (features,)


@dataclass(frozen=True)
class RMSNorm(Layer):
    """x̂ = x / √(mean x² + ε),  y = γ x̂, with the mean over the last axis.

    dL/dγ = Σ_batch dy x̂,   dL/dx = (g - x̂ mean(g x̂)) / √(mean x² + ε) with g = γ dy.

    Args:
        epsilon: ε, inside the root.

    Source: Zhang & Sennrich 2019, eq. 4.
    """

    epsilon: float = 1e-5

    def parameters(self, shape: Shape) -> RMSNormParams:
        return RMSNormParams(ParameterSpec(shape[-1:], Constant(1.0)))

    def forward(self, params: RMSNormParams, x: Array, ctx: Context) -> tuple[Any, Any]:
        xp = ctx.xp
        inverse = 1.0 / xp.sqrt(xp.mean(x * x, axis=-1, keepdims=True) + self.epsilon)
        normal = x * inverse
        return params.scale * normal, (normal, inverse)

    def backward(
        self, params: RMSNormParams, cache: Any, dy: Array, ctx: Context
    ) -> tuple[Any, RMSNormParams]:
        xp = ctx.xp
        normal, inverse = cache
        g = params.scale * dy
        dx = (g - normal * xp.mean(g * normal, axis=-1, keepdims=True)) * inverse
        return dx, RMSNormParams(xp.sum(dy * normal, axis=tuple(range(dy.ndim - 1))))
