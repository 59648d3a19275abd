"""A table in memory, column by column: numbers with gaps, or text."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.backends import is_host, library_of
from portable_mlp.data.frames import is_frame
from portable_mlp.tables.cells import from_objects


@dataclass(frozen=True, eq=False)
class Frame:
    """Columns of equal length.

    Args:
        columns: by name; float64 with NaN for gaps, or objects: text, and None for gaps.
        name: what messages call the table.
        named: whether the names are the table's own, and no numbers that stand for places.
        declared: names of columns that were said to be categories, by who read them or by their type.

    Example:
        >>> import numpy as np
        >>> frame = Frame.of({"age": [31, None], "city": ["Bonn", "Rome"]})
        >>> frame.columns["age"].tolist(), frame.columns["city"].tolist(), frame.rows
        ([31.0, nan], ['Bonn', 'Rome'], 2)
    """

    columns: Mapping[str, NDArray[Any]]
    name: str = "X"
    named: bool = True
    declared: frozenset[str] = frozenset()

    @classmethod
    def of(cls, X: Any, categorical: Collection[str] = ()) -> Frame:  # noqa: N803
        """A table of whatever holds columns.

        Args:
            X: data frame of pandas, polars or pyarrow (extra ``frames``), ``{name: column}``, numpy array
                or rows of a list (rows, columns), a frame of this class. Masked cells are gaps.
            categorical: names of columns that are categories, also where they hold numbers.

        Raises:
            ValueError: dates, time spans, things of several kinds, columns of unequal length.
            TypeError: no table at all.
            ModuleNotFoundError: a data frame came in, and narwhals is not installed.
        """
        if isinstance(X, Frame):
            return X
        declared = frozenset(categorical)
        if is_frame(X):
            from portable_mlp.tables.frames import columns_of

            columns, named, of_type = columns_of("X", X)
            declared |= of_type
        elif isinstance(X, Mapping):
            columns, named = {str(name): _column(name, X[name]) for name in X}, True
        else:
            x = _array(X)
            columns, named = {str(k): x[:, k] for k in range(x.shape[1])}, False
        if len({len(values) for values in columns.values()}) > 1:
            lengths = {name: len(values) for name, values in columns.items()}
            raise ValueError(f"X has columns of unequal length: {lengths}.")
        found = {
            name: from_objects(f"X: column {name!r}", values, name in categorical)
            for name, values in columns.items()
        }
        return cls(found, "X", named, declared)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns, in their order."""
        return tuple(self.columns)

    @property
    def rows(self) -> int:
        """How many."""
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def __len__(self) -> int:
        """Rows."""
        return self.rows

    def take(self, rows: NDArray[Any]) -> Frame:
        """Some rows.

        Args:
            rows: their numbers, or True for each that is wanted.
        """
        parts = {name: values[rows] for name, values in self.columns.items()}
        return Frame(parts, self.name, self.named, self.declared)


def _column(name: Any, values: Any) -> NDArray[Any]:
    if isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
        raise TypeError(
            f"X[{name!r}] is of type {type(values).__name__}, expected a list or array: one value for "
            "each row."
        )
    if not hasattr(values, "dtype"):
        made = np.empty(len(values), object)
        made[:] = list(values)
        return made
    column = with_gaps(values)
    if column.ndim != 1:
        raise ValueError(f"X[{name!r}] has shape {column.shape}, expected one axis: (rows,).")
    return column


def with_gaps(x: Any) -> NDArray[Any]:
    """A numpy array; cells that a mask hides are gaps, as nulls of data frames are.

    Args:
        x: whatever numpy makes an array of.
    """
    array = np.asarray(x)
    if isinstance(x, np.ma.MaskedArray) and not array.dtype.names:
        array = array.astype(object)
        array[np.ma.getmaskarray(x)] = None
    return array


def _array(x: Any) -> NDArray[Any]:
    """Rows as a numpy array of two axes."""
    if hasattr(x, "X") and not hasattr(x, "dtype"):
        raise TypeError(
            f"X is of type {type(x).__name__}, which holds the targets too, expected its features: pass "
            "its .X."
        )
    if not is_host(x):
        owner = library_of(x)
        x = x if owner is None else owner().to_numpy(x)
    if isinstance(x, (list, tuple)) and x and isinstance(x[0], (list, tuple)):
        widths = sorted({len(row) for row in x})
        if len(widths) > 1:
            raise ValueError(f"X is ragged: rows have {widths[0]} to {widths[-1]} values.")
        array = np.array(x, object)  # numpy would make text of 1 and "a"
    else:
        array = with_gaps(x)
    if array.dtype.names or isinstance(next(iter(array.flat), None), Mapping):
        raise ValueError(
            "X has rows with names for their cells, expected a table: pandas.DataFrame(rows) makes one."
        )
    if array.ndim != 2:
        raise ValueError(
            f"X has shape {array.shape}, expected a table: a data frame, {{name: column}}, or rows of "
            "two axes (rows, columns)."
        )
    return array
