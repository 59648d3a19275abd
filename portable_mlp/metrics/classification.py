"""Figures of classifiers that can be had from sums over the samples."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from portable_mlp.metrics.base import MeanMetric, RunningMetric, Sums, weighted
from portable_mlp.nn.activations import softplus
from portable_mlp.nn.arrays import Array, Shape
from portable_mlp.nn.choices import check_name
from portable_mlp.nn.layer import Context
from portable_mlp.nn.losses import Loss
from portable_mlp.nn.losses.classification import one_hot
from portable_mlp.nn.plain_numbers import is_whole
from portable_mlp.warning import warn

AVERAGES = ("binary", "macro", "micro", "weighted")
"""How the F1 scores of the classes become one figure."""


@dataclass(frozen=True, kw_only=True)
class Accuracy(MeanMetric):
    """Share of samples whose class is right; with several yes/no labels, share of right labels.

    ``accuracy_score`` for one class a sample, ``1 - hamming_loss`` for several labels.
    """

    name: str = "accuracy"
    larger_is_better: bool | None = True

    def check(self, loss: Loss, units: int) -> None:
        check_classifies(self.name, loss)

    def values(self, outputs: Array, targets: Array, loss: Loss, ctx: Context) -> Any:
        return loss.correct(outputs, targets, ctx)


@dataclass(frozen=True, kw_only=True)
class SubsetAccuracy(MeanMetric):
    """Share of samples all of whose labels are right: ``accuracy_score`` of several yes/no labels."""

    name: str = "subset_accuracy"
    larger_is_better: bool | None = True

    def check(self, loss: Loss, units: int) -> None:
        check_classifies(self.name, loss)

    def values(self, outputs: Array, targets: Array, loss: Loss, ctx: Context) -> Any:
        # a share of right labels is 1 only where all are right
        right = loss.correct(outputs, targets, ctx)
        return ctx.xp.astype(right > 1 - 0.5 / outputs.shape[1], outputs.dtype)


@dataclass(frozen=True)
class TopK(MeanMetric):
    """Share of samples whose class is among the k with the largest outputs: ``top_k_accuracy_score``.

    Of equal outputs, those of later classes are the larger, as in scikit-learn.

    Args:
        k: at least 1; with all classes or more it is 1, as in scikit-learn, and a warning says so.
        name: ``"top_3_accuracy"`` for k = 3.
    """

    k: int
    _: KW_ONLY
    name: str = ""
    larger_is_better: bool | None = True

    def __post_init__(self) -> None:
        """Checks k and makes the name."""
        super().__post_init__()
        if not is_whole(self.k, 1):
            raise ValueError(f"TopK: k is {self.k!r}, expected a whole number of at least 1.")
        object.__setattr__(self, "name", self.name or f"top_{self.k}_accuracy")

    def check(self, loss: Loss, units: int) -> None:
        check_classifies(self.name, loss)
        if not exclusive(loss):
            raise ValueError(
                f"{self.name}: the loss is {type(loss).__name__} with yes/no labels, expected one with "
                "a class for each sample, such as 'softmax_cross_entropy'."
            )
        if self.k >= units:
            warn(
                f"{self.name}: k is {self.k} and there are {units} classes: it is 1 for any answer, "
                "since the right class is always among all of them."
            )

    def values(self, outputs: Array, targets: Array, loss: Loss, ctx: Context) -> Any:
        xp, dtype = ctx.xp, outputs.dtype
        label = targets if targets.ndim == 1 else xp.argmax(targets, axis=1)
        classes = xp.arange(outputs.shape[1], dtype=label.dtype, device=ctx.device)[None, :]
        own = xp.sum(outputs * xp.astype(classes == label[:, None], dtype), axis=1, keepdims=True)
        later = xp.astype(outputs == own, dtype) * xp.astype(classes > label[:, None], dtype)
        ahead = xp.sum(xp.astype(outputs > own, dtype) + later, axis=1)
        return xp.astype(ahead < self.k, dtype)


@dataclass(frozen=True, kw_only=True)
class LogLoss(MeanMetric):
    """-log p of the right class, p = softmax(outputs) or σ(outputs): ``log_loss``.

    Without label smoothing and the like, and worked out from the logits: scikit-learn, which is given
    probabilities, clips them. With several yes/no labels it is the mean over them.
    """

    name: str = "log_loss"

    def check(self, loss: Loss, units: int) -> None:
        if type(loss).probabilities is Loss.probabilities:
            raise ValueError(
                f"{self.name}: the loss is {type(loss).__name__}, expected one with probabilities, such "
                "as 'softmax_cross_entropy' or 'binary_cross_entropy'."
            )

    def values(self, outputs: Array, targets: Array, loss: Loss, ctx: Context) -> Any:
        xp = ctx.xp
        if not exclusive(loss):
            return xp.mean(softplus(outputs, xp) - targets * outputs, axis=1)
        t = one_hot(targets, outputs.shape[1], outputs, ctx) if targets.ndim == 1 else targets
        z = outputs - xp.max(outputs, axis=1, keepdims=True)
        return xp.sum(t * (xp.log(xp.sum(xp.exp(z), axis=1, keepdims=True)) - z), axis=1)


@dataclass(frozen=True, kw_only=True)
class _ClassCounts(RunningMetric):
    """Four sums for each class.

    Of samples that are of it and were taken for it; that were taken for it; that are of it; because of
    which it counts in an average.
    """

    larger_is_better: bool | None = True

    def check(self, loss: Loss, units: int) -> None:
        check_classifies(self.name, loss)

    def shape(self, loss: Loss, units: int) -> Shape:
        return 4, max(units, 2)

    def sums(
        self, outputs: Array, targets: Array, weights: Array | None, loss: Loss, ctx: Context
    ) -> Any:
        xp = ctx.xp
        true = true_classes(outputs, targets, loss, ctx)
        taken = _taken_classes(outputs, loss, ctx)
        labels = not exclusive(loss) and outputs.shape[1] > 1
        if outputs.shape[1] == 1:  # one yes/no label is two classes
            true = xp.concat([1.0 - true, true], axis=1)
            taken = xp.concat([1.0 - taken, taken], axis=1)
        counts = xp.ones_like(true) if labels else true + taken
        each = (true * taken, taken, true, counts)
        return xp.stack([xp.sum(weighted(one, weights), axis=0) for one in each])


@dataclass(frozen=True, kw_only=True)
class BalancedAccuracy(_ClassCounts):
    """Mean over the classes of the share of their samples that is right: ``balanced_accuracy_score``.

    Classes without samples are left out.
    """

    name: str = "balanced_accuracy"

    def check(self, loss: Loss, units: int) -> None:
        super().check(loss, units)
        if not exclusive(loss) and units > 1:
            raise ValueError(
                f"{self.name}: the network has {units} yes/no labels, expected one class for each "
                "sample; 'f1_macro' is for several labels too."
            )

    def figure(self, sums: Sums, mass: float) -> float:
        hits, _, true, _ = sums
        return float(np.mean(hits[true > 0] / true[true > 0]))


@dataclass(frozen=True)
class F1(_ClassCounts):
    """F1 = 2 TP / (2 TP + FP + FN) of each class, 0 where that is 0/0: ``f1_score``.

    Args:
        average: ``"binary"``: of class 1, for two classes. ``"macro"``: the mean over the classes that
            are among the targets or the predictions, or over all yes/no labels. ``"weighted"``:
            likewise, each class as often as it is in the targets. ``"micro"``: of the summed counts.
        name: ``"f1"`` for binary, else ``"f1_macro"`` and so on.
    """

    average: str = "binary"
    _: KW_ONLY
    name: str = ""

    def __post_init__(self) -> None:
        """Checks the average and makes the name."""
        super().__post_init__()
        check_name("average", self.average, AVERAGES)
        made = "f1" if self.average == "binary" else f"f1_{self.average}"
        object.__setattr__(self, "name", self.name or made)

    def check(self, loss: Loss, units: int) -> None:
        super().check(loss, units)
        if self.average == "binary" and units != (2 if exclusive(loss) else 1):
            what = "classes" if exclusive(loss) else "yes/no labels"
            raise ValueError(
                f"{self.name}: the network has {units} {what}, expected two classes: for more say how "
                "they are averaged, 'f1_macro', 'f1_weighted' or 'f1_micro'."
            )

    def figure(self, sums: Sums, mass: float) -> float:
        if self.average == "micro":
            sums = np.sum(sums, axis=1, keepdims=True)
        hits, taken, true, counts = sums
        scores = 2 * hits / np.where(taken + true > 0, taken + true, 1.0)
        if self.average == "binary":
            return float(scores[1])
        if self.average == "weighted":
            return float(np.sum(scores * true) / (np.sum(true) or 1.0))
        return float(np.mean(scores[counts > 0]))


def exclusive(loss: Loss) -> bool:
    """Whether a sample has one class of several, in place of yes/no labels."""
    return loss.targets != "values"


def true_classes(outputs: Array, targets: Array, loss: Loss, ctx: Context) -> Any:
    """1 where a sample is of a class or has a label, else 0, in the shape of the outputs.

    Of a distribution over the classes the largest counts; a label is yes above one half.
    """
    if not exclusive(loss):
        return ctx.xp.astype(targets > 0.5, outputs.dtype)
    label = targets if targets.ndim == 1 else ctx.xp.argmax(targets, axis=1)
    return one_hot(label, outputs.shape[1], outputs, ctx)


def _taken_classes(outputs: Array, loss: Loss, ctx: Context) -> Any:
    """The same of what is predicted."""
    predicted = loss.predict(outputs, ctx)
    if predicted.ndim == 1:
        return one_hot(predicted, outputs.shape[1], outputs, ctx)
    return ctx.xp.astype(predicted > 0, outputs.dtype)


def check_classifies(who: str, loss: Loss) -> None:
    """Refuses the loss of a regression."""
    if not loss.classifies:
        raise ValueError(
            f"{who}: the loss is {type(loss).__name__}, expected one of a classifier; for numbers use "
            "'root_mean_squared_error', 'mean_absolute_error' or 'r2'."
        )
