"""Figures beside the loss, with scikit-learn's definitions, worked out on the device.

A metric is of one of two kinds. A `RunningMetric` can be had from sums over the samples: they are added
up next to the loss, within the training step, and come over once an epoch. A `WholeSetMetric` needs all
samples at once: `MLP.evaluate` has it, and in a training the validation set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from portable_mlp.metrics.base import (
    AnyMetric,
    MeanMetric,
    Metric,
    RunningMetric,
    WholeSetMetric,
)
from portable_mlp.metrics.classification import (
    F1,
    Accuracy,
    BalancedAccuracy,
    LogLoss,
    SubsetAccuracy,
    TopK,
)
from portable_mlp.metrics.ranking import ROCAUC
from portable_mlp.metrics.regression import (
    R2,
    MeanAbsoluteError,
    MeanSquaredError,
    RootMeanSquaredError,
)
from portable_mlp.nn.choices import choose
from portable_mlp.nn.losses import Loss

__all__ = [
    "F1",
    "METRICS",
    "R2",
    "ROCAUC",
    "Accuracy",
    "AnyMetric",
    "BalancedAccuracy",
    "LogLoss",
    "MeanAbsoluteError",
    "MeanMetric",
    "MeanSquaredError",
    "Metric",
    "RootMeanSquaredError",
    "RunningMetric",
    "SubsetAccuracy",
    "TopK",
    "WholeSetMetric",
    "choose_metrics",
    "named_metric",
]

METRICS: dict[str, AnyMetric] = {
    metric.name: metric
    for metric in (
        Accuracy(),
        SubsetAccuracy(),
        BalancedAccuracy(),
        *(TopK(k) for k in (2, 3, 5, 10)),
        LogLoss(),
        F1(),
        F1("macro"),
        F1("micro"),
        F1("weighted"),
        ROCAUC(),
        MeanSquaredError(),
        RootMeanSquaredError(),
        MeanAbsoluteError(),
        R2(),
    )
}
"""The names that stand for a metric. Each takes sample weights, as in scikit-learn: a weight of 2 is the
row twice, a weight of 0 is no row.

============================  ==========================================================================
name                          what it is, and scikit-learn's function
============================  ==========================================================================
``accuracy``                  share of right classes, ``accuracy_score``; with several yes/no labels the
                              share of right labels, ``1 - hamming_loss``
``subset_accuracy``           share of samples all of whose labels are right: ``accuracy_score`` of
                              several labels
``balanced_accuracy``         mean over classes of the share of their samples that is right,
                              ``balanced_accuracy_score``
``top_3_accuracy``            the right class is among the 3 with the largest outputs,
                              ``top_k_accuracy_score``; likewise any other k, which is ``TopK(k)``
``log_loss``                  mean of -log p of the right class, ``log_loss``, of the logits: not clipped
``f1``                        2 TP / (2 TP + FP + FN) of class 1 of two, ``f1_score``
``f1_macro``,                 mean of the classes' F1; of those that occur in targets or predictions, or
``f1_weighted``               of all yes/no labels; ``average="macro"``, or ``"weighted"`` by their share
``f1_micro``                  of the summed counts, ``average="micro"``
``roc_auc``                   area under the ROC curve, ties by mid-ranks, ``roc_auc_score``; mean over
                              labels, or over classes against the rest (``multi_class="ovr"``). Needs the
                              whole set: a training gives ``val_roc_auc``, and no ``roc_auc``
``mean_squared_error``        mean of (ŷ - y)², ``mean_squared_error``
``root_mean_squared_error``   its root, a column at a time, ``root_mean_squared_error``
``mean_absolute_error``       mean of |ŷ - y|, ``mean_absolute_error``
``r2``                        1 - Σ w (ŷ - y)² / Σ w (y - ȳ)², mean over columns, ``r2_score``
============================  ==========================================================================

In training, figures of the training set are of each mini-batch with the weights of its moment.
"""

_SHORT = {
    "mse": "mean_squared_error",
    "rmse": "root_mean_squared_error",
    "mae": "mean_absolute_error",
    "auc": "roc_auc",
}
"""What other programs, and tables on the screen, call some of them."""
_TAKEN = ("loss", "learning_rate", "gradient_norm", "seconds", "samples_per_second")
"""What `History` calls figures that are no metrics."""


def named_metric(name: str) -> AnyMetric | None:
    """The metric of this package that is called so, ``top_4_accuracy`` included, or None."""
    return (METRICS | _top_k(name)).get(name)


def _top_k(name: object) -> dict[str, AnyMetric]:
    found = re.fullmatch(r"top_([1-9][0-9]{0,8})_accuracy", name) if isinstance(name, str) else None
    return {found[0]: TopK(int(found[1]))} if found else {}


def choose_metrics(
    metrics: str | AnyMetric | Sequence[str | AnyMetric] | None, loss: Loss, units: int
) -> tuple[AnyMetric, ...]:
    """The metrics asked for; None means accuracy for a classifier and nothing otherwise.

    Args:
        metrics: names of `METRICS`, or metrics.
        loss: of the model.
        units: its outputs.

    Raises:
        ValueError: an unknown name, a name twice or one that is taken, or a figure that this loss does
            not have.
    """
    if metrics is None:
        metrics = ("accuracy",) if loss.classifies else ()
    if isinstance(metrics, (str, AnyMetric)):
        metrics = (metrics,)
    if not isinstance(metrics, Iterable):
        raise TypeError(
            f"metrics: got {metrics!r} of type {type(metrics).__name__}, expected a list of names or "
            "metrics."
        )
    metrics = tuple(metrics)
    for metric in metrics:
        if isinstance(metric, str) and metric.lower() in _SHORT:
            raise ValueError(
                f"metrics: got {metric!r}, expected its whole name {_SHORT[metric.lower()]!r}."
            )
    chosen = tuple(
        choose("metrics", metric, METRICS | _top_k(metric), AnyMetric) for metric in metrics
    )
    names = [metric.name for metric in chosen]
    for metric in chosen:
        if names.count(metric.name) > 1:
            raise ValueError(
                f"metrics: got {metric.name!r} more than once, expected different names; one of your "
                "own is given by name=."
            )
        if metric.name in _TAKEN or metric.name.startswith("val_"):
            raise ValueError(
                f"metrics: got one called {metric.name!r}, expected another name: a training has a "
                "figure of its own that is called so."
            )
        metric.check(loss, units)
    return chosen
