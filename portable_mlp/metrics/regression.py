"""Figures of predicted numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from portable_mlp.metrics.base import MeanMetric, RunningMetric, Sums, weighted
from portable_mlp.nn.arrays import Array, Shape
from portable_mlp.nn.layer import Context
from portable_mlp.nn.losses import Loss


@dataclass(frozen=True, kw_only=True)
class MeanSquaredError(MeanMetric):
    """Mean over samples and columns of (ŷ - y)²: ``mean_squared_error``."""

    name: str = "mean_squared_error"
    ignores_shift: ClassVar[bool] = True

    def check(self, loss: Loss, units: int) -> None:
        _check_numbers(self.name, loss)

    def values(self, outputs: Array, targets: Array, loss: Loss, ctx: Context) -> Any:
        e = _errors(self.name, outputs, targets, loss, ctx)
        return ctx.xp.mean(e * e, axis=1)


@dataclass(frozen=True, kw_only=True)
class MeanAbsoluteError(MeanMetric):
    """Mean over samples and columns of |ŷ - y|: ``mean_absolute_error``."""

    name: str = "mean_absolute_error"
    ignores_shift: ClassVar[bool] = True

    def check(self, loss: Loss, units: int) -> None:
        _check_numbers(self.name, loss)

    def values(self, outputs: Array, targets: Array, loss: Loss, ctx: Context) -> Any:
        e = _errors(self.name, outputs, targets, loss, ctx)
        return ctx.xp.mean(ctx.xp.abs(e), axis=1)


@dataclass(frozen=True, kw_only=True)
class RootMeanSquaredError(RunningMetric):
    """√ of the mean of (ŷ - y)² over the samples; the mean of it over columns.

    ``root_mean_squared_error``.
    """

    name: str = "root_mean_squared_error"
    ignores_shift: ClassVar[bool] = True

    def check(self, loss: Loss, units: int) -> None:
        _check_numbers(self.name, loss)

    def shape(self, loss: Loss, units: int) -> Shape:
        return (loss.targets_per_output(units),)

    def sums(
        self, outputs: Array, targets: Array, weights: Array | None, loss: Loss, ctx: Context
    ) -> Any:
        e = _errors(self.name, outputs, targets, loss, ctx)
        return ctx.xp.sum(weighted(e * e, weights), axis=0)

    def figure(self, sums: Sums, mass: float) -> float:
        return float(np.mean(np.sqrt(sums / mass)))


@dataclass(frozen=True, kw_only=True)
class R2(RunningMetric):
    """1 - Σ w (ŷ - y)² / Σ w (y - ȳ)², the mean of it over columns: ``r2_score``.

    A column whose targets are all equal gives 1 if they are met exactly and 0 otherwise. The targets are
    added up as differences from the mean of the first batch: a mean that is far from 0 costs no digits.
    """

    name: str = "r2"
    larger_is_better: bool | None = True
    ignores_shift: ClassVar[bool] = True

    def check(self, loss: Loss, units: int) -> None:
        _check_numbers(self.name, loss)

    def shape(self, loss: Loss, units: int) -> Shape:
        return 5, loss.targets_per_output(units)  # Σ w, c, Σ w (ŷ - y)², Σ w (y - c), Σ w (y - c)²

    def add(
        self,
        kept: Array,
        outputs: Array,
        targets: Array,
        weights: Array | None,
        loss: Loss,
        ctx: Context,
    ) -> Any:
        xp = ctx.xp
        e = _errors(self.name, outputs, targets, loss, ctx)

        def total(values: Any) -> Any:
            return xp.sum(weighted(values, weights), axis=0, keepdims=True)

        mass, c = kept[:1, :], kept[1:2, :]
        first, added = targets[:1, :], total(xp.ones_like(targets))
        share = 1 / (added + xp.astype(added == 0, added.dtype))
        mean = first + share * total(targets - first)  # exact where all are equal
        c = xp.where(mass == 0, mean, c)
        d = targets - c
        sums = xp.concat([total(e * e), total(d), total(d * d)], axis=0)
        return xp.concat([mass + added, c, kept[2:, :] + sums], axis=0)

    def figure(self, sums: Sums, mass: float) -> float:
        w, _, squares, d, dd = sums
        spread = np.maximum(dd - d * d / w, 0.0)
        share = squares / np.where(spread > 0, spread, 1.0)
        scores = np.where(spread > 0, 1 - share, np.where(squares == 0, 1.0, 0.0))
        return float(np.mean(scores))


def _check_numbers(who: str, loss: Loss) -> None:
    if loss.classifies:
        raise ValueError(
            f"{who}: the loss is {type(loss).__name__}, expected one that predicts numbers, such as "
            "'squared_error'; for classes use 'accuracy' or 'log_loss'."
        )


def _errors(who: str, outputs: Array, targets: Array, loss: Loss, ctx: Context) -> Any:
    predicted = loss.predict(outputs, ctx)
    if tuple(predicted.shape) != tuple(targets.shape):
        raise ValueError(
            f"{who}: {type(loss).__name__} predicts an array of shape {tuple(predicted.shape)} for "
            f"targets of shape {tuple(targets.shape)}, expected numbers of equal shape."
        )
    return predicted - targets
