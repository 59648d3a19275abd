"""A .csv file, block after block: its header, where blocks of rows are, the numbers in them."""

from __future__ import annotations

import codecs
import csv
import io
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.columns import no_such
from portable_mlp.data.errors import DataFileError, NotNumbersError, system_errors
from portable_mlp.data.target import got_written, is_code, number_of, short
from portable_mlp.data.written import written

BLOCK = 2**20
"""Bytes of a block, up to the end of a row; its numbers take about as many again as float64."""


_SEPARATORS = b"\x1c\x1d\x1e\x1f"
"""Spaces around a number to numpy, and not to `float`."""


class Block(NamedTuple):
    """Where some rows are."""

    start: int
    """In bytes."""
    size: int
    """In bytes."""
    line: int
    """With which they begin, from 1."""
    rows: int
    """How many."""


class Rows(NamedTuple):
    """What is in them."""

    X: NDArray[np.float64]
    """(rows, features), finite."""
    cells: list[str]
    """Of the target, without spaces around them, not empty; none where there is no target."""
    lines: Sequence[int]
    """At which each row begins; empty where they were read quickly and not counted."""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file for reading, whose errors say in one line what is wrong.

    Raises:
        DataFileError: it can't be opened or read, or is no text in UTF-8.
    """
    try:
        with system_errors(path), path.open("rb") as file:
            yield file if file.seekable() else io.BytesIO(file.read())
    except UnicodeDecodeError as error:
        raise DataFileError(
            f"{path}: is no text in UTF-8 (byte {error.object[error.start]:#04x}: {error.reason}); "
            "a spreadsheet saves it as CSV UTF-8."
        ) from None


@dataclass(frozen=True)
class Layout:
    """The columns of a .csv file, and where its rows begin.

    Args:
        path: of the file, for messages.
        header: names of all columns.
        features: names of the columns of X.
        target: name of the column to predict, or None.
        start: the byte after the header.
        line: the line after the header.
    """

    path: Path
    header: tuple[str, ...]
    features: tuple[str, ...]
    target: str | None
    start: int
    line: int

    @classmethod
    def of(
        cls,
        path: Path,
        file: BinaryIO,
        target: str | None,
        features: Sequence[str] | None = None,
    ) -> Layout:
        """Reads the header.

        Args:
            path: of the file, for messages.
            file: open, for reading.
            target: name of the column to predict, or None.
            features: names of the columns of X; None for all but the target.

        Raises:
            DataFileError: there is none, or a column is not there.
        """
        line, header, start, after = read_header(path, file)
        if features is None:
            features = [name for name in header if name != target]
        check_header(path, line, header, features, target)
        return cls(path, header, tuple(features), target, start, after)

    @cached_property
    def _places(self) -> list[int]:
        """Number of the column of each feature, from 0."""
        places = {name: place for place, name in enumerate(self.header)}
        return [places[name] for name in self.features]

    @cached_property
    def _place(self) -> int | None:
        """Number of the target's column."""
        return None if self.target is None else self.header.index(self.target)

    def blocks(self, file: BinaryIO) -> Iterator[tuple[Block, Rows]]:
        """All rows of the file, each seen once.

        Raises:
            DataFileError: a cell that is no finite number, an empty one, a row that is too short or long.
        """
        start, line, found = self.start, self.line, False
        while data := _whole_lines(file, start):
            rows = self._quickly(data)
            if rows is not None:
                stop = start + len(data)
                after = line + data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
            else:
                rows, stop, after = self._carefully(file, start, start + len(data), line)
            if len(rows.X):
                found = True
                yield Block(start, stop - start, line, len(rows.X)), rows
            start, line = stop, after
        if not found:
            raise DataFileError(f"{self.path}: holds a header and no samples.")

    def read(self, file: BinaryIO, block: Block) -> Rows:
        """The rows of a block."""
        file.seek(block.start)
        data = file.read(block.size)
        return self._quickly(data) or self._carefully(io.BytesIO(data), 0, len(data), block.line)[0]

    def line_of(self, file: BinaryIO, block: Block, row: int) -> int:
        """The line at which a row of a block begins."""
        lines = self._carefully(file, block.start, block.start + block.size, block.line)[0].lines
        return lines[row]

    def long_numbers(self, file: BinaryIO, block: Block, rows: Rows) -> dict[str, list[int]]:
        """Whole numbers of a block beyond 2^53 as they stand there, by the names of their columns."""
        places = np.flatnonzero(np.abs(rows.X).max(axis=0, initial=0) >= 2**53).tolist()
        if not places:
            return {}
        file.seek(block.start)
        text = file.read(block.size).decode()
        cells = [row for _, row in not_blank(self.path, csv.reader(io.StringIO(text)), block.line)]
        columns = {k: [row[self._places[k]].strip() for row in cells] for k in places}
        return {
            self.features[k]: [int(cell) for cell in column if is_code(cell)]
            for k, column in columns.items()
        }

    def _quickly(self, data: bytes) -> Rows | None:
        """What numpy's reader makes of whole lines; None where that is not plainly what is there.

        A text that it accepts it reads as `csv` and `float` do, twice as fast.
        """
        width, cells, quoted = len(self.header), list[str](), b'"' in data
        if data.isspace() or any(separator in data for separator in _SEPARATORS):
            return None
        if (
            quoted
        ):  # numpy lets the end of the text end a quotation, which may go on in the next block
            data += (b"" if data.endswith((b"\n", b"\r")) else b"\n") + b",".join([b"0"] * width)

        def keep(cell: str) -> float:
            cells.append(cell.strip())
            return 0.0

        def skip(cell: str) -> float:
            if "\n" in cell or "\r" in cell:
                raise ValueError  # rows may have run into each other, which nothing else would show
            return 0.0

        unused = set(range(width)) - set(self._places)
        converters: dict[int | str, Any] = dict.fromkeys(unused, skip)
        if self._place is not None:
            converters[self._place] = keep
        try:
            x = np.loadtxt(
                io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline=""),
                delimiter=",",
                comments=None,
                quotechar='"',
                converters=converters,
                ndmin=2,
            )
        except UnicodeDecodeError:
            raise
        except ValueError:
            return None
        if quoted:
            if cells and cells.pop() != "0":
                return None
            x = x[:-1]
        longest = csv.field_size_limit()
        if x.shape[1] != width or not all(0 < len(cell) <= longest for cell in cells):
            return None
        x = np.take(x, self._places, axis=1)
        return Rows(x, cells, ()) if np.isfinite(x).all() else None

    def _carefully(self, file: BinaryIO, start: int, stop: int, line: int) -> tuple[Rows, int, int]:
        """The rows from byte ``start`` to ``stop`` or beyond, and the byte and line after them.

        Args:
            file: where they are.
            start: of the first row.
            stop: the rows go on to where one ends, here or behind it.
            line: of the first row.
        """
        numbers, cells, begins = array("d"), list[str](), array("q")
        with lines_from(file, start) as lines:
            reader = csv.reader(lines)
            for number, row in not_blank(self.path, reader, line):
                cells += self._take(number, row, numbers)
                begins.append(number)
                if lines.stop >= stop:
                    break
        x = np.array(numbers).reshape(len(begins), len(self.features))
        bad = np.argwhere(~np.isfinite(x))
        if len(bad):
            (row_number, k), *_ = bad.tolist()
            kind = NotNumbersError if np.isnan(x[row_number, k]) else DataFileError
            raise kind(
                f"{self.path}: line {begins[row_number]}, column {self.features[k]!r}: got "
                f"{x[row_number, k]}, expected a finite number."
            )
        return Rows(x, cells, begins), lines.stop, line + reader.line_num

    def _take(self, line: int, row: list[str], numbers: array[float]) -> list[str]:
        """Appends the features of a row to the numbers; its target, if there is one."""
        width, place = len(self.header), self._place
        if len(row) != width:
            raise DataFileError(
                f"{self.path}: line {line} has {len(row)} cells, expected {width} as in the header."
            )
        target = [] if place is None else [row[place].strip()]
        if target == [""]:
            raise DataFileError(
                f"{self.path}: line {line}, target {self.target!r}: the cell is empty; leave such lines "
                "out."
            )
        cells = [row[place] for place in self._places]
        try:
            if not _is_plain("".join(cells)) and None in map(number_of, cells):
                raise ValueError  # `float` takes 1_000 and digits of any script
            numbers.extend(map(float, cells))
        except ValueError:
            raise _no_number(self.path, line, self.features, cells) from None
        return target


def _is_plain(text: str) -> bool:
    return text.isascii() and "_" not in text


class _Lines:
    """Lines of a file, and the byte after those that were read."""

    def __init__(self, text: io.TextIOWrapper, start: int) -> None:
        self._text, self.stop = text, start

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self.stop += len(line.encode())
            yield line


@contextmanager
def lines_from(file: BinaryIO, start: int) -> Iterator[_Lines]:
    """The lines from a byte on; the file stays open."""
    file.seek(start)
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        yield _Lines(text, start)
    finally:
        text.detach()


def _whole_lines(file: BinaryIO, start: int) -> bytes:
    """About a block of bytes, up to the end of a line; fewer at the end of the file."""
    file.seek(start)
    data = file.read(BLOCK)
    while len(data) % BLOCK == 0 and data:
        end = 1 + max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1))
        if end:
            return data[:end]
        more = file.read(len(data))
        if not more:
            break
        data += more
    return data


def not_blank(path: Path, reader: Any, line: int) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the line at which it begins, the first with ``line``."""
    begins = line
    try:
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                yield begins, row
            begins = line + reader.line_num
    except csv.Error as error:
        raise DataFileError(
            f"{path}: the row that begins in line {begins}: {error}; is a quotation mark left open?"
        ) from None


def read_header(path: Path, file: BinaryIO) -> tuple[int, tuple[str, ...], int, int]:
    """``(line of the header, names of the columns, the byte after it, the line after it)``.

    Args:
        path: of the file, for messages.
        file: open, for reading.

    Raises:
        DataFileError: there is none.
    """
    file.seek(0)
    start = len(codecs.BOM_UTF8) if file.read(3) == codecs.BOM_UTF8 else 0
    with lines_from(file, start) as lines:
        reader = csv.reader(lines)
        line, header = next(not_blank(path, reader, 1), (0, []))
    if not header:
        raise DataFileError(f"{path}: is empty, expected a header and some samples.")
    return line, tuple(name.strip() for name in header), lines.stop, 1 + reader.line_num


def wrong_separator(header: Sequence[str]) -> str:
    """What is wrong with cells between which no commas stand; empty where nothing is.

    Args:
        header: names of all columns.
    """
    found = next((mark for mark in ";\t|" if len(header) == 1 and mark in header[0]), "")
    if not found:
        return ""
    said = f"cells are separated by {found!r}, expected commas"
    if found != ";":
        return said
    return (
        f"{said}; of a file whose numbers have decimal commas, as spreadsheets of many countries write "
        "them, pandas.read_csv(path, sep=';', decimal=',').to_csv(new_path, index=False) makes one"
    )


def check_header(
    path: Path, line: int, header: Sequence[str], features: Sequence[str], target: str | None
) -> None:
    """Refuses a header that lacks a column, or has one twice or without a name.

    Args:
        path: of the file, for messages.
        line: of the header.
        header: names of all columns.
        features: names of the columns of X.
        target: name of the column to predict, or None.

    Raises:
        DataFileError: with the line.
    """
    where = f"{path}: line {line}"
    counts = Counter(header)
    for name in features if target is None else (target, *features):
        if name not in counts:
            if mistake := wrong_separator(header):
                raise DataFileError(f"{where}: {mistake}.")
            numbers = sum(number_of(name) is not None for name in header)
            which = "These" if numbers == len(header) else "Most of these"
            hint = (
                f" {which} are numbers: is a header missing?" if 2 * numbers > len(header) else ""
            )
            raise no_such("column", where, name, header, hint)
        if name and counts[name] > 1:
            different = "" if name == target else ", expected different names"
            raise DataFileError(f"{where}: {counts[name]} columns are named {name!r}{different}.")
    if not features:
        raise DataFileError(
            f"{where}: the only column is the target {target!r}, expected features."
        )
    if "" in features:
        raise DataFileError(
            f"{where}: column {header.index('') + 1} has no name; row numbers, as pandas writes them "
            "without index=False, are no feature."
        )


def _no_number(path: Path, line: int, names: Sequence[str], row: Sequence[str]) -> DataFileError:
    name, cell = next(
        (name, cell) for name, cell in zip(names, row, strict=True) if number_of(cell) is None
    )
    where = f"{path}: line {line}, column {name!r}"
    if not cell.strip():
        return NotNumbersError(
            f"{where}: the cell is empty; fill it in, or leave the line or the column out."
        )
    if hint := written(cell.strip()):
        return NotNumbersError(f"{where}: {got_written(cell, hint)}.")
    if cell.strip().lower() in ("true", "false"):
        return NotNumbersError(
            f"{where}: got {short(cell)}, expected a number: write 1 for true and 0 for false."
        )
    return NotNumbersError(
        f"{where}: got {short(cell)}, expected a number; turn text into columns of 0 and 1, or leave "
        "the column out."
    )
