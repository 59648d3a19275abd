"""Lion."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from portable_mlp.nn.arrays import Array, Namespace
from portable_mlp.optim.optimizer import Optimizer, Scalars


@dataclass(frozen=True, kw_only=True)
class Lion(Optimizer):
    """w ← w - lr sign(β₁ m + (1 - β₁) g),   m ← β₂ m + (1 - β₂) g.

    Args:
        learning_rate: lr; 3 to 10 times smaller than for Adam.
        beta1: β₁ in [0, 1).
        beta2: β₂ in [0, 1).

    Source: Chen et al. 2023, algorithm 2.
    """

    learning_rate: float = field(default=1e-4, kw_only=False)
    beta1: float = 0.9
    beta2: float = 0.99
    slots = ("momentum",)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_shares("beta1", "beta2")

    def rule(
        self,
        xp: Namespace,
        vector: Array,
        gradient: Array,
        slots: tuple[Any, ...],
        scalars: Scalars,
    ) -> tuple[Any, tuple[Any, ...]]:
        (lr,) = scalars
        direction = xp.sign(self.beta1 * slots[0] + (1 - self.beta1) * gradient)
        momentum = self.beta2 * slots[0] + (1 - self.beta2) * gradient
        return vector - lr * direction, (momentum,)
