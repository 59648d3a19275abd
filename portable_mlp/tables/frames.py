"""Columns of data frames, through narwhals (extra ``frames``).

Source: https://narwhals-dev.github.io/narwhals/
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.frames import column_names
from portable_mlp.tables.cells import dates, from_objects, spans

_DATES = ("Date", "Datetime", "Time")


def columns_of(what: str, x: Any) -> tuple[dict[str, NDArray[Any]], bool, frozenset[str]]:
    """``(columns as arrays of numbers or objects, whether they have names, those of categories)``.

    Args:
        what: the frame's name in messages.
        x: a data frame in memory.

    Raises:
        ValueError: dates, time spans, columns that hold lists.
        TypeError: it is not in memory.
        ModuleNotFoundError: narwhals is not installed.
    """
    names = column_names(what, x)
    try:
        import narwhals.stable.v2 as nw
    except ImportError:
        raise ModuleNotFoundError(
            "Data frames with text need narwhals: pip install 'portable_mlp[frames]'"
        ) from None
    frame = nw.from_native(x, eager_only=True)
    found: dict[str, NDArray[Any]] = {}
    declared = set[str]()
    for place, series in enumerate(frame.iter_columns()):
        name = names[place] if names else str(place)
        found[name] = _values(f"{what}: column {name!r}", series)
        if type(series.dtype).__name__ in ("Categorical", "Enum"):
            declared.add(name)
    return found, bool(names), frozenset(declared)


def _values(where: str, series: Any) -> NDArray[Any]:
    kind = type(series.dtype).__name__
    if kind in _DATES:
        there = series.drop_nulls()
        raise ValueError(dates(where, str(there[0]) if len(there) else "no value"))
    if kind == "Duration":
        raise ValueError(spans(where))
    if series.dtype.is_numeric():
        exact = not (series.dtype.is_integer() and series.null_count() and _is_long(series))
        if exact and (cells := series.to_numpy()).dtype.kind in "iuf":
            return np.asarray(cells)
    elif kind not in ("Boolean", "String", "Categorical", "Enum", "Object", "Unknown"):
        raise ValueError(f"{where} holds {kind}, expected numbers or text: leave it out.")
    made = np.empty(len(series), object)
    made[:] = series.to_list()
    if kind in ("Categorical", "Enum"):  # of numbers too
        return from_objects(where, made, is_text=True)
    return made


def _is_long(series: Any) -> bool:
    """Whether whole numbers are beyond 2^53: as floats, which gaps make of them, some would be one."""
    return bool(max(abs(int(series.min() or 0)), abs(int(series.max() or 0))) > 2**53)
