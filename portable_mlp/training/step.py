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

    loss: Any
    squared_gradient: Any
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
    return Totals(zero, zero, tuple(zero for _ in problem.metrics))


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
    xp = problem.backend.xp
    mask = problem.decay_mask if optimizer.weight_decay else None

    def step(
        carry: Carry, data: Data, rows: Any, i: Any, scalars: Any, keys: Keys, share: Any
    ) -> Carry:
        batch = batch_of(data, rows, i, xp)
        value, gradient, outputs, state = problem.value_and_gradient(
            carry.vector, carry.state, batch, keys
        )
        totals, squared, _ = _add(problem, carry.totals, value, gradient, outputs, batch)
        vector, slots = optimizer.update(
            gradient, carry.slots, carry.vector, scalars, xp, decay_mask=mask, squared_norm=squared
        )
        average = _moved_average(carry.average, vector, share)
        return Carry(vector, slots, state, totals, average, None)

    return problem.backend.compile(step)


def make_accumulating_steps(problem: Problem, optimizer: Optimizer) -> tuple[Step, Step]:
    """``(collect, apply)``: collect is called for each mini-batch, apply when it is time to move."""
    xp = problem.backend.xp
    mask = problem.decay_mask if optimizer.weight_decay else None

    def collect(carry: Carry, data: Data, rows: Any, i: Any, keys: Keys) -> Carry:
        batch = batch_of(data, rows, i, xp)
        value, gradient, outputs, state = problem.value_and_gradient(
            carry.vector, carry.state, batch, keys
        )
        totals, _, mass = _add(problem, carry.totals, value, gradient, outputs, batch)
        if problem.loss.reduction == "sum":
            mass = 1.0
        pending = carry.pending
        assert pending is not None  # noqa: S101  (the loop starts accumulation with one)
        pending = Pending(pending.gradient + gradient * mass, pending.mass + mass)
        return carry._replace(state=state, totals=totals, pending=pending)

    def apply(carry: Carry, scalars: Any, share: Any) -> Carry:
        pending = carry.pending
        assert pending is not None  # noqa: S101
        gradient = pending.gradient
        if problem.loss.reduction != "sum":
            mass = pending.mass
            gradient = gradient / (mass + xp.astype(mass == 0, mass.dtype))
        vector, slots = optimizer.update(
            gradient, carry.slots, carry.vector, scalars, xp, decay_mask=mask
        )
        average = _moved_average(carry.average, vector, share)
        cleared = Pending(xp.zeros_like(gradient), xp.zeros_like(pending.mass))
        return carry._replace(vector=vector, slots=slots, average=average, pending=cleared)

    return problem.backend.compile(collect), problem.backend.compile(apply)


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
        totals, _, _ = _add(problem, carry.totals, value, gradient, outputs, data)
        return Carry(vector, slots, state, totals, None, None)

    return step


def initial_slots(optimizer: Optimizer, vector: Any, xp: Any) -> Any:
    """The optimizer's state before the first step."""
    return LBFGSState() if isinstance(optimizer, LBFGS) else optimizer.init(vector, xp)


def _add(
    problem: Problem, totals: Totals, value: Any, gradient: Any, outputs: Any, batch: Data
) -> tuple[Totals, Any, Any]:
    """``(totals with this batch, ‖gradient‖², mass)``."""
    squared = gradient @ gradient
    loss, metrics, mass = problem.sums(value, outputs, batch)
    added = Totals(
        totals.loss + loss,
        totals.squared_gradient + squared,
        tuple(a + b for a, b in zip(totals.metrics, metrics, strict=True)),
    )
    return added, squared, mass


def _moved_average(average: Any, vector: Any, share: Any) -> Any:
    return None if average is None else average + share * (vector - average)
