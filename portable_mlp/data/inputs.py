"""What a model accepts: the checks that X, y and weights pass once, at the border.

Every refusal is one sentence: who, got, expected, likely cause. Nothing is broadcast, truncated or
up-cast, and nothing the caller passed in is written to.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from portable_mlp.backends import Backend, check_place, is_host, library_of, take_in
from portable_mlp.nn.arrays import Shape
from portable_mlp.nn.losses import Loss
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
        scaling: what to do to each sample; a host array is scaled before it is rounded to the dtype.
        allow_empty: whether no rows at all are fine, as at prediction.

    Raises:
        ValueError: a wrong shape, text, gaps, non-finite or out-of-range numbers, another device.
    """
    X = sample_rows(X, sample_shape)  # noqa: N806
    if X.shape[0] == 0 and not allow_empty:
        raise ValueError(f"X has shape {tuple(X.shape)}, expected at least one row.")
    return _moved("X", X, backend, scaling)


def sample_rows(X: Any, sample_shape: Shape) -> Any:  # noqa: N803
    """X as a numeric array of shape (n, *sample_shape), where it lies.

    Args:
        X: rows of samples, of any kind.
        sample_shape: shape of one sample.

    Raises:
        ValueError: a wrong shape, text, dates, gaps.
    """
    X = _numeric("X", X) if is_host(X) else X  # noqa: N806
    check_shape(tuple(X.shape), sample_shape)
    return X


def _moved(what: str, x: Any, backend: Backend, scaling: Scaling | None) -> Any:
    """A numeric array on the device, scaled and finite."""
    host = is_host(x)
    scaled = x if scaling is None or not host else scaling.apply(x, backend.dtype_name)
    moved = take_in(what, scaled, backend)
    if scaling is not None and not host:
        moved = scaling.apply_on_device(moved, backend)
    _check_finite(what, moved, backend)
    return moved


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
    host = is_host(y)
    y = target_rows(y, loss, units, rows)
    if loss.targets != "values" and y.ndim == 1:
        return _labels(y, backend, units, host)
    moved = _moved("y", y, backend, scaling)
    if bool(backend.xp.any(loss.unfit(moved, backend.xp))):
        raise ValueError(
            f"y holds numbers that {type(loss).__name__} can't have, expected {loss.fit_targets}."
        )
    if loss.targets != "values":
        _check_distributions(moved, backend)
    return moved


def target_rows(y: Any, loss: Loss, units: int, rows: int) -> Any:
    """y as a numeric array of the shape that the loss wants, where it lies; see `targets`."""
    y = _numeric("y", y) if is_host(y) else y
    shape = tuple(y.shape)
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
    return y


def host_blocks(what: str, x: Any, backend: Backend, out: Any = None) -> Iterator[np.ndarray]:
    """The rows of a numeric array as finite numpy blocks.

    Args:
        what: its name in messages.
        x: numpy, or an array of any library.
        backend: the model's backend.
        out: True for rows to be left out, or None.

    Raises:
        ValueError: a number that is not finite, with its place.
    """
    host = is_host(x)
    for start in range(0, x.shape[0], _BLOCK):
        part = x[start : start + _BLOCK, ...]
        block = part if host else backend.to_numpy(take_in(what, part, backend))
        if not np.isfinite(block).all():
            row, *rest = np.argwhere(~np.isfinite(block))[0].tolist()
            raise _not_finite(what, block[row, *rest], [start + row, *rest], block.dtype)
        yield block if out is None else block[~out[start : start + _BLOCK]]


def _labels(y: Any, backend: Backend, units: int, host: bool) -> Any:
    """Class numbers as integers, each in 0..units-1.

    They are looked at on the host in their own type, before a smaller one could wrap them around.
    """
    check_place("y", y, backend)
    owner = library_of(y)
    numbers = np.asarray(y) if host or owner is None else owner().to_numpy(y)
    check_class_numbers(numbers, units)
    return take_in("y", y, backend, backend.index_dtype)


def check_class_numbers(numbers: np.ndarray, units: int) -> None:
    """Refuses what is no class number in 0..units-1; numbers are on the host, in their own type."""
    if numbers.dtype.kind == "f":
        if not np.isfinite(numbers).all():
            raise ValueError("y holds NaN or infinity, expected class numbers.")
        if (numbers != np.round(numbers)).any():
            raise ValueError(
                f"y holds {numbers[numbers != np.round(numbers)][0]}, expected class numbers "
                "0, 1, 2, ...: for a number to be predicted choose loss='squared_error'."
            )
    _check_range(numbers.min(), numbers.max(), units)


def _check_range(low: Any, high: Any, units: int) -> None:
    if low < 0 or high >= units:
        bad = int(low) if low < 0 else int(high)
        hint = (
            "labels may start at 1: pass y - 1"
            if low == 1 and high == units
            else (f"the last layer has {units} units, one for each class")
        )
        raise ValueError(f"y holds the label {bad}, expected class numbers 0..{units - 1}: {hint}.")


def _check_distributions(y: Any, backend: Backend) -> None:
    xp = backend.xp
    if float(xp.min(y)) < 0 or float(xp.max(xp.abs(xp.sum(y, axis=1) - 1.0))) > 1e-3:
        raise ValueError(
            f"y has shape {tuple(y.shape)} and rows that are no distribution, expected numbers >= 0 "
            "that sum to 1 in each row. For several labels at once choose "
            "loss='binary_cross_entropy'; for numbers 'squared_error'."
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
        total = _numeric("sample_weight", on_host).astype(np.float64)
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
        if not (math.isfinite(factor) and factor >= 0):
            raise ValueError(f"class_weight: class {label} has {factor!r}, expected at least 0.")
        factors[label] = factor
    chosen: np.ndarray = factors[labels]
    return chosen


def finite_host(what: str, x: Any, backend: Backend) -> np.ndarray:
    """A host array of finite numbers, in the model's dtype.

    Args:
        what: its name in messages.
        x: numpy, list or data frame, or an array of any library in ordinary memory.
        backend: the model's backend.
    """
    host = _numeric(what, x) if is_host(x) else backend.to_numpy(take_in(what, x, backend))
    moved = backend.asarray(host)
    _check_finite(what, moved, backend)
    return np.array(backend.to_numpy(moved))


def _check_finite(what: str, x: Any, backend: Backend) -> None:
    """Refuses NaN and infinity, in the dtype the model computes in."""
    xp = backend.xp
    if bool(xp.all(xp.isfinite(x))):
        return
    host = backend.to_numpy(x)
    place = np.argwhere(~np.isfinite(host))[0].tolist()
    raise _not_finite(what, host[tuple(place)], place, host.dtype)


def _not_finite(what: str, number: Any, place: Sequence[int], dtype: Any) -> ValueError:
    kind = "NaN" if np.isnan(number) else f"infinity or a number too large for {dtype}"
    return ValueError(
        f"{what} holds {kind} at {list(place)}, expected finite numbers: fill or drop such rows first."
    )


def _numeric(what: str, x: Any) -> np.ndarray:
    """A host object as a numeric numpy array, or one sentence why it can't be one."""
    if x is None:
        raise ValueError(f"{what} is None, expected an array.")
    if isinstance(x, np.ma.MaskedArray):
        raise ValueError(
            f"{what} is a masked array, expected a plain one: the mask would be ignored; call "
            f"{what}.filled(...) first."
        )
    if hasattr(x, "toarray") and hasattr(x, "nnz"):
        raise ValueError(f"{what}: sparse data was passed, expected dense; use {what}.toarray().")
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ValueError(
            f"{what} can't be made an array, expected rows of equal length: {error}"
        ) from None
    if array.dtype == object:
        try:
            array = array.astype(np.float64)  # Python numbers, None and NA included
        except (TypeError, ValueError):
            raise ValueError(_not_numeric(what, x, array)) from None
    if array.dtype.kind not in "biuf":
        raise ValueError(_not_numeric(what, x, array))
    return array


def _not_numeric(what: str, x: Any, array: np.ndarray) -> str:
    where = ""
    columns, kinds = getattr(x, "columns", None), getattr(x, "dtypes", None)
    if columns is not None and kinds is not None:
        first = next(
            (c for c, kind in zip(columns, kinds, strict=True) if not _is_number_type(kind)), None
        )
        where = "" if first is None else f" in column {first!r}"
    advice = {
        "c": "complex numbers are not supported",
        "M": "turn dates into numbers first",
        "m": "turn time spans into numbers first",
    }.get(array.dtype.kind, "encode text as numbers first; class labels as 0, 1, 2, ...")
    return f"{what} holds {array.dtype} data{where}, expected numbers: {advice}."


def _is_number_type(kind: Any) -> bool:
    name = str(kind).lower()
    return any(word in name for word in ("int", "float", "bool", "double"))
