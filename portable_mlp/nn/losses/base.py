"""The contract of a loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from portable_mlp.nn.arrays import Array, Namespace, Shape
from portable_mlp.nn.layer import Context
from portable_mlp.nn.plain_numbers import LATER, PlainNumbers

Targets = Literal["values", "labels", "labels or distributions"]
"""What y holds: numbers in the shape of the outputs, class numbers of shape (batch,), or those or one
distribution over the classes for each sample."""


@dataclass(frozen=True)
class Loss(PlainNumbers):
    """Value and gradient of the loss of a batch, from one function.

        L = Σ_i w_i l(o_i, t_i) / Σ_i w_i        dL/do_i = w_i l'(o_i, t_i) / Σ w

    with w_i = 1 where no weights are given. A loss writes ``per_sample``: l and l' for each sample.
    The division by the batch, or by the weight sum, happens here and nowhere else. A *sum* loss
    (``reduction == "sum"``) leaves the division out.
    """

    reduction: ClassVar[Literal["mean", "sum"]] = "mean"
    targets: ClassVar[Targets] = "values"
    classifies: ClassVar[bool] = False

    def per_sample(self, outputs: Array, targets: Array, ctx: Context) -> tuple[Any, Any]:
        """``(l, l')`` of shapes (batch,) and (batch, out)."""
        raise TypeError(f"{type(self).__name__} does not define per_sample")

    def __call__(
        self, outputs: Array, targets: Array, weights: Array | None, ctx: Context
    ) -> tuple[Any, Any]:
        """``(L, dL/d outputs)``.

        Args:
            outputs: what the network gives, (batch, out): logits where the loss says so.
            targets: as ``self.targets`` says; shapes must be equal, nothing is broadcast.
            weights: one weight >= 0 for each sample, (batch,), or None.
            ctx: namespace and device.

        Raises:
            ValueError: shapes that do not fit.
        """
        self._check_call(outputs, targets, weights)
        values, gradients = self.per_sample(outputs, targets, ctx)
        xp = ctx.xp
        if weights is not None:
            total = xp.sum(weights)
            # a batch may hold only samples of weight 0: its loss and gradient are 0, not 0/0
            total = total + xp.astype(total == 0, total.dtype)
            shares = weights if self.reduction == "sum" else weights / total
            return xp.sum(values * shares), gradients * shares[:, None]
        if self.reduction == "sum":
            return xp.sum(values), gradients
        scale = 1 / outputs.shape[0]
        return xp.sum(values) * scale, gradients * scale

    def _check_call(self, outputs: Array, targets: Array, weights: Array | None) -> None:
        who, shape = type(self).__name__, tuple(outputs.shape)
        if len(shape) != 2:
            raise ValueError(f"{who}: outputs have shape {shape}, expected (batch, out).")
        self.check_shapes(shape, tuple(targets.shape))
        if weights is not None and tuple(weights.shape) != shape[:1]:
            raise ValueError(
                f"{who}: weights have shape {tuple(weights.shape)}, expected {shape[:1]}: one for "
                "each sample."
            )

    def check_shapes(self, outputs: Shape, targets: Shape) -> None:
        """Refuses targets that do not have the shape that fits these outputs."""
        if outputs != targets:
            raise ValueError(_shape_message(type(self).__name__, outputs, targets))

    def check_outputs(self, units: int) -> None:
        """Refuses a network whose number of outputs can't be right for this loss."""

    fit_targets: ClassVar[str] = "finite numbers"
    """Which targets this loss can have, in words."""

    def unfit(self, targets: Array, xp: Namespace) -> Any:
        """True for each target that this loss can't have."""
        return targets != targets

    def targets_per_output(self, units: int) -> int:
        """How many columns y has for a network of so many outputs."""
        return units

    def correct(self, outputs: Array, targets: Array, ctx: Context) -> Any:
        """1 for each sample that is classified right, else 0, (batch,); for classifiers."""
        raise TypeError(
            f"accuracy: the loss is {type(self).__name__}, expected one of a classifier; for numbers "
            "use 'mean_squared_error' or 'mean_absolute_error'."
        )

    def predict(self, outputs: Array, ctx: Context) -> Any:
        """What a person wants to see: the value, or the class."""
        return outputs

    def probabilities(self, outputs: Array, ctx: Context) -> Any:
        """Class probabilities, for the losses of classifiers."""
        raise TypeError(
            f"predict_proba: the loss is {type(self).__name__}, expected one with probabilities, such "
            "as 'softmax_cross_entropy' or 'binary_cross_entropy'."
        )


@dataclass(frozen=True)
class EachOutput(Loss):
    """What the losses share that look at each output by itself: the mean over a sample's outputs, or sum.

    Args:
        over_outputs: ``"mean"`` or ``"sum"``. With one output they are the same.
    """

    over_outputs: Literal["mean", "sum"] = field(default="mean", kw_only=True, metadata=LATER)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.over_outputs not in ("mean", "sum"):
            raise ValueError(
                f"{type(self).__name__}: over_outputs is {self.over_outputs!r}, expected 'mean' or 'sum'."
            )

    def together(self, values: Array, slopes: Array, ctx: Context) -> tuple[Any, Any]:
        """``(l, l')`` of the samples from those of their outputs, both (batch, out)."""
        if self.over_outputs == "sum":
            return ctx.xp.sum(values, axis=1), slopes
        return ctx.xp.mean(values, axis=1), slopes * (1 / slopes.shape[1])


def _shape_message(who: str, outputs: Shape, targets: Shape) -> str:
    start = f"{who}: y has shape {targets}, expected {outputs} as the network's outputs."
    if len(targets) == 1 and outputs == (targets[0], 1):
        return f"{start} Pass y[:, None]: (n,) against (n, 1) would broadcast to n x n."
    if len(targets) == 1:
        return f"{start} This loss wants a column for each output, no class numbers."
    if len(outputs) == 2 and len(targets) == 2 and outputs[0] == targets[0]:
        return f"{start} The last layer has {outputs[1]} units and y has {targets[1]} columns."
    return start


@dataclass(frozen=True)
class CustomLoss(Loss):
    """A user's own loss: the mean over the batch of l(o, t).

    Args:
        function: ``(outputs, targets, xp) -> (l, l')`` of shapes (batch,) and (batch, out).

    Example:
        >>> import numpy as np
        >>> from portable_mlp.nn import Context
        >>> def fourth_power(outputs, targets, xp):
        ...     e = outputs - targets
        ...     return xp.sum(e**4, axis=1), 4 * e**3
        >>> loss = CustomLoss(fourth_power)
        >>> value, gradient = loss(np.asarray([[2.0]]), np.asarray([[1.0]]), None, Context(np))
        >>> float(value), gradient.tolist()
        (1.0, [[4.0]])
    """

    function: Callable[[Any, Any, Any], tuple[Any, Any]]

    def per_sample(self, outputs: Array, targets: Array, ctx: Context) -> tuple[Any, Any]:
        values, gradients = self.function(outputs, targets, ctx.xp)
        batch = outputs.shape[:1]
        if values.shape != batch or gradients.shape != outputs.shape:
            raise ValueError(
                f"CustomLoss: the function returned shapes {values.shape} and {gradients.shape}, "
                f"expected {batch} and {outputs.shape}: one value for each sample, and its gradient."
            )
        return values, gradients
