"""One training step as a pure function, and what it is made of.

    step(carry, data, rows, i, scalars, keys, share)  ->  carry

Nothing in here asks the device for a number: loss and metrics are added up on the device and come
over once an epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from portable_mlp.nn.layer import Tree
from portable_mlp.optim import LBFGS, Optimizer
from portable_mlp.optim.lbfgs import LBFGSState
from portable_mlp.training.problem import Data, Keys, Problem


class Totals(NamedTuple):
    """Sums over the steps of an epoch, 0-d arrays on the device."""

    loss: Any  # Σ mass · loss, or Σ loss for a sum loss
    penalty: Any  # Σ mass · penalty
    squared_gradient: Any  # Σ ‖gradient‖² over the optimizer's steps
    metrics: tuple[Any, ...]


class Pending(NamedTuple):
    """Gradients that wait for their step, with gradient accumulation."""

    gradient: Any  # Σ mass · gradient
    mass: Any


class Carry(NamedTuple):
    """Everything that a step changes."""

    vector: Any  # the parameters, (parameters,)
    slots: Any  # the optimizer's state
    state: Tree  # running statistics of the layers
    totals: Totals
    average: Any  # moving average of the vector, or None
    pending: Pending | None


def zero_totals(problem: Problem) -> Totals:
    """Where the sums of an epoch start."""
    zero = problem.backend.asarray(np.zeros(()))
    return Totals(zero, zero, zero, tuple(zero for _ in problem.metrics))


def batch_of(data: Data, rows: Any, i: Any, xp: Any) -> Data:
    """The i-th batch: rows ``rows[i]`` of the data, gathered on the device; all of it for None."""
    if rows is None:
        return data
    these = rows[i, ...]
    weights = None if data.weights is None else xp.take(data.weights, these, axis=0)
    return Data(xp.take(data.x, these, axis=0), xp.take(data.y, these, axis=0), weights)


Step = Callable[..., Carry]


def make_step(problem: Problem, optimizer: Optimizer) -> Step:
    """The step for an optimizer that moves after each mini-batch."""
    xp, move = problem.backend.xp, _make_move(problem, optimizer)

    def step(
        carry: Carry, data: Data, rows: Any, i: Any, scalars: Any, keys: Keys, share: Any
    ) -> Carry:
        batch = batch_of(data, rows, i, xp)
        value, gradient, outputs, state = problem.data_gradient(
            carry.vector, carry.state, batch, keys
        )
        penalty, slope = _penalty(problem, carry.vector)
        totals, _ = _add(problem, carry, value, penalty, outputs, batch)
        carry = carry._replace(state=state, totals=totals)
        return move(carry, gradient, slope, scalars, share)

    return problem.backend.compile(step)


def make_accumulating_steps(problem: Problem, optimizer: Optimizer) -> tuple[Step, Step]:
    """``(collect, apply)``: collect is called for each mini-batch, apply when it is time to move."""
    xp, move = problem.backend.xp, _make_move(problem, optimizer)
    sums = problem.loss.reduction == "sum"

    def collect(carry: Carry, data: Data, rows: Any, i: Any, keys: Keys) -> Carry:
        batch = batch_of(data, rows, i, xp)
        value, gradient, outputs, state = problem.data_gradient(
            carry.vector, carry.state, batch, keys
        )
        penalty, _ = _penalty(problem, carry.vector)  # of the figures; `apply` adds its slope
        totals, mass = _add(problem, carry, value, penalty, outputs, batch)
        pending = carry.pending
        assert pending is not None  # noqa: S101  (the loop starts accumulation with one)
        gradient = gradient if sums else gradient * mass
        pending = Pending(pending.gradient + gradient, pending.mass + mass)
        return carry._replace(state=state, totals=totals, pending=pending)

    def apply(carry: Carry, scalars: Any, share: Any) -> Carry:
        pending = carry.pending
        assert pending is not None  # noqa: S101
        gradient, mass = pending.gradient, pending.mass
        if not sums:
            gradient = gradient / (mass + xp.astype(mass == 0, mass.dtype))
        cleared = Pending(xp.zeros_like(gradient), xp.zeros_like(mass))
        _, slope = _penalty(problem, carry.vector)
        return move(carry._replace(pending=cleared), gradient, slope, scalars, share)

    return problem.backend.compile(collect), problem.backend.compile(apply)


def _make_move(problem: Problem, optimizer: Optimizer) -> Callable[..., Carry]:
    """``(carry, gradient, slope of the penalty, scalars, share) -> carry`` after one update."""
    xp, mask = problem.backend.xp, problem.decay_mask

    def move(carry: Carry, gradient: Any, slope: Any, scalars: Any, share: Any) -> Carry:
        if slope is not None:
            gradient = gradient + slope
        squared = gradient @ gradient
        vector, slots = optimizer.update(
            gradient, carry.slots, carry.vector, scalars, xp, decay_mask=mask, squared_norm=squared
        )
        totals = carry.totals._replace(squared_gradient=carry.totals.squared_gradient + squared)
        average = carry.average
        if average is not None:
            average = average + share * (vector - average)
        return carry._replace(vector=vector, slots=slots, totals=totals, average=average)

    return move


def make_line_search_step(
    problem: Problem, optimizer: LBFGS
) -> Callable[[Carry, Data, Keys, float], Carry]:
    """The step of L-BFGS: one iteration over the whole data set."""

    def evaluate(vector: Any, state: Tree, data: Data, keys: Keys) -> tuple[Any, Any, Any, Tree]:
        return problem.value_and_gradient(vector, state, data, keys)

    compiled = problem.backend.compile(evaluate)

    def step(carry: Carry, data: Data, keys: Keys, first_step: float) -> Carry:
        seen: dict[str, Any] = {}

        def objective(vector: Any) -> tuple[Any, Any]:
            value, gradient, outputs, state = compiled(vector, carry.state, data, keys)
            seen.setdefault("start", (value, gradient, outputs, state))
            return value, gradient

        vector, slots, _, _ = optimizer.minimize_step(
            objective, carry.vector, carry.slots, problem.backend.xp, first_step
        )
        value, gradient, outputs, state = seen["start"]
        totals, _ = _add(problem, carry, value, 0.0, outputs, data)  # the value has the penalty
        totals = totals._replace(
            squared_gradient=carry.totals.squared_gradient + gradient @ gradient,
        )
        return Carry(vector, slots, state, totals, None, None)

    return step


def initial_slots(optimizer: Optimizer, vector: Any, xp: Any) -> Any:
    """The optimizer's state before the first step."""
    return LBFGSState() if isinstance(optimizer, LBFGS) else optimizer.init(vector, xp)


def _add(
    problem: Problem, carry: Carry, value: Any, penalty: Any, outputs: Any, batch: Data
) -> tuple[Totals, Any]:
    """``(totals with this batch, its mass)``; the gradient's norm is added where it is known."""
    totals = carry.totals
    loss, metrics, mass = problem.sums(value, outputs, batch)
    added = totals._replace(
        loss=totals.loss + loss,
        penalty=totals.penalty + penalty * mass,
        metrics=tuple(a + b for a, b in zip(totals.metrics, metrics, strict=True)),
    )
    return added, mass


def _penalty(problem: Problem, vector: Any) -> tuple[Any, Any]:
    """``(value, slope)`` of the penalty, ``(0, None)`` where there is none."""
    if not problem.penalty:
        return 0.0, None
    return problem.penalty(vector, problem.decay_mask, problem.backend.xp)
