"""Make ``metrics.safetensors``: figures by scikit-learn for outputs of networks.

Run once, with scikit-learn installed::

    python tests/golden/make_metrics_golden.py tests/golden/metrics.safetensors

In the file are, for a case, ``outputs`` (logits, or numbers), ``targets`` and ``weights``; in the header,
as JSON, the loss of the case and its figures without and with the weights. All numbers can be written in
single precision without rounding, so that a test in single precision has the same data. The outputs
have ties, and some samples have the outputs of others. None is 0, so that weights that are moved by
1e-30 give the same outputs.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from sklearn import metrics

ROWS = 240
Arrays = dict[str, NDArray[Any]]
Figures = dict[str, Callable[..., float]]


def softmax(z: NDArray[Any]) -> NDArray[Any]:
    """Probabilities of the classes."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    result: NDArray[Any] = e / e.sum(axis=1, keepdims=True)
    return result


def f1_scores(y: NDArray[Any], predicted: NDArray[Any]) -> Figures:
    """F1 in the three averages that every case has."""

    def score(average: str) -> Callable[..., float]:
        return lambda w: metrics.f1_score(
            y, predicted, average=average, sample_weight=w, zero_division=0
        )

    return {f"f1_{average}": score(average) for average in ("macro", "micro", "weighted")}


def classes(z: NDArray[Any], y: NDArray[Any]) -> Figures:
    """Figures of several classes."""
    taken, p, labels = z.argmax(axis=1), softmax(z), np.arange(z.shape[1])
    return {
        "accuracy": lambda w: metrics.accuracy_score(y, taken, sample_weight=w),
        "balanced_accuracy": lambda w: metrics.balanced_accuracy_score(y, taken, sample_weight=w),
        "top_3_accuracy": lambda w: metrics.top_k_accuracy_score(
            y, z, k=3, sample_weight=w, labels=labels
        ),
        "log_loss": lambda w: metrics.log_loss(y, p, sample_weight=w, labels=labels),
        **f1_scores(y, taken),
    }


def two(score: NDArray[Any], y: NDArray[Any]) -> Figures:
    """Figures of two classes; the score is the logit of class 1."""
    taken, p = (score > 0).astype(int), 1 / (1 + np.exp(-score))
    return {
        "accuracy": lambda w: metrics.accuracy_score(y, taken, sample_weight=w),
        "balanced_accuracy": lambda w: metrics.balanced_accuracy_score(y, taken, sample_weight=w),
        "log_loss": lambda w: metrics.log_loss(y, p, sample_weight=w),
        "f1": lambda w: metrics.f1_score(y, taken, sample_weight=w),
        "roc_auc": lambda w: metrics.roc_auc_score(y, score, sample_weight=w),
        **f1_scores(y, taken),
    }


def labels(z: NDArray[Any], y: NDArray[Any]) -> Figures:
    """Figures of several yes/no labels."""
    taken = (z > 0).astype(int)
    return {
        "accuracy": lambda w: 1 - metrics.hamming_loss(y, taken, sample_weight=w),
        "subset_accuracy": lambda w: metrics.accuracy_score(y, taken, sample_weight=w),
        **f1_scores(y, taken),
    }


def numbers(predicted: NDArray[Any], y: NDArray[Any]) -> Figures:
    """Figures of predicted numbers."""
    functions = {
        "mean_squared_error": metrics.mean_squared_error,
        "root_mean_squared_error": metrics.root_mean_squared_error,
        "mean_absolute_error": metrics.mean_absolute_error,
        "r2": metrics.r2_score,
    }
    return {
        name: lambda w, f=function: f(y, predicted, sample_weight=w)
        for name, function in functions.items()
    }


def auc(scores: NDArray[Any], y: NDArray[Any], **options: Any) -> Figures:
    """The area under the ROC curve, macro."""
    return {
        "roc_auc": lambda w: metrics.roc_auc_score(
            y, scores, average="macro", sample_weight=w, **options
        )
    }


def cases() -> dict[str, tuple[str, NDArray[Any], NDArray[Any], Figures]]:
    """Loss, outputs, targets and figures of each case."""
    random = np.random.Generator(np.random.Philox(key=11))

    def coarse(*shape: int) -> NDArray[Any]:
        return np.round(2 * random.normal(size=shape)) / 2 + 0.25  # never 0

    y = random.integers(0, 5, ROWS)
    z = coarse(ROWS, 5) + 1.5 * np.eye(5)[y]
    z[::3] = z[1::3]  # equal samples, most of another class
    rare = np.where(y == 4, 0, y)  # class 4 is predicted and never right
    never = z.copy()
    never[:, 4] = -8  # class 4 is neither: scikit-learn leaves it out of the mean
    never_y = np.where(y == 4, 0, y)
    # probabilities of equal outputs are equal; those of outputs in another order but for rounding
    fine = np.float32(z + random.normal(size=z.shape)).astype(np.float64)
    fine[::3] = fine[1::3]
    yes = random.integers(0, 2, ROWS)
    score = coarse(ROWS) + yes
    pair = np.stack([coarse(ROWS), coarse(ROWS) + yes], axis=1)
    pair[pair[:, 0] == pair[:, 1], 0] += 0.125
    many = (random.random((ROWS, 4)) < [0.5, 0.3, 0.1, 0.8]).astype(int)
    z_many = coarse(ROWS, 4) + 2 * many - 1.5
    unseen = many.copy()
    unseen[:, 2] = 0
    z_unseen = z_many.copy()
    z_unseen[:, 2] = -1  # neither predicted nor there: scikit-learn counts it as 0
    value = np.round(64 * random.normal(size=(ROWS, 3)) * [1, 5, 0.5]) / 64 + [0, -3, 4096]
    guess = value + np.round(32 * random.normal(size=value.shape)) / 64
    constant = np.full((ROWS, 1), 0.75)
    return {
        "classes": ("softmax_cross_entropy", z, y, classes(z, y)),
        "classes against the rest": (
            "softmax_cross_entropy",
            fine,
            y,
            classes(fine, y) | auc(softmax(fine), y, multi_class="ovr"),
        ),
        "a class that is never right": ("softmax_focal", z, rare, classes(z, rare)),
        "a class that is neither": (
            "softmax_cross_entropy",
            never,
            never_y,
            classes(never, never_y),
        ),
        "two classes": ("softmax_cross_entropy", pair, yes, two(pair[:, 1] - pair[:, 0], yes)),
        "yes or no": ("binary_cross_entropy", score[:, None], yes[:, None], two(score, yes)),
        "labels": ("binary_cross_entropy", z_many, many, labels(z_many, many) | auc(z_many, many)),
        "margins": ("hinge", z_many, 2 * many - 1, labels(z_many, many) | auc(z_many, many)),
        "a label that is never there": ("binary_focal", z_unseen, unseen, labels(z_unseen, unseen)),
        "numbers": ("squared_error", guess, value, numbers(guess, value)),
        "one number": ("huber", guess[:, :1], value[:, :1], numbers(guess[:, :1], value[:, :1])),
        "a constant": ("squared_error", guess[:, :1], constant, numbers(guess[:, :1], constant)),
        "a constant that is met": (
            "squared_error",
            constant,
            constant,
            numbers(constant, constant),
        ),
    }


def main(path: str) -> None:
    """Write the file."""
    import sklearn

    weights = np.random.Generator(np.random.Philox(key=12)).integers(1, 17, ROWS) / 8
    arrays, header = {"weights": weights}, {}
    for name, (loss, outputs, targets, figures) in cases().items():
        assert np.array_equal(outputs, outputs.astype(np.float32))
        arrays[f"{name}.outputs"] = np.ascontiguousarray(outputs)
        arrays[f"{name}.targets"] = np.ascontiguousarray(targets)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = {
                which: {key: float(figure(w)) for key, figure in figures.items()}
                for which, w in (("plain", None), ("weighted", weights))
            }
        assert all(np.isfinite(list(values.values())).all() for values in found.values())
        header[name] = {"loss": loss, **found}
    save_file(arrays, path, {"scikit-learn": sklearn.__version__, "cases": json.dumps(header)})


if __name__ == "__main__":
    main(sys.argv[1])
