"""One training step as a pure function, and what it is made of.

    step(xp, carry, data, rows, numbers)  ->  carry

Nothing in here asks the device for a number: loss and metrics are added up on the device and come
over once an epoch. The namespace is an argument, so that a backend can record the step
(`portable_mlp.backends.recording`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from portable_mlp.nn.layer import Tree
from portable_mlp.optim import LBFGS, Optimizer
from portable_mlp.training.carry import Carry, Pending, Totals
from portable_mlp.training.problem import Data, Keys, Problem, mass_of, nonzero


class Numbers(NamedTuple):
    """What the host works out for one step."""

    scalars: tuple[float, ...]  # the optimizer's
    share: float  # of the new weights in their moving average
    keys: Keys  # of the random streams


Step = Callable[..., Carry]
"""``step(xp, carry, data, rows, numbers) -> carry``."""


def batch_of(data: Data, rows: Any, xp: Any) -> Data:
    """The rows with these numbers, gathered on the device; all of the data for None."""
    if rows is None:
        return data
    weights = None if data.weights is None else xp.take(data.weights, rows, axis=0)
    return Data(xp.take(data.x, rows, axis=0), xp.take(data.y, rows, axis=0), weights)


def make_step(problem: Problem, optimizer: Optimizer) -> Step:
    """The step for an optimizer that moves after each mini-batch."""

    def step(xp: Any, carry: Carry, data: Data, rows: Any, numbers: Numbers) -> Carry:
        batch = batch_of(data, rows, xp)
        value, gradient, outputs, state = problem.data_gradient(
            xp, carry.vector, carry.state, batch, numbers.keys
        )
        penalty, slope = _penalty(problem, xp, carry.vector, mass_of(batch, xp))
        totals, _ = _add(problem, xp, carry, value, penalty, outputs, batch)
        carry = carry._replace(state=state, totals=totals)
        return _move(problem, optimizer, xp, carry, gradient, slope, numbers)

    return step


def make_accumulating_steps(problem: Problem, optimizer: Optimizer) -> tuple[Step, Step]:
    """``(collect, apply)``: collect is called for each mini-batch, apply when it is time to move."""
    sums = problem.loss.reduction == "sum"

    def collect(xp: Any, carry: Carry, data: Data, rows: Any, numbers: Numbers) -> Carry:
        batch = batch_of(data, rows, xp)
        value, gradient, outputs, state = problem.data_gradient(
            xp, carry.vector, carry.state, batch, numbers.keys
        )
        # of the figures; `apply` adds its slope
        penalty, _ = _penalty(problem, xp, carry.vector, mass_of(batch, xp))
        totals, mass = _add(problem, xp, carry, value, penalty, outputs, batch)
        pending = carry.pending
        assert pending is not None  # noqa: S101  (the loop starts accumulation with one)
        gradient = gradient if sums else gradient * mass
        pending = Pending(pending.gradient + gradient, pending.mass + mass)
        return carry._replace(state=state, totals=totals, pending=pending)

    def apply(xp: Any, carry: Carry, data: Data, rows: Any, numbers: Numbers) -> Carry:
        pending = carry.pending
        assert pending is not None  # noqa: S101
        gradient, mass = pending.gradient, pending.mass
        total = nonzero(mass, xp)
        if not sums:
            gradient = gradient / total
        cleared = Pending(xp.zeros_like(gradient), xp.zeros_like(mass))
        _, slope = _penalty(problem, xp, carry.vector, total)
        carry = carry._replace(pending=cleared)
        return _move(problem, optimizer, xp, carry, gradient, slope, numbers)

    return collect, apply


def _move(
    problem: Problem,
    optimizer: Optimizer,
    xp: Any,
    carry: Carry,
    gradient: Any,
    slope: Any,
    numbers: Numbers,
) -> Carry:
    """The carry after one update; ``slope`` is the gradient of the penalty."""
    if slope is not None:
        gradient = gradient + slope
    squared = problem.backend.squared_norm(xp, gradient)
    vector, slots = optimizer.update(
        gradient,
        carry.slots,
        carry.vector,
        numbers.scalars,
        xp,
        decay_mask=problem.decay_mask,
        squared_norm=squared,
        rate_factors=problem.rate_factors,
    )
    totals = carry.totals._replace(squared_gradient=carry.totals.squared_gradient + squared)
    average = carry.average
    if average is not None:
        average = average + numbers.share * (vector - average)
    return carry._replace(vector=vector, slots=slots, totals=totals, average=average)


def make_line_search_step(
    problem: Problem, optimizer: LBFGS
) -> Callable[[Carry, Data, Keys, float], Carry]:
    """The step of L-BFGS: one iteration over the whole data set."""
    xp = problem.backend.xp

    def evaluate(vector: Any, state: Tree, data: Data, keys: Keys) -> tuple[Any, Any, Any, Tree]:
        return problem.value_and_gradient(xp, vector, state, data, keys)

    def settle(vector: Any, state: Tree, x: Any, keys: Keys) -> Tree:
        return problem.settled(xp, vector, state, x, keys)

    compiled, settled = problem.backend.compile(evaluate), problem.backend.compile(settle)
    has_state = bool(problem.state_layout.entries)

    def step(carry: Carry, data: Data, keys: Keys, first_step: float) -> Carry:
        seen: dict[str, Any] = {}

        def objective(vector: Any) -> tuple[Any, Any]:
            value, gradient, outputs, state = compiled(vector, carry.state, data, keys)
            seen.setdefault("start", (value, gradient, outputs, state))
            return value, gradient

        vector, slots, _, _ = optimizer.minimize_step(
            objective, carry.vector, carry.slots, xp, first_step
        )
        value, gradient, outputs, state = seen["start"]
        if has_state:  # that of the start says nothing of where the line search ended
            state = settled(vector, carry.state, data.x, keys)
        totals, _ = _add(problem, xp, carry, value, 0.0, outputs, data)  # value has the penalty
        totals = totals._replace(
            squared_gradient=carry.totals.squared_gradient + gradient @ gradient,
        )
        return Carry(vector, slots, state, totals, None, None)

    return step


def _add(
    problem: Problem, xp: Any, carry: Carry, value: Any, penalty: Any, outputs: Any, batch: Data
) -> tuple[Totals, Any]:
    """``(totals with this batch, its mass)``; the gradient's norm is added where it is known."""
    totals = carry.totals
    loss, metrics, mass = problem.sums(xp, totals.metrics, value, outputs, batch)
    added = totals._replace(
        loss=totals.loss + loss,
        penalty=totals.penalty + penalty * mass,
        metrics=metrics,
    )
    return added, mass


def _penalty(problem: Problem, xp: Any, vector: Any, mass: Any) -> tuple[Any, Any]:
    """``(value, slope)`` of the penalty, ``(0, None)`` where there is none."""
    if not problem.penalty:
        return 0.0, None
    return problem.penalty(vector, problem.decay_mask, xp, mass)
