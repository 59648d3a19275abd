"""Parquet files of any size, read with pyarrow, one row group after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.columns import Columns, no_such
from portable_mlp.data.errors import DataFileError, NotNumbersError, system_errors
from portable_mlp.data.source import Piece, Source
from portable_mlp.data.stamp import Stamp
from portable_mlp.data.target import (
    MOST_LABELS,
    TASKS,
    are_classes,
    check_not_written,
    checked_classes,
    class_name,
    got_gap,
    is_gap,
    short,
    text_classes,
)
from portable_mlp.nn.choices import check_name

_PIECE = 3 * 2**18
"""Bytes of X that are joined at once, inside of the processor's cache."""
_PIECES = 4
"""Of them are decoded at once: each column costs some microseconds."""
_BUFFER = 2**14
"""Bytes of each column that are read at once; without it a column of a row group is read whole."""
_DTYPES = {"halffloat": "float16", "float": "float32", "double": "float64", "bool": "uint8"}
"""Types that numpy calls otherwise; pyarrow's own translation imports pandas."""
_TARGETS = 2**16
"""Rows of the target that are looked at at once."""


def scan_parquet(
    path: str | Path,
    target: str | None,
    task: str = "auto",
    *,
    features: Sequence[str] | None = None,
    least_classes: int = 2,
) -> Source:
    """A Parquet file as a source that a model can be trained from without loading it.

    Blocks are the row groups, which a writer chooses; some MiB each are good for shuffling. The
    target's column is looked at once; the other columns are seen when they are read.

    Args:
        path: of the file.
        target: name of the column to predict: text, numbers, decimals, or yes and no. None reads the
            features alone.
        task: ``"classification"``, ``"regression"``, or ``"auto"``: classes where the target is text,
            or whole numbers with at most 50 different values.
        features: names of the columns of X; None for all but the target. A column of lists of one
            length (``FixedSizeList``) is as many features.
        least_classes: as many a classification must have; 1 for data that a model is tried on.

    Returns:
        X (rows, features) of the smallest type that holds all columns; y class numbers (rows,), or
        numbers (rows, 1). ``columns`` has the names, and the classes.

    Raises:
        DataFileError: no such file or column, a column that is not of numbers, an empty cell.
        ModuleNotFoundError: pyarrow is not installed.

    Example:
        >>> import pyarrow, pyarrow.parquet  # doctest: +SKIP
        >>> flowers = pyarrow.table({"length": [5.1, 4.9], "kind": ["iris", "rose"]})  # doctest: +SKIP
        >>> pyarrow.parquet.write_table(flowers, "flowers.parquet")  # doctest: +SKIP
        >>> source = scan_parquet("flowers.parquet", "kind")  # doctest: +SKIP
        >>> source.blocks, source.columns.classes  # doctest: +SKIP
        ((2,), ('iris', 'rose'))
    """
    check_name("task", task, TASKS)
    path = Path(path)
    stamp = Stamp.of(path)
    with opened_parquet(path) as file:
        metadata, schema = file.metadata, file.schema_arrow
        groups = [g for g in range(metadata.num_row_groups) if metadata.row_group(g).num_rows]
        if not groups:
            raise DataFileError(f"{path}: holds no rows.")
        names = _features(path, schema.names, target) if features is None else list(features)
        wanted = names if target is None else [target, *names]
        for name in wanted:
            _check_there(path, schema.names, name)
        if not names or target in names:
            raise DataFileError(
                f"{path}: the features are {names} and the target is {target!r}, expected at least one "
                "column of features, and the target not among them."
            )
        columns = [_Column.of(path, schema.field(name)) for name in names]
        _check_statistics(path, metadata, groups, set(wanted))
        found = None
        if target is not None:
            found = _Target.of(path, file, groups, schema.field(target), task, least_classes)
        return _ParquetSource(stamp, metadata, groups, columns, found)


def parquet_names(path: Path) -> tuple[str, ...]:
    """Names of the columns of a file, as `scan_parquet` takes them.

    Raises:
        DataFileError: it is no Parquet file.
        ModuleNotFoundError: pyarrow is not installed.
    """
    with opened_parquet(path) as file:
        return tuple(file.schema_arrow.names)


class _ParquetSource(Source):
    """Row groups, each of whose columns has to be decoded and joined with the others.

    Args:
        stamp: of the file, when it was looked at first.
        metadata: pyarrow's, which need not be read again.
        groups: numbers of those that hold rows.
        columns: of X.
        target: the column to predict, or None.
    """

    decodes = True

    def __init__(
        self,
        stamp: Stamp,
        metadata: Any,
        groups: Sequence[int],
        columns: Sequence[_Column],
        target: _Target | None,
    ) -> None:
        self._stamp, self._metadata, self._groups = stamp, metadata, groups
        self._columns, self._target = columns, target
        self._width = sum(column.width for column in columns)
        self._dtype = np.result_type(*(column.dtype for column in columns))
        self._alike = all(c.is_plain and c.dtype == self._dtype for c in columns)
        self.sample_shape = (self._width,)
        self.blocks = tuple(metadata.row_group(g).num_rows for g in groups)
        names = tuple(name for column in columns for name in column.names())
        self.columns = (
            Columns(names) if target is None else Columns(names, target.name, target.classes)
        )

    def read(self, numbers: Iterable[int]) -> Iterator[Piece]:
        """The rows of these row groups."""
        path, row_bytes = self._stamp.path, self._width * self._dtype.itemsize
        rows = max(1, _PIECE // row_bytes)
        names = [column.name for column in self._columns]
        names += [] if self._target is None else [self._target.name]
        groups = [self._groups[number] for number in numbers]
        self._stamp.check()
        with opened_parquet(path, self._metadata) as file:
            for place, batch in _batches(path, file, groups, names, _PIECES * rows):
                y, start = None, 0
                if self._target is not None:
                    y = self._target.encode(batch.column(len(self._columns)), place)
                for x in self._pieces(batch, place, rows):
                    yield Piece(x, None if y is None else y[start : start + len(x)])
                    start += len(x)

    def __str__(self) -> str:
        """The file."""
        return str(self._stamp.path)

    def _pieces(self, batch: Any, place: _Place, rows: int) -> Iterator[NDArray[Any]]:
        """X (rows, features) of a batch, so many rows at a time, or all of them.

        Columns of one type are joined by pyarrow, which leaves the interpreter to the training; a view
        of pyarrow's memory where there is one column only.
        """
        cells = batch.columns[: len(self._columns)]
        if len(cells) == 1:
            yield self._columns[0].numbers(cells[0], place)
        elif self._alike and not any(column.null_count for column in cells):
            batch = batch.select(range(len(cells)))
            for start in range(0, len(batch), rows):
                yield np.from_dlpack(batch.slice(start, rows).to_tensor())
        else:
            yield self._joined(cells, place)

    def _joined(self, cells: Sequence[Any], place: _Place) -> NDArray[Any]:
        x, start = np.empty((len(cells[0]), self._width), self._dtype), 0
        for column, values in zip(self._columns, cells, strict=True):
            x[:, start : start + column.width] = column.numbers(values, place)
            start += column.width
        return x


class _Place(NamedTuple):
    """Where some rows are, for messages."""

    path: Path
    group: int
    first: int

    def of(self, row: int) -> str:
        """One of them; row groups and their rows are counted from 0."""
        return f"{self.path}: row group {self.group}, row {self.first + row}"


class _Column(NamedTuple):
    """One column of the file, one or more of X."""

    name: str
    dtype: np.dtype[Any]
    width: int
    is_list: bool
    is_plain: bool
    """Whether pyarrow can join it with others: neither lists nor bits."""

    @classmethod
    def of(cls, path: Path, field: Any) -> _Column:
        """A column of numbers.

        Raises:
            DataFileError: it is of something else.
        """
        from pyarrow import types

        kind, width, is_list = field.type, 1, types.is_fixed_size_list(field.type)
        if is_list:
            kind, width = kind.value_type, kind.list_size
        if _is_numeric(kind) and width:
            dtype = np.dtype(_DTYPES.get(str(kind), str(kind)))
            is_plain = not is_list and not types.is_boolean(kind)
            return cls(field.name, dtype, width, is_list, is_plain)
        advice = "turn it into columns of numbers"
        if _is_text(kind):
            advice = "turn text into columns of 0 and 1"
        elif types.is_temporal(kind):
            advice = "turn dates and times into numbers"
        elif types.is_list(kind) or types.is_large_list(kind):
            advice = "write lists of one length as FixedSizeList"
        raise NotNumbersError(
            f"{path}: column {field.name!r} holds {short(str(field.type))}, expected numbers; {advice}, "
            "or leave the column out with features=[...]."
        )

    def names(self) -> list[str]:
        """Of the columns of X."""
        return [f"{self.name}[{k}]" for k in range(self.width)] if self.is_list else [self.name]

    def numbers(self, cells: Any, place: _Place) -> NDArray[Any]:
        """Its part of X, (rows, width).

        Raises:
            DataFileError: a cell is null.
        """
        _check_full(cells, place, f"column {self.name!r}")
        if self.is_list:
            cells = cells.flatten()
            _check_full(cells, place, f"column {self.name!r}", self.width)
        return _numbers(cells).reshape(-1, self.width)


class _Target(NamedTuple):
    """The column to predict."""

    name: str
    classes: tuple[str, ...]
    values: Any
    """Class numbers by text; or the numbers in the file that stand for classes, in their order."""

    @classmethod
    def of(
        cls, path: Path, file: Any, groups: Sequence[int], field: Any, task: str, least: int
    ) -> _Target:
        """Looks at the cells, as far as it takes.

        Raises:
            DataFileError: text for a regression, NaN or null, one class, too many classes.
        """
        import pyarrow as pa

        where, text = f"{path}: target {field.name!r}", _is_text(field.type)
        number = _is_numeric(field.type) or pa.types.is_decimal(field.type)
        if not number and not (text and task != "regression"):
            expected = "numbers for a regression" if task == "regression" else "text or numbers"
            raise DataFileError(f"{where} holds {short(str(field.type))}, expected {expected}.")
        different: set[Any] | None = set()
        if task != "regression":
            different = _different(path, file, groups, field, stop=task == "auto" and not text)
        if not text and not are_classes(different, task):
            return cls(field.name, (), None)
        if text and task == "auto":
            check_not_written(where, different or ())
        if text:
            return cls(field.name, *text_classes(where, different, least))
        classes = checked_classes(where, different, least)
        name = str if pa.types.is_boolean(field.type) else class_name
        values = np.array(classes)
        if values.dtype.kind == "f":  # of a float32 0.1 the short form
            classes = tuple(values.astype(_DTYPES.get(str(field.type), values.dtype)))
        return cls(field.name, tuple(map(name, classes)), values)

    def encode(self, cells: Any, place: _Place) -> NDArray[Any]:
        """Class numbers (rows,), or numbers (rows, 1).

        Raises:
            DataFileError: a cell is null.
        """
        if not isinstance(self.values, dict):
            _check_full(cells, place, f"target {self.name!r}")
            numbers = _numbers(cells)
            return (
                numbers[:, None] if self.values is None else np.searchsorted(self.values, numbers)
            )
        cells = cells.cast("string")
        _check_full(cells, place, f"target {self.name!r}")
        cells = cells.dictionary_encode()
        labels = cells.dictionary.to_pylist()
        found = np.array([self.values[label] for label in labels], np.int64)
        return found.take(_numbers(cells.indices))


def _different(
    path: Path, file: Any, groups: Sequence[int], field: Any, *, stop: bool
) -> set[Any] | None:
    """The different cells of a column; None if they are too many.

    Args:
        path: of the file.
        file: pyarrow's.
        groups: the row groups.
        field: of the column.
        stop: whether to look no further when they are no classes.
    """
    different, text = set[Any](), _is_text(field.type)
    for place, batch in _batches(path, file, groups, [field.name], _TARGETS):
        cells = batch.column(0).cast("string") if text else _floats(batch.column(0))
        _check_full(cells, place, f"target {field.name!r}")
        if not text:
            numbers = _numbers(cells)
            wrong = np.flatnonzero(~np.isfinite(numbers))
            if len(wrong):
                raise DataFileError(
                    f"{place.of(wrong[0])}, target {field.name!r}: got {numbers[wrong[0]]}, expected a "
                    "finite number; leave such rows out."
                )
        found = cells.unique().to_pylist()
        if text and (gaps := [label for label in found if is_gap(label)]):
            row = cells.index(gaps[0]).as_py()
            raise DataFileError(f"{place.of(row)}, target {field.name!r}: {got_gap(gaps[0])}.")
        different.update(found)
        if len(different) > MOST_LABELS or (stop and not are_classes(different, "auto")):
            return None
    return different


@contextmanager
def opened_parquet(path: Path, metadata: Any = None) -> Iterator[Any]:
    """A `pyarrow.parquet.ParquetFile` that takes little memory; its errors in one line.

    Raises:
        DataFileError: it is no Parquet file, or a damaged one.
        ModuleNotFoundError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        message = "Parquet files need pyarrow: pip install 'portable_mlp[parquet]'"
        raise ModuleNotFoundError(message) from None
    try:
        with system_errors(path), pa.OSFile(str(path)) as file:
            yield pq.ParquetFile(
                file,
                metadata=metadata,
                buffer_size=_BUFFER,
                pre_buffer=False,
                page_checksum_verification=True,
            )
    except (pa.ArrowException, UnicodeDecodeError) as error:
        first = str(error).partition("\n")[0]
        raise DataFileError(f"{path}: pyarrow can't read it: {first.rstrip('.')}.") from None


def _batches(
    path: Path, file: Any, groups: Iterable[int], names: Sequence[str], rows: int
) -> Iterator[tuple[_Place, Any]]:
    """Record batches of row groups, so many rows at a time.

    Decoding stays in this thread: several take twice the memory and are hardly faster.
    """
    import pyarrow as pa

    for group in groups:
        first = 0
        for batch in file.iter_batches(rows, row_groups=[group], columns=names, use_threads=False):
            yield _Place(path, group, first), batch
            first += len(batch)
    pa.default_memory_pool().release_unused()


def _features(path: Path, names: Sequence[str], target: str | None) -> list[str]:
    """All columns but the target."""
    for name in names:
        if name.startswith("__index_level_"):
            raise DataFileError(
                f"{path}: column {name!r} holds the row numbers of a data frame, which are no feature; "
                "name the others with features=[...], or write the file without the index."
            )
    return [name for name in names if name != target]


def _check_there(path: Path, names: Sequence[str], name: str) -> None:
    if name not in names:
        raise no_such("column", str(path), name, names)
    if names.count(name) > 1:
        raise DataFileError(f"{path}: {names.count(name)} columns are named {name!r}.")


def _check_statistics(path: Path, metadata: Any, groups: Sequence[int], names: set[str]) -> None:
    """Refuses nulls that the file itself counts, before the training meets them."""
    for k in range(metadata.num_columns):
        name = metadata.schema.column(k).path
        if name not in names or not metadata.schema.column(k).max_definition_level:
            continue
        for group in groups:
            found = metadata.row_group(group).column(k).statistics
            if found is not None and found.has_null_count and found.null_count:
                raise NotNumbersError(
                    f"{path}: row group {group}, column {name!r}: {found.null_count} cells are null, "
                    "expected numbers; fill them in, or leave the rows or the column out."
                )


def _check_full(cells: Any, place: _Place, column: str, width: int = 1) -> None:
    """Refuses nulls; of lists of ``width`` if these are their numbers."""
    if cells.null_count:
        row = cells.is_null().index(True).as_py() // width
        raise NotNumbersError(
            f"{place.of(row)}, {column}: the cell is null, expected a number; fill it in, or leave "
            "the row or the column out."
        )


def _numbers(cells: Any) -> NDArray[Any]:
    """A column without nulls, where it lies; `to_numpy` would import pandas where that is installed."""
    import pyarrow as pa

    if pa.types.is_boolean(cells.type):
        cells = cells.cast(pa.uint8())
    return np.from_dlpack(_floats(cells))


def _floats(cells: Any) -> Any:
    """Decimals as float64, all else as it is."""
    import pyarrow as pa

    return cells.cast(pa.float64()) if pa.types.is_decimal(cells.type) else cells


def _is_numeric(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind))
