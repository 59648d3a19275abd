"""What a caller passed in as X or y: opened once, as an array of numbers and the names of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from portable_mlp.backends import is_host
from portable_mlp.data import frames
from portable_mlp.data.columns import Columns, joined
from portable_mlp.data.numeric import NUMBERS, numeric
from portable_mlp.nn.losses import Loss
from portable_mlp.warning import warn


class Opened(NamedTuple):
    """What a caller passed in, as an array."""

    array: Any
    """Numeric numpy array, or an array of any supported library, where it lies."""
    names: tuple[str, ...] = ()
    """Of its columns, where it was a data frame that has some."""


def opened(what: str, x: Any, advice: str = NUMBERS) -> Opened:
    """An array of numbers, of whatever kind the caller's is; what is opened stays as it is.

    Args:
        what: its name in messages: ``"X"``.
        x: numpy, rows of numbers, data frame, or an array of any supported library.
        advice: what to do with text.

    Raises:
        ValueError: text, dates, gaps among objects, rows of unequal length, columns named alike.
        TypeError: no array at all.
    """
    if isinstance(x, Opened):
        return x
    if type(x) is np.ndarray:  # nine calls out of ten
        return Opened(numeric(what, x, advice))
    if frames.is_frame(x):
        names = frames.column_names(what, x)
        return Opened(frames.numbers(what, x), names)
    if not is_host(x):
        return Opened(x)
    name = frames.name_of(x)
    return Opened(numeric(what, x, advice), (name,) if name else ())


def opened_targets(y: Any, loss: Loss) -> Opened:
    """`opened` for y: says what this loss wants in place of None and of text."""
    if y is None:
        raise ValueError(
            "MLP requires y to be passed, but the target y is None, expected one target for each "
            "sample."
        )
    if loss.targets != "values":
        return opened("y", y, "classes, y = np.unique(y, return_inverse=True) makes class numbers")
    if loss.classifies:
        return opened("y", y, f"{type(loss).__name__} wants {loss.fit_targets}")
    return opened("y", y, "for classes choose loss='softmax_cross_entropy'")


def named(columns: Columns, x: Opened, y: Opened) -> Columns:
    """Names of features and target as they are known after a training on x and y.

    Args:
        columns: what was known before, and stays.
        x: the samples.
        y: the targets.
    """
    return joined(columns, Columns(x.names, y.names[0] if len(y.names) == 1 else ""))


def check_names(expected: tuple[str, ...], given: tuple[str, ...]) -> None:
    """Refuses other columns than those of the training, and the same in another order.

    Args:
        expected: names of the features in the training.
        given: names now; none where there are none, which is only warned of.

    Raises:
        ValueError: they differ.
    """
    if given == expected:
        return
    if not given:
        warn("X does not have valid feature names, but MLP was fitted with feature names.")
        return
    differences = {
        "unseen at fit time": [name for name in given if name not in expected],
        "seen at fit time, yet now missing": [name for name in expected if name not in given],
    }
    said = "; ".join(f"{which}: {listed(names)}" for which, names in differences.items() if names)
    raise ValueError(
        "The feature names should match those that were passed during fit, "
        f"{said or 'in the same order: X[list(model.columns.features)] puts them so'}."
    )


def listed(names: Sequence[str]) -> str:
    """The first five names, and how many more there are."""
    shown = ", ".join(map(repr, names[:5]))
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
