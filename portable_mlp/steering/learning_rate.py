"""The learning-rate finder: a short training of a copy, in which the rate rises until the loss does."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.model import MLP
from portable_mlp.nn.choices import choose
from portable_mlp.nn.plain_numbers import is_number, is_whole
from portable_mlp.optim import OPTIMIZERS, Optimizer, Schedule
from portable_mlp.optim.schedules import Progress
from portable_mlp.training import Callback, Run, StopTraining, TrainingDiverged
from portable_mlp.training.carry import Totals
from portable_mlp.training.options import BATCH_SIZE
from portable_mlp.training.step import batch_of

if TYPE_CHECKING:
    from portable_mlp.plots import Axes

SPREAD = 0.03
"""Standard deviation of the mean that smooths the curve, as a share of its steps."""
BELOW = 4.0
"""The suggested rate is that of the smallest loss divided by this; benchmarks/learning_rate.py."""
RISE = 4.0
"""The training of the copy ends when the loss is so many times that of the first steps."""


@dataclass(frozen=True)
class RateCurve:
    """The loss of mini-batches while the learning rate rose.

    Args:
        rates: the learning rate of each mini-batch, (steps,), rising.
        losses: its loss before the weights moved, penalties included, (steps,); the last may be
            infinite or NaN.
        planned: steps that were planned; there are fewer where the loss rose before.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    planned: int

    @cached_property
    def smoothed(self) -> NDArray[np.float64]:
        """The curve without the noise of mini-batches, (steps,).

        Each number is a mean of its neighbours, weighted with a normal density whose standard deviation
        is 3 % of the planned steps; losses above four times the first ones count as just that.
        """
        limit = _limit(self.losses, self.planned)
        clipped = np.minimum(np.where(np.isfinite(self.losses), self.losses, limit), limit)
        steps = np.arange(len(clipped))
        width = max(SPREAD * self.planned, 1e-9)
        weights = np.exp(-0.5 * ((steps[:, None] - steps) / width) ** 2)
        smoothed: NDArray[np.float64] = weights @ clipped / weights.sum(axis=1)
        return smoothed

    @property
    def lowest(self) -> float:
        """The rate at which the smoothed loss is smallest."""
        return float(self.rates[self.smoothed.argmin()])

    @property
    def falls(self) -> bool:
        """Whether the smoothed loss fell by more than mini-batches differ.

        That is 1.5 times their standard deviation around the smoothed curve in its first half.
        """
        half = max(min(self.planned // 2, int(self.smoothed.argmin())), _first(self.planned))
        first = self.losses[: _first(self.planned)].mean()
        with np.errstate(all="ignore"):
            noise = (self.losses - self.smoothed)[:half].std()
        return bool(first - self.smoothed.min() > 1.5 * noise + 1e-6 * abs(first))

    @property
    def suggestion(self) -> float:
        """A quarter of the rate at which the smoothed loss is smallest.

        At that rate the training is about to become unstable. fastai divides it by 10 after a trailing
        mean, whose minimum comes late; beside a centred mean a quarter was better.

        Raises:
            ValueError: the loss fell at no rate, so there is nothing to suggest.
        """
        if not self.falls:
            raise ValueError(
                f"find_learning_rate: the loss fell at no rate from {self.rates[0]:.1e} to "
                f"{self.rates[-1]:.1e}, expected a model that still has to learn; otherwise ask "
                "overfit_one_batch or the Doctor what is wrong."
            )
        return self.lowest / BELOW

    def plot(self, ax: Axes | None = None) -> Axes:
        """The curve and the suggestion, as matplotlib axes.

        Args:
            ax: where to draw; None makes a figure, which is ``axes.figure``.
        """
        from portable_mlp.steering.plot import rate_curve

        return rate_curve(self, ax=ax)

    def __str__(self) -> str:
        """The suggestion and where it comes from, in a sentence."""
        swept = f"{len(self.rates)} steps from {self.rates[0]:.1e} to {self.rates[-1]:.1e}"
        if not self.falls:
            return f"no learning rate is suggested: in {swept} the loss did not fall"
        end = ""
        if self.smoothed.argmin() == len(self.rates) - 1:
            end = "; it still fell at the last of them, so a larger one may be better"
        return (
            f"learning rate {self.suggestion:.2g}: a quarter of {self.lowest:.2g}, where the loss was "
            f"smallest in {swept}{end}"
        )


def find_learning_rate(
    model: MLP,
    X: Any,  # noqa: N803
    y: Any = None,
    *,
    optimizer: str | Optimizer = "adam",
    batch_size: int | None = BATCH_SIZE,
    smallest: float = 1e-7,
    largest: float = 10.0,
    steps: int = 100,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | str | None = None,
) -> RateCurve:
    """Trains a copy of the model with a learning rate that rises at each step; the model stays as it is.

    The rate of step k of n is ``smallest · (largest / smallest)^(k / (n - 1))``. The copy sees the
    mini-batches that `MLP.fit` would see, with a fresh optimizer. It ends where the loss is four times
    that of the first steps.

    Args:
        model: which is to be trained.
        X: samples (n, features), or a source, as for `MLP.fit`.
        y: targets, likewise.
        optimizer: with which it is to be trained: what suits Adam suits no other.
        batch_size: likewise, rows of a mini-batch; None for all at once.
        smallest: the first rate, above 0.
        largest: the last rate, above the first.
        steps: mini-batches, at least 10. Few rows are gone through several times.
        sample_weight: as for `MLP.fit`.
        class_weight: likewise.

    Returns:
        The curve; its ``suggestion`` is a rate for `MLP.fit`.

    Raises:
        ValueError: data or options that can't be.
        TypeError: likewise.

    Example:
        >>> from portable_mlp import MLP, load_digits
        >>> digits, model = load_digits(), MLP([64, 32, 10], scaling="minmax")
        >>> found = find_learning_rate(model, digits.train_images, digits.train_labels)
        >>> 0.003 < found.suggestion < 0.1
        True

    Source: Smith 2015, Cyclical learning rates for training neural networks, section 3.3; the rule is
    fastai's "minimum" with another divisor.
    """
    check_model("find_learning_rate", model)
    chosen = choose("optimizer", optimizer, OPTIMIZERS, Optimizer)
    if chosen.full_batch:
        raise ValueError(
            f"find_learning_rate: got {type(chosen).__name__}, which finds the length of each step by "
            "itself, expected an optimizer of mini-batches such as 'adam'."
        )
    _check_range(smallest, largest, steps)
    recorder = _Losses(int(steps))
    with np.errstate(all="ignore"), suppress(TrainingDiverged):
        copy.copy(model).fit(
            *(X, y),
            epochs=int(steps),  # more than there will be: the recorder ends it
            batch_size=batch_size,
            optimizer=chosen,
            learning_rate=float(smallest),
            schedule=_Rising(float(largest) / float(smallest), int(steps)),
            sample_weight=sample_weight,
            class_weight=class_weight,
            callbacks=[recorder],
            verbose=0,
        )
    return RateCurve(np.asarray(recorder.rates), np.asarray(recorder.losses), int(steps))


def check_model(who: str, model: Any) -> None:
    """Refuses what is no model of this library.

    Args:
        who: the function that was called.
        model: what it was given.
    """
    if not isinstance(model, MLP):
        raise TypeError(f"{who}: got {type(model).__name__} as the model, expected an MLP.")


def _check_range(smallest: Any, largest: Any, steps: Any) -> None:
    for name, rate in (("smallest", smallest), ("largest", largest)):
        if not (is_number(rate) and 0 < rate < math.inf):
            raise ValueError(
                f"find_learning_rate: {name} is {rate!r}, expected a finite number above 0."
            )
    if not smallest < largest:
        raise ValueError(
            f"find_learning_rate: got smallest={smallest!r} and largest={largest!r}, expected a rate "
            "that rises."
        )
    if not is_whole(steps, 10):
        raise ValueError(
            f"find_learning_rate: steps is {steps!r}, expected a whole number of at least 10."
        )


@dataclass(frozen=True)
class _Rising(Schedule):
    """From 1 at the first update to ``ratio`` at the last of ``steps``, by equal factors."""

    ratio: float
    steps: int

    def factor(self, progress: Progress) -> float:
        """What the progress says."""
        return float(self.ratio ** min(progress.step / (self.steps - 1), 1.0))


class _Losses(Callback):
    """Keeps rate and loss of each mini-batch, and ends the training when it has seen enough."""

    def __init__(self, steps: int) -> None:
        self.rates, self.losses = list[float](), list[float]()
        self._steps = steps

    def on_step_end(self, run: Run, step: int) -> None:
        """Reads the loss of this mini-batch."""
        assert run.epoch is not None  # noqa: S101
        mass, totals = _mass(run, step), run.carry.totals
        total, penalty = (float(run.problem.backend.to_numpy(x)) for x in totals[:2])
        if run.problem.loss.reduction == "sum":
            penalty /= mass or 1.0
        self.losses.append((total + penalty) / (mass or 1.0))
        self.rates.append(run.epoch.rate(step // run.plan.optimizer.accumulation_steps))
        # the next sum starts at 0, so that a small loss keeps its digits beside large ones
        zeros = (run.problem.backend.asarray(np.zeros(())) for _ in range(2))
        run.carry = run.carry._replace(totals=Totals(*zeros, *totals[2:]))
        worst = _limit(np.asarray(self.losses), self._steps)
        if len(self.losses) == self._steps or not self.losses[-1] < worst:
            raise StopTraining("the curve is whole")


def _mass(run: Run, step: int) -> float:
    """Rows of a mini-batch, or the sum of their weights."""
    assert run.epoch is not None  # noqa: S101
    problem, part = run.problem, next(run.epoch.runs(step, step + 1))
    rows = None if part.rows is None else part.rows[part.first, ...]
    if part.data.weights is None:
        return float((part.data.x if rows is None else rows).shape[0])
    weights = batch_of(part.data, rows, problem.backend.xp).weights
    return float(problem.backend.to_numpy(weights).astype(np.float64).sum())


def _first(planned: int) -> int:
    """Steps whose rate is so small that the loss is that of the first weights."""
    return max(planned // 10, 2)


def _limit(losses: NDArray[np.float64], planned: int) -> float:
    """The loss above which the training is taken for lost."""
    first = losses[: _first(planned)]
    largest = float(first[np.isfinite(first)].max(initial=-math.inf))
    if not math.isfinite(largest):
        return math.inf
    fall = largest - float(losses[np.isfinite(losses)].min())
    return largest + (RISE - 1) * max(abs(largest), fall)
