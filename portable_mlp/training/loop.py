"""The training loop: epochs, figures, callbacks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from portable_mlp.nn.layer import Tree
from portable_mlp.training.divergence import TrainingDiverged, locate
from portable_mlp.training.epoch import Epoch, Plan
from portable_mlp.training.evaluate import figures, make_evaluate, penalty_of
from portable_mlp.training.history import History
from portable_mlp.training.problem import Data, Problem, Snapshot
from portable_mlp.training.step import Carry, Pending, initial_slots, zero_totals


@dataclass
class Run:
    """A training in progress: what callbacks see.

    Args:
        plan: data, optimizer, schedule.
        validation: the validation set on the device, or None.
        carry: parameters and whatever else a step changes.
        history: the figures so far.
    """

    plan: Plan
    validation: Data | None
    carry: Carry
    history: History = field(default_factory=History)
    epoch: Epoch | None = None
    epoch_start: Carry | None = None

    @property
    def problem(self) -> Problem:
        """What is minimised."""
        return self.plan.problem

    def stop(self, reason: str) -> None:
        """Ends the training after this epoch."""
        self.history.stopped = self.history.stopped or reason

    def snapshot(self) -> Snapshot:
        """The weights that validation sees: the moving average, if there is one."""
        vector = self.carry.vector if self.carry.average is None else self.carry.average
        return Snapshot(vector, self.carry.state)

    def restore(self, snapshot: Snapshot) -> None:
        """Goes back to these weights."""
        average = None if self.carry.average is None else snapshot.vector
        self.carry = self.carry._replace(
            vector=snapshot.vector, state=snapshot.state, average=average
        )

    def divergence(self) -> TrainingDiverged | None:
        """Runs the epoch again with a look at each number, and goes back to the last finite weights."""
        if self.epoch is None or self.epoch_start is None:
            return None
        epoch = self.epoch
        found = locate(
            self.problem, self.epoch_start, epoch.inspect(), epoch.advance, epoch.number + 1
        )
        if found is None:
            return None
        self.carry, error = found
        return error


class Callback:
    """Something that happens during training. Override what is needed; all do nothing here."""

    def on_train_begin(self, run: Run) -> None:
        """Before the first epoch."""

    def on_step_end(self, run: Run, step: int) -> None:
        """After each mini-batch (from 0 in each epoch). Reading a device array here costs a wait."""

    def on_epoch_end(self, run: Run) -> None:
        """After each epoch; its figures are the last of ``run.history``."""

    def on_non_finite(self, run: Run) -> None:
        """The epoch ended with a loss or weights that are not finite; its figures are not kept."""

    def on_train_end(self, run: Run) -> None:
        """After the last epoch, also when training was interrupted or an error is on its way."""


def begin(problem: Problem, plan: Plan, start: Snapshot, slots: Any) -> Carry:
    """The carry before the first step. ``slots`` None starts the optimizer afresh."""
    xp, optimizer = problem.backend.xp, plan.optimizer
    pending = None
    if optimizer.accumulation_steps > 1:
        pending = Pending(xp.zeros_like(start.vector), zero_totals(problem).loss)
    average = None if optimizer.ema_decay is None else start.vector
    if slots is None:
        slots = initial_slots(optimizer, start.vector, xp)
    return Carry(start.vector, slots, start.state, zero_totals(problem), average, pending)


def train(run: Run, callbacks: Sequence[Callback]) -> None:
    """Runs the epochs of the plan; ``run.carry`` and ``run.history`` hold the result.

    Ctrl-C ends it after the mini-batch in hand: the weights are usable, ``run.history.stopped`` says
    ``"interrupted"``, and a line goes to standard error.
    """
    plan, problem = run.plan, run.problem
    _ = problem.decay_mask  # made here, so that no compiler sees it being made
    advance = plan.make_advance()
    evaluate = make_evaluate(problem) if run.validation is not None else None
    each_step = [c for c in callbacks if type(c).on_step_end is not Callback.on_step_end]
    try:
        for callback in callbacks:
            callback.on_train_begin(run)
        for number in range(plan.epochs):
            if not _epoch(run, number, advance, evaluate, callbacks, each_step):
                for callback in callbacks:
                    callback.on_non_finite(run)
                run.stop("non-finite numbers")
            else:
                for callback in callbacks:
                    callback.on_epoch_end(run)
            if getattr(run.carry.slots, "converged", False):
                run.stop("converged")
            if run.history.stopped:
                break
    except KeyboardInterrupt:
        run.stop("interrupted")
    finally:
        for callback in callbacks:
            callback.on_train_end(run)


def _epoch(
    run: Run,
    number: int,
    advance: Callable[[Epoch, Carry, int], Carry],
    evaluate: Callable[[Any, Tree, Data], list[Any]] | None,
    callbacks: Sequence[Callback],
    each_step: Sequence[Callback],
) -> bool:
    """One epoch and its figures; False if they are not finite."""
    plan, problem, backend = run.plan, run.problem, run.problem.backend
    started = time.perf_counter()
    factor = plan.schedule.epoch_factor(run.history.figures) if number else 1.0
    epoch = run.epoch = Epoch(plan, number, factor, advance)
    run.carry = run.carry._replace(totals=zero_totals(problem))
    run.epoch_start = run.carry
    for step in range(plan.batches):
        run.carry = epoch.advance(run.carry, step)
        for callback in each_step:
            callback.on_step_end(run, step)
    backend.synchronize()
    trained = time.perf_counter() - started

    snapshot = run.snapshot()
    validation = []
    if evaluate is not None:
        assert run.validation is not None  # noqa: S101  (evaluate exists only with it)
        validation = evaluate(snapshot.vector, snapshot.state, run.validation)
        validation.append(penalty_of(problem, snapshot.vector))
    host = _bring_over(run, validation)
    seconds = time.perf_counter() - started
    finite, loss, squared, host = host[0], host[1], host[2], host[3:]
    if not finite or not np.isfinite(loss):
        return False

    metrics, host = host[: len(problem.metrics)], host[len(problem.metrics) :]
    total_weight = float(plan.rows) if plan.total_weight is None else plan.total_weight
    row = figures(problem, [loss, total_weight, *metrics], 0.0)
    if validation:
        found = figures(problem, list(host[:-1]), host[-1])
        row |= {f"val_{name}": value for name, value in found.items()}
    row["learning_rate"] = epoch.rate(plan.updates - 1)
    row["gradient_norm"] = float(np.sqrt(squared / plan.batches))
    row["seconds"] = seconds
    row["samples_per_second"] = plan.rows / trained
    run.history.add(row)
    return True


def _bring_over(run: Run, validation: list[Any]) -> list[float]:
    """``[weights finite, loss sum, Σ‖g‖², metric sums..., validation sums...]`` in one transfer."""
    xp, carry = run.problem.backend.xp, run.carry
    finite = xp.astype(xp.all(xp.isfinite(carry.vector)), carry.vector.dtype)
    totals = carry.totals
    sums = [finite, totals.loss, totals.squared_gradient, *totals.metrics, *validation]
    return [float(v) for v in run.problem.backend.to_numpy(xp.stack(sums))]
