"""scikit-learn's MLPClassifier and MLPRegressor, alone or behind scalers in a Pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.columns import Columns
from portable_mlp.data.target import class_name
from portable_mlp.foreign.found import Found, Part, called, fit_together
from portable_mlp.nn import (
    BinaryCrossEntropy,
    Dense,
    HalfSquaredError,
    Layer,
    Loss,
    Poisson,
    ReLU,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
)
from portable_mlp.scaling import Scaling

_WHO = "from_sklearn"
_NETWORKS = ("MLPClassifier", "MLPRegressor")
_HIDDEN: dict[str, list[Layer]] = {
    "identity": [],
    "logistic": [Sigmoid()],
    "tanh": [Tanh()],
    "relu": [ReLU()],
}


def from_sklearn(estimator: Any) -> Found:
    """What a fitted estimator is made of.

    Args:
        estimator: MLPClassifier, MLPRegressor, or a Pipeline of StandardScaler or MinMaxScaler and one
            of them.

    Raises:
        TypeError: it is something else.
        ValueError: it is not fitted, or does something that a model here does not.
    """
    steps = [step for _, step in estimator.steps] if _is(estimator, "Pipeline") else [estimator]
    *before, network = steps
    if not any(_is(network, kind) for kind in _NETWORKS):
        raise TypeError(
            f"{_WHO}: got {called(network)}, expected a fitted MLPClassifier or MLPRegressor of "
            "scikit-learn, or a Pipeline that ends in one."
        )
    if not hasattr(network, "coefs_"):
        raise ValueError(
            f"{_WHO}: {called(network)} is not fitted, expected one that is: call fit."
        )
    scaling = _joined([_scaling(step) for step in before if step not in (None, "passthrough")])
    features = getattr(steps[0], "feature_names_in_", ())
    weights = [np.asarray(array) for array in network.coefs_]
    biases = [np.asarray(array) for array in network.intercepts_]
    loss: Loss
    classes: tuple[str, ...] = ()
    if network.out_activation_ == "softmax":
        loss, classes = SoftmaxCrossEntropy(), _names(network.classes_)
    elif network.out_activation_ == "logistic" and network.n_outputs_ == 1:
        if len(network.classes_) != 2:
            raise ValueError(
                f"{_WHO}: {called(network)} knows the class {str(network.classes_[0])!r} alone, expected "
                "two or more."
            )
        # softmax of (0, z) is (1 - σ(z), σ(z)): a column for each class, as predict_proba has it there
        loss, classes = SoftmaxCrossEntropy(), _names(network.classes_)
        weights[-1] = np.concatenate([np.zeros_like(weights[-1]), weights[-1]], axis=1)
        biases[-1] = np.concatenate([np.zeros_like(biases[-1]), biases[-1]])
    elif network.out_activation_ == "logistic":
        loss = BinaryCrossEntropy()
    else:
        loss = Poisson() if network.out_activation_ == "exp" else HalfSquaredError()
    shape = weights[0].shape[:1]
    if scaling is not None:
        fit_together(_WHO, "scaling", [(scaling.shift, shape), (scaling.factor, shape)])
    return Found(
        shape,
        loss,
        _parts(weights, biases, network.activation),
        scaling,
        Columns(tuple(map(str, features)), "", classes),
    )


def _parts(
    weights: Sequence[NDArray[Any]], biases: Sequence[NDArray[Any]], activation: str
) -> list[Part]:
    parts: list[Part] = []
    for place, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        fit_together(_WHO, f"coefs_[{place}]", [(weight, weight.shape), (bias, weight.shape[1:])])
        parts.append(Part(Dense(weight.shape[1]), [weight, bias]))
        if place < len(weights) - 1:
            parts += [Part(layer) for layer in _HIDDEN[activation]]
    return parts


def _scaling(step: Any) -> Scaling:
    """A step before the network as x' = (x - shift) · factor."""
    if _is(step, "StandardScaler") and hasattr(step, "n_features_in_"):
        ones = np.ones(step.n_features_in_)
        shift = ones * 0 if step.mean_ is None or not step.with_mean else step.mean_
        return Scaling("standard", shift, ones if step.scale_ is None else 1 / step.scale_)
    if _is(step, "MinMaxScaler") and hasattr(step, "n_features_in_") and not step.clip:
        return Scaling("minmax", -step.min_ / step.scale_, step.scale_)
    raise ValueError(
        f"{_WHO}: the step {called(step)} comes before the network, expected a fitted StandardScaler "
        "or a MinMaxScaler without clip."
    )


def _joined(scalings: list[Scaling]) -> Scaling | None:
    """One after the other as one: ((x - a) f - b) g = (x - a - b / f) f g."""
    if not scalings:
        return None
    first, *rest = scalings
    for other in rest:
        first = Scaling(
            first.kind, first.shift + other.shift / first.factor, first.factor * other.factor
        )
    return first


def _names(classes: Any) -> tuple[str, ...]:
    """Names of the classes; none where they are 0, 1, 2 ... and so are what is predicted here."""
    values = np.asarray(classes)
    if values.dtype.kind in "iuf":
        if (values == np.arange(len(values))).all():
            return ()
        return tuple(class_name(value) for value in values.tolist())
    return tuple(map(str, values.tolist()))


def _is(thing: Any, kind: str) -> bool:
    """Whether it is of scikit-learn's class of this name, or one made of it."""
    return any(
        cls.__name__ == kind and cls.__module__.partition(".")[0] == "sklearn"
        for cls in type(thing).__mro__
    )
