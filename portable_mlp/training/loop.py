"""The training loop: epochs, figures, callbacks."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from portable_mlp.scaling import Scaling
from portable_mlp.training.carry import (
    Carry,
    filled,
    map_arrays,
    named_arrays,
    to_device,
    to_host,
    zero_totals,
)
from portable_mlp.training.divergence import HUGE, TrainingDiverged, locate
from portable_mlp.training.epoch import Advance, Epoch, Plan
from portable_mlp.training.evaluate import Evaluate, bring_over, figures, penalty_of
from portable_mlp.training.feed import Feed
from portable_mlp.training.history import History
from portable_mlp.training.problem import Problem, Snapshot
from portable_mlp.training.standing import Standing


@dataclass
class Run:
    """A training in progress: what callbacks see.

    Args:
        plan: data, optimizer, schedule.
        validation: the validation set, or who reads it, or None.
        moving: parameters and whatever else a step changes, in the form that loops pass on quickest.
        history: the figures so far.
    """

    plan: Plan
    validation: Feed | None
    moving: Carry
    scaling: Scaling | None = None
    """Of the samples."""
    data_marks: Sequence[Any] = ()
    """By which the training set can be known again, and the validation set."""
    columns: Callable[[], Mapping[str, str]] = dict
    """Gives what becomes of each column of a table, by its name; nothing where samples are numbers."""
    history: History = field(default_factory=History)
    epoch: Epoch | None = None
    number: int = 0
    """Of the epoch, from 0 in this training."""
    done: int = 0
    """Mini-batches of that epoch that are done, and were not taken back."""
    begun: int = 0
    """Mini-batches of that epoch that were done when a resumed training began with it."""
    epoch_start: Carry | None = None
    """The carry at the start of the epoch, or where a resumed training began with it; on the host."""
    together: int = 1
    """Steps that are asked of the device at once; grows while they are quick."""
    went_back: bool = False
    """Whether weights were taken back because of numbers that are not finite."""
    restored: bool = False
    """Whether a callback went back to other weights."""
    stops: dict[int, list[Callback]] = field(default_factory=dict)
    """Who wants to be called after how many mini-batches."""
    thread: int = field(default_factory=threading.get_ident)
    """In which steps and callbacks run."""
    callbacks: Sequence[Callback] = ()
    """What happens around the training."""
    states: Sequence[tuple[str, Mapping[str, Any]]] | None = None
    """Of a resumed training: what callbacks of these classes are to go on from."""
    may_go_on: bool = False
    """Whether a resumed training goes on where this one was stopped."""

    @property
    def problem(self) -> Problem:
        """What is minimised."""
        return self.plan.problem

    @property
    def carry(self) -> Carry:
        """Parameters and whatever else a step changes."""
        self.moving = self.problem.backend.whole(self.moving)
        return self.moving

    @carry.setter
    def carry(self, carry: Carry) -> None:
        self.moving = carry

    @property
    def moved(self) -> bool:
        """Whether a step was done."""
        return self.number > 0 or self.done > 0

    def stop(self, reason: str, *, may_go_on: bool = False) -> None:
        """Ends the training after this epoch.

        Args:
            reason: in words.
            may_go_on: whether a training that is resumed from here goes on, as after a limit of time.
        """
        if not self.history.stopped:
            self.history.stopped, self.may_go_on = reason, may_go_on

    @property
    def resumed(self) -> bool:
        """Whether it goes on where an earlier one was left."""
        return self.states is not None

    def standing(self) -> Standing:
        """Where it stands now, between two mini-batches: all that it can be resumed from.

        The arrays are the training's own memory, which the next step overwrites.
        """
        backend = self.problem.backend
        arrays = named_arrays(backend.whole(self.moving), self.plan.optimizer)
        stopped = "" if self.may_go_on else self.history.stopped
        return Standing(
            self.number,
            self.done,
            {name: backend.host_view(array) for name, array in arrays.items()},
            replace(self.history, stopped=stopped),
            [(type(c).__name__, state) for c in self.callbacks if (state := c.state_dict(self))],
        )

    def resume(self, standing: Standing) -> None:
        """Goes on from there, with a training of the same plan.

        Args:
            standing: with arrays of the names, shapes and types that this training has.

        Raises:
            ValueError: an array is missing, is too many, or is another one.
        """
        self.moving = filled(
            self.moving, standing.arrays, self.plan.optimizer, self.problem.backend
        )
        self.number, self.done = standing.number, standing.done
        self.history, self.states = standing.history, standing.callbacks
        if self.history.epochs == self.number:  # an epoch of which a part was done
            self.begun = self.done

    def snapshot(self) -> Snapshot:
        """The weights that validation sees: the moving average, if there is one.

        They are the training's own memory, which the next step overwrites; `kept_snapshot` copies.
        """
        vector = self.carry.vector if self.carry.average is None else self.carry.average
        return Snapshot(vector, self.carry.state)

    def kept_snapshot(self) -> Snapshot:
        """The same in memory of its own."""
        return map_arrays(self.problem.backend.copy, self.snapshot())  # type: ignore[no-any-return]

    def restore(self, snapshot: Snapshot) -> None:
        """Goes back to these weights; the next training has a fresh optimizer."""
        kept = map_arrays(self.problem.backend.copy, snapshot)
        average = None if self.carry.average is None else self.problem.backend.copy(kept.vector)
        self.carry = self.carry._replace(vector=kept.vector, state=kept.state, average=average)
        self.restored = True

    def divergence(self) -> TrainingDiverged | None:
        """What went wrong in the last epoch; goes back to the last weights that gave finite numbers."""
        if self.epoch is None or self.epoch_start is None:
            return None
        epoch = self.epoch
        self.back_to_epoch_start()  # should the search be interrupted
        try:
            good, self.done, error = locate(
                *(self.problem, self.epoch_start, epoch.inspect(self.begun), epoch.advance),
                *(epoch.number + 1, self.begun),
            )
        finally:
            epoch.close()
        self.carry = to_device(good, self.problem)
        error.history = self.history
        return error

    def back_to_epoch_start(self) -> None:
        """Takes weights and everything else back to where the epoch began."""
        assert self.epoch_start is not None  # noqa: S101
        self.carry, self.went_back = to_device(self.epoch_start, self.problem), True
        self.done = self.begun

    def finite(self) -> bool:
        """Whether weights and running statistics are there and finite now; asks the device."""
        backend = self.problem.backend
        try:
            return bool(backend.to_numpy(_all_finite(self)) > 0)
        except RuntimeError:  # a compiled loop that was interrupted has consumed them
            return False


class StopTraining(Exception):  # noqa: N818  (a wish, not a fault)
    """Raised by a callback to end the training at once, between two mini-batches.

    The weights stay as they are then. An epoch of which only a part was trained leaves no figures in
    `History`; ``history.stopped`` has the reason.

    Args:
        reason: in words.
        may_go_on: whether a training that is resumed from here goes on, as after a limit of time.
    """

    def __init__(self, reason: str = "", *, may_go_on: bool = False) -> None:
        """Builds the message."""
        super().__init__(reason)
        self.may_go_on = may_go_on


class Callback:
    """Something that happens during training. Override what is needed; all do nothing here."""

    def on_resume(self, run: Run) -> None:
        """Before all else: the moment for `Run.resume`."""

    def state_dict(self, run: Run) -> dict[str, Any]:
        """What a resumed training needs of this callback; asked for at each checkpoint.

        Numbers, text, None, lists, dictionaries, and numpy arrays of float32 or float64. It finds its
        way back by the class's name; of two callbacks of a class the first has the first state.
        """
        return {}

    def load_state_dict(self, run: Run, state: Mapping[str, Any]) -> None:
        """Goes on from what `state_dict` gave; after `on_train_begin`, if it was not empty."""

    def on_safe_point(self, run: Run) -> None:
        """The training stands still, and could be resumed from here; see `Run.standing`.

        Before the first epoch, now and then within an epoch, after each epoch, and where
        `StopTraining` ended one; each time when all callbacks have seen what happened before.
        """

    def on_train_begin(self, run: Run) -> None:
        """Before the first epoch."""

    def on_step_end(self, run: Run, step: int) -> None:
        """After each mini-batch (from 0 in each epoch).

        Reading a device array here costs a wait; ``run.carry`` is overwritten by the next step, so
        copy what is to stay. To show progress, `on_progress` is cheaper.
        """

    def stops(self, run: Run) -> Sequence[int]:
        """Mini-batches, counted over all epochs, after which `on_stop` is called; asked once."""
        return ()

    def on_stop(self, run: Run, done: int) -> None:
        """After the first ``done`` mini-batches, one of `stops`; the rest goes on at full speed.

        ``run.carry`` is overwritten by the next step, so copy what is to stay.
        """

    def on_progress(self, run: Run, done: int) -> None:
        """Now and then during an epoch, after ``done`` of its mini-batches."""

    def on_epoch_end(self, run: Run) -> None:
        """After each epoch; its figures are the last of ``run.history``."""

    def on_non_finite(self, run: Run) -> None:
        """The epoch ended with a loss or weights that are not finite; its figures are not kept."""

    def on_train_end(self, run: Run) -> None:
        """After the last epoch, also when training was interrupted or an error is on its way."""


def train(
    run: Run,
    callbacks: Sequence[Callback],
    advance: Advance,
    evaluate: Evaluate,
) -> None:
    """Runs the epochs of the plan; ``run.carry`` and ``run.history`` hold the result.

    Ctrl-C ends it: the weights of the last finished mini-batch stay, or of one less than a fifth of a
    second before it where several are asked of the device at once; those of the epoch's start if they
    are not finite; ``run.history.stopped`` says ``"interrupted"``.

    Args:
        run: what is to be trained.
        callbacks: what happens around it.
        advance: the compiled move, from `make_advance`.
        evaluate: loss and metrics of the validation set, from `make_evaluate`.
    """
    try:
        _begin(run, callbacks)
        for number in range(run.history.epochs, run.plan.epochs):
            if run.history.stopped:
                break
            if not _epoch(run, number, advance, evaluate, callbacks):
                for callback in callbacks:
                    callback.on_non_finite(run)
                run.stop("non-finite numbers")
                break
            run.begun = 0
            if getattr(run.moving.slots, "converged", False):
                run.stop("converged")
            for callback in callbacks:
                callback.on_epoch_end(run)
            _safe_point(run, callbacks)
    except StopTraining as wish:
        run.stop(str(wish), may_go_on=wish.may_go_on)
        _safe_point(run, callbacks)
    except KeyboardInterrupt:
        run.stop("interrupted")
    finally:
        if run.epoch_start is not None and not run.finite():
            run.back_to_epoch_start()
        _end(run, callbacks)


def _begin(run: Run, callbacks: Sequence[Callback]) -> None:
    """Lets every callback begin, or go on from where an earlier training was left."""
    run.callbacks = callbacks
    for callback in callbacks:
        callback.on_resume(run)
    for callback in callbacks:
        callback.on_train_begin(run)
        for done in sorted({int(n) for n in callback.stops(run)}):
            run.stops.setdefault(done, []).append(callback)
    states = {name: [s for n, s in run.states or () if n == name] for name, _ in run.states or ()}
    for callback in callbacks:
        if waiting := states.get(type(callback).__name__):
            callback.load_state_dict(run, waiting.pop(0))
    _safe_point(run, callbacks)


def _safe_point(run: Run, callbacks: Sequence[Callback]) -> None:
    for callback in callbacks:
        callback.on_safe_point(run)


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
    advance: Advance,
    evaluate: Evaluate,
    callbacks: Sequence[Callback],
) -> bool:
    """One epoch and its figures; False if they are not finite."""
    plan, problem, backend = run.plan, run.problem, run.problem.backend
    started = time.perf_counter()
    factor = plan.schedule.epoch_factor(run.history.figures) if number else 1.0
    epoch = run.epoch = Epoch(plan, number, factor, advance)
    run.number, run.done = number, run.begun
    if not run.begun:
        run.moving = run.moving._replace(totals=zero_totals(problem))
    run.epoch_start = to_host(run.moving, backend, run.epoch_start)
    try:
        _steps(run, epoch, callbacks)
        backend.synchronize(run.moving.totals.loss)
    finally:
        epoch.close()
    trained = time.perf_counter() - started

    validation = []
    if run.validation is not None:
        snapshot = run.snapshot()
        validation = evaluate(snapshot.vector, snapshot.state, run.validation)
        validation.append(penalty_of(problem, snapshot.vector, validation[1]))
    totals, count = run.moving.totals, len(problem.running)
    sums = [_all_finite(run), totals.loss, totals.penalty, totals.squared_gradient]
    host = bring_over([*sums, *totals.metrics, *validation], backend)
    seconds = time.perf_counter() - started
    finite, loss, penalty, squared = (float(number) for number in host[:4])
    if not finite or not np.isfinite([loss, penalty, squared]).all():
        return False

    kept, found = host[4 : 4 + count], host[4 + count :]
    mass = np.asarray(plan.rows if plan.total_weight is None else plan.total_weight)
    row = figures(problem, problem.running, [host[1], mass, *kept], penalty / float(mass))
    if validation:
        of_validation = figures(problem, problem.metrics, found[:-1], float(found[-1]))
        row |= {f"val_{name}": value for name, value in of_validation.items()}
    row["learning_rate"] = epoch.rate(plan.updates - 1)
    row["gradient_norm"] = float(np.sqrt(squared / plan.updates))
    row["seconds"] = seconds
    row["samples_per_second"] = max(plan.rows - run.begun * plan.batch_size, 0) / trained
    run.history.add(row)
    return True


def _steps(run: Run, epoch: Epoch, callbacks: Sequence[Callback]) -> None:
    """All steps of an epoch: one at a time if a callback wants each, else about a tenth of a second."""
    backend, before = run.problem.backend, epoch.number * run.plan.batches
    each_step = [c for c in callbacks if type(c).on_step_end is not Callback.on_step_end]
    done, asked = run.done, sorted(n - before for n in run.stops)
    if not each_step:
        run.moving = epoch.begin(run.moving)
    while done < run.plan.batches:
        started = time.perf_counter()
        stop = min(done + (1 if each_step else run.together), run.plan.batches)
        stop = min([stop, *asked[(place := bisect_right(asked, done)) : place + 1]])
        run.moving = epoch.advance(run.carry if each_step else run.moving, done, stop)
        run.done = done = stop
        for callback in each_step:
            callback.on_step_end(run, done - 1)
        for callback in run.stops.get(before + done, ()):
            callback.on_stop(run, before + done)
        for callback in callbacks:
            callback.on_progress(run, done)
        if not each_step:
            backend.synchronize(run.moving.totals.loss)
        if time.perf_counter() - started < 0.1:
            run.together = min(2 * run.together, 256)
        _safe_point(run, callbacks)


def _all_finite(run: Run) -> Any:
    """1 if weights are sound and running statistics finite, else 0; a 0-d device array."""
    backend, moving = run.problem.backend, run.moving
    xp, sound = backend.xp, list[Any]()
    map_arrays(lambda a: sound.append(xp.all(xp.abs(a) < HUGE)), (moving.vector, moving.average))
    map_arrays(lambda a: sound.append(xp.all(xp.isfinite(a))), moving.state)
    return xp.min(xp.stack([xp.astype(s, backend.dtype) for s in sound]))
