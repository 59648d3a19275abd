"""A model on the host, of no backend: what a file of another format is written from."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.columns import Columns
from portable_mlp.files.record import TrainingRecord
from portable_mlp.nn import (
    BinaryCrossEntropy,
    Context,
    GaussianNLL,
    Hinge,
    Layer,
    Loss,
    Network,
    Poisson,
    SoftmaxCrossEntropy,
)
from portable_mlp.nn.arrays import Shape
from portable_mlp.nn.layer import Tree
from portable_mlp.nn.parameters import named_leaves, rebuild
from portable_mlp.scaling import Scaling
from portable_mlp.tables import TableEncoder


class ExportError(ValueError):
    """A model that can't be written in this format; the message names the part, and what would do."""


class Answer(Enum):
    """What a prediction is made of the network's outputs."""

    CLASS = "the class of the largest output; probabilities by softmax"
    LABELS = "1 for each output above 0; probabilities by the sigmoid"
    SIDES = "+1 for each output above 0, else -1"
    VALUES = "the outputs"
    RATES = "exp of the outputs"
    MEANS = "the first half of the outputs"


_ANSWERS: dict[Any, Answer] = {
    (loss.predict, loss.probabilities): answer
    for loss, answer in (
        (SoftmaxCrossEntropy, Answer.CLASS),
        (BinaryCrossEntropy, Answer.LABELS),
        (Hinge, Answer.SIDES),
        (Loss, Answer.VALUES),
        (Poisson, Answer.RATES),
        (GaussianNLL, Answer.MEANS),
    )
}


@dataclass(frozen=True)
class Exported:
    """What is exported of a model.

    Args:
        network: the layers.
        sample_shape: shape of one sample.
        loss: it says what a prediction is made of the outputs.
        parameters: numpy arrays in the structure that the layers expect.
        state: running statistics, likewise.
        scaling: of the samples, or None.
        target_scaling: of the targets, or None.
        encoder: of tables, or None.
        columns: names of features, target and classes, as far as they are known.
        dtype: ``"float32"`` or ``"float64"``: of parameters and running statistics.
        rows: that the model passes through its layers at once; other sums have other last digits.
        training: how the weights came about; None before any training.
        written_by: the program, with its version.
    """

    network: Network
    sample_shape: Shape
    loss: Loss
    parameters: Tree
    state: Tree
    scaling: Scaling | None
    target_scaling: Scaling | None
    encoder: TableEncoder | None
    columns: Columns
    dtype: str
    rows: int
    training: TrainingRecord | None
    written_by: str

    @property
    def units(self) -> int:
        """Outputs of the network."""
        return self.network.output_shape(self.sample_shape)[0]

    @property
    def count(self) -> int:
        """Number of parameters and running statistics."""
        leaves = [*named_leaves(self.parameters), *named_leaves(self.state)]
        return sum(array.size for _, array in leaves)

    @property
    def answer(self) -> Answer:
        """What a prediction is made of the outputs.

        Raises:
            ExportError: the loss has a ``predict`` of the user's own.
        """
        kind = type(self.loss)
        found = _ANSWERS.get((kind.predict, kind.probabilities))
        if found is None:
            raise ExportError(
                f"export: {kind.__name__} has a predict of its own, expected that of a loss of "
                "portable_mlp.nn: a file holds no code; CustomLoss predicts the outputs themselves."
            )
        return found

    @property
    def classes(self) -> tuple[str, ...]:
        """What the numbers of a prediction stand for; empty where they stand for themselves."""
        one = self.answer is Answer.CLASS or self.units == 1
        says = self.answer in (Answer.CLASS, Answer.LABELS, Answer.SIDES)
        return tuple(map(plain_text, self.columns.classes)) if one and says else ()

    @property
    def labels(self) -> NDArray[Any]:
        """The classes as they are predicted: int64 where all are whole numbers, else text."""
        if all(map(_is_whole, self.classes)):
            return np.array([int(name) for name in self.classes], np.int64)
        return np.array(self.classes, object)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns of X; empty where they have none."""
        names = self.columns.features if self.encoder is None else self.encoder.names
        return tuple(map(plain_text, names))

    def outputs(self, x: NDArray[Any]) -> NDArray[Any]:
        """What the network gives for scaled samples, in their dtype, by the layers themselves."""
        params, state = (
            rebuild(tree, (array.astype(x.dtype) for _, array in named_leaves(tree)))
            for tree in (self.parameters, self.state)
        )
        found: NDArray[Any] = self.network.apply(params, state, x, Context(np))[0]
        return found

    def in_units(self, values: NDArray[Any]) -> NDArray[Any]:
        """Predictions in the units of the targets, and in their range where that is asked for."""
        if self.target_scaling is None:
            return values
        if self.bounds is not None:
            low, high = (end.astype(values.dtype) for end in self.bounds)
            values = np.minimum(np.maximum(values, low), high)
        shift, factor = self.undo
        return np.asarray(values * factor.astype(values.dtype) + shift.astype(values.dtype))

    @property
    def undo(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``(shift, factor)``: predictions are outputs · factor + shift."""
        assert self.target_scaling is not None  # noqa: S101
        return self.target_scaling.shift, 1 / self.target_scaling.factor

    @property
    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """``(low, high)`` of outputs that become predictions; None where there are none."""
        scaling = self.target_scaling
        if scaling is None or scaling.low is None or scaling.high is None:
            return None
        return scaling.low, scaling.high


def number(layer: Layer, name: str) -> float:
    """An option of a layer that is a finite number.

    Args:
        layer: that has it.
        name: of the option.

    Raises:
        ExportError: it is none.

    Example:
        >>> from portable_mlp.nn import LeakyReLU
        >>> number(LeakyReLU(0.5), "slope")
        0.5
    """
    value = getattr(layer, name)
    if isinstance(value, (int, float)) and math.isfinite(value):
        return float(value)
    raise ExportError(
        f"export: {type(layer).__name__}: {name} is {value!r}, expected a finite number."
    )


def _is_whole(name: str) -> bool:
    """Whether it is the one way to write a whole number of 64 bits: not "007", "+1", "1.0"."""
    written = re.fullmatch("0|-?[1-9][0-9]{0,18}", name)
    return written is not None and -(2**63) <= int(name) < 2**63


def plain_text(text: str) -> str:
    """A str, also of a subclass with a ``__repr__`` of its own.

    Args:
        text: of others.
    """
    return str.__str__(text)
