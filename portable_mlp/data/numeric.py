"""Whatever a caller passed in as a numeric numpy array, or one sentence why it can't be one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from numbers import Real
from typing import Any

import numpy as np

NUMBERS = "encode text as numbers first"
"""What to do with text that is no target."""
_ADVICE = {
    "M": "turn dates into numbers first, such as days since one of them",
    "m": "turn time spans into numbers first, such as seconds",
    "V": "make one column of each field, numpy.lib.recfunctions.structured_to_unstructured(...)",
    "dict": "pandas.DataFrame(rows) makes columns of rows that are dictionaries",
}

_KINDS = {
    "date": "M",
    "datetime": "M",
    "Timestamp": "M",
    "timedelta": "m",
    "Timedelta": "m",
    "dict": "dict",
}


def numeric(what: str, x: Any, advice: str = NUMBERS) -> np.ndarray:
    """A host object as a numeric numpy array; numpy's own memory where it is one already.

    Args:
        what: its name in messages: ``"X"``.
        x: numpy, rows of numbers, or anything else that numpy makes an array of.
        advice: what to do with text.

    Raises:
        TypeError: no array at all: text, a dictionary, a set, an iterator, a numpy.matrix.
        ValueError: gaps, text among the numbers, dates, complex numbers, masks, rows of unequal length.

    Example:
        >>> numeric("X", [[1, 2], [3]])
        Traceback (most recent call last):
            ...
        ValueError: X is ragged: row 1 has 1 values, row 0 has 2, expected rows of equal length.
    """
    array = x if type(x) is np.ndarray else _array(what, x)
    if array.dtype.kind in "biuf":
        return array
    if array.dtype == object:
        return _numbers(what, array, advice)
    if array.dtype.name == "bfloat16":  # of another library; numpy knows it by name only
        return array.astype(np.float32)
    if array.dtype.kind == "c":
        raise ValueError(
            f"Complex data not supported: {what} has dtype {array.dtype}, expected real numbers; pass "
            f"{what}.real and {what}.imag as columns."
        )
    got = f"dtype {array.dtype}"
    if array.dtype.kind in "SU" and isinstance(x, (list, tuple)):
        kinds = sorted({type(e).__name__ for e in _elements(x)})
        got = got if len(kinds) < 2 else " and ".join(kinds)  # numpy makes text of 1 and "a"
    raise ValueError(refusal(what, got, _ADVICE.get(array.dtype.kind, advice)))


def refusal(what: str, got: str, advice: str) -> str:
    """The sentence for what is no number.

    Args:
        what: its name: ``"X"``.
        got: what was found in it.
        advice: what to do.
    """
    return f"{what} must be numeric, got {got}: {advice}."


def _array(what: str, x: Any) -> np.ndarray:
    """What numpy makes of it, unless that would be wrong without a word."""
    if x is None:
        raise ValueError(f"{what} is None, expected an array.")
    if isinstance(x, np.ma.MaskedArray):
        raise ValueError(
            f"{what} is a masked array, expected a plain one: masked values would be used; fill them "
            f"first, {what}.filled(...)."
        )
    if isinstance(x, np.matrix):
        raise TypeError(f"{what} is a numpy.matrix, expected an array: pass np.asarray({what}).")
    if hasattr(x, "toarray") and hasattr(x, "nnz"):
        raise ValueError(f"Sparse data was passed as {what}, expected dense: use {what}.toarray().")
    _check_kind(what, x)
    try:
        array = np.asarray(x)
    except (ValueError, TypeError) as error:
        raise ValueError(_unequal(what, x, error)) from None
    if array.dtype == object and array.ndim == 0:
        raise _no_array(what, x, "pass its numbers")
    return array


def _check_kind(what: str, x: Any) -> None:
    """Refuses what has no rows in an order, with the way to make some of it."""
    if isinstance(x, (str, bytes)):
        table = "portable_mlp.data.read_csv reads a table from a file"
        raise _no_array(what, x, table if what == "X" else "pass its numbers")
    if isinstance(x, Mapping):
        raise _no_array(
            what, x, f"np.column_stack(list({what}.values())) makes columns of its values"
        )
    if hasattr(x, "X") and hasattr(x, "y"):
        raise _no_array(what, x, "it holds samples and targets, pass its .X and its .y")
    if isinstance(x, (set, frozenset)):
        raise _no_array(what, x, "it has no order, pass a list")
    if isinstance(x, Iterator):
        raise _no_array(what, x, f"list({what}) makes rows of it")


def _no_array(what: str, x: Any, advice: str) -> TypeError:
    return TypeError(
        f"{what} is of type {type(x).__name__}, expected an array, a list of rows or a data frame: "
        f"{advice}."
    )


def _unequal(what: str, x: Any, error: Exception) -> str:
    """Which row is longer or shorter than the first, where that is what is wrong."""
    rows = list(x) if isinstance(x, Iterable) else []
    sizes = [
        len(row) if isinstance(row, Sized) and not isinstance(row, str) else None for row in rows
    ]
    for number, size in enumerate(sizes):
        if size != sizes[0]:
            got = f"row {number} has {size} values, row 0 has {sizes[0]}"
            if size is None or sizes[0] is None:
                kinds = type(rows[number]).__name__, type(rows[0]).__name__
                got = f"row {number} is of type {kinds[0]}, row 0 of type {kinds[1]}"
            return f"{what} is ragged: {got}, expected rows of equal length."
    reason = str(error).partition("\n")[0]
    return f"{what} can't be made an array, expected rows of equal length: {reason}"


def _numbers(what: str, array: np.ndarray, advice: str) -> np.ndarray:
    """Python's numbers as float64; text is not read as numbers, a gap is not passed over."""
    kinds = {type(e) for e in array.flat}
    if any(issubclass(kind, (list, tuple, np.ndarray)) for kind in kinds):
        raise ValueError(_unequal(what, array, ValueError("rows of objects")))
    strange = sorted(k.__name__ for k in kinds if not (_is_number(k) or _is_gap(k)))
    if strange:
        known = sorted(k.__name__ for k in kinds if k.__name__ not in strange)
        advice = _ADVICE[_KINDS[strange[0]]] if strange[0] in _KINDS else advice
        raise ValueError(refusal(what, " and ".join([*known, *strange]), advice))
    if any(map(_is_gap, kinds)):
        place, found = next((p, e) for p, e in np.ndenumerate(array) if _is_gap(type(e)))
        raise ValueError(gap(what, repr(found), list(place)))
    with np.errstate(over="ignore"):
        try:
            return array.astype(np.float64)
        except OverflowError:
            raise ValueError(
                f"{what} holds a whole number too large for float64, expected finite numbers."
            ) from None


def gap(what: str, found: str, place: list[int], column: str = "") -> str:
    """The sentence for a number that is not there or not finite.

    Args:
        what: its name: ``"X"``.
        found: what is there in place of a number.
        place: index of the first one.
        column: its name, if it has one.
    """
    where = f"{place}, column {column!r}" if column else f"{place}"
    return (
        f"Input {what} contains {found} at {where}, expected finite numbers: fill or drop such rows "
        "first."
    )


def _elements(x: Any) -> Iterator[Any]:
    """What lists of lists hold."""
    for element in x:
        yield from _elements(element) if isinstance(element, (list, tuple)) else (element,)


def _is_number(kind: type) -> bool:
    return issubclass(kind, (Real, np.bool_)) or kind.__name__ == "Decimal"


def _is_gap(kind: type) -> bool:
    """None, and what pandas has for nothing."""
    return kind.__name__ in ("NoneType", "NAType", "NaTType")
