"""Losses of classifiers. All take logits and share the exponentials of value and gradient."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any, ClassVar

from portable_mlp.nn.activations import sigmoid, softmax, softplus
from portable_mlp.nn.arrays import Array, Namespace, Shape
from portable_mlp.nn.layer import Context
from portable_mlp.nn.losses.base import EachOutput, Loss, Targets
from portable_mlp.nn.plain_numbers import is_whole


def one_hot(labels: Array, classes: int, like: Array, ctx: Context) -> Any:
    """(batch,) class numbers as (batch, classes) zeros and ones of the dtype of ``like``."""
    xp = ctx.xp
    numbers = xp.arange(classes, dtype=labels.dtype, device=ctx.device)
    return xp.astype(labels[:, None] == numbers[None, :], like.dtype)


@dataclass(frozen=True)
class _ManyClasses(Loss):
    """What the losses over K exclusive classes share."""

    classifies: ClassVar[bool] = True

    def check_outputs(self, units: int) -> None:
        if units < 2:
            raise ValueError(
                f"{type(self).__name__}: the network has {units} output, expected one for each "
                "class, at least 2: softmax over one class is always 1. For two classes with one "
                "output use loss='binary_cross_entropy'; for a number to be predicted, "
                "'squared_error'."
            )

    def check_shapes(self, outputs: Shape, targets: Shape) -> None:
        if targets != outputs[:1]:
            raise ValueError(
                f"{type(self).__name__}: y has shape {targets}, expected class numbers of shape "
                f"{outputs[:1]} for outputs of shape {outputs}."
            )

    def predict(self, outputs: Array, ctx: Context) -> Any:
        return ctx.xp.argmax(outputs, axis=1)

    def correct(self, outputs: Array, targets: Array, ctx: Context) -> Any:
        xp = ctx.xp
        predicted = xp.argmax(outputs, axis=1)
        right = targets if targets.ndim == 1 else xp.argmax(targets, axis=1)
        return xp.astype(predicted == xp.astype(right, predicted.dtype), outputs.dtype)

    def probabilities(self, outputs: Array, ctx: Context) -> Any:
        return softmax(outputs, ctx.xp)


@dataclass(frozen=True)
class SoftmaxCrossEntropy(_ManyClasses):
    """l = -Σ_k t_k log p_k,   l' = (Σ_k t_k) p - t,   p = softmax(logits).

    Args:
        label_smoothing: ε in [0, 1): t becomes (1 - ε) t + ε / K. Source: Szegedy et al. 2016.

    Targets: class numbers (batch,), or one distribution for each sample (batch, K): one-hot or soft.

    Example:
        >>> import numpy as np
        >>> from portable_mlp.nn import Context
        >>> logits, labels = np.asarray([[0.0, 0.0]]), np.asarray([1])
        >>> value, gradient = SoftmaxCrossEntropy()(logits, labels, None, Context(np))
        >>> round(float(value), 6), gradient.tolist()
        (0.693147, [[0.5, -0.5]])
    """

    label_smoothing: float = 0.0
    targets: ClassVar[Targets] = "labels or distributions"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(
                f"SoftmaxCrossEntropy: label_smoothing is {self.label_smoothing!r}, "
                "expected a share in [0, 1)."
            )

    def check_shapes(self, outputs: Shape, targets: Shape) -> None:
        if targets not in (outputs, outputs[:1]):
            hint = ""
            if targets == (outputs[0], 1):
                hint = " Pass y[:, 0]: class numbers have one axis."
            elif len(targets) == 2 and targets[0] == outputs[0]:
                hint = (
                    f" A one-hot y needs {outputs[1]} columns, one for each unit of the last layer."
                )
            raise ValueError(
                f"SoftmaxCrossEntropy: y has shape {targets}, expected class numbers of shape "
                f"{outputs[:1]} or distributions of shape {outputs}.{hint}"
            )

    def per_sample(self, outputs: Array, targets: Array, ctx: Context) -> tuple[Any, Any]:
        xp, classes = ctx.xp, outputs.shape[1]
        t = one_hot(targets, classes, outputs, ctx) if targets.ndim == 1 else targets
        if self.label_smoothing:
            t = t * (1 - self.label_smoothing) + self.label_smoothing / classes
        z = outputs - xp.max(outputs, axis=1, keepdims=True)
        e = xp.exp(z)
        s = xp.sum(e, axis=1, keepdims=True)
        values = xp.sum(t * (xp.log(s) - z), axis=1)
        mass = 1.0 if targets.ndim == 1 else xp.sum(t, axis=1, keepdims=True)
        return values, e * (mass / s) - t


@dataclass(frozen=True)
class SoftmaxFocal(_ManyClasses):
    """l = -(1 - p_t)^γ log p_t, p_t the softmax probability of the right class.

    l' = f (onehot - p) with f = γ (1 - p_t)^(γ-1) p_t log p_t - (1 - p_t)^γ. With γ = 0 it is
    the cross-entropy.

    Args:
        gamma: γ >= 0. Source: Lin et al. 2017, eq. 4.
    """

    gamma: float = 2.0
    targets: ClassVar[Targets] = "labels"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_gamma("SoftmaxFocal", self.gamma)

    def per_sample(self, outputs: Array, targets: Array, ctx: Context) -> tuple[Any, Any]:
        xp = ctx.xp
        right = one_hot(targets, outputs.shape[1], outputs, ctx)
        z = outputs - xp.max(outputs, axis=1, keepdims=True)
        e = xp.exp(z)
        s = xp.sum(e, axis=1, keepdims=True)
        p = e / s
        miss = xp.sum((1.0 - right) * p, axis=1)  # 1 - p_t without cancellation
        sure = xp.astype(miss < 0.5, miss.dtype)  # there log(1 - miss) is the exact form
        log_pt = xp.sum(right * (z - xp.log(s)), axis=1) * (1.0 - sure)
        log_pt = log_pt + xp.log1p(-xp.minimum(miss, 0.5)) * sure
        pt = xp.exp(log_pt)
        values, factor = _focal(miss, pt, log_pt, self.gamma, xp)
        return values, factor[:, None] * (right - p)


@dataclass(frozen=True)
class GroupedSoftmaxCrossEntropy(Loss):
    """l = Σ_g -Σ_k t_gk log p_gk: a softmax for each group of outputs, for several questions at once.

    dl/do_gk = (Σ_j t_gj) p_gk - t_gk,   p_g = softmax(logits of group g).

    Args:
        groups: number of classes of each question, each at least 2, in the order of the outputs.
        label_smoothing: as of `SoftmaxCrossEntropy`.

    Targets: (batch, outputs), a distribution over the classes of each group: one-hot or soft.

    Example:
        >>> import numpy as np
        >>> from portable_mlp.nn import Context
        >>> o, t = np.zeros((1, 5)), np.asarray([[0.0, 1.0, 1.0, 0.0, 0.0]])
        >>> value, gradient = GroupedSoftmaxCrossEntropy((2, 3))(o, t, None, Context(np))
        >>> round(float(value), 6), gradient.round(3).tolist()  # log 2 + log 3
        (1.791759, [[0.5, -0.5, -0.667, 0.333, 0.333]])
    """

    groups: tuple[int, ...]
    label_smoothing: float = 0.0
    classifies: ClassVar[bool] = True
    fit_targets: ClassVar[str] = "distributions over the classes of each group"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "groups", tuple(self.groups))
        if not self.groups or not all(is_whole(size, 2) for size in self.groups):
            raise ValueError(
                f"GroupedSoftmaxCrossEntropy: groups are {self.groups!r}, expected the number of classes "
                "of each, at least 2."
            )
        SoftmaxCrossEntropy(self.label_smoothing)  # which refuses what is no share

    def check_outputs(self, units: int) -> None:
        if units != sum(self.groups):
            raise ValueError(
                f"GroupedSoftmaxCrossEntropy: the network has {units} outputs, expected "
                f"{sum(self.groups)}: one for each class of the groups {self.groups}."
            )

    def unfit(self, targets: Array, xp: Namespace) -> Any:
        return (targets < 0) | (targets > 1)

    def per_sample(self, outputs: Array, targets: Array, ctx: Context) -> tuple[Any, Any]:
        softmax_loss = SoftmaxCrossEntropy(self.label_smoothing)
        values: Any = 0.0
        slopes = []
        for place in self._places:
            value, slope = softmax_loss.per_sample(outputs[:, place], targets[:, place], ctx)
            values = values + value
            slopes.append(slope)
        return values, ctx.xp.concat(slopes, axis=1)

    def correct(self, outputs: Array, targets: Array, ctx: Context) -> Any:
        xp = ctx.xp
        hits = [
            xp.argmax(outputs[:, place], axis=1) == xp.argmax(targets[:, place], axis=1)
            for place in self._places
        ]
        return xp.mean(xp.astype(xp.stack(hits, axis=1), outputs.dtype), axis=1)

    def predict(self, outputs: Array, ctx: Context) -> Any:
        xp = ctx.xp
        return xp.stack([xp.argmax(outputs[:, place], axis=1) for place in self._places], axis=1)

    def probabilities(self, outputs: Array, ctx: Context) -> Any:
        parts = [softmax(outputs[:, place], ctx.xp) for place in self._places]
        return ctx.xp.concat(parts, axis=1)

    @property
    def _places(self) -> list[slice]:
        ends = list(accumulate(self.groups))
        return [slice(end - size, end) for end, size in zip(ends, self.groups, strict=True)]


@dataclass(frozen=True)
class _EachLabel(Loss):
    """What the losses with one logit for each of m yes/no labels share."""

    classifies: ClassVar[bool] = True
    fit_targets: ClassVar[str] = "0 for no and 1 for yes, or probabilities between"

    def unfit(self, targets: Array, xp: Namespace) -> Any:
        return (targets < 0) | (targets > 1)

    def correct(self, outputs: Array, targets: Array, ctx: Context) -> Any:
        xp = ctx.xp
        hits = xp.astype((outputs > 0) == (targets > 0.5), outputs.dtype)
        return xp.mean(hits, axis=1)  # the share of the sample's labels

    def predict(self, outputs: Array, ctx: Context) -> Any:
        return ctx.xp.astype(outputs > 0, ctx.xp.int32)

    def probabilities(self, outputs: Array, ctx: Context) -> Any:
        return sigmoid(outputs, ctx.xp)


@dataclass(frozen=True)
class BinaryCrossEntropy(_EachLabel, EachOutput):
    """l = mean_j [ softplus(z_j) - t_j z_j ],   dl/dz_j = (σ(z_j) - t_j) / m, for m labels.

    Args:
        over_outputs: ``"sum"`` for the sum over the labels in place of their mean.

    Targets: (batch, m) in [0, 1]; one yes/no label is m = 1.

    Example:
        >>> import numpy as np
        >>> from portable_mlp.nn import Context
        >>> z, t = np.asarray([[0.0]]), np.asarray([[1.0]])
        >>> value, gradient = BinaryCrossEntropy()(z, t, None, Context(np))
        >>> round(float(value), 6), gradient.tolist()
        (0.693147, [[-0.5]])
    """

    def per_sample(self, outputs: Array, targets: Array, ctx: Context) -> tuple[Any, Any]:
        xp = ctx.xp
        values = softplus(outputs, xp) - targets * outputs
        return self.together(values, sigmoid(outputs, xp) - targets, ctx)


@dataclass(frozen=True)
class BinaryFocal(_EachLabel):
    """l = mean_j -α_t (1 - p_t)^γ log p_t, with p_t = σ(z) or σ(-z), α_t = α or 1 - α.

    Args:
        gamma: γ >= 0.
        alpha: weight of the positive label in [0, 1], or None for 1 on both.

    Targets: (batch, m) of 0 and 1. Source: Lin et al. 2017, eq. 5.
    """

    gamma: float = 2.0
    alpha: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_gamma("BinaryFocal", self.gamma)
        if self.alpha is not None and not 0 <= self.alpha <= 1:
            raise ValueError(f"BinaryFocal: alpha is {self.alpha!r}, expected a share in [0, 1].")

    def per_sample(self, outputs: Array, targets: Array, ctx: Context) -> tuple[Any, Any]:
        xp, labels = ctx.xp, outputs.shape[1]
        sign = 2.0 * targets - 1.0
        margin = sign * outputs
        log_pt = -softplus(-margin, xp)
        values, factor = _focal(sigmoid(-margin, xp), xp.exp(log_pt), log_pt, self.gamma, xp)
        # d p_t/dz = p_t (1 - p_t) · sign, where softmax has p_t (onehot - p)
        gradients = factor * sigmoid(-margin, xp) * sign
        if self.alpha is not None:
            alpha = targets * self.alpha + (1.0 - targets) * (1 - self.alpha)
            values, gradients = alpha * values, alpha * gradients
        return xp.mean(values, axis=1), gradients * (1 / labels)


def _focal(miss: Any, pt: Any, log_pt: Any, gamma: float, xp: Any) -> tuple[Any, Any]:
    """Focal loss, and p_t times its derivative by p_t; ``miss`` is 1 - p_t."""
    weight = miss**gamma
    slope = 0.0
    if gamma > 0:
        # (1 - p_t)^(γ-1) grows without bound for γ < 1; log p_t goes to 0 faster
        tiny = float(xp.finfo(pt.dtype).smallest_normal)
        slope = gamma * xp.maximum(miss, tiny) ** (gamma - 1) * pt * log_pt
    return -weight * log_pt, slope - weight


def _check_gamma(who: str, gamma: float) -> None:
    if not gamma >= 0:
        raise ValueError(f"{who}: gamma is {gamma!r}, expected at least 0.")


@dataclass(frozen=True)
class Hinge(Loss):
    """l = mean_j max(0, 1 - t_j z_j)^p,   dl/dz_j = -p t_j max(0, 1 - t_j z_j)^(p-1) / m.

    Args:
        squared: p = 2 instead of 1.

    Targets: (batch, m) of -1 and +1, a column for each output. Source: Cortes & Vapnik 1995.
    """

    squared: bool = False
    classifies: ClassVar[bool] = True
    fit_targets: ClassVar[str] = "-1 and +1; of labels 0 and 1 make 2 * y - 1"

    def unfit(self, targets: Array, xp: Namespace) -> Any:
        return xp.abs(targets) != 1

    def correct(self, outputs: Array, targets: Array, ctx: Context) -> Any:
        hits = ctx.xp.astype((outputs > 0) == (targets > 0), outputs.dtype)
        return ctx.xp.mean(hits, axis=1)

    def per_sample(self, outputs: Array, targets: Array, ctx: Context) -> tuple[Any, Any]:
        xp, labels = ctx.xp, outputs.shape[1]
        slack = xp.maximum(1.0 - targets * outputs, 0.0)
        if self.squared:
            return xp.mean(slack * slack, axis=1), targets * slack * (-2 / labels)
        violated = xp.astype(slack > 0, outputs.dtype)
        return xp.mean(slack, axis=1), targets * violated * (-1 / labels)

    def predict(self, outputs: Array, ctx: Context) -> Any:
        return 2 * ctx.xp.astype(outputs > 0, ctx.xp.int32) - 1
