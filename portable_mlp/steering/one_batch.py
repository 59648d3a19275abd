"""One mini-batch learnt by heart: the first test of a network, its loss and its optimizer."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp import randomness
from portable_mlp.backends import get
from portable_mlp.model import MLP
from portable_mlp.nn import GaussianNLL
from portable_mlp.nn.plain_numbers import is_number, is_whole
from portable_mlp.optim import LBFGS, Optimizer
from portable_mlp.optim.lbfgs import LBFGSState
from portable_mlp.steering.learning_rate import check_model
from portable_mlp.training import Callback, Run, StopTraining, TrainingDiverged
from portable_mlp.training.feed import Whole
from portable_mlp.training.problem import Data, Problem
from portable_mlp.training.step import batch_of

if TYPE_CHECKING:
    from portable_mlp.plots import Axes

_LOOKS = 10
"""Steps between two looks at a loss that takes a pass of its own, as with dropout."""


@dataclass(frozen=True)
class OneBatch:
    """How a training on a single mini-batch went.

    Args:
        losses: of the batch before each step, without penalties and dropout; with dropout it is looked
            at every tenth step, and is that of the look before in between.
        rows: of the batch.
        constant: loss of the best prediction that is the same for all rows: nothing is learnt.
        least: loss of the best predictions there can be: everything is learnt.
        tolerance: share of the way from the one to the other that may be left.
        hints: what can hold this model back, each a sentence.
    """

    losses: tuple[float, ...]
    rows: int
    constant: float
    least: float
    tolerance: float
    hints: tuple[str, ...] = ()

    @property
    def left(self) -> float:
        """What was not learnt: 1 for the best constant prediction, 0 for everything."""
        loss = self.losses[-1] if self.losses else math.nan
        return (loss - self.least) / (self.constant - self.least)

    @property
    def reached(self) -> bool:
        """Whether the batch was learnt by heart."""
        return self.left <= self.tolerance

    def plot(self, ax: Axes | None = None) -> Axes:
        """The loss over the steps, as matplotlib axes.

        Args:
            ax: where to draw; None makes a figure, which is ``axes.figure``.
        """
        from portable_mlp.steering.plot import one_batch

        return one_batch(self, ax=ax)

    def __str__(self) -> str:
        """What happened and what it means."""
        if not self.losses:
            return " ".join(["not learnt: the first loss is not finite.", *self.hints])
        way = f"loss {self.losses[0]:.3g} -> {self.losses[-1]:.3g} in {len(self.losses)} steps"
        if self.reached:
            return (
                f"learnt by heart: {self.rows} rows, {way}. Network, loss, gradient and optimizer work "
                "together; what a training on all rows lacks is rate, time, data or capacity."
            )
        said = f"not learnt by heart: {self.rows} rows, {way}"
        range_ = (
            f"a constant prediction has {self.constant:.3g}, the least there is is {self.least:.3g}"
        )
        return " ".join([f"{said} ({range_}).", *self.hints])


def overfit_one_batch(
    model: MLP,
    X: Any,  # noqa: N803
    y: Any = None,
    *,
    batch_size: int = 32,
    steps: int = 1000,
    optimizer: str | Optimizer = "adam",
    learning_rate: float | None = None,
    tolerance: float = 0.01,
    sample_weight: Any = None,
) -> OneBatch:
    """Trains a copy of the model on one mini-batch, again and again; the model stays as it is.

    A network that can learn learns a few rows by heart: its loss goes to the least there is, which is 0
    for most losses. One that does not has a fault that more data will not mend.

    Args:
        model: which is to be trained.
        X: samples (n, features), or a source, as for `MLP.fit`.
        y: targets, likewise.
        batch_size: rows of the batch: those of the first mini-batch that `MLP.fit` would see.
        steps: at most; it ends when the batch is learnt.
        optimizer: with which the model is to be trained.
        learning_rate: in place of the optimizer's own.
        tolerance: share of what is to be learnt that may be left, above 0 and below 1.
        sample_weight: as for `MLP.fit`.

    Returns:
        Whether it was learnt (``reached``), the losses, and, as text, what that means.

    Raises:
        ValueError: data or options that can't be, a batch whose targets are all equal, or the loss
            ``"gaussian_nll"``, which has no least value.
        TypeError: likewise.

    Example:
        >>> from portable_mlp import MLP, load_digits
        >>> digits, model = load_digits(), MLP([64, 32, 10], scaling="minmax")
        >>> overfit_one_batch(model, digits.train_images, digits.train_labels).reached
        True

    Source: Karpathy 2019, A recipe for training neural networks, "overfit one batch".
    """
    check_model("overfit_one_batch", model)
    for name, number in (("batch_size", batch_size), ("steps", steps)):
        if not is_whole(number, 1):
            raise ValueError(
                f"overfit_one_batch: {name} is {number!r}, expected a whole number of at least 1."
            )
    if not (is_number(tolerance) and 0 < tolerance < 1):
        raise ValueError(
            f"overfit_one_batch: tolerance is {tolerance!r}, expected a share between 0 and 1."
        )
    if isinstance(model.loss, GaussianNLL):
        raise ValueError(
            "overfit_one_batch: the loss is GaussianNLL, which has no least value, expected another; "
            "try a model with loss='squared_error'."
        )
    watcher = _OnOneBatch(batch_size, float(tolerance))
    with np.errstate(all="ignore"):
        try:
            copy.copy(model).fit(
                *(X, y),
                epochs=steps,
                batch_size=batch_size,
                optimizer=optimizer,
                learning_rate=learning_rate,
                sample_weight=sample_weight,
                callbacks=[watcher],
                verbose=0,
            )
        except TrainingDiverged as error:
            return watcher.outcome(f"{error} Try a smaller learning rate.")
    return watcher.outcome()


class _OnOneBatch(Callback):
    """Puts the first mini-batch in the place of all rows, and watches its loss."""

    def __init__(self, batch_size: int, tolerance: float) -> None:
        self._size, self._tolerance = batch_size, tolerance
        self._losses = list[float]()

    def on_train_begin(self, run: Run) -> None:
        """Takes the batch, and works out what there is to be learnt in it."""
        plan, problem = run.plan, run.problem
        data = _first_batch(run, int(self._size))
        self._rows, self._problem = int(data.x.shape[0]), problem
        weights = data.weights
        if weights is not None:
            weights = problem.backend.to_numpy(weights).astype(np.float64)
        total = None if weights is None else float(weights.sum())
        self._mass = 1.0 if problem.loss.reduction == "sum" else (total or float(self._rows))
        feed = Whole(data, self._rows, plan.seed, problem.backend)
        run.plan = replace(plan, feed=feed, batch_size=self._rows, total_weight=total)
        self._batch = data
        self._x = np.asarray(problem.backend.to_numpy(data.x)).reshape(self._rows, -1)
        self._y = np.array(problem.backend.to_numpy(data.y))
        self._constant, self._least = _range(problem, self._y, weights)

    def on_epoch_end(self, run: Run) -> None:
        """One step was done."""
        step = run.history.epochs - 1
        if run.problem.network.streams and step % _LOOKS:
            self._losses.append(self._losses[-1])
        else:
            self._losses.append(self._loss(run))
        if self._found().reached:
            raise StopTraining("the batch is learnt by heart")

    def _loss(self, run: Run) -> float:
        problem, backend = run.problem, run.problem.backend
        if not problem.network.streams:
            return float(backend.to_numpy(run.carry.totals.loss)) / self._mass
        weights, xp = run.snapshot(), backend.xp
        params = problem.layout.views(weights.vector, xp)
        outputs = problem.outputs(xp, params, weights.state, self._batch.x)
        value, _ = problem.loss(outputs, self._batch.y, self._batch.weights, problem.context(xp))
        return float(backend.to_numpy(value))

    def outcome(self, error: str = "") -> OneBatch:
        """What is known at the end; with the error by which it ended."""
        found = self._found()
        if found.reached:
            return found
        return replace(found, hints=(error,) if error else tuple(self._hints(found.left)))

    def _found(self) -> OneBatch:
        return OneBatch(
            tuple(self._losses), self._rows, self._constant, self._least, self._tolerance
        )

    def _hints(self, left: float) -> list[str]:
        hints, losses = list[str](), self._losses
        quarter = losses[-(len(losses) // 4) - 1 :]
        if (pairs := _contradictions(self._x, self._y)) > 0:
            hints.append(
                f"{pairs} of the rows are equal to another that has another target, so no network can "
                "tell them apart."
            )
        if losses and max(losses) - min(losses) <= 1e-6 * abs(losses[0]):
            hints.append(
                "The loss does not move at all: the gradient is 0, as with dead units or saturated "
                "activations, or the learning rate is far too small."
            )
        elif losses and quarter[0] - losses[-1] > 0.02 * (losses[-1] - self._least):
            hints.append("It was still falling: try more steps or a larger learning rate.")
        elif left > 1.05:
            hints.append(
                "That is worse than a constant prediction: the learning rate is too small, or samples "
                "or targets are far from 1 (see scaling and target_scaling)."
            )
        if self._problem.penalty:
            hints.append("The model has a penalty (l1, l2), which keeps its weights small.")
        if self._problem.network.streams:
            hints.append("The model has dropout: try it without.")
        return hints or [
            "Ask check_model whether the gradient is right, and the Doctor what is wrong."
        ]


def _first_batch(run: Run, size: int) -> Data:
    """The rows of the first mini-batch; of an optimizer of full batches, as many drawn at random."""
    plan, backend = run.plan, run.problem.backend
    with closing(plan.feed.chunks(plan.first_epoch)) as chunks:
        chunk = next(chunks)
        rows, first, _, _ = next(chunk.runs(0, 1))
        index = None if rows is None else rows[first, ...]
        count = int(chunk.data.x.shape[0])
        if index is None and count > size:
            order = randomness.permutation(plan.seed, plan.first_epoch, count)
            index = backend.asarray(order[:size], backend.index_dtype)
        batch = batch_of(chunk.data, index, backend.xp)
        return Data(*(None if part is None else backend.copy(part) for part in batch))


def _contradictions(x: NDArray[Any], y: NDArray[Any]) -> int:
    """Rows that equal another row whose target is another."""
    _, groups = np.unique(x, axis=0, return_inverse=True)
    _, targets = np.unique(y.reshape(len(y), -1), axis=0, return_inverse=True)
    pairs = np.unique(np.stack([groups.reshape(-1), targets.reshape(-1)]), axis=1)
    kinds = np.bincount(pairs[0])  # different targets of each group
    return int((kinds[groups.reshape(-1)] > 1).sum())


def _range(problem: Problem, y: NDArray[Any], weights: Any) -> tuple[float, float]:
    """Loss of the best constant outputs, and of the best outputs: found by L-BFGS, in float64."""
    host = replace(problem, backend=get("numpy", dtype="float64"))
    y = y.astype(np.float64) if y.dtype.kind == "f" else y
    ctx, rows = host.context(host.backend.xp), len(y)

    def constant(outputs: NDArray[Any]) -> tuple[Any, Any]:
        value, slope = host.loss(np.repeat(outputs[None, :], rows, axis=0), y, weights, ctx)
        return value, slope.sum(axis=0)

    def free(outputs: NDArray[Any]) -> tuple[Any, Any]:
        value, slope = host.loss(outputs.reshape(rows, -1), y, weights, ctx)
        return value, slope.reshape(-1)

    same, point = _minimum(constant, np.zeros(host.units))
    least, _ = _minimum(free, np.repeat(point[None, :], rows, axis=0).reshape(-1))
    if not same - least > 1e-9 * max(abs(same), abs(least), 1e-9):
        raise ValueError(
            f"overfit_one_batch: the {rows} rows of the batch have the same target, so there is "
            "nothing to learn in them; expected a larger batch_size."
        )
    return same, least


def _minimum(
    objective: Callable[[NDArray[Any]], tuple[Any, Any]], point: NDArray[Any]
) -> tuple[float, NDArray[Any]]:
    state, optimizer = LBFGSState(), LBFGS()
    with np.errstate(all="ignore"):
        for _ in range(100):
            point, state, _, _ = optimizer.minimize_step(objective, point, state, np, 1.0)
            if state.converged:
                break
        return float(objective(point)[0]), point
