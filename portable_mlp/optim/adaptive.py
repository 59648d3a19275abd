"""RMSprop and Adagrad: a step size for each weight, from its squared gradients."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from portable_mlp.nn.arrays import Array, Namespace
from portable_mlp.optim.optimizer import Optimizer, Scalars


@dataclass(frozen=True, kw_only=True)
class RMSprop(Optimizer):
    """v ← ρ v + (1 - ρ) g²,   w ← w - lr g / (√v + ε).

    Args:
        learning_rate: lr.
        rho: ρ in [0, 1): 0.9 as in the lecture and Keras; PyTorch's alpha is 0.99.
        epsilon: ε, outside the root as in PyTorch.

    Source: Tieleman & Hinton 2012, lecture 6.5.
    """

    learning_rate: float = field(default=1e-3, kw_only=False)
    rho: float = 0.9
    epsilon: float = 1e-8
    slots = ("square",)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_shares("rho")
        self._require(self.epsilon > 0, "epsilon", "a number above 0")

    def rule(
        self,
        xp: Namespace,
        vector: Array,
        gradient: Array,
        slots: tuple[Any, ...],
        scalars: Scalars,
    ) -> tuple[Any, tuple[Any, ...]]:
        (lr,) = scalars
        square = self.rho * slots[0] + (1 - self.rho) * (gradient * gradient)
        return vector - lr * gradient / (xp.sqrt(square) + self.epsilon), (square,)


@dataclass(frozen=True, kw_only=True)
class Adagrad(Optimizer):
    """v ← v + g²,   w ← w - lr g / (√v + ε).

    Args:
        learning_rate: lr.
        epsilon: ε, outside the root as in PyTorch.

    Source: Duchi, Hazan & Singer 2011, figure 1 with the diagonal matrix.
    """

    learning_rate: float = field(default=1e-2, kw_only=False)
    epsilon: float = 1e-10
    slots = ("square",)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.epsilon > 0, "epsilon", "a number above 0")

    def rule(
        self,
        xp: Namespace,
        vector: Array,
        gradient: Array,
        slots: tuple[Any, ...],
        scalars: Scalars,
    ) -> tuple[Any, tuple[Any, ...]]:
        (lr,) = scalars
        square = slots[0] + gradient * gradient
        return vector - lr * gradient / (xp.sqrt(square) + self.epsilon), (square,)
