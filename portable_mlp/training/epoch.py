"""One pass over the data: which rows each step sees, and how a carry moves through the steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from portable_mlp import randomness
from portable_mlp.backends import Loop
from portable_mlp.optim import LBFGS, Optimizer, Schedule
from portable_mlp.optim.schedules import Progress
from portable_mlp.training.carry import Carry
from portable_mlp.training.problem import Data, Keys, Problem, is_foreign
from portable_mlp.training.step import (
    Numbers,
    Step,
    batch_of,
    make_accumulating_steps,
    make_line_search_step,
    make_step,
)

Advance = Callable[["Epoch", Carry, int, int], Carry]
"""``advance(epoch, carry, first, stop)``: the carry after the steps ``first`` to ``stop - 1``."""


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


def make_advance(problem: Problem, optimizer: Optimizer) -> Advance:
    """The compiled move for an optimizer; made once, it serves every training of this problem."""
    if isinstance(optimizer, LBFGS):
        return _line_search(make_line_search_step(problem, optimizer))
    steps = make_accumulating_steps if optimizer.accumulation_steps > 1 else _one_step
    foreign = problem.has_foreign_code or is_foreign(optimizer)
    loops = [
        problem.backend.compile_loop(step, as_written=foreign) for step in steps(problem, optimizer)
    ]
    return _accumulate(*loops) if len(loops) == 2 else _each_batch(*loops)


def _one_step(problem: Problem, optimizer: Optimizer) -> tuple[Step]:
    return (make_step(problem, optimizer),)


class Epoch:
    """One epoch of a plan.

    Args:
        plan: what does not change.
        number: from 0, within this training.
        factor: what the schedule says of the figures so far.
        advance: from `make_advance`.
    """

    def __init__(self, plan: Plan, number: int, factor: float, advance: Advance) -> None:
        """Shuffles the rows and moves their numbers to the device."""
        self.plan, self.number, self._factor, self._advance = plan, number, factor, advance
        self.whole: Any = None  # row numbers of the batches, (batches, batch size)
        self.rest: Any = None  # of the last, smaller one, (1, rows left)
        self.full = 1  # batches of the full size
        if plan.batch_size < plan.rows:
            backend = plan.problem.backend
            order = randomness.permutation(plan.seed, plan.first_epoch + number, plan.rows)
            self.full = plan.rows // plan.batch_size
            cut = self.full * plan.batch_size
            shape = (self.full, plan.batch_size)
            self.whole = backend.asarray(order[:cut].reshape(shape), backend.index_dtype)
            if cut < plan.rows:
                self.rest = backend.asarray(order[None, cut:], backend.index_dtype)
        self.numbers = _EachStep(self.numbers_of, range(plan.batches))

    def numbers_of(self, index: int) -> Numbers:
        """What the host knows of a step: of the update that it is part of, and its random keys."""
        plan = self.plan
        update = index // plan.optimizer.accumulation_steps
        count = plan.first_update + self.number * plan.updates + update + 1
        scalars = plan.optimizer.scalars(count, self.rate(update))
        return Numbers(scalars, plan.optimizer.ema_share(count), self._keys(index))

    def _keys(self, index: int) -> Keys:
        plan = self.plan
        step = plan.first_step + self.number * plan.batches + index
        return randomness.stream_keys(plan.seed, step, plan.problem.network.streams)

    def rate(self, update: int) -> float:
        """The scheduled learning rate of an update of this epoch, from 0."""
        plan = self.plan
        progress = Progress(self.number * plan.updates + update, plan.updates, plan.epochs)
        return float(plan.learning_rate * plan.schedule.factor(progress) * self._factor)

    def begin(self, carry: Carry) -> Carry:
        """The carry in the form in which `advance` is quickest."""
        problem = self.plan.problem
        if isinstance(self.plan.optimizer, LBFGS):  # its steps are no loop of the backend's
            return carry
        apart: Carry = problem.backend.apart(carry, problem.layout.lengths)
        return apart

    def advance(self, carry: Carry, first: int, stop: int) -> Carry:
        """The carry after the steps ``first`` to ``stop - 1`` of this epoch; ``carry`` is consumed."""
        return self._advance(self, carry, first, stop)

    def runs(self, first: int, stop: int) -> Iterator[tuple[Any, Sequence[Numbers], int, int]]:
        """``(row numbers, numbers, first, stop)`` for steps of equal batch size."""
        if first < min(stop, self.full):
            yield self.whole, self.numbers, first, min(stop, self.full)
        if stop > self.full:
            yield self.rest, self.numbers[self.full :], 0, 1

    def inspect(self) -> Iterator[tuple[Data, Keys]]:
        """Batch and random keys of each step, for a closer look."""
        xp = self.plan.problem.backend.xp
        for index, numbers in enumerate(self.numbers):
            rows, _, i, _ = next(self.runs(index, index + 1))
            these = None if rows is None else rows[i, ...]
            yield batch_of(self.plan.data, these, xp), numbers.keys


class _EachStep(Sequence[Numbers]):
    """The numbers of steps, worked out when they are asked for: an epoch may have millions of them."""

    def __init__(self, of: Callable[[int], Numbers], steps: range) -> None:
        self._of, self._steps = of, steps

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, key: Any) -> Any:
        steps = self._steps[key]
        return _EachStep(self._of, steps) if isinstance(steps, range) else self._of(steps)


def _each_batch(loop: Loop) -> Advance:
    def advance(epoch: Epoch, carry: Carry, first: int, stop: int) -> Carry:
        for run in epoch.runs(first, stop):
            carry = loop(carry, epoch.plan.data, *run)
        return carry

    return advance


def _accumulate(collect: Loop, apply: Loop) -> Advance:
    def advance(epoch: Epoch, carry: Carry, first: int, stop: int) -> Carry:
        plan, each = epoch.plan, epoch.plan.optimizer.accumulation_steps
        while first < stop:
            end = min(first // each * each + each, plan.batches)  # of this update
            for run in epoch.runs(first, min(end, stop)):
                carry = collect(carry, plan.data, *run)
            if end <= stop:
                carry = apply(carry, plan.data, None, epoch.numbers, end - 1, end)
            first = end
        return carry

    return advance


def _line_search(step: Callable[[Carry, Data, Keys, float], Carry]) -> Advance:
    def advance(epoch: Epoch, carry: Carry, first: int, stop: int) -> Carry:
        for index in range(first, stop):
            keys = epoch.numbers[index].keys
            carry = step(carry, epoch.plan.data, keys, epoch.rate(index))
        return carry

    return advance
