"""What was found in a model of another library, in the words of this one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.columns import Columns
from portable_mlp.nn import (
    LOSSES,
    BinaryCrossEntropy,
    BinaryFocal,
    Layer,
    Loss,
    Sigmoid,
    Softmax,
    SoftmaxCrossEntropy,
    SoftmaxFocal,
)
from portable_mlp.nn.arrays import Shape
from portable_mlp.nn.choices import choose
from portable_mlp.scaling import Scaling

Arrays = Sequence[NDArray[Any]]


class Part(NamedTuple):
    """A layer with its numbers.

    Args:
        layer: of this library.
        parameters: in the order of its own.
        state: running statistics, likewise.
    """

    layer: Layer
    parameters: Arrays = ()
    state: Arrays = ()


@dataclass(frozen=True)
class LogSoftmax(Layer):
    """y = log softmax(x): only as the end of a classifier, where the loss has it."""


@dataclass
class Found:
    """A model of another library.

    Args:
        sample_shape: shape of one sample.
        loss: under which predictions and probabilities are those of the other library.
        parts: the layers with their numbers.
        scaling: what is done to samples first, or None.
        columns: names of features and classes, as far as they are known.
    """

    sample_shape: Shape
    loss: Loss
    parts: list[Part]
    scaling: Scaling | None = None
    columns: Columns = field(default_factory=Columns)

    @property
    def layers(self) -> list[Layer]:
        """The layers."""
        return [part.layer for part in self.parts]

    @property
    def parameters(self) -> list[NDArray[Any]]:
        """All parameters, in the order of the layers."""
        return [array for part in self.parts for array in part.parameters]

    @property
    def state(self) -> list[NDArray[Any]]:
        """All running statistics, likewise."""
        return [array for part in self.parts for array in part.state]

    @property
    def dtype(self) -> str:
        """``"float64"`` where the numbers have so many digits, else ``"float32"``."""
        wide = any(array.dtype == np.float64 for array in self.parameters)
        return "float64" if wide else "float32"


def ended(who: str, parts: list[Part], loss: str | Loss | None) -> tuple[list[Part], Loss]:
    """The layers without a last softmax or sigmoid, which losses of classifiers apply themselves.

    Args:
        who: asks, for messages.
        parts: all of them.
        loss: that was asked for; None chooses by the last layer.

    Raises:
        ValueError: a log-softmax that is not the end of a classifier.
    """
    chosen = None if loss is None else choose("loss", loss, LOSSES, Loss)
    last = parts[-1].layer if parts else None
    many = chosen is None or isinstance(chosen, (SoftmaxCrossEntropy, SoftmaxFocal))
    each = chosen is None or isinstance(chosen, (BinaryCrossEntropy, BinaryFocal))
    if isinstance(last, (Softmax, LogSoftmax)) and many:
        parts, chosen = parts[:-1], chosen or SoftmaxCrossEntropy()
    elif isinstance(last, Sigmoid) and each:
        parts, chosen = parts[:-1], chosen or BinaryCrossEntropy()
    if any(isinstance(part.layer, LogSoftmax) for part in parts):
        raise ValueError(
            f"{who}: a layer is LogSoftmax, expected it as the last one alone, with the loss "
            "'softmax_cross_entropy'."
        )
    return parts, chosen or LOSSES["squared_error"]


def called(thing: Any) -> str:
    """What an object is, in a message: the class, or that it is a class itself.

    Example:
        >>> called(3), called(int)
        ('int', 'the class int')
    """
    return f"the class {thing.__name__}" if isinstance(thing, type) else type(thing).__name__


def refusal(who: str, layer: str, found: str, expected: str) -> ValueError:
    """The error for a layer that can't be taken over.

    Args:
        who: asks.
        layer: its name in the other library.
        found: what it is.
        expected: what would do.
    """
    return ValueError(f"{who}: layer {layer!r} is {found}, expected {expected}.")


def shape_after(who: str, name: str, layer: Layer, shape: Shape) -> Shape:
    """Shape of a sample after a layer.

    Raises:
        ValueError: the layer is not for samples of this shape.
    """
    try:
        return layer.output_shape(shape)
    except ValueError as error:
        raise ValueError(f"{who}: layer {name!r}: {error}") from None


def fit_together(who: str, name: str, arrays: Iterable[tuple[NDArray[Any], Shape]]) -> None:
    """Refuses arrays that have not the shapes that a layer needs.

    Args:
        who: asks.
        name: of the layer.
        arrays: with the shape that each should have.

    Raises:
        ValueError: one has another, or holds numbers that are not finite.
    """
    for array, shape in arrays:
        if array.shape != shape:
            raise ValueError(
                f"{who}: layer {name!r} has an array of shape {array.shape}, expected {shape}."
            )
        if not np.isfinite(array).all():
            raise ValueError(
                f"{who}: layer {name!r} has numbers that are not finite, expected finite ones."
            )
