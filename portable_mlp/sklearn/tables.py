"""Tables with text and gaps: ``categorical_features`` of the estimators."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.utils.validation import check_X_y, validate_data

from portable_mlp.backends import is_host
from portable_mlp.data.frames import is_frame
from portable_mlp.nn.plain_numbers import is_whole
from portable_mlp.tables import Frame, TableEncoder
from portable_mlp.tables.frame import with_gaps

FROM_TYPE = "from_dtype"
"""The columns of text and of truths are categories, and no others."""


def checked_table(estimator: Any, X: Any, reset: bool) -> Any:  # noqa: N803
    """X as it came if it is a data frame, else as a numpy array; names and number of columns are right.

    Args:
        estimator: whose X; it remembers names and number.
        X: data frame, numpy array, list of rows.
        reset: whether this is a first training.

    Raises:
        ValueError: other columns than those of the training, no rows, no table.
        TypeError: sparse rows, a dictionary, an array of another library.
    """
    least = 2 if reset else 1
    if is_frame(X):
        if X.shape[0] < least:
            raise ValueError(
                f"X has {X.shape[0]} sample(s), expected at least {least}{' to learn from' * reset}."
            )
        return validate_data(estimator, X, reset=reset, skip_check_array=True)
    sparse = hasattr(X, "toarray")  # which scikit-learn refuses below
    if not sparse and (isinstance(X, dict) or not is_host(X)):
        raise TypeError(
            f"X is of type {type(X).__name__}, expected a data frame, a numpy array or rows of a list: "
            "categorical_features takes no others."
        )
    if isinstance(X, (list, tuple)):
        widths = sorted({len(row) for row in X if isinstance(row, (list, tuple))})
        if len(widths) > 1:
            raise ValueError(f"X is ragged: rows have {widths[0]} to {widths[-1]} values.")
        X = np.array(X, object)  # noqa: N806  (else 1 beside "a" would become text)
    if isinstance(X, np.ma.MaskedArray):
        X = with_gaps(X)  # noqa: N806
    return validate_data(
        estimator, X, dtype=None, ensure_all_finite=False, reset=reset, ensure_min_samples=least
    )


def checked_targets(estimator: Any, X: Any, y: Any, numbers: bool) -> np.ndarray:  # noqa: N803
    """y as numpy, one for each row of X.

    Args:
        estimator: for messages.
        X: a checked table.
        y: labels or numbers.
        numbers: whether numbers are predicted.
    """
    stand_in = np.zeros((X.shape[0], 1))
    found: np.ndarray = check_X_y(
        stand_in, y, multi_output=True, y_numeric=numbers, estimator=estimator
    )[1]
    return found


def encoder_of(estimator: Any, X: Any) -> TableEncoder | None:  # noqa: N803
    """What makes numbers of a table, as ``categorical_features`` says; None where X is numbers.

    Args:
        estimator: that has seen names and number of the columns.
        X: the rows that are trained on.
    """
    if not estimator._takes_tables:
        return None
    count = estimator.n_features_in_
    names = [str(k) for k in range(count)]
    names = list(getattr(estimator, "feature_names_in_", names))
    return TableEncoder.of(X, categorical=_names(estimator.categorical_features, names))


def _names(given: Any, names: list[str]) -> list[str]:
    """Names of the columns that are categories whatever they hold."""
    text = isinstance(given, str)
    if text and given == FROM_TYPE:
        return []
    listed = None if text or not isinstance(given, Iterable) else list(given)
    if listed is not None:
        if listed and all(isinstance(k, (bool, np.bool_)) for k in listed):
            if len(listed) == len(names):
                return [name for name, wanted in zip(names, listed, strict=True) if wanted]
        elif all(is_whole(k, 0) and k < len(names) for k in listed):
            return [names[k] for k in listed]
        elif all(isinstance(k, str) and k in names for k in listed):
            return [str(k) for k in listed]
    raise ValueError(
        f"categorical_features is {given!r}, expected {FROM_TYPE!r}, None, or names, places or a mask of "
        f"columns: X has {len(names)}, {', '.join(map(repr, names[:10]))}{' ...' * (len(names) > 10)}."
    )


def network_rows(estimator: Any, X: Any) -> Any:  # noqa: N803
    """A checked table as the network takes it, named as in training; of all else X itself.

    scikit-learn has warned of names that are not there.

    Args:
        estimator: that has an encoder, or None for it.
        X: a table, or an array of numbers.
    """
    encoder: TableEncoder | None = getattr(estimator, "encoder_", None)
    if encoder is None:
        return X
    frame = Frame.of(X, encoder.categorical)
    if frame.named or not encoder.named:
        return frame
    return Frame(dict(zip(encoder.names, frame.columns.values(), strict=True)))


def numbers(estimator: Any, rows: Any) -> Any:
    """What `network_rows` gave, as an array of numbers.

    Args:
        estimator: likewise.
        rows: likewise.
    """
    encoder: TableEncoder | None = getattr(estimator, "encoder_", None)
    return rows if encoder is None else encoder.encode(rows)
