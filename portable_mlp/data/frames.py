"""Data frames of pandas, polars, pyarrow and modin: their numbers, and the names of their columns.

What a column holds is asked through narwhals (extra ``frames``), which is imported when a frame comes
in that is more than plain numbers of pandas. Where it is not installed, frames of numbers are still
taken, as numpy sees them; what is refused is then refused without the column's name.

Source: https://narwhals-dev.github.io/narwhals/
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from portable_mlp.data.numeric import NUMBERS, numeric, refusal

_INSTALL = "pip install 'portable_mlp[frames]'"
_ADVICE = {
    "String": "encode it, OneHotEncoder() or OrdinalEncoder() of scikit-learn, or leave it out",
    "Date": "turn dates into numbers first, such as days since one of them",
    "Duration": "turn time spans into numbers first, such as seconds",
    "Other": "leave it out, or make columns of numbers of it",
}
_KINDS = {
    **dict.fromkeys(("Categorical", "Enum"), "String"),
    **dict.fromkeys(("Datetime", "Time"), "Date"),
}


def is_frame(x: Any) -> bool:
    """Whether x looks like a table with columns; asks its class alone, so that nothing is computed."""
    kind = type(x)
    return hasattr(kind, "columns") and (hasattr(kind, "shape") or hasattr(kind, "collect"))


def column_names(what: str, x: Any) -> tuple[str, ...]:
    """Names of the columns; none where they are no text, as pandas numbers them.

    Args:
        what: the frame's name in messages: ``"X"``.
        x: a frame.

    Raises:
        TypeError: some are text and some are not.
        ValueError: two are alike.
    """
    _check_eager(what, x)
    names = list(x.column_names if hasattr(type(x), "column_names") else x.columns)
    name, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise ValueError(f"{what} has {count} columns named {name!r}, expected different names.")
    text = [isinstance(name, str) for name in names]
    if any(text) and not all(text):
        kinds = " and ".join(sorted({type(name).__name__ for name in names}))
        raise TypeError(
            f"{what} has column names of types {kinds}, expected text alone: "
            f"{what}.columns = {what}.columns.astype(str) makes them so."
        )
    return tuple(names) if all(text) else ()


def name_of(x: Any) -> str:
    """What a single column is called, a pandas or polars Series; empty where it has no name."""
    kind = type(x)
    name = x.name if hasattr(kind, "name") and hasattr(kind, "to_numpy") else ""
    return name if isinstance(name, str) else ""


def numbers(what: str, x: Any) -> np.ndarray:
    """The columns as one numeric array (rows, columns).

    Args:
        what: the frame's name in messages: ``"X"``.
        x: a frame.

    Raises:
        TypeError: it is not in memory.
        ValueError: a column that holds no numbers, with its name.
    """
    _check_eager(what, x)
    types = getattr(x, "dtypes", ())
    if len(types) and all(isinstance(kind, np.dtype) and kind.kind in "iuf" for kind in types):
        return np.asarray(x)  # plain numbers of pandas: nothing to ask
    try:
        import narwhals.stable.v2 as nw
    except ImportError:
        return numeric(what, x, f"{NUMBERS} ({_INSTALL} names the column)")
    frame = nw.from_native(x, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        raise _not_in_memory(what, x)
    if not isinstance(frame, nw.DataFrame):
        return numeric(what, x)
    kinds = frame.schema
    for name, kind in kinds.items():
        _check_type(what, name, kind)
    if all(kind.is_numeric() for kind in kinds.values()):
        together: np.ndarray = frame.to_numpy()
        if together.dtype.kind in "biuf":
            return together
    columns = [numeric(f"{what}[{s.name!r}]", s.to_numpy()) for s in frame.iter_columns()]
    return np.stack(columns, axis=1) if columns else np.empty((len(frame), 0))


def _check_eager(what: str, x: Any) -> None:
    if hasattr(type(x), "collect"):
        raise _not_in_memory(what, x)


def _not_in_memory(what: str, x: Any) -> TypeError:
    return TypeError(
        f"{what} is of type {type(x).__name__}, expected a frame in memory: collect or compute it first."
    )


def _check_type(what: str, name: Any, kind: Any) -> None:
    """Refuses a column whose type is known to be no number; one of objects is looked at later."""
    got = type(kind).__name__
    if kind.is_numeric() or got in ("Boolean", "Object", "Unknown"):
        return
    advice = _ADVICE.get(_KINDS.get(got, got), _ADVICE["Other"])
    raise ValueError(refusal(what, f"{got} in column {name!r}", advice))
