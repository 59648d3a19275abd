"""Batch normalisation, the one layer here with running statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from portable_mlp.nn.arrays import Array, Shape
from portable_mlp.nn.initializers import Constant, Zeros
from portable_mlp.nn.layer import Context, Layer, ParameterSpec


class BatchNormParams(NamedTuple):
    """Parameters of `BatchNorm`, or their gradients."""

    scale: Any  # the shape of one sample
    shift: Any


class BatchNormState(NamedTuple):
    """Running statistics of `BatchNorm`, which prediction uses."""

    mean: Any
    variance: Any


@dataclass(frozen=True)
class BatchNorm(Layer):
    """x̂ = (x - μ) / √(σ² + ε),  y = γ x̂ + β, with μ and σ² over the batch.

    dL/dγ = Σ_batch dy x̂,   dL/dβ = Σ_batch dy,
    dL/dx = (g - mean g - x̂ mean(g x̂)) / √(σ² + ε) with g = γ dy and means over the batch.

    Training uses the batch's own μ and (biased) σ² and moves the running ones:
    running ← (1 - momentum) running + momentum · new, with the unbiased variance (a batch of one row
    leaves them alone); with L-BFGS they are those of all rows at the last weights. Prediction uses the
    running ones, and there dL/dx = g / √(σ² + ε).

    Args:
        momentum: share of the new batch in the running statistics, in (0, 1]. PyTorch's meaning;
            Keras calls 1 minus this number momentum.
        epsilon: ε, inside the root.

    Source: Ioffe & Szegedy 2015, algorithms 1 and 2.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.momentum <= 1:
            raise ValueError(
                f"BatchNorm: momentum is {self.momentum!r}, expected the share of the new batch, "
                "in (0, 1]; Keras' 0.99 is 0.01 here."
            )

    def parameters(self, shape: Shape) -> BatchNormParams:
        return BatchNormParams(ParameterSpec(shape, Constant(1.0)), ParameterSpec(shape, Zeros()))

    def state(self, shape: Shape) -> BatchNormState:
        return BatchNormState(
            mean=ParameterSpec(shape, Zeros()), variance=ParameterSpec(shape, Constant(1.0))
        )

    def apply(
        self, params: BatchNormParams, state: BatchNormState, x: Array, ctx: Context
    ) -> tuple[Any, Any, BatchNormState]:
        xp = ctx.xp
        if ctx.training:
            mean = xp.mean(x, axis=0)
            centred = x - mean
            variance = xp.mean(centred * centred, axis=0)
            state = self._moved(state, mean, variance, x.shape[0], ctx)
        else:
            centred = x - state.mean
            variance = state.variance
        inverse = 1.0 / xp.sqrt(variance + self.epsilon)
        normal = centred * inverse
        return params.scale * normal + params.shift, (normal, inverse), state

    def backward(
        self, params: BatchNormParams, cache: Any, dy: Array, ctx: Context
    ) -> tuple[Any, BatchNormParams]:
        xp = ctx.xp
        normal, inverse = cache
        gradients = BatchNormParams(xp.sum(dy * normal, axis=0), xp.sum(dy, axis=0))
        if not ctx.training:
            return dy * (params.scale * inverse), gradients
        mean_dy = gradients.shift * (1 / dy.shape[0])
        mean_dyn = gradients.scale * (1 / dy.shape[0])
        return (dy - mean_dy - normal * mean_dyn) * (params.scale * inverse), gradients

    def _moved(
        self, state: BatchNormState, mean: Any, variance: Any, batch: int, ctx: Context
    ) -> BatchNormState:
        if batch == 1:  # one row, such as the rest of an epoch, has no variance to tell of
            return state
        unbiased = variance * (batch / (batch - 1))
        new = self.momentum if ctx.running_share is None else ctx.running_share
        keep = 1 - new
        return BatchNormState(
            keep * state.mean + new * mean, keep * state.variance + new * unbiased
        )
