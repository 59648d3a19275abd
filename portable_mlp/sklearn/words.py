"""What the core says of data and options, in the words of the estimators."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from portable_mlp.data.doubts import LARGE, large_feature, largest
from portable_mlp.data.numeric import numeric
from portable_mlp.nn.losses import Loss
from portable_mlp.sklearn import compatibility as sk
from portable_mlp.sklearn.heads import Head
from portable_mlp.warning import warn

_NAMES = (
    (r"\bgot epochs=", "got max_iter="),
    (r"\bepochs was (\d+)", r"max_iter was \1"),
    (r"\blearning_rate was ", "learning_rate_init was "),
    (r"\bshuffle was that of random_state \w+ and is .*?(?=[,;])", "random_state is another one"),
    (
        r"penalty was Penalty\(.*?l2=([^,]*),.*?\) and is Penalty\(.*?l2=([^,]*),.*?\)",
        r"alpha was \1 and is \2",
    ),
    (r"move the model, model\.to\(('[^']+')[^)]*\)", r"choose backend=\1"),
    (r"^validation_data: sample_weight", "sample_weight_val"),
    (r"^validation_data: X", "X_val"),
    (r"^validation_data: ", "y_val: "),
)
"""What is found in the core's sentences, and what it is called here."""


@contextmanager
def own_names(estimator: Any) -> Iterator[None]:
    """Refusals of the core name the parameters of the estimator.

    Args:
        estimator: that calls it.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        words = re.sub(r"^MLP: ", f"{type(estimator).__name__}: ", str(error))
        for found, name in _NAMES:
            words = re.sub(found, name, words)
        if words == str(error) or type(error) not in (ValueError, TypeError):
            raise
        raise type(error)(words) from None


@contextmanager
def own_doubts(estimator: Any, X: Any, y: np.ndarray) -> Iterator[None]:  # noqa: N803
    """Warns of numbers that nothing scales, in place of the core; of a single class nobody is warned.

    scikit-learn trains on a single class without a word.

    Args:
        estimator: that is about to be trained.
        X: its samples, checked; a table has been scaled.
        y: its labels or numbers.
    """
    head: Head = estimator._head
    known = []
    if not estimator._takes_tables and (found := _large_sample(estimator, X)):
        known.append("X: feature .* has scale")
        warn(
            f"X: {found}; scale your data, as make_pipeline(StandardScaler(), "
            f"{type(estimator).__name__}(...)) does."
        )
    if head.loss.classifies:
        known += ["y is the same in each row"] if bool((y == y[:1]).all()) else []
    elif type(head.loss).predict is Loss.predict and (size := largest(y, np)) >= LARGE:
        known.append("y has scale")
        warn(
            f"y has scale {size:.2g}; scale it, as TransformedTargetRegressor("
            f"{type(estimator).__name__}(...), transformer=StandardScaler()) does."
        )
    if not known:
        yield
        return
    with warnings.catch_warnings():
        for start in known:
            warnings.filterwarnings("ignore", message=start)
        yield


def _large_sample(estimator: Any, X: Any) -> str | None:  # noqa: N803
    """The feature with the largest number, if that is too large to be trained on well."""
    xp = sk.namespace(X)
    if largest(X, xp) < LARGE:
        return None
    names = tuple(getattr(estimator, "feature_names_in_", ()))
    return large_feature(np.asarray(sk.on_host(X)), names)


def check_text(estimator: Any, y: Any) -> None:
    """Refuses text where numbers are to be predicted.

    Args:
        estimator: that is about to be trained.
        y: as it was given.

    Raises:
        ValueError: with the first text that is no number.
    """
    array = np.asarray(sk.on_host(y)) if not hasattr(y, "toarray") else np.zeros(0)
    if array.dtype.kind not in "OUS":
        return
    for value in array.ravel():
        if isinstance(value, (str, bytes)) and (array.dtype.kind != "O" or not _is_number(value)):
            raise ValueError(
                f"{type(estimator).__name__}: y holds text, such as {str(value)!r}, expected numbers; "
                "for classes choose MLPClassifier."
            )


def check_kind(what: str, x: Any, dates: bool = False) -> None:
    """Refuses what scikit-learn makes other numbers of without a word: masked arrays, and dates.

    Args:
        what: its name in messages: ``"X"``.
        x: as it was given.
        dates: whether dates and time spans are fine, as the labels of classes.

    Raises:
        ValueError: in the words of `numeric`.
    """
    if isinstance(x, np.ma.MaskedArray):
        numeric(what, x)
    types = getattr(x, "dtypes", ())  # a data frame has some, a column of it one
    types = [getattr(x, "dtype", None), *(types if isinstance(types, Iterable) else ())]
    kinds = [kind.kind for kind in types if getattr(kind, "kind", "") in ("m", "M")]
    if kinds and not dates:
        numeric(what, np.zeros(0, f"{kinds[0]}8[ns]"))


def check_labels(estimator: Any, y: np.ndarray) -> None:
    """Refuses labels of which some are text and others are not.

    Args:
        estimator: that is about to be trained.
        y: as numpy.

    Raises:
        ValueError: with one label of each kind.
    """
    if y.dtype.kind != "O":
        return
    labels = y.ravel().tolist()
    text = next((label for label in labels if isinstance(label, str)), None)
    other = next((label for label in labels if not isinstance(label, str)), labels[0])
    if text is not None and not isinstance(other, str):
        kind = type(other).__name__
        raise ValueError(
            f"{type(estimator).__name__}: y holds text, such as {text!r}, and {kind}, such as {other!r}, "
            "expected labels of one type, and no gaps."
        )


def _is_number(text: str | bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@contextmanager
def text_in_rows(estimator: Any) -> Iterator[None]:
    """Where X has text, says what takes it.

    Args:
        estimator: that checks X.
    """
    try:
        yield
    except ValueError as error:
        found = re.match(r"could not convert string to float: (?:np\.str_\()?('.*')", str(error))
        if found is None:
            raise
        raise ValueError(
            f"{type(estimator).__name__}: X holds text, such as {found[1]}, expected numbers, or "
            "categorical_features='from_dtype' for tables with text."
        ) from None
