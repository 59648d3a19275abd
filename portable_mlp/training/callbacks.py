"""Callbacks: early stopping, best epoch, a limit of time, progress, non-finite numbers."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

from portable_mlp.nn.choices import check_name
from portable_mlp.nn.plain_numbers import is_number
from portable_mlp.training.loop import Callback, Run, StopTraining
from portable_mlp.training.problem import Snapshot


@dataclass
class BestEpoch(Callback):
    """Trains all epochs and goes back to the weights of the best one.

    Args:
        monitor: a figure of `History`; None means ``"val_loss"``, or ``"loss"`` without validation.
        mode: ``"min"``, ``"max"``, or ``"auto"``: max for metrics of which more is better, such as
            accuracies, F1, AUC and R², min for all others.
        min_delta: a change smaller than this is no improvement, and NaN is none.
        restore_best: whether to go back to the best weights at the end.
        ties: ``"first"`` keeps the earlier of equally good epochs, ``"last"`` the later.
    """

    monitor: str | None = None
    mode: str = "auto"
    min_delta: float = 0.0
    restore_best: bool = True
    ties: str = field(default="first", kw_only=True)
    best: float = field(default=math.nan, init=False)
    best_epoch: int = field(default=0, init=False)
    _snapshot: Snapshot | None = field(default=None, init=False, repr=False)
    _sign: int = field(default=-1, init=False, repr=False)

    def __post_init__(self) -> None:
        """Checks the mode."""
        if self.mode not in ("auto", "min", "max"):
            raise ValueError(
                f"{type(self).__name__}: mode is {self.mode!r}, expected 'auto', 'min' or 'max'."
            )
        if self.ties not in ("first", "last"):
            raise ValueError(
                f"{type(self).__name__}: ties is {self.ties!r}, expected 'first' or 'last'."
            )

    def on_train_begin(self, run: Run) -> None:
        names = ["loss", *(metric.name for metric in run.problem.metrics)]
        names += [f"val_{name}" for name in names if run.validation is not None]
        check_name(
            f"{type(self).__name__}: monitor",
            self._monitored(run),
            [*names, "learning_rate", "gradient_norm", "seconds", "samples_per_second"],
        )
        self.best, self.best_epoch, self._snapshot = math.nan, 0, None
        self._sign = 1 if self._maximises(run) else -1

    def on_epoch_end(self, run: Run) -> None:
        value = run.history[self._monitored(run)][-1]
        gain = self._sign * (value - self.best)
        tie = self.ties == "last" and value == self.best
        if tie or gain > self.min_delta or (math.isnan(self.best) and not math.isnan(value)):
            self.best, self.best_epoch = value, run.history.epochs
            self._snapshot = run.kept_snapshot() if self.restore_best else None

    def state_dict(self, run: Run) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        if self._snapshot is not None:
            vector, state = run.problem.to_host(self._snapshot)
            kept = {"vector": vector, "state": state}
        return {"of": self._monitored(run), "best": self.best, "epoch": self.best_epoch} | kept

    def load_state_dict(self, run: Run, state: Mapping[str, Any]) -> None:
        monitored = self._monitored(run)
        if state["of"] != monitored:
            raise ValueError(
                f"{type(self).__name__}: monitor is {monitored!r}, expected {state['of']!r}, of which "
                "the training that is resumed has the best."
            )
        self.best, self.best_epoch = state["best"], state["epoch"]
        if self.restore_best and "vector" in state:
            self._snapshot = run.problem.from_host(state["vector"], state["state"])

    def _monitored(self, run: Run) -> str:
        return self.monitor or ("val_loss" if run.validation is not None else "loss")

    def _maximises(self, run: Run) -> bool:
        if self.mode != "auto":
            return self.mode == "max"
        name = self._monitored(run).removeprefix("val_")
        larger = next((m.larger_is_better for m in run.problem.metrics if m.name == name), False)
        if larger is None:
            raise ValueError(
                f"{type(self).__name__}: mode is 'auto' and {name!r} is a metric of your own, expected "
                "mode='min' or 'max', or a metric that was made with larger_is_better."
            )
        return larger

    def on_train_end(self, run: Run) -> None:
        if self._snapshot is not None:
            run.restore(self._snapshot)
            run.history.best_epoch = self.best_epoch
            self._snapshot = None


@dataclass
class EarlyStopping(BestEpoch):
    """Ends the training when a figure has not improved for ``patience`` epochs; keeps the best weights.

    Args:
        monitor: a figure of `History`; None means ``"val_loss"``, or ``"loss"`` without validation.
        mode: ``"min"``, ``"max"``, or ``"auto"``: max for metrics of which more is better, such as
            accuracies, F1, AUC and R², min for all others.
        min_delta: a change smaller than this is no improvement; NaN is none.
        restore_best: whether to go back to the best weights at the end.
        patience: epochs without improvement, at least 1.

    Source: Prechelt 1998, Early stopping - but when?
    """

    patience: int = 10

    def __post_init__(self) -> None:
        """Checks the patience."""
        super().__post_init__()
        if not self.patience >= 1:
            raise ValueError(f"EarlyStopping: patience is {self.patience!r}, expected at least 1.")

    def on_epoch_end(self, run: Run) -> None:
        super().on_epoch_end(run)
        if run.history.epochs - self.best_epoch >= self.patience:
            run.stop(f"{self._monitored(run)} did not improve for {self.patience} epochs")


@dataclass
class TimeLimit(Callback):
    """Ends the training when its time is up, also within an epoch, between two mini-batches.

    It looks at the clock about ten times a second. The weights of the last mini-batch stay; the epoch
    that was cut short leaves no figures in `History`. One whose last mini-batch is done is ended, with
    its validation. A training that is resumed has the whole time again.

    Args:
        seconds: from the start of each training, above 0.
        clock: what says the time in seconds, and never goes back.
    """

    seconds: float
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    _end: float = field(default=math.inf, init=False, repr=False)

    def __post_init__(self) -> None:
        """Checks the seconds."""
        if not (is_number(self.seconds) and self.seconds > 0):
            raise ValueError(f"TimeLimit: seconds is {self.seconds!r}, expected a number above 0.")

    def on_train_begin(self, run: Run) -> None:
        self._end = self.clock() + self.seconds

    def on_progress(self, run: Run, done: int) -> None:
        if done < run.plan.batches and self.clock() >= self._end:
            raise StopTraining(self._reason, may_go_on=True)

    def on_epoch_end(self, run: Run) -> None:
        if self.clock() >= self._end:
            run.stop(self._reason, may_go_on=True)

    @property
    def _reason(self) -> str:
        return f"the time limit of {self.seconds:g} s was reached"


class StopOnNonFinite(Callback):
    """Raises `TrainingDiverged`, which says epoch, step, layer and what came first.

    `MLP.fit` always has it. The model keeps the last weights with which everything
    was finite.
    """

    def on_non_finite(self, run: Run) -> None:
        error = run.divergence()
        if error is not None:
            raise error


class Interrupted(Callback):
    """Says on standard error that Ctrl-C was taken, and what the model holds now."""

    def on_train_end(self, run: Run) -> None:
        if run.history.stopped == "interrupted":
            kept = (
                "of the epoch's start, the last finite ones" if run.went_back else "it had reached"
            )
            print(
                f"Training interrupted after {run.history.epochs} whole epochs; the model keeps the "
                f"weights {kept}, and can be used.",
                file=sys.stderr,
            )


class EpochLines(Callback):
    """One line for each epoch.

    Args:
        file: where to; standard error by default.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        """Remembers where to write."""
        self._file = file

    def on_epoch_end(self, run: Run) -> None:
        last = run.history.last()
        words = [f"epoch {run.history.epochs}/{run.plan.epochs}"]
        words += [f"{name} {_short(name, last[name])}" for name in _shown(run)]
        words.append(f"{last['seconds']:.2f} s")
        print("  ".join(words), file=self._file or sys.stderr, flush=True)


class ProgressBar(Callback):
    """A live bar on standard error: epochs, the last figures, samples per second, time to go."""

    def __init__(self) -> None:
        """Nothing is drawn before training starts."""
        self._progress: Any = None
        self._task: Any = None
        self._drawn = 0.0

    def on_train_begin(self, run: Run) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.table import Column

        whole = Column(no_wrap=True, min_width=7 + 2 * len(str(run.plan.epochs)))
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}", table_column=whole),
            BarColumn(bar_width=12),
            TimeRemainingColumn(compact=True),
            TextColumn(
                "{task.fields[figures]}", table_column=Column(no_wrap=True, overflow="ellipsis")
            ),
            console=Console(stderr=True),
        )
        self._progress.start()
        total = run.plan.epochs * run.plan.batches
        self._task = self._progress.add_task(
            "training", total=total, epoch=1, epochs=run.plan.epochs, figures=""
        )
        self._drawn = time.perf_counter()

    def on_progress(self, run: Run, done: int) -> None:
        now = time.perf_counter()
        if now - self._drawn > 0.1:
            self._drawn = now
            done += run.history.epochs * run.plan.batches
            self._progress.update(self._task, completed=done, epoch=run.history.epochs + 1)

    def on_epoch_end(self, run: Run) -> None:
        last, done = run.history.last(), run.history.epochs
        words = [f"{name} {_short(name, last[name])}" for name in _shown(run)]
        words.append(f"{last['samples_per_second']:,.0f} samples/s")
        self._progress.update(
            self._task, completed=done * run.plan.batches, epoch=done, figures="  ".join(words)
        )

    def on_train_end(self, run: Run) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def _shown(run: Run) -> list[str]:
    names = ["loss", *(m.name for m in run.problem.metrics)]
    names += [f"val_{name}" for name in names]
    return [name for name in names if name in run.history.figures]


def _short(name: str, value: float) -> str:
    return f"{value:.1%}" if name.endswith("accuracy") else f"{value:.4g}"
