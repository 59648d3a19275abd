"""Columns of a .parquet file with text and nulls (extra ``parquet``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.columns import no_such
from portable_mlp.data.errors import DataFileError
from portable_mlp.data.parquet import opened_parquet, parquet_names
from portable_mlp.tables.cells import dates, spans


def columns_of(
    path: Path, target: str | None, features: Sequence[str] | None
) -> tuple[list[str], dict[str, NDArray[Any]], frozenset[str]]:
    """``(names of the features, columns by name, those of categories)``, with the target, in memory.

    Args:
        path: of the file.
        target: name of the column to predict, or None.
        features: names of the columns of X; None for all but the target.

    Raises:
        DataFileError: no such column, or one of dates, time spans or lists.
    """
    there = parquet_names(path)
    if features is None:
        features = [name for name in there if name != target]
    wanted = list(features) if target is None else [*features, target]
    for name in wanted:
        if there.count(name) != 1:
            raise no_such("column", str(path), name, there)
    with opened_parquet(path) as file:
        import pyarrow as pa

        if not file.metadata.num_rows:
            raise DataFileError(f"{path}: holds no rows.")
        table = file.read(columns=wanted)
        columns = {
            name: _values(f"{path}: column {name!r}", table.column(name).combine_chunks())
            for name in wanted
        }
        declared = [name for name in wanted if pa.types.is_dictionary(table.column(name).type)]
        return list(features), columns, frozenset(declared)


def _values(where: str, cells: Any) -> NDArray[Any]:
    """Numbers with NaN for nulls, or objects with None."""
    import pyarrow as pa

    kind = cells.type
    if pa.types.is_dictionary(kind):
        cells, kind = cells.dictionary_decode(), kind.value_type
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        there = cells.drop_null()
        raise DataFileError(dates(where, str(there[0]) if len(there) else "no value"))
    if pa.types.is_duration(kind):
        raise DataFileError(spans(where))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        if not cells.null_count:
            return np.from_dlpack(cells)
        try:
            exact = kind if pa.types.is_float32(kind) else pa.float64()  # 0.1 keeps its name
            return np.from_dlpack(cells.cast(exact).fill_null(float("nan")))
        except pa.ArrowInvalid:  # whole numbers beyond 2^53, which may be categories
            pass
    known = (
        pa.types.is_integer,
        pa.types.is_boolean,
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_decimal,
    )
    if not any(is_kind(kind) for is_kind in (*known, pa.types.is_null)):
        raise DataFileError(f"{where} holds {kind}, expected numbers or text: leave it out.")
    made = np.empty(len(cells), object)
    made[:] = cells.to_pylist()
    return made
