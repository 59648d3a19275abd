"""Adam and its relatives AdamW and NAdam."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from portable_mlp.nn.arrays import Array, Namespace
from portable_mlp.optim.optimizer import Optimizer, Scalars


@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """m ← β₁ m + (1 - β₁) g,   v ← β₂ v + (1 - β₂) g²,   w ← w - lr m̂ / (√v̂ + ε).

    m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ); t counts from 1.

    Args:
        learning_rate: lr.
        beta1: β₁ in [0, 1).
        beta2: β₂ in [0, 1).
        epsilon: ε, added to the corrected root √v̂ as in algorithm 1 (Keras has 1e-7).
        epsilon_hat: add ε to the uncorrected root √v instead: the last form of the paper's section 2,
            and scikit-learn's.

    Example:
        >>> import numpy as np
        >>> adam = Adam(0.1)
        >>> w = np.asarray([1.0, -1.0])
        >>> w, state = adam.update(
        ...     np.asarray([5.0, -0.2]), adam.init(w, np), w, adam.scalars(1, 0.1), np)
        >>> w.round(6).tolist()  # the first step is lr · sign(g)
        [0.9, -0.9]

    Source: Kingma & Ba 2015, algorithm 1.
    """

    learning_rate: float = field(default=1e-3, kw_only=False)
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    epsilon_hat: bool = False
    slots = ("first_moment", "second_moment")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_shares("beta1", "beta2")
        self._require(self.epsilon > 0, "epsilon", "a number above 0")

    def scalars(self, step: int, learning_rate: float) -> Scalars:
        """(lr, lr / (1 - β₁ᵗ), 1 / √(1 - β₂ᵗ), ε beside the corrected root)."""
        root_factor = 1 / math.sqrt(1 - self.beta2**step)
        epsilon = self.epsilon * root_factor if self.epsilon_hat else self.epsilon
        return learning_rate, learning_rate / (1 - self.beta1**step), root_factor, epsilon

    def rule(
        self,
        xp: Namespace,
        vector: Array,
        gradient: Array,
        slots: tuple[Any, ...],
        scalars: Scalars,
    ) -> tuple[Any, tuple[Any, ...]]:
        _, rate, root_factor, epsilon = scalars
        first = self.beta1 * slots[0] + (1 - self.beta1) * gradient
        second = self.beta2 * slots[1] + (1 - self.beta2) * (gradient * gradient)
        denominator = xp.sqrt(second) * root_factor + epsilon
        return vector - rate * first / denominator, (first, second)


@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: w ← w - lr λ w before the step.

    Args:
        learning_rate: lr.
        weight_decay: λ; 0.01 as in PyTorch (Keras: 0.004). On weights only, not on biases and norms.

    Source: Loshchilov & Hutter 2019, algorithm 2.
    """

    weight_decay: float = 0.01


@dataclass(frozen=True, kw_only=True)
class NAdam(Adam):
    """Adam with Nesterov momentum.

    w ← w - lr [ (1 - μ_t) g / (1 - Π_t) + μ_{t+1} m / (1 - Π_{t+1}) ] / (√v̂ + ε) with
    μ_t = β₁ (1 - ½ · 0.96^(ψ t)) and Π_t = μ_1 ⋯ μ_t.

    Args:
        learning_rate: lr; 2e-3 as in PyTorch.
        momentum_decay: ψ >= 0.

    Source: Dozat 2016, algorithm 2; the schedule of μ as in PyTorch.
    """

    learning_rate: float = field(default=2e-3, kw_only=False)
    momentum_decay: float = 4e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.momentum_decay >= 0, "momentum_decay", "a number of at least 0")

    def scalars(self, step: int, learning_rate: float) -> Scalars:
        """(lr, factor of g, factor of m, 1 / √(1 - β₂ᵗ), ε beside the corrected root)."""
        product = self._product(step)
        mu, next_mu = self._mu(step), self._mu(step + 1)
        return (
            learning_rate,
            learning_rate * (1 - mu) / (1 - product),
            learning_rate * next_mu / (1 - product * next_mu),
            *super().scalars(step, learning_rate)[2:],
        )

    def rule(
        self,
        xp: Namespace,
        vector: Array,
        gradient: Array,
        slots: tuple[Any, ...],
        scalars: Scalars,
    ) -> tuple[Any, tuple[Any, ...]]:
        _, of_gradient, of_first, root_factor, epsilon = scalars
        first = self.beta1 * slots[0] + (1 - self.beta1) * gradient
        second = self.beta2 * slots[1] + (1 - self.beta2) * (gradient * gradient)
        denominator = xp.sqrt(second) * root_factor + epsilon
        return vector - (of_gradient * gradient + of_first * first) / denominator, (first, second)

    def _mu(self, step: int) -> float:
        return self.beta1 * (1 - 0.5 * math.pow(0.96, step * self.momentum_decay))

    def _product(self, step: int) -> float:
        """Π_t. Below 1e-17 it no longer changes 1 - Π_t, and the loop ends."""
        product = 1.0
        for i in range(1, step + 1):
            product *= self._mu(i)
            if product < 1e-17:
                return 0.0
        return product
