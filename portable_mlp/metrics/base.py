"""The kinds of metric: means over samples, functions of sums, and figures of a whole data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from portable_mlp.nn.arrays import Array, Shape
from portable_mlp.nn.layer import Context
from portable_mlp.nn.losses import Loss
from portable_mlp.nn.plain_numbers import PlainNumbers

Sums = NDArray[np.float64]
"""What a metric added up, brought to the host."""


@dataclass(frozen=True, kw_only=True)
class AnyMetric(PlainNumbers):
    """A figure that says how good a model is on a data set.

    Args:
        name: its name in `History` and in what `MLP.evaluate` returns.
        larger_is_better: what early stopping takes for an improvement; None where that is not known.
    """

    name: str = ""
    larger_is_better: bool | None = False
    ignores_shift: ClassVar[bool] = False
    """Whether adding the same number to outputs and targets leaves the figure as it is.

    Numbers of a scaled target then come in its units without its shift, whose size costs them digits.
    """

    def check(self, loss: Loss, units: int) -> None:
        """Refuses a loss, or a network of so many outputs, with which this figure does not exist."""

    def sums(
        self, outputs: Array, targets: Array, weights: Array | None, loss: Loss, ctx: Context
    ) -> Any:
        """What the figure is made of, on the device.

        Args:
            outputs: what the network gives (logits), (batch, out).
            targets: as the loss wants them.
            weights: one for each sample, (batch,), or None.
            loss: ``loss.predict(outputs, ctx)`` makes predictions of the outputs.
            ctx: namespace and device.
        """
        raise TypeError(f"{type(self).__name__} does not define sums")

    def figure(self, sums: Sums, mass: float) -> float:
        """The figure, on the host.

        Args:
            sums: what `sums` gave, for the whole data set.
            mass: number of samples, or sum of their weights.
        """
        raise TypeError(f"{type(self).__name__} does not define figure")


@dataclass(frozen=True, kw_only=True)
class RunningMetric(AnyMetric):
    """A figure that can be had from sums over the samples, kept up batch by batch.

    In training the sums are part of the compiled step.
    """

    def shape(self, loss: Loss, units: int) -> Shape:
        """Shape of what `sums` gives, for a network of so many outputs."""
        return ()

    def add(
        self,
        kept: Array,
        outputs: Array,
        targets: Array,
        weights: Array | None,
        loss: Loss,
        ctx: Context,
    ) -> Any:
        """What is kept after one more batch; it starts as zeros."""
        return kept + self.sums(outputs, targets, weights, loss, ctx)


@dataclass(frozen=True, kw_only=True)
class WholeSetMetric(AnyMetric):
    """A figure that needs all samples at once.

    `MLP.evaluate` gives it, and a training gives it for the validation set; it has none for the
    training set, whose samples are seen with weights that move.
    """


@dataclass(frozen=True, kw_only=True)
class MeanMetric(RunningMetric):
    """Σ_i w_i v_i / Σ_i w_i, v_i a value for each sample."""

    def values(self, outputs: Array, targets: Array, loss: Loss, ctx: Context) -> Any:
        """The value of each sample, (batch,)."""
        raise TypeError(f"{type(self).__name__} does not define values")

    def sums(
        self, outputs: Array, targets: Array, weights: Array | None, loss: Loss, ctx: Context
    ) -> Any:
        values = self.values(outputs, targets, loss, ctx)
        shape, expected = tuple(getattr(values, "shape", ())), (outputs.shape[0],)
        if shape != expected:  # a column beside the weights would become a square
            raise ValueError(
                f"{self.name}: its values have shape {shape}, expected {expected}: one for each sample."
            )
        return ctx.xp.sum(values) if weights is None else ctx.xp.sum(values * weights)

    def figure(self, sums: Sums, mass: float) -> float:
        return float(sums) / mass


@dataclass(frozen=True)
class Metric(MeanMetric):
    """A figure of your own that is a mean over samples.

    Args:
        name: its name in `History`.
        function: ``(outputs, targets, loss, ctx) -> values`` of shape (batch,); outputs are what the
            network gives (logits), ``loss.predict(outputs, ctx)`` makes predictions of them.
        larger_is_better: what early stopping takes for an improvement.

    Example:
        >>> def largest_error(outputs, targets, loss, ctx):
        ...     return ctx.xp.max(ctx.xp.abs(outputs - targets), axis=1)
        >>> metric = Metric("largest_error", largest_error, larger_is_better=False)
    """

    name: str = field()
    function: Callable[[Array, Array, Loss, Context], Any] = field()
    larger_is_better: bool | None = field(default=None, kw_only=True)

    def values(self, outputs: Array, targets: Array, loss: Loss, ctx: Context) -> Any:
        return self.function(outputs, targets, loss, ctx)


def weighted(values: Any, weights: Array | None) -> Any:
    """``values`` (batch, columns) times the weight of each sample."""
    return values if weights is None else values * weights[:, None]
