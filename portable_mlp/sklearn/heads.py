"""What y holds: labels as targets for a loss, outputs of the network as labels again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from portable_mlp.data.target import class_name
from portable_mlp.nn import (
    LOSSES,
    BinaryCrossEntropy,
    GroupedSoftmaxCrossEntropy,
    HalfSquaredError,
    Hinge,
    Loss,
    Poisson,
    SoftmaxCrossEntropy,
)
from portable_mlp.nn.choices import choose


@dataclass(frozen=True, eq=False)
class Head:
    """One kind of y.

    Args:
        loss: what is minimised.
        outputs: of the network.
    """

    loss: Loss
    outputs: int

    def targets(self, y: np.ndarray) -> np.ndarray:
        """Y as the loss wants it."""
        raise TypeError(f"{type(self).__name__} does not define targets")

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        """What the network predicts, from its outputs (n, outputs) on the host."""
        raise TypeError(f"{type(self).__name__} does not define decide")

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes of one question; none where they are 0, 1, 2 ..."""
        return ()

    @property
    def network_decides(self) -> bool:
        """Whether what the network predicts by itself is what the estimator predicts."""
        return True

    @property
    def activation(self) -> str:
        """What turns outputs into predictions, in scikit-learn's words."""
        if isinstance(self.loss, Poisson):
            return "exp"
        if self.loss.targets != "values" or isinstance(self.loss, GroupedSoftmaxCrossEntropy):
            return "softmax"
        return "logistic" if type(self.loss).__name__.startswith("Binary") else "identity"


@dataclass(frozen=True, eq=False)
class Numbers(Head):
    """Numbers to be predicted: one column or several."""

    columns: int

    def targets(self, y: np.ndarray) -> np.ndarray:
        _check_columns(y, self.columns)
        return y.reshape(len(y), -1)

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs


@dataclass(frozen=True, eq=False)
class OneLabel(Head):
    """One class for each sample: one output where there are two classes, else one for each.

    Args:
        classes: sorted.
        smoothing: share of the targets that goes to all classes.
    """

    classes: np.ndarray
    smoothing: float = 0.0

    def targets(self, y: np.ndarray) -> np.ndarray:
        numbers = _numbers_of(y, self.classes)
        if self.loss.targets != "values":
            return numbers
        if self.outputs == 1:
            t = (numbers == 1).astype(np.float64)[:, None]
        else:
            t = np.eye(self.outputs)[numbers]
        return _as_wanted(t, self.loss, self.smoothing)

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        if self.outputs > 1:
            numbers = outputs.argmax(axis=1)
        else:
            numbers = np.minimum(outputs[:, 0] > 0, len(self.classes) - 1).astype(int)
        chosen: np.ndarray = self.classes[numbers]
        return chosen

    @property
    def class_names(self) -> tuple[str, ...]:
        known = self.classes
        counted = known.dtype.kind in "iuf" and np.array_equal(known, np.arange(len(known)))
        if counted or len(known) < 2:  # a network has two classes at least
            return ()
        if known.dtype.kind in "iuf":
            return tuple(map(class_name, known.tolist()))
        return tuple(map(str, known.tolist()))

    @property
    def network_decides(self) -> bool:
        return self.outputs == 1 or self.loss.targets != "values"  # else a yes or no for each class


@dataclass(frozen=True, eq=False)
class ManyLabels(Head):
    """Several yes/no labels for each sample.

    Args:
        classes: numbers of the labels.
        smoothing: as of `OneLabel`.
    """

    classes: np.ndarray
    smoothing: float = 0.0

    def targets(self, y: np.ndarray) -> np.ndarray:
        _check_columns(y, len(self.classes))
        return _as_wanted(y.astype(np.float64), self.loss, self.smoothing)

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        return (outputs > 0).astype(int)

    @property
    def network_decides(self) -> bool:
        return not isinstance(self.loss, Hinge)  # which says -1 for no


@dataclass(frozen=True, eq=False)
class ManyAnswers(Head):
    """A class for each of several questions: a softmax for each.

    Args:
        classes: of each question, sorted.
    """

    classes: list[np.ndarray]

    def targets(self, y: np.ndarray) -> np.ndarray:
        parts = [
            np.eye(max(len(known), 2))[_numbers_of(column, known)]
            for known, column in zip(self.classes, y.T, strict=True)
        ]
        return np.concatenate(parts, axis=1)

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        chosen = [
            known[np.minimum(part.argmax(axis=1), len(known) - 1)]
            for known, part in zip(self.classes, self.parts(outputs), strict=True)
        ]
        return np.stack(chosen, axis=1)

    @property
    def network_decides(self) -> bool:
        return False

    def parts(self, outputs: Any) -> list[Any]:
        """The outputs of each question."""
        sizes = [max(len(known), 2) for known in self.classes]
        ends = accumulate(sizes)
        return [
            outputs[:, end - size : end][:, : len(known)]
            for size, end, known in zip(sizes, ends, self.classes, strict=True)
        ]


def _check_columns(y: np.ndarray, columns: int) -> None:
    """Refuses y with more or fewer columns than in the training before."""
    found = 1 if y.ndim == 1 else y.shape[1]
    if found != columns:
        raise ValueError(f"y has {found} columns, expected {columns}, as in the training.")


def _numbers_of(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The places of labels among the classes, which are sorted.

    Raises:
        ValueError: one is none of them.
    """
    numbers = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    wrong = np.flatnonzero(classes[numbers] != y)
    if len(wrong):
        raise ValueError(
            f"y has the label {y[wrong[:1]].tolist()[0]!r}, expected those of the training: "
            f"{', '.join(map(repr, classes[:10].tolist()))}{' ...' if len(classes) > 10 else ''}."
        )
    return numbers


def _as_wanted(t: np.ndarray, loss: Loss, smoothing: float) -> np.ndarray:
    """Zeros and ones as this loss wants them."""
    if isinstance(loss, Hinge):
        return 2 * t - 1
    return t * (1 - smoothing) + smoothing / 2 if smoothing else t


def numbers_head(name: str | Loss, y: np.ndarray) -> Numbers:
    """The head of a regressor.

    Args:
        name: scikit-learn's ``"squared_error"`` and ``"poisson"``, another name of `LOSSES`, or a loss.
        y: (n,) or (n, columns).
    """
    columns = 1 if y.ndim == 1 else y.shape[1]
    if name == "squared_error":
        loss: Loss = HalfSquaredError(over_outputs="sum")
    elif name == "poisson":
        loss = Poisson(deviance=True, over_outputs="sum")
    else:
        loss = choose("loss", name, {k: v for k, v in LOSSES.items() if not v.classifies}, Loss)
    if loss.classifies:
        raise ValueError(
            f"loss: got {type(loss).__name__}, which is for classes; expected one of numbers, such as "
            "'squared_error', or MLPClassifier."
        )
    # a loss may want several outputs for a column: quantiles, mean and variance
    outputs = next(n for n in range(columns, 1000 * columns) if _fits(loss, n, columns))
    return Numbers(loss, outputs, columns)


def _fits(loss: Loss, outputs: int, columns: int) -> bool:
    try:
        loss.check_outputs(outputs)
    except ValueError:
        return False
    return loss.targets_per_output(outputs) == columns


def labels_head(
    name: str | Loss | None, y: np.ndarray, classes: Any, label_smoothing: float
) -> OneLabel | ManyLabels | ManyAnswers:
    """The head of a classifier.

    Args:
        name: None or ``"log_loss"`` for the cross-entropy that fits y, a name of `LOSSES`, or a loss.
        y: (n,) labels, (n, labels) of 0 and 1, or (n, questions) labels.
        classes: known beforehand, or None for those in y.
        label_smoothing: share of the targets that goes to all classes, in [0, 1).
    """
    check_classification_targets(y)
    kind = type_of_target(y)
    known = {k: v for k, v in LOSSES.items() if v.classifies}
    given = None if name in (None, "log_loss") else choose("loss", name, known, Loss)
    if kind == "multiclass-multioutput":
        if given is not None:
            raise ValueError(
                f"loss: got {name!r} for a y with several columns of classes, expected None or "
                "'log_loss': a cross-entropy for each column."
            )
        found = [np.unique(column) for column in y.T]
        sizes = tuple(max(len(c), 2) for c in found)
        loss: Loss = GroupedSoftmaxCrossEntropy(sizes, label_smoothing)
        return ManyAnswers(loss, sum(sizes), found)
    if kind == "multilabel-indicator":
        loss = given or BinaryCrossEntropy(over_outputs="sum")
        _check_values(loss, "several yes/no labels")
        return ManyLabels(loss, y.shape[1], np.arange(y.shape[1]), label_smoothing)
    found_classes = np.unique(y) if classes is None else np.asarray(classes)
    if given is None:
        two = len(found_classes) <= 2
        given = BinaryCrossEntropy() if two else SoftmaxCrossEntropy(label_smoothing)
    elif label_smoothing and isinstance(given, SoftmaxCrossEntropy):
        given = replace(given, label_smoothing=label_smoothing)
    one = given.targets == "values" and len(found_classes) <= 2
    outputs = 1 if one else max(len(found_classes), 2)
    return OneLabel(given, outputs, found_classes, label_smoothing)


def _check_values(loss: Loss, what: str) -> None:
    if loss.targets != "values":
        raise ValueError(
            f"loss: got {type(loss).__name__} for {what}, expected one with an output for each, such as "
            "'binary_cross_entropy'."
        )


def one_axis(y: np.ndarray) -> np.ndarray:
    """(n,) of (n, 1), with scikit-learn's warning; all else as it is.

    Args:
        y: labels or numbers.
    """
    return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
