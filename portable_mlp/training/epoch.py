"""One pass over the data: which rows each step sees, and how a carry moves through the steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from portable_mlp import randomness
from portable_mlp.backends import Loop
from portable_mlp.optim import LBFGS, Optimizer, Schedule
from portable_mlp.optim.schedules import Progress
from portable_mlp.training.carry import Carry
from portable_mlp.training.feed import Chunk, Feed
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
        feed: the training set, or who reads it.
        batch_size: rows of a mini-batch.
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
    feed: Feed
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
    def rows(self) -> int:
        """Rows of an epoch."""
        return self.feed.rows

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
        """Nothing is read before the first step."""
        self.plan, self.number, self._factor, self._advance = plan, number, factor, advance
        self._chunks: Generator[Chunk, None, None] | None = None
        self._chunk: Chunk | None = None
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

    def runs(self, first: int, stop: int) -> Iterator[Run]:
        """What loops are called with for the steps ``first`` to ``stop - 1``."""
        while first < stop:
            chunk = self.chunk(first)
            end = min(stop, chunk.stop)
            for rows, start, until, base in chunk.runs(first, end):
                yield Run(
                    chunk.data, rows, self.numbers[base:], start, until, until + base == chunk.stop
                )
            first = end

    def chunk(self, step: int) -> Chunk:
        """The chunk in which a step's batch lies. The one before it is given up, so steps go upwards."""
        if self._chunks is None:
            self._chunks = self.plan.feed.chunks(self.plan.first_epoch + self.number)
        while self._chunk is None or step >= self._chunk.stop:
            self._chunk = None  # its memory is read into again
            self._chunk = next(self._chunks)
        return self._chunk

    def close(self) -> None:
        """Ends the reading; a later step begins it anew."""
        if self._chunks is not None:
            self._chunks.close()
        self._chunks = self._chunk = None

    def inspect(self, first: int) -> Iterator[tuple[Data, Keys]]:
        """Batch and random keys of each step from the first on, for a closer look; `close` ends it."""
        xp = self.plan.problem.backend.xp
        self.close()
        for index in range(first, len(self.numbers)):
            run = next(self.runs(index, index + 1))
            these = None if run.rows is None else run.rows[run.first, ...]
            yield batch_of(run.data, these, xp), self.numbers[index].keys


class Run(NamedTuple):
    """Steps of equal batch size: what a compiled loop is called with."""

    data: Data
    rows: Any  # row numbers, one line for each step
    numbers: Sequence[Numbers]
    first: int
    stop: int
    last: bool
    """Whether these rows are given up after it."""


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
            carry = _through(loop, epoch, carry, run)
        return carry

    return advance


def _accumulate(collect: Loop, apply: Loop) -> Advance:
    def advance(epoch: Epoch, carry: Carry, first: int, stop: int) -> Carry:
        plan, each = epoch.plan, epoch.plan.optimizer.accumulation_steps
        while first < stop:
            end = min(first // each * each + each, plan.batches)  # of this update
            for run in epoch.runs(first, min(end, stop)):
                carry = _through(collect, epoch, carry, run)
            if end <= stop:
                data = epoch.chunk(end - 1).data
                carry = apply(carry, data, None, epoch.numbers, end - 1, end)
            first = end
        return carry

    return advance


def _through(loop: Loop, epoch: Epoch, carry: Carry, run: Run) -> Carry:
    carry = loop(carry, run.data, run.rows, run.numbers, run.first, run.stop)
    if run.last:  # before its memory is read into again
        epoch.plan.problem.backend.synchronize(carry.totals.loss)
    return carry


def _line_search(step: Callable[[Carry, Data, Keys, float], Carry]) -> Advance:
    def advance(epoch: Epoch, carry: Carry, first: int, stop: int) -> Carry:
        for index in range(first, stop):
            keys = epoch.numbers[index].keys
            carry = step(carry, epoch.chunk(index).data, keys, epoch.rate(index))
        return carry

    return advance
