"""What a model accepts: the checks that X, y and weights pass once, at the border.

Every refusal is one sentence: who, got, expected, likely cause. Nothing is broadcast, truncated or
up-cast, and nothing the caller passed in is written to.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from portable_mlp.backends import Backend, check_place, is_host, library_of, take_in
from portable_mlp.data.numeric import gap, numeric
from portable_mlp.data.opened import opened, opened_targets
from portable_mlp.nn.arrays import Shape
from portable_mlp.nn.losses import Loss
from portable_mlp.nn.plain_numbers import is_number
from portable_mlp.scaling import Scaling

_BLOCK = 4096


def features(
    X: Any,  # noqa: N803
    backend: Backend,
    sample_shape: Shape,
    *,
    scaling: Scaling | None = None,
    allow_empty: bool = False,
) -> Any:
    """X on the backend's device, in its dtype, of shape (n, *sample_shape), finite and scaled.

    Args:
        X: rows of samples: numpy, list, data frame, or an array of any supported library.
        backend: where it goes.
        sample_shape: shape of one sample, as the network was built for.
        scaling: what to do to each sample; an array in ordinary memory, of any library, is scaled before
            it is rounded to the dtype, one on an accelerator after.
        allow_empty: whether no rows at all are fine, as at prediction.

    Raises:
        ValueError: a wrong shape, text, gaps, non-finite or out-of-range numbers, another device.
        TypeError: no array at all.
    """
    X = opened("X", X)  # noqa: N806
    x = sample_rows(X, sample_shape)
    if x.shape[0] == 0 and not allow_empty:
        raise ValueError(f"X has shape {tuple(x.shape)}, expected at least one row.")
    return _moved("X", x, backend, scaling, X.names)


def sample_rows(X: Any, sample_shape: Shape) -> Any:  # noqa: N803
    """X as a numeric array of shape (n, *sample_shape), where it lies.

    Args:
        X: rows of samples, of any kind.
        sample_shape: shape of one sample.

    Raises:
        ValueError: a wrong shape, text, dates, gaps.
        TypeError: no array at all.
    """
    x = opened("X", X).array
    check_shape(tuple(x.shape), sample_shape)
    return x


def _moved(
    what: str, x: Any, backend: Backend, scaling: Scaling | None, names: tuple[str, ...] = ()
) -> Any:
    """A numeric array on the device, scaled and finite."""
    if scaling is not None:
        x = _on_host(what, x, backend)
    host = is_host(x)
    if host and scaling is not None:
        x = scaling.apply(x, backend.dtype_name)
    elif host and not x.flags.c_contiguous:
        with np.errstate(over="ignore"):  # refused below
            x = x.astype(backend.dtype_name, order="C")  # a batch gathers whole rows
    moved = take_in(what, x, backend)
    if scaling is not None and not host:
        moved = scaling.apply_on_device(moved, backend)
    _check_finite(what, moved, backend, names)
    return moved


def _on_host(what: str, x: Any, backend: Backend) -> Any:
    """An array of any library as numpy, in its own type, if it lies in ordinary memory."""
    check_place(what, x, backend)
    owner = library_of(x)
    if is_host(x) or owner is None or owner.device_name_of(x) != "cpu":
        return x
    return owner().to_numpy(x)


def check_shape(shape: Shape, sample_shape: Shape) -> None:
    """Refuses rows that are no samples of this shape; ``shape`` is that of X."""
    expected = f"(rows, {', '.join(map(str, sample_shape))})"
    if len(shape) == 1 and len(sample_shape) == 1:
        raise ValueError(
            f"X has shape {shape}, expected {expected}: one sample is X[None, :], one feature is "
            "X[:, None]."
        )
    if len(shape) != len(sample_shape) + 1:
        hint = (
            " Flatten the samples with X.reshape(len(X), -1), or start the layers with Flatten()."
            if len(shape) > 2
            else ""
        )
        raise ValueError(f"X has shape {shape}, expected {expected}.{hint}")
    if shape[1:] != sample_shape:
        counts = ""
        if len(sample_shape) == 1:
            counts = (
                f" {shape[1]} features were given, the network was built for {sample_shape[0]}."
            )
        raise ValueError(f"X has shape {shape}, expected {expected}.{counts}")


def targets(
    y: Any, backend: Backend, loss: Loss, units: int, rows: int, scaling: Scaling | None = None
) -> Any:
    """y on the device, as the loss wants it: class numbers in range, or finite numbers.

    Args:
        y: class numbers (n,), distributions (n, units) or values (n, columns), as the loss says.
        backend: where it goes.
        loss: the loss that will see it.
        units: outputs of the network.
        rows: rows of X.
        scaling: of numbers to be predicted.

    Raises:
        ValueError: a wrong shape, labels outside 0..units-1, text, non-finite numbers.
    """
    t = target_rows(y, loss, units, rows)
    if loss.targets != "values" and t.ndim == 1:
        return _labels(t, backend, units)
    moved = _moved("y", t, backend, scaling)
    if bool(backend.xp.any(loss.unfit(moved, backend.xp))):
        raise ValueError(
            f"y holds numbers that {type(loss).__name__} can't have, expected {loss.fit_targets}."
        )
    if loss.targets != "values":
        _check_distributions(moved, backend)
    return moved


def target_rows(y: Any, loss: Loss, units: int, rows: int) -> Any:
    """y as a numeric array of the shape that the loss wants, where it lies; see `targets`."""
    t = opened_targets(y, loss).array
    shape = tuple(t.shape)
    if not shape or shape[0] != rows:
        raise ValueError(
            f"y has shape {shape}, expected {rows} rows as X has: one target for each sample."
        )
    if loss.targets != "values" and len(shape) == 2 and shape[1] > 1 and loss.targets == "labels":
        raise ValueError(
            f"y has shape {shape}, expected class numbers of shape ({rows},) for "
            f"{type(loss).__name__}: y looks one-hot, pass y.argmax(1)."
        )
    loss.check_shapes((rows, units), shape)
    return t


def host_blocks(
    what: str, x: Any, backend: Backend, out: Any = None, names: tuple[str, ...] = ()
) -> Iterator[np.ndarray]:
    """The rows of a numeric array as finite numpy blocks.

    Args:
        what: its name in messages.
        x: numpy, or an array of any library.
        backend: the model's backend.
        out: True for rows to be left out, or None.
        names: of the columns, for messages.

    Raises:
        ValueError: a number that is not finite, with its place.
    """
    for start in range(0, x.shape[0], _BLOCK):
        stop = min(start + _BLOCK, x.shape[0])  # the standard leaves a later one open
        part = _on_host(what, x[start:stop, ...], backend)
        block = part if is_host(part) else backend.to_numpy(take_in(what, part, backend))
        _check_finite_host(what, block, names, start)
        yield block if out is None else block[~out[start:stop]]


def _labels(y: Any, backend: Backend, units: int) -> Any:
    """Class numbers as integers, each in 0..units-1.

    They are looked at on the host in their own type, before a smaller one could wrap them around.
    """
    check_place("y", y, backend)
    owner = library_of(y)
    numbers = y if is_host(y) or owner is None else owner().to_numpy(y)
    check_class_numbers(numbers, units)
    return take_in("y", y, backend, backend.index_dtype)


def check_class_numbers(numbers: np.ndarray, units: int) -> None:
    """Refuses what is no class number in 0..units-1; numbers are on the host, in their own type."""
    if numbers.dtype.kind == "f":
        _check_finite_host("y", numbers)
        broken = numbers != np.round(numbers)
        if broken.any():
            raise ValueError(
                f"Unknown label type: continuous: y holds {numbers[broken][0]}, expected class numbers "
                "0, 1, 2, ...: for a number to be predicted choose loss='squared_error'."
            )
    _check_range(numbers, units)


def _check_range(numbers: np.ndarray, units: int) -> None:
    low, high = int(numbers.min()), int(numbers.max())
    if low >= 0 and high < units:
        return
    different = len(np.unique(numbers))
    if (low, high) == (1, units):
        hint = "labels may start at 1: pass y - 1"
    elif different <= units:
        hint = "classes, y = np.unique(y, return_inverse=True) makes class numbers"
    else:
        hint = f"there are {different} labels, and the last layer has a unit for each of {units}"
    raise ValueError(
        f"y holds the label {low if low < 0 else high}, expected class numbers 0..{units - 1}: {hint}."
    )


def _check_distributions(y: Any, backend: Backend) -> None:
    xp = backend.xp
    if float(xp.min(y)) < 0 or float(xp.max(xp.abs(xp.sum(y, axis=1) - 1.0))) > 1e-3:
        raise ValueError(
            f"y has shape {tuple(y.shape)} and rows that are no distribution, expected numbers >= 0 "
            "that sum to 1 in each row. For several labels at once choose "
            "loss='binary_cross_entropy'; for numbers 'squared_error'."
        )


def check_class_weight(class_weight: Any, loss: Loss) -> None:
    """Refuses what is no ``{class: factor}``, and a loss of numbers to be predicted."""
    if class_weight is None:
        return
    if not isinstance(class_weight, (Mapping, str)):
        raise TypeError(
            f"class_weight: got type {type(class_weight).__name__}, expected 'balanced' or "
            "{class: factor}."
        )
    if loss.targets == "values" and not loss.classifies:
        raise ValueError(
            f"class_weight: the loss is {type(loss).__name__}, expected one of a classifier."
        )


def weights(
    sample_weight: Any,
    class_weight: Mapping[int, float] | str | None,
    y: Any,
    backend: Backend,
    units: int,
    rows: int,
) -> tuple[Any, float | None]:
    """``(weights on the device (n,), their sum)``, or ``(None, None)`` where none are given.

    Args:
        sample_weight: one number >= 0 for each row, or None.
        class_weight: ``{class: factor}``, ``"balanced"`` for n / (K · count), or None.
        y: the targets on the device, as `targets` gave them.
        backend: where the weights go.
        units: number of classes.
        rows: number of rows.

    Raises:
        ValueError: negative, non-finite or all-zero weights, a wrong length, classes without labels.
    """
    if sample_weight is None and class_weight is None:
        return None, None
    total = np.ones(rows)
    if sample_weight is not None:
        on_host = sample_weight
        if not is_host(sample_weight):
            on_host = backend.to_numpy(take_in("sample_weight", sample_weight, backend))
        total = numeric("sample_weight", on_host).astype(np.float64)
        if total.shape != (rows,):
            raise ValueError(
                f"sample_weight has shape {total.shape}, expected ({rows},): one for each row of X."
            )
        if not np.isfinite(total).all() or (total < 0).any():
            raise ValueError("sample_weight holds negative or non-finite numbers, expected >= 0.")
    if class_weight is not None:
        total = total * _class_factors(class_weight, y, backend, units)
    if not total.sum() > 0:
        raise ValueError("sample_weight: all weights are zero, expected at least one above 0.")
    moved = backend.asarray(total)
    kept = backend.to_numpy(moved).astype(np.float64)
    if not np.isfinite(kept).all() or not 0 < kept.sum() < np.finfo(backend.dtype_name).max:
        raise ValueError(
            f"sample_weight: numbers between {total.min():g} and {total.max():g} are too large or too "
            f"small for {backend.dtype_name}, expected weights of about 1."
        )
    return moved, float(kept.sum())


def _class_factors(
    class_weight: Mapping[int, float] | str, y: Any, backend: Backend, units: int
) -> np.ndarray:
    labels = backend.to_numpy(y)
    if labels.ndim == 2 and labels.shape[1] == 1 and np.isin(labels, (0, 1)).all():
        labels, units = labels[:, 0].astype(int), 2  # one yes/no label
    if labels.ndim != 1:
        raise ValueError(
            f"class_weight: y has shape {labels.shape}, expected class numbers of shape (n,): with "
            "distributions or several labels use sample_weight."
        )
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(
                f"class_weight: got {class_weight!r}, expected 'balanced' or {{class: factor}}."
            )
        counts = np.bincount(labels, minlength=units)
        present = np.maximum(counts, 1)
        balanced: np.ndarray = (len(labels) / ((counts > 0).sum() * present))[labels]
        return balanced
    factors = np.ones(units)
    for label, factor in class_weight.items():
        if label not in range(units):
            raise ValueError(
                f"class_weight: got the class {label!r}, expected class numbers 0..{units - 1}."
            )
        if not (is_number(factor) and 0 <= factor < math.inf):
            raise ValueError(
                f"class_weight: class {label} has {factor!r}, expected a finite number of at least 0."
            )
        factors[int(label)] = factor
    chosen: np.ndarray = factors[labels]
    return chosen


def finite_host(what: str, x: Any, backend: Backend) -> np.ndarray:
    """A host array of finite numbers, in the model's dtype.

    Args:
        what: its name in messages.
        x: numpy, list or data frame, or an array of any library in ordinary memory.
        backend: the model's backend.
    """
    host = numeric(what, x) if is_host(x) else backend.to_numpy(take_in(what, x, backend))
    moved = backend.asarray(host)
    _check_finite(what, moved, backend)
    return np.array(backend.to_numpy(moved))


def _check_finite(what: str, x: Any, backend: Backend, names: tuple[str, ...] = ()) -> None:
    """Refuses NaN and infinity, in the dtype the model computes in."""
    xp = backend.xp
    if not bool(xp.all(xp.isfinite(x))):
        _check_finite_host(what, backend.to_numpy(x), names)


def _check_finite_host(
    what: str, x: np.ndarray, names: tuple[str, ...] = (), first_row: int = 0
) -> None:
    """The same for a numpy array, or for its rows from one on; says where the first one is."""
    finite = np.isfinite(x)
    if finite.all():
        return
    row, *rest = np.argwhere(~finite)[0].tolist()
    found = "NaN" if np.isnan(x[row, *rest]) else f"infinity or a value too large for {x.dtype}"
    column = names[rest[0]] if len(rest) == 1 and names else ""
    raise ValueError(gap(what, found, [first_row + row, *rest], column))
