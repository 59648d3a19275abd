"""What a training may be given, and is most likely a mistake: each is warned of once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from portable_mlp.backends import Backend, is_host
from portable_mlp.data.opened import Opened
from portable_mlp.nn.losses import Loss
from portable_mlp.scaling import Scaling
from portable_mlp.warning import warn

LARGE = 1e4
"""Numbers as large as this are warned of where nothing scales them.

Measured with Adam's defaults on 1500 rows of 8 standard normal features (60 epochs, 64 hidden units),
one of them multiplied by s = 1, 100, 1e3, 1e4, 1e5: the accuracy for 3 classes is 0.78, 0.79, 0.75,
0.58, 0.43, the mean squared error of a regression 0.40, 0.43, 0.52, 2.0, 2.7. With the targets
multiplied instead, by 1, 100, 1e3, 1e4, it is 0.40, 0.45, 0.95, 1.07 of their variance. From 1e10 on
single precision overflows.
"""
_BRIGHT = 50
"""Bytes above this are taken for the brightness of pixels."""


def warn_of_samples(x: Opened, moved: Any, backend: Backend) -> None:
    """Samples that nothing scales: bytes of images, and features of another order than 1.

    Args:
        x: the samples as they were given.
        moved: the same on the device.
        backend: the model's, in whose scope this is called.
    """
    array, xp = (x.array, np) if is_host(x.array) else (moved, backend.xp)
    size = largest(array, xp)
    if str(x.array.dtype).endswith("uint8"):
        if size > _BRIGHT:
            warn(
                f"X holds uint8 numbers up to {size:g} and nothing scales them: divide by 255, or "
                "MLP(..., scaling='/255')."
            )
    elif size >= LARGE:
        found = large_feature(array if xp is np else backend.to_numpy(array), x.names)
        warn(f"X: {found}; scale your data, or MLP(..., scaling='standard').")


def warn_of_targets(
    y: Opened, moved: Any, loss: Loss, backend: Backend, scaling: Scaling | None
) -> None:
    """A single class, and numbers to be predicted that nothing scales, of another order than 1.

    Args:
        y: the targets as they were given.
        moved: the same on the device.
        loss: that will see them.
        backend: the model's, in whose scope this is called.
        scaling: of the numbers to be predicted.
    """
    array, xp = (y.array, np) if is_host(y.array) else (moved, backend.xp)
    if loss.classifies:
        alike = xp.max(array, axis=0) == xp.min(array, axis=0)
        if array.shape[0] > 1 and bool(xp.all(alike)):
            warn("y is the same in each row, a single class: nothing can be learned from it.")
    elif type(loss).predict is Loss.predict and scaling is None:
        size = largest(array, xp)
        if size >= LARGE:
            warn(f"y has scale {size:.2g}; scale it, or MLP(..., target_scaling='standard').")


def largest(x: Any, xp: Any) -> float:
    """The largest absolute value, found without a copy."""
    return max(abs(float(xp.max(x))), abs(float(xp.min(x))))


def large_feature(x: np.ndarray, names: Sequence[str]) -> str:
    """Which feature has the largest absolute value, in words.

    Args:
        x: samples (n, ...), on the host.
        names: of the features, or none.

    Example:
        >>> large_feature(np.asarray([[1.0, -2e4]]), ["rooms", "area"])
        "feature 1 ('area') has scale 2e+04"
    """
    sizes = np.maximum(x.max(axis=0).astype(np.float64), -x.min(axis=0).astype(np.float64))
    place = [int(i) for i in np.unravel_index(int(sizes.argmax()), sizes.shape)]
    name = f" ({names[place[0]]!r})" if names and len(place) == 1 else ""
    feature = place[0] if len(place) == 1 else place
    return f"feature {feature}{name} has scale {sizes.max():.2g}"


def warn_of_rounded(where: str, numbers: Iterable[int]) -> bool:
    """Whole numbers that are most likely names: beyond 2^53, where float64 makes others of them.

    Args:
        where: the column in messages.
        numbers: its whole numbers, those between -2^53 and 2^53 or not.

    Returns:
        Whether it did.
    """
    for number in numbers:
        if abs(number) > 2**53 and (kept := int(float(number))) != number:
            warn(
                f"{where} holds whole numbers of which float64 loses digits, such as {number}, which "
                f"becomes {kept}: if they are names and no amounts, name it in --categorical (in Python "
                "categorical=, categorical_features=) of the training."
            )
            return True
    return False
