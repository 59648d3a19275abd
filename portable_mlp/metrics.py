"""Figures beside the loss: a number for each sample, averaged with the sample weights.

They are worked out on the device, next to the loss, and come over once an epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from portable_mlp.nn.arrays import Array
from portable_mlp.nn.choices import choose
from portable_mlp.nn.layer import Context
from portable_mlp.nn.losses import Loss


@dataclass(frozen=True)
class Metric:
    """A figure that is a mean over samples.

    Args:
        name: its name in `History`.
        function: ``(outputs, targets, loss, ctx) -> values`` of shape (batch,); outputs are what the
            network gives (logits), ``loss.predict(outputs, ctx)`` makes predictions of them.
    """

    name: str
    function: Callable[[Array, Array, Loss, Context], Any]

    def __call__(self, outputs: Array, targets: Array, loss: Loss, ctx: Context) -> Any:
        """The values of a batch."""
        return self.function(outputs, targets, loss, ctx)


def _accuracy(outputs: Array, targets: Array, loss: Loss, ctx: Context) -> Any:
    return loss.correct(outputs, targets, ctx)


def _mean_squared_error(outputs: Array, targets: Array, loss: Loss, ctx: Context) -> Any:
    e = _errors("mean_squared_error", outputs, targets, loss, ctx)
    return ctx.xp.mean(e * e, axis=1)


def _mean_absolute_error(outputs: Array, targets: Array, loss: Loss, ctx: Context) -> Any:
    e = _errors("mean_absolute_error", outputs, targets, loss, ctx)
    return ctx.xp.mean(ctx.xp.abs(e), axis=1)


def _errors(who: str, outputs: Array, targets: Array, loss: Loss, ctx: Context) -> Any:
    predicted = loss.predict(outputs, ctx)
    if loss.classifies or tuple(predicted.shape) != tuple(targets.shape):
        raise ValueError(
            f"{who}: {type(loss).__name__} predicts an array of shape {tuple(predicted.shape)} for "
            f"targets of shape {tuple(targets.shape)}, expected numbers of equal shape."
        )
    return predicted - targets


METRICS: dict[str, Metric] = {
    "accuracy": Metric("accuracy", _accuracy),
    "mean_squared_error": Metric("mean_squared_error", _mean_squared_error),
    "mean_absolute_error": Metric("mean_absolute_error", _mean_absolute_error),
}
"""The names that stand for a metric. Accuracy is the share of right classes; with several yes/no
labels for a sample, the share of right labels."""


def choose_metrics(metrics: Sequence[str | Metric] | None, loss: Loss) -> tuple[Metric, ...]:
    """The metrics asked for; None means accuracy for a classifier and nothing otherwise."""
    if metrics is None:
        metrics = ("accuracy",) if loss.classifies else ()
    if isinstance(metrics, str):
        metrics = (metrics,)
    return tuple(choose("metrics", metric, METRICS, Metric) for metric in metrics)
