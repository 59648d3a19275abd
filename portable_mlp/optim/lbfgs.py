"""L-BFGS with a strong-Wolfe line search. Vectors stay on the device; the line search's numbers don't."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from portable_mlp.nn.arrays import Array, Namespace
from portable_mlp.nn.plain_numbers import is_whole
from portable_mlp.optim.line_search import Point, StrongWolfe
from portable_mlp.optim.optimizer import Optimizer

Objective = Callable[[Any], tuple[Any, Any]]
"""``objective(vector) -> (value, gradient)``."""


class LBFGSState(NamedTuple):
    """What one iteration leaves for the next."""

    pairs: tuple[tuple[Any, Any, Any], ...] = ()  # (s, y, 1 / sᵀy), oldest first
    converged: bool = False


@dataclass(frozen=True, kw_only=True)
class LBFGS(Optimizer):
    """w ← w - a H g, H the inverse Hessian that the last ``history_size`` steps suggest.

    One epoch is one iteration over the whole data set, with as many evaluations as its line search
    needs; each evaluation brings two numbers to the host. For small data sets and smooth networks.

    Args:
        learning_rate: first step length that a line search tries, after the first iteration.
        history_size: pairs (s, y) that are remembered.
        tolerance: training ends when no gradient element is larger.
        line_search: the strong Wolfe conditions and their limits.

    Source: Nocedal & Wright 2006, algorithms 7.4 and 7.5.
    """

    learning_rate: float = field(default=1.0, kw_only=False)
    history_size: int = 10
    tolerance: float = 1e-7
    line_search: StrongWolfe = StrongWolfe()  # noqa: RUF009  (frozen, so it may be shared)
    full_batch: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(
            is_whole(self.history_size, 1),
            "history_size",
            "a whole number of at least 1",
        )
        self._require(self.tolerance >= 0, "tolerance", "a number of at least 0")
        for name, off in (
            ("weight_decay", 0.0),
            ("clip_value", None),
            ("clip_norm", None),
            ("accumulation_steps", 1),
            ("ema_decay", None),
        ):
            self._require(
                getattr(self, name) == off, name, f"{off}: it would spoil the line search (use l2)"
            )

    def minimize_step(
        self,
        objective: Objective,
        vector: Array,
        state: LBFGSState,
        xp: Namespace,
        first_step: float | None = None,
    ) -> tuple[Any, LBFGSState, Any, Any]:
        """One iteration.

        Args:
            objective: value and gradient at a vector.
            vector: where to start.
            state: from the last iteration, or ``LBFGSState()``.
            xp: the namespace.
            first_step: first step length to try; None for ``learning_rate``.

        Returns:
            ``(vector, state, value, gradient)``; value and gradient are those at the start.
        """
        value, gradient = objective(vector)
        largest = float(xp.max(xp.abs(gradient)))
        if not math.isfinite(largest):  # the training loop sees it, and says what it comes from
            return vector, state, value, gradient
        if largest <= self.tolerance:
            return vector, LBFGSState(state.pairs, converged=True), value, gradient

        direction = -self._times_inverse_hessian(gradient, state.pairs, xp)
        slope = float(xp.sum(direction * gradient))
        if not slope < 0:  # rounding has spoilt the pairs: start again from steepest descent
            state, direction = LBFGSState(), -gradient
            slope = float(xp.sum(direction * gradient))
        a = first_step or self.learning_rate
        if not state.pairs:  # the scale of H is unknown yet
            a = min(1.0, 1.0 / float(xp.sum(xp.abs(gradient)))) * a

        def phi(a: float) -> Point:
            there = vector + a * direction
            new_value, new_gradient = objective(there)
            new_slope = float(xp.sum(new_gradient * direction))
            return Point(a, float(new_value), new_slope, (there, new_gradient))

        start = Point(0.0, float(value), slope, (vector, gradient))
        found = self.line_search.search(phi, start, a)
        if found is start:  # no lower point within rounding
            return vector, LBFGSState(state.pairs, converged=True), value, gradient
        new_vector, new_gradient = found.payload
        pairs = self._remember(state.pairs, new_vector - vector, new_gradient - gradient, xp)
        return new_vector, LBFGSState(pairs), value, gradient

    def _times_inverse_hessian(self, gradient: Array, pairs: Any, xp: Namespace) -> Any:
        """H g, by the two-loop recursion."""
        q: Any = gradient
        alphas = []
        for s, y, rho in reversed(pairs):
            alpha = rho * xp.sum(s * q)
            q = q - alpha * y
            alphas.append(alpha)
        if pairs:
            s, y, rho = pairs[-1]
            q = q / (rho * xp.sum(y * y))
        for (s, y, rho), alpha in zip(pairs, reversed(alphas), strict=True):
            q = q + s * (alpha - rho * xp.sum(y * q))
        return q

    def _remember(self, pairs: Any, s: Any, y: Any, xp: Namespace) -> Any:
        """The pairs with the new one, unless its curvature is not safely positive."""
        curvature = xp.sum(s * y)
        if float(curvature) <= 1e-10 * float(xp.sum(y * y)):
            return pairs
        return (*pairs, (s, y, 1.0 / curvature))[-self.history_size :]
