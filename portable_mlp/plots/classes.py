"""Targets of a classifier, as class numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from portable_mlp.model import MLP


def class_numbers(who: str, model: MLP, X: Any, y: Any) -> NDArray[np.int64]:  # noqa: N803
    """The class of each sample, (n,); of targets with a column for each class the largest.

    Args:
        who: the name of the picture, for messages.
        model: a classifier.
        X: the samples, for their number.
        y: as for `MLP.fit`.

    Raises:
        TypeError: the model is no classifier.
        ValueError: several yes/no labels for each sample, no class numbers, or not one for each sample.
    """
    if not model.loss.classifies:
        raise TypeError(
            f"{who}: the loss is {type(model.loss).__name__}, expected that of a classifier."
        )
    outputs = model.network.output_shape(model.sample_shape)[0]
    several = model.loss.targets == "values"  # a column for each yes/no label
    if several and outputs > 1:
        raise ValueError(
            f"{who}: the model answers {outputs} yes/no questions about each sample, expected one "
            "question or classes that exclude each other."
        )
    found = np.asarray(y)
    if found.ndim == 2 and not several and found.shape[1] > 1:
        found = found.argmax(axis=1)
    found = found.reshape(-1) if found.ndim == 2 and found.shape[1] == 1 else found
    whole = (
        found.ndim == 1 and found.dtype.kind in "biuf" and bool((found == np.round(found)).all())
    )
    if not whole:
        raise ValueError(
            f"{who}: y has shape {found.shape}, expected the class number of each sample."
        )
    numbers = found.astype(np.int64)
    rows = len(next(iter(X.values()), ())) if isinstance(X, Mapping) else len(X)
    if len(numbers) != rows:
        raise ValueError(f"{who}: X has {rows} rows and y {len(numbers)}, expected as many.")
    if several:
        return (numbers > 0).astype(np.int64)  # hinge has -1 and 1
    odd = numbers[(numbers < 0) | (numbers >= outputs)]
    if len(odd):
        raise ValueError(f"{who}: y has the class {odd[0]}, expected one of 0 to {outputs - 1}.")
    return numbers


def predicted_numbers(model: MLP, X: Any) -> NDArray[np.int64]:  # noqa: N803
    """The class that the model predicts for each sample, (n,)."""
    found = np.asarray(model.predict(X)).reshape(-1)
    return (
        (found > 0).astype(np.int64) if model.loss.targets == "values" else found.astype(np.int64)
    )


def class_names(model: MLP) -> list[str]:
    """Their names, as far as they are known; else their numbers."""
    outputs = model.network.output_shape(model.sample_shape)[0]
    known = model.columns.classes
    return [str(name) for name in known] or [str(n) for n in range(max(outputs, 2))]
