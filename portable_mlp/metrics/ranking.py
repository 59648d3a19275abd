"""The area under the ROC curve: how well the outputs order the samples."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from portable_mlp.metrics.base import Sums, WholeSetMetric
from portable_mlp.metrics.classification import check_classifies, exclusive, true_classes
from portable_mlp.nn.arrays import Array
from portable_mlp.nn.layer import Context
from portable_mlp.nn.losses import Loss


@dataclass(frozen=True, kw_only=True)
class ROCAUC(WholeSetMetric):
    """P(s₊ > s₋) + ½ P(s₊ = s₋), s the score of a sample inside and one outside of a class.

    ``roc_auc_score``: for two classes that of class 1; for more the mean over the classes, each against
    the rest (``multi_class="ovr"``); for several yes/no labels the mean over the labels. NaN where a
    class has no samples or all of them. The score is the logit of the class, which orders the samples
    as its probability does, without the ties of probabilities that are rounded to 1.

    Source: Hanley & McNeil 1982; ties by mid-ranks, Mann & Whitney 1947.
    """

    name: str = "roc_auc"
    larger_is_better: bool | None = True

    def check(self, loss: Loss, units: int) -> None:
        check_classifies(self.name, loss)

    def sums(
        self, outputs: Array, targets: Array, weights: Array | None, loss: Loss, ctx: Context
    ) -> Any:
        xp, true = ctx.xp, true_classes(outputs, targets, loss, ctx)
        if weights is None:
            weights = xp.ones_like(outputs[:, 0])
        first = true.shape[1] - 1 if exclusive(loss) and true.shape[1] == 2 else 0
        areas = [
            _pairs(score, true[:, first + k], weights, ctx)
            for k, score in enumerate(_scores(outputs, loss, ctx))
        ]
        return xp.stack(areas)

    def figure(self, sums: Sums, mass: float) -> float:
        right, inside, outside = sums.T
        pairs = inside * outside
        return float(np.mean(np.where(pairs > 0, right / np.where(pairs > 0, pairs, 1), np.nan)))


def _scores(outputs: Array, loss: Loss, ctx: Context) -> Iterator[Any]:
    """The logit of each class that has an area of its own, (batch,)."""
    xp, columns = ctx.xp, outputs.shape[1]
    if not exclusive(loss):
        yield from (outputs[:, k] for k in range(columns))
    elif columns == 2:
        yield outputs[:, 1] - outputs[:, 0]
    else:
        # log p_k / (1 - p_k): of the other classes' exponentials, for 1 - p_k would be rounded to 0
        z = outputs - xp.max(outputs, axis=1, keepdims=True)
        e = xp.exp(z)
        tiny = float(xp.finfo(outputs.dtype).smallest_normal)
        numbers = xp.arange(columns, device=ctx.device)
        for k in range(columns):
            others = xp.astype(numbers != k, outputs.dtype)
            yield z[:, k] - xp.log(xp.maximum(xp.sum(e * others, axis=1), tiny))


def _pairs(scores: Any, inside: Any, weights: Any, ctx: Context) -> Any:
    """``[weight of the pairs in the right order, weight inside, weight outside]``, ties by halves."""
    xp = ctx.xp
    order = xp.argsort(scores)
    scores, inside, weights = (xp.take(x, order, axis=0) for x in (scores, inside, weights))
    within, outside = weights * inside, weights * (1.0 - inside)
    below = _running_sum(outside, ctx)  # of the i lowest
    less = xp.take(below, xp.searchsorted(scores, scores, side="left"), axis=0)
    at_most = xp.take(below, xp.searchsorted(scores, scores, side="right"), axis=0)
    right = xp.sum(within * (0.5 * (less + at_most)))
    return xp.stack([right, xp.sum(within), xp.sum(outside)])


def _running_sum(x: Any, ctx: Context) -> Any:
    """``[0, x_0, x_0 + x_1, ...]``, (n + 1,), added up in √n blocks of √n numbers.

    One after the other, ten million weights in single precision are off by two percent; so by 1e-6.
    """
    xp, n = ctx.xp, x.shape[0]
    side = math.isqrt(n - 1) + 1
    filled = xp.concat([x, xp.zeros(side * side - n, dtype=x.dtype, device=ctx.device)])
    blocks = xp.cumulative_sum(xp.reshape(filled, (side, side)), axis=1)
    before = xp.cumulative_sum(blocks[:, -1], axis=0, include_initial=True)
    inner = xp.reshape(blocks + before[:-1][:, None], (-1,))
    return xp.concat([before[:1], inner[:n]])
