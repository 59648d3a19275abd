"""Losses of regression. Each is the mean over the outputs of a sample unless its name says otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from portable_mlp.nn.arrays import Array, Namespace, Shape
from portable_mlp.nn.layer import Context
from portable_mlp.nn.losses.base import EachOutput, Loss
from portable_mlp.nn.plain_numbers import LATER


@dataclass(frozen=True)
class SquaredError(Loss):
    """l = mean_j (o_j - t_j)²,   l'_j = 2 (o_j - t_j) / m. What Keras and PyTorch call MSE.

    Example:
        >>> import numpy as np
        >>> from portable_mlp.nn import Context
        >>> o, t = np.asarray([[3.0]]), np.asarray([[1.0]])
        >>> value, gradient = SquaredError()(o, t, None, Context(np))
        >>> float(value), gradient.tolist()
        (4.0, [[4.0]])
    """

    def per_sample(self, outputs: Array, targets: Array, ctx: Context) -> tuple[Any, Any]:
        e = outputs - targets
        return ctx.xp.mean(e * e, axis=1), e * (2 / e.shape[1])


@dataclass(frozen=True)
class HalfSquaredError(EachOutput):
    """l = ½ mean_j (o_j - t_j)²,   l'_j = (o_j - t_j) / m.

    scikit-learn's squared error for one output. For m outputs scikit-learn reports this l and descends
    the gradient of the sum.

    Args:
        over_outputs: ``"sum"`` for the sum over the outputs in place of their mean.
    """

    def per_sample(self, outputs: Array, targets: Array, ctx: Context) -> tuple[Any, Any]:
        e = outputs - targets
        return self.together(0.5 * (e * e), e, ctx)


@dataclass(frozen=True)
class SumSquaredError(Loss):
    """L = Σ_i w_i Σ_j (o_ij - t_ij)², a sum over the batch too: a larger batch has a larger gradient."""

    reduction: ClassVar[Literal["mean", "sum"]] = "sum"

    def per_sample(self, outputs: Array, targets: Array, ctx: Context) -> tuple[Any, Any]:
        e = outputs - targets
        return ctx.xp.sum(e * e, axis=1), 2.0 * e


@dataclass(frozen=True)
class HalfSumSquaredError(Loss):
    """L = ½ Σ_i w_i Σ_j (o_ij - t_ij)², the form of many lecture notes; see `SumSquaredError`."""

    reduction: ClassVar[Literal["mean", "sum"]] = "sum"

    def per_sample(self, outputs: Array, targets: Array, ctx: Context) -> tuple[Any, Any]:
        e = outputs - targets
        return 0.5 * ctx.xp.sum(e * e, axis=1), e


@dataclass(frozen=True)
class AbsoluteError(Loss):
    """l = mean_j |o_j - t_j|,   l'_j = sign(o_j - t_j) / m, 0 at 0."""

    def per_sample(self, outputs: Array, targets: Array, ctx: Context) -> tuple[Any, Any]:
        e = outputs - targets
        return ctx.xp.mean(ctx.xp.abs(e), axis=1), ctx.xp.sign(e) * (1 / e.shape[1])


@dataclass(frozen=True)
class Huber(Loss):
    """l = mean_j h(o_j - t_j), h(e) = ½ e² where |e| <= δ, else δ (|e| - ½ δ).

    h' = e clipped to [-δ, δ].

    Args:
        delta: δ > 0, where the parabola turns into a line. Source: Huber 1964.
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.delta > 0:
            raise ValueError(f"Huber: delta is {self.delta!r}, expected a number above 0.")

    def per_sample(self, outputs: Array, targets: Array, ctx: Context) -> tuple[Any, Any]:
        xp, e = ctx.xp, outputs - targets
        slope = xp.minimum(xp.maximum(e, -self.delta), self.delta)
        # with s the clipped e: s (e - s/2) is the parabola inside and the line outside
        return xp.mean(slope * (e - 0.5 * slope), axis=1), slope * (1 / e.shape[1])


@dataclass(frozen=True)
class LogCosh(Loss):
    """l = mean_j log cosh(o_j - t_j),   l'_j = tanh(o_j - t_j) / m."""

    def per_sample(self, outputs: Array, targets: Array, ctx: Context) -> tuple[Any, Any]:
        xp, e = ctx.xp, outputs - targets
        size = xp.abs(e)
        values = size + xp.log1p(xp.exp(-2.0 * size)) - math.log(2)
        return xp.mean(values, axis=1), xp.tanh(e) * (1 / e.shape[1])


@dataclass(frozen=True)
class Poisson(EachOutput):
    """l = mean_j [ exp(o_j) - t_j o_j ],   l'_j = (exp(o_j) - t_j) / m. The output is log of the mean.

    Targets: counts or rates >= 0. The term log t! is left out. ``predict`` gives exp(o).

    Args:
        deviance: adds t log t - t, which makes l half of the Poisson deviance, 0 at best, as in
            scikit-learn. It changes no gradient.
        over_outputs: ``"sum"`` for the sum over the outputs in place of their mean.
    """

    deviance: bool = field(default=False, metadata=LATER)
    fit_targets: ClassVar[str] = "counts or rates of at least 0"

    def unfit(self, targets: Array, xp: Namespace) -> Any:
        return targets < 0

    def per_sample(self, outputs: Array, targets: Array, ctx: Context) -> tuple[Any, Any]:
        xp = ctx.xp
        mean = xp.exp(outputs)
        values = mean - targets * outputs
        if self.deviance:
            tiny = float(xp.finfo(targets.dtype).smallest_normal)  # 0 log 0 is 0
            values = values + targets * xp.log(xp.maximum(targets, tiny)) - targets
        return self.together(values, mean - targets, ctx)

    def predict(self, outputs: Array, ctx: Context) -> Any:
        return ctx.xp.exp(outputs)


@dataclass(frozen=True)
class Quantile(Loss):
    """l = mean over targets and quantiles of max(q e, (q - 1) e), e = t - o: the pinball loss.

    dl/do = -q where t > o, 1 - q where t < o, 0 where equal, divided by their number.

    Args:
        quantiles: the quantiles, each in (0, 1). Several are learned at once: the network then has
            ``m · len(quantiles)`` outputs for m targets, those of one target side by side.

    Source: Koenker & Bassett 1978.
    """

    quantiles: tuple[float, ...] = (0.5,)

    def __post_init__(self) -> None:
        super().__post_init__()
        given: Any = self.quantiles
        if isinstance(given, (int, float)):  # one quantile
            object.__setattr__(self, "quantiles", (float(given),))
        if not self.quantiles or not all(0 < q < 1 for q in self.quantiles):
            raise ValueError(
                f"Quantile: quantiles are {self.quantiles!r}, expected numbers inside (0, 1)."
            )

    def check_outputs(self, units: int) -> None:
        if units % len(self.quantiles):
            raise ValueError(
                f"Quantile: the network has {units} outputs, expected a multiple of "
                f"{len(self.quantiles)}, one for each quantile of each target."
            )

    def targets_per_output(self, units: int) -> int:
        return units // len(self.quantiles)

    def check_shapes(self, outputs: Shape, targets: Shape) -> None:
        self.check_outputs(outputs[1])
        expected = (outputs[0], outputs[1] // len(self.quantiles))
        if targets != expected:
            raise ValueError(
                f"Quantile: y has shape {targets}, expected {expected} for outputs of shape {outputs} "
                f"and {len(self.quantiles)} quantile(s)."
            )

    def per_sample(self, outputs: Array, targets: Array, ctx: Context) -> tuple[Any, Any]:
        xp = ctx.xp
        columns, weight = outputs.shape[1], 1 / outputs.shape[1]
        values: Any = 0.0
        gradients = []
        for column in range(columns):
            target, place = divmod(column, len(self.quantiles))
            q = self.quantiles[place]
            e = targets[:, target] - outputs[:, column]
            values = values + xp.maximum(q * e, (q - 1) * e) * weight
            above, below = xp.astype(e > 0, e.dtype), xp.astype(e < 0, e.dtype)
            gradients.append((below * (1 - q) - above * q) * weight)
        return values, xp.stack(gradients, axis=1)


@dataclass(frozen=True)
class GaussianNLL(Loss):
    """l = mean_j ½ [ s_j + (μ_j - t_j)² exp(-s_j) + log 2π ], s = log σ².

    dl/dμ_j = (μ_j - t_j) exp(-s_j) / m,   dl/ds_j = ½ [ 1 - (μ_j - t_j)² exp(-s_j) ] / m.

    The network has 2 m outputs for m targets: first the m means, then the m log-variances.
    ``predict`` gives the means. Source: Nix & Weigend 1994.
    """

    def check_outputs(self, units: int) -> None:
        if units % 2:
            raise ValueError(
                f"GaussianNLL: the network has {units} outputs, expected an even number: a mean and "
                "a log-variance for each target."
            )

    def targets_per_output(self, units: int) -> int:
        return units // 2

    def check_shapes(self, outputs: Shape, targets: Shape) -> None:
        self.check_outputs(outputs[1])
        expected = (outputs[0], outputs[1] // 2)
        if targets != expected:
            raise ValueError(
                f"GaussianNLL: y has shape {targets}, expected {expected}: half as many columns as "
                f"the {outputs[1]} outputs, which are means and log-variances."
            )

    def per_sample(self, outputs: Array, targets: Array, ctx: Context) -> tuple[Any, Any]:
        xp, m = ctx.xp, targets.shape[1]
        e = outputs[:, :m] - targets
        log_variance = outputs[:, m:]
        precision = xp.exp(-log_variance)
        misfit = e * e * precision
        values = 0.5 * xp.mean(log_variance + misfit + math.log(2 * math.pi), axis=1)
        gradients = xp.concat([e * precision, 0.5 * (1.0 - misfit)], axis=1)
        return values, gradients * (1 / m)

    def predict(self, outputs: Array, ctx: Context) -> Any:
        return outputs[:, : outputs.shape[1] // 2]
