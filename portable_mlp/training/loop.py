"""The training loop: epochs, figures, callbacks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from portable_mlp.nn.layer import Tree
from portable_mlp.nn.parameters import named_leaves
from portable_mlp.training.divergence import TrainingDiverged, locate
from portable_mlp.training.epoch import Epoch, Plan
from portable_mlp.training.evaluate import figures, penalty_of
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
    went_back: bool = False
    """Whether weights were taken back because of numbers that are not finite."""

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
        """What went wrong in the last epoch; goes back to the last weights that gave finite numbers."""
        if self.epoch is None or self.epoch_start is None:
            return None
        epoch = self.epoch
        start, self.carry = self.epoch_start, self.epoch_start  # should the search be interrupted
        self.went_back = True
        self.carry, error = locate(
            self.problem, start, epoch.inspect(), epoch.advance, epoch.number + 1
        )
        error.history = self.history
        return error

    def finite(self) -> bool:
        """Whether weights and running statistics are finite now; asks the device."""
        backend = self.problem.backend
        return bool(backend.to_numpy(_all_finite(self)) > 0)


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


def train(
    run: Run,
    callbacks: Sequence[Callback],
    advance: Callable[[Epoch, Carry, int], Carry],
    evaluate: Callable[[Any, Tree, Data], list[Any]],
) -> None:
    """Runs the epochs of the plan; ``run.carry`` and ``run.history`` hold the result.

    Ctrl-C ends it: the weights of the last finished mini-batch stay, or those of the epoch's start if
    they are not finite; ``run.history.stopped`` says ``"interrupted"``.

    Args:
        run: what is to be trained.
        callbacks: what happens around it.
        advance: the compiled move, from `make_advance`.
        evaluate: loss and metrics of the validation set, from `make_evaluate`.
    """
    plan = run.plan
    each_step = [c for c in callbacks if type(c).on_step_end is not Callback.on_step_end]
    try:
        for callback in callbacks:
            callback.on_train_begin(run)
        for number in range(plan.epochs):
            if not _epoch(run, number, advance, evaluate, each_step):
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
        if run.epoch_start is not None and not run.finite():
            run.carry, run.went_back = run.epoch_start, True
        _end(run, callbacks)


def _end(run: Run, callbacks: Sequence[Callback]) -> None:
    """Lets every callback end, also when one of them fails; then raises the first failure."""
    first: Exception | None = None
    for callback in callbacks:
        try:
            callback.on_train_end(run)
        except Exception as error:
            first = first or error
    if first is not None:
        raise first


def _epoch(
    run: Run,
    number: int,
    advance: Callable[[Epoch, Carry, int], Carry],
    evaluate: Callable[[Any, Tree, Data], list[Any]],
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
    backend.synchronize(run.carry.vector)
    trained = time.perf_counter() - started

    snapshot = run.snapshot()
    validation = []
    if run.validation is not None:
        validation = evaluate(snapshot.vector, snapshot.state, run.validation)
        validation.append(penalty_of(problem, snapshot.vector))
    host = _bring_over(run, validation)
    seconds = time.perf_counter() - started
    finite, loss, penalty, squared = host[:4]
    if not finite or not np.isfinite([loss, penalty, squared]).all():
        return False

    metrics, host = host[4 : 4 + len(problem.metrics)], host[4 + len(problem.metrics) :]
    mass = float(plan.rows) if plan.total_weight is None else plan.total_weight
    row = figures(problem, [loss, mass, *metrics], penalty / mass)
    if validation:
        found = figures(problem, list(host[:-1]), host[-1])
        row |= {f"val_{name}": value for name, value in found.items()}
    row["learning_rate"] = epoch.rate(plan.updates - 1)
    row["gradient_norm"] = float(np.sqrt(squared / plan.updates))
    row["seconds"] = seconds
    row["samples_per_second"] = plan.rows / trained
    run.history.add(row)
    return True


def _bring_over(run: Run, validation: list[Any]) -> list[float]:
    """``[all finite, loss, penalty, Σ‖g‖², metric sums..., validation sums...]`` in one transfer."""
    totals, backend = run.carry.totals, run.problem.backend
    sums = [_all_finite(run), totals.loss, totals.penalty, totals.squared_gradient]
    sums = [*sums, *totals.metrics, *validation]
    return [float(v) for v in backend.to_numpy(backend.xp.stack(sums))]


def _all_finite(run: Run) -> Any:
    """1 if weights and running statistics are finite, else 0; a 0-d device array."""
    xp, snapshot = run.problem.backend.xp, run.snapshot()
    arrays = [
        run.carry.vector,
        snapshot.vector,
        *(leaf for _, leaf in named_leaves(snapshot.state)),
    ]
    flags = [xp.astype(xp.all(xp.isfinite(a)), run.carry.vector.dtype) for a in arrays]
    return xp.min(xp.stack(flags))
