"""Stochastic gradient descent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from portable_mlp.nn.arrays import Array, Namespace
from portable_mlp.optim.optimizer import Optimizer, Scalars


@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    """v ← μ v - lr g,   w ← w + v;   with Nesterov: w ← w + μ v - lr g (with the new v).

    The form of Sutskever et al. 2013 and of scikit-learn and Keras: the rate is inside v, so that a
    falling rate does not rescale old velocity. At a constant rate PyTorch's form is the same.

    Args:
        learning_rate: lr.
        momentum: μ in [0, 1).
        nesterov: look ahead along v; needs momentum.
    """

    learning_rate: float = field(default=1e-2, kw_only=False)
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_shares("momentum")
        self._require(
            not self.nesterov or self.momentum > 0, "nesterov", "momentum above 0 with it"
        )

    @property
    def slots(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("velocity",) if self.momentum else ()

    def rule(
        self,
        xp: Namespace,
        vector: Array,
        gradient: Array,
        slots: tuple[Any, ...],
        scalars: Scalars,
    ) -> tuple[Any, tuple[Any, ...]]:
        (lr,) = scalars
        step = lr * gradient
        if not self.momentum:
            return vector - step, ()
        velocity = self.momentum * slots[0] - step
        if self.nesterov:
            return vector + (self.momentum * velocity - step), (velocity,)
        return vector + velocity, (velocity,)
