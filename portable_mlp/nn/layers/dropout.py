"""Dropout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from portable_mlp.nn.arrays import Array
from portable_mlp.nn.layer import Context, Layer, Tree
from portable_mlp.nn.plain_numbers import is_number


@dataclass(frozen=True)
class Dropout(Layer):
    """y = x ⊙ m / (1 - rate), m = 1 with probability 1 - rate, else 0.   dL/dx = dy ⊙ m / (1 - rate).

    Active in training only; at prediction y = x. The mask depends on (seed, step, layer) alone and
    is the same on every backend.

    Args:
        rate: share of the values that are set to 0, in [0, 1). It is the share dropped, not kept.

    Source: Srivastava et al. 2014, in the inverted form.
    """

    rate: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (is_number(self.rate) and 0 <= self.rate < 1):
            raise ValueError(
                f"Dropout: rate is {self.rate!r}, expected a share in [0, 1): the share that is "
                "dropped, not kept."
            )

    @property
    def streams(self) -> int:
        return 1 if self.rate > 0 else 0

    def forward(self, params: Tree, x: Array, ctx: Context) -> tuple[Any, Any]:
        if not ctx.training or self.rate == 0:
            return x, None
        keep = ctx.xp.astype(ctx.uniform(x.shape) >= self.rate, x.dtype)
        mask = keep * (1 / (1 - self.rate))
        return x * mask, mask

    def backward(self, params: Tree, cache: Any, dy: Array, ctx: Context) -> tuple[Any, Tree]:
        mask = cache
        return (dy if mask is None else dy * mask), None
