"""One pass over the data: which rows each step sees, and how a carry moves through the steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from portable_mlp import randomness
from portable_mlp.optim import LBFGS, Optimizer, Schedule
from portable_mlp.optim.schedules import Progress
from portable_mlp.training.problem import Data, Keys, Problem
from portable_mlp.training.step import (
    Carry,
    batch_of,
    make_accumulating_steps,
    make_line_search_step,
    make_step,
)


@dataclass(frozen=True)
class Plan:
    """What does not change from epoch to epoch.

    Args:
        problem: what is minimised.
        data: the training set on the device.
        rows: number of its rows.
        batch_size: rows of a mini-batch; ``rows`` or more for the whole set, unshuffled.
        optimizer: how the weights move.
        learning_rate: the rate before the schedule's factor.
        schedule: the factor.
        epochs: epochs planned.
        seed: of shuffles and dropout.
        first_epoch: epochs that the model had seen before this training.
        first_step: mini-batches that it had seen.
        first_update: updates that the optimizer's state has seen.
        total_weight: sum of the sample weights, or None where there are none.
    """

    problem: Problem
    data: Data
    rows: int
    batch_size: int
    optimizer: Optimizer
    learning_rate: float
    schedule: Schedule
    epochs: int
    seed: int
    first_epoch: int = 0
    first_step: int = 0
    first_update: int = 0
    total_weight: float | None = None

    @property
    def batches(self) -> int:
        """Mini-batches of an epoch; the last may be smaller."""
        return math.ceil(self.rows / self.batch_size)

    @property
    def updates(self) -> int:
        """Steps of the optimizer in an epoch."""
        return math.ceil(self.batches / self.optimizer.accumulation_steps)


def make_advance(problem: Problem, optimizer: Optimizer) -> Callable[[Epoch, Carry, int], Carry]:
    """The compiled move for an optimizer; made once, it serves every training of this problem."""
    if isinstance(optimizer, LBFGS):
        return _line_search(make_line_search_step(problem, optimizer))
    if optimizer.accumulation_steps > 1:
        return _accumulate(*make_accumulating_steps(problem, optimizer))
    return _each_batch(make_step(problem, optimizer))


class Epoch:
    """One epoch of a plan.

    Args:
        plan: what does not change.
        number: from 0, within this training.
        factor: what the schedule says of the figures so far.
        advance: from `make_advance`.
    """

    def __init__(
        self, plan: Plan, number: int, factor: float, advance: Callable[[Epoch, Carry, int], Carry]
    ) -> None:
        """Shuffles the rows and moves their numbers to the device."""
        self.plan, self.number, self._factor, self._advance = plan, number, factor, advance
        self._whole: Any = None
        self._rest: Any = None
        if plan.batch_size < plan.rows:
            backend = plan.problem.backend
            order = randomness.permutation(plan.seed, plan.first_epoch + number, plan.rows)
            full = plan.rows // plan.batch_size
            cut = full * plan.batch_size
            shape = (full, plan.batch_size)
            self._whole = backend.asarray(order[:cut].reshape(shape), backend.index_dtype)
            if cut < plan.rows:
                self._rest = backend.asarray(order[None, cut:], backend.index_dtype)

    def rows(self, index: int) -> tuple[Any, int]:
        """``(row numbers (batches, batch size), which of the batches)`` of a step."""
        full = self.plan.rows // self.plan.batch_size
        if self._whole is None or index < full:
            return self._whole, index
        return self._rest, 0

    def keys(self, index: int) -> Keys:
        """The random keys of a step."""
        plan = self.plan
        step = plan.first_step + self.number * plan.batches + index
        return randomness.stream_keys(plan.seed, step, plan.problem.network.streams)

    def rate(self, update: int) -> float:
        """The scheduled learning rate of an update of this epoch, from 0."""
        plan = self.plan
        progress = Progress(self.number * plan.updates + update, plan.updates, plan.epochs)
        return float(plan.learning_rate * plan.schedule.factor(progress) * self._factor)

    def scalars(self, update: int) -> tuple[tuple[float, ...], float]:
        """``(the optimizer's numbers, share of the new weights in their average)``."""
        plan = self.plan
        count = plan.first_update + self.number * plan.updates + update + 1
        return (
            plan.optimizer.scalars(count, self.rate(update)),
            plan.optimizer.ema_share(count),
        )

    def advance(self, carry: Carry, index: int) -> Carry:
        """The carry after step ``index`` of this epoch."""
        return self._advance(self, carry, index)

    def inspect(self) -> Iterator[tuple[Data, Keys]]:
        """Batch and random keys of each step, for a closer look."""
        xp = self.plan.problem.backend.xp
        for index in range(self.plan.batches):
            yield batch_of(self.plan.data, *self.rows(index), xp), self.keys(index)


def _each_batch(step: Callable[..., Carry]) -> Callable[[Epoch, Carry, int], Carry]:
    def advance(epoch: Epoch, carry: Carry, index: int) -> Carry:
        rows, i = epoch.rows(index)
        scalars, share = epoch.scalars(index)
        return step(carry, epoch.plan.data, rows, i, scalars, epoch.keys(index), share)

    return advance


def _accumulate(
    collect: Callable[..., Carry], apply: Callable[..., Carry]
) -> Callable[[Epoch, Carry, int], Carry]:
    def advance(epoch: Epoch, carry: Carry, index: int) -> Carry:
        plan, each = epoch.plan, epoch.plan.optimizer.accumulation_steps
        rows, i = epoch.rows(index)
        carry = collect(carry, plan.data, rows, i, epoch.keys(index))
        if (index + 1) % each and index + 1 < plan.batches:
            return carry
        return apply(carry, *epoch.scalars(index // each))

    return advance


def _line_search(
    step: Callable[[Carry, Data, Keys, float], Carry],
) -> Callable[[Epoch, Carry, int], Carry]:
    def advance(epoch: Epoch, carry: Carry, index: int) -> Carry:
        return step(carry, epoch.plan.data, epoch.keys(index), epoch.rate(index))

    return advance
