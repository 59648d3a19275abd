"""L1 and L2 penalties: part of the loss, on weights only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from portable_mlp.nn.arrays import Array, Namespace
from portable_mlp.nn.plain_numbers import LATER, PlainNumbers, is_number


@dataclass(frozen=True)
class Penalty(PlainNumbers):
    """P = l1 Σ |w| + ½ l2 Σ w²,   dP/dw = l1 sign(w) + l2 w, over the weights, not biases and norms.

    Args:
        l1: factor of the absolute values, >= 0.
        l2: factor of half the squares, >= 0.
        per_batch: whether P is divided by the rows of the mini-batch, or by their weight sum.
            scikit-learn's ``alpha`` is ``l2`` so; of larger batches it is a weaker penalty.
    """

    l1: float = 0.0
    l2: float = 0.0
    per_batch: bool = field(default=False, metadata=LATER)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("l1", "l2"):
            factor = getattr(self, name)
            if not (is_number(factor) and 0 <= factor < math.inf):
                raise ValueError(f"{name}: got {factor!r}, expected a finite number of at least 0.")

    def __bool__(self) -> bool:
        return self.l1 > 0 or self.l2 > 0

    def __call__(
        self, vector: Array, mask: Array, xp: Namespace, mass: Any = 1.0
    ) -> tuple[Any, Any]:
        """``(P, dP/dw)``.

        Args:
            vector: the parameters.
            mask: 1 for weights and 0 for what is not penalised.
            xp: the namespace.
            mass: rows of the mini-batch or their weight sum, above 0; ``per_batch`` divides by it.
        """
        weights = vector * mask
        if self.per_batch:
            l1, l2 = self.l1 / mass, self.l2 / mass
        else:
            l1, l2 = self.l1, self.l2
        value: Any = 0.0
        gradient: Any = 0.0
        if self.l2:
            value = value + 0.5 * l2 * xp.sum(weights * weights)
            gradient = gradient + l2 * weights
        if self.l1:
            value = value + l1 * xp.sum(xp.abs(weights))
            gradient = gradient + l1 * xp.sign(weights)
        return value, gradient
