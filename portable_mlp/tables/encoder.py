"""Columns of a table as the numbers that a network takes: scaled, filled, one-hot, numbered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.opened import Opened, check_names
from portable_mlp.data.target import category_of, short
from portable_mlp.nn.layer import Layer
from portable_mlp.nn.layers import Embedding
from portable_mlp.tables.cells import (
    DATES,
    as_numbers,
    as_text,
    check_plain,
    check_written,
    days,
)
from portable_mlp.tables.frame import Frame
from portable_mlp.warning import warn

ONE_HOT = 9
"""A column with at most so many categories has a column for each; one with more is embedded."""
MOST_LEVELS = 1000
"""An embedded column knows so many categories, the commonest; the products with one-hot rows of more
would take longer than the rest of a network."""
_MANY = 10
"""Cells of a column from which on it says something that nearly none of them is known."""


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers: x' = (x - shift) · factor, 0 for a gap.

    Args:
        name: of the column.
        shift: the median.
        factor: 1 / (third quartile - first), or 2 / (largest - smallest) where these are equal.
        gaps: whether there were gaps in training: then a second column has 1 for a gap, else 0.
    """

    name: str
    shift: float
    factor: float
    gaps: bool

    def __post_init__(self) -> None:
        """Refuses what could not be worked with."""
        if not np.isfinite([self.shift, self.factor]).all() or not self.factor > 0:
            raise ValueError(
                f"column {short(self.name)}: shift {self.shift} and factor {self.factor}, expected "
                "finite numbers, the second above 0."
            )

    @property
    def outputs(self) -> list[str]:
        """Names of the columns that come of it."""
        return [self.name, f"{self.name} is missing"] if self.gaps else [self.name]


@dataclass(frozen=True)
class CategoryColumn:
    """A column of categories: one-hot, or as a number for an `Embedding`.

    Args:
        name: of the column.
        levels: the categories, in the order of their text.
        embedded: whether it becomes a number, 1 for the first level; 0 for all that is not known.
    """

    name: str
    levels: tuple[str, ...]
    embedded: bool

    def __post_init__(self) -> None:
        """Refuses what could not be worked with."""
        if not self.levels or len(set(self.levels)) < len(self.levels):
            raise ValueError(
                f"column {short(self.name)}: {len(self.levels)} levels, {len(set(self.levels))} of them "
                "different, expected different ones."
            )

    @property
    def outputs(self) -> list[str]:
        """Names of the columns that come of it."""
        if self.embedded:
            return [self.name]
        levels = self.levels[1:] if len(self.levels) == 2 else self.levels
        return [f"{self.name}={level}" for level in levels]

    def numbers(self, texts: NDArray[Any]) -> NDArray[np.int64]:
        """1 for the first level, 2 for the second, ...; 0 for gaps and what was not seen.

        Levels of files of older versions may be 1.0 or true: what is written as they are is found first.
        """
        place = {category_of(level): k for k, level in enumerate(self.levels, 1)}
        place |= {level: k for k, level in enumerate(self.levels, 1)}
        listed = texts.tolist()
        for text in set(listed).difference(place, (None,)):
            place[text] = place.get(category_of(text), 0)
        return np.array([place.get(text, 0) for text in listed], np.int64)


@dataclass(frozen=True)
class TableEncoder:
    """What is done to each column of a table, worked out from its training rows; it never changes.

    ====================  ===========================================================================
    column                what becomes of it
    ====================  ===========================================================================
    numbers               (x - median) / interquartile range, then z / √(1 + (z/3)²); 0 for a gap; and
                          a column of 0 and 1 that says where gaps were, if there were any in training
    2 categories          one column of -1 and +1; 0 for a gap and what was not seen in training
    up to 9 categories    a column of 0 and 1 for each; all 0 for a gap and what was not seen
    more                  learned vectors of up to 8 numbers (`portable_mlp.nn.Embedding`); gaps, what was
                          seen once in training or never, and all beyond the 1,000 commonest share one
    nothing but a gap,    left out, with a warning
    or one number, or
    text that more than
    half of the rows
    have alone
    dates                 refused, with advice
    ====================  ===========================================================================

    Give it to a model in place of the number of its inputs; the model then takes tables.

    Args:
        names: of all columns, in the order of the table.
        numbers: columns of numbers.
        categories: columns of categories, those that are embedded last.
        clip: whether scaled numbers are brought between -3 and 3 by z / √(1 + (z/3)²).
        named: whether the names are the table's own, and no places.

    Example:
        >>> from portable_mlp import MLP
        >>> people = {"age": [31, 45, None, 28], "city": ["Bonn", "Rome", "Oslo", "Rome"]}
        >>> model = MLP([TableEncoder.of(people), 8, 2])
        >>> history = model.fit(people, [0, 1, 0, 1], epochs=3)
        >>> model.predict({"age": [33], "city": ["Lima"]}).shape
        (1,)

    Source: RealMLP, Holzmüller et al. 2024, arXiv 2407.04491, appendix A; 8 is its length of a vector.
    """

    names: tuple[str, ...]
    numbers: tuple[NumberColumn, ...]
    categories: tuple[CategoryColumn, ...]
    clip: bool = True
    named: bool = True

    def __post_init__(self) -> None:
        """Refuses columns that are not those of the table."""
        used = [column.name for column in self._columns]
        if not used:
            raise ValueError(
                "TableEncoder: no column says anything, expected one with different values."
            )
        if len(set(used)) < len(used) or not set(used) <= set(self.names):
            raise ValueError(
                f"TableEncoder: {len(used)} columns of {len(self.names)} names, expected each once."
            )
        embedded = [column.embedded for column in self.categories]
        if embedded != sorted(embedded):
            raise ValueError("TableEncoder: embedded columns are expected behind all others.")

    @classmethod
    def of(
        cls,
        X: Any,  # noqa: N803
        *,
        categorical: Collection[str] = (),
        one_hot: int = ONE_HOT,
        clip: bool = True,
    ) -> TableEncoder:
        """The encoder of a table; give it the rows that will be trained on, and no others.

        Args:
            X: data frame of pandas, polars or pyarrow (extra ``frames``), ``{name: column}``, numpy array
                or list of rows, or what `read_table` read.
            categorical: names of columns that are categories, also where they hold numbers.
            one_hot: a column with more categories is embedded.
            clip: whether scaled numbers are brought between -3 and 3.

        Raises:
            ValueError: dates, infinity, things of several kinds, numbers as text, or no column that says
                anything.
            TypeError: no table at all.
            ModuleNotFoundError: a data frame came in, and narwhals is not installed.
        """
        frame = Frame.of(X, _checked_names(categorical))
        if not frame.rows:
            raise ValueError(f"{frame.name} has no rows, expected at least one.")
        unknown = [name for name in categorical if name not in frame.columns]
        if unknown:
            raise ValueError(
                f"categorical: got {unknown[0]!r}, expected names of columns: "
                f"{', '.join(map(repr, frame.names[:20]))}."
            )
        numbers, categories, unused = [], [], []
        for name, values in frame.columns.items():
            where = f"{frame.name}: column {name!r}"
            if values.dtype == object and name not in categorical and frame is not X:
                check_written(where, values)  # a `Frame` was looked at when it was read
            if values.dtype == object and name not in frame.declared.union(categorical):
                check_plain(where, values, one_hot)
            if name in categorical and values.dtype != object:
                values = as_text(values)
            found = (
                _categories(name, values, one_hot)
                if values.dtype == object
                else _numbers(where, name, values)
            )
            if isinstance(found, NumberColumn):
                numbers.append(found)
                if days(values):
                    warn(
                        f"{where} is taken as numbers, and all of them could be dates such as "
                        f"{values[~np.isnan(values)][0]:.0f}: {DATES}."
                    )
            elif found is not None:
                categories.append(found)
            else:
                unused.append(name)
        if not numbers and not categories:
            raise ValueError(
                f"{frame.name}: no column says anything: each is empty, the same in each row, or "
                "text that most rows have alone."
            )
        if unused:
            warn(
                f"{frame.name}: {', '.join(map(repr, unused))} not used: such a column is empty, the "
                "same in each row, or text that most rows have alone, such as a name."
            )
        categories.sort(key=lambda column: column.embedded)
        return cls(frame.names, tuple(numbers), tuple(categories), clip, frame.named)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the columns that a network gets: ``("age", "age is missing", "city=Rome", ...)``."""
        return tuple(name for column in self._columns for name in column.outputs)

    @property
    def _columns(self) -> tuple[NumberColumn | CategoryColumn, ...]:
        return (*self.numbers, *self.categories)

    @property
    def width(self) -> int:
        """Numbers of a row, once it is encoded."""
        return len(self.outputs)

    @cached_property
    def used(self) -> tuple[str, ...]:
        """Names of the columns that say something, in the order of the table."""
        said = {column.name for column in self._columns}
        return tuple(name for name in self.names if name in said)

    @property
    def categorical(self) -> tuple[str, ...]:
        """Names of the columns of categories."""
        return tuple(column.name for column in self.categories)

    def layers(self) -> list[Layer]:
        """What a network begins with: an `Embedding` of the columns that are embedded, if any."""
        levels = [len(column.levels) + 1 for column in self.categories if column.embedded]
        return [Embedding(levels)] if levels else []

    def opened(self, X: Any) -> Opened:  # noqa: N803
        """A table as numbers with their names; what is encoded already stays as it is."""
        if isinstance(X, Opened):
            return X
        return Opened(self.encode(X), self.outputs)

    def encode(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """The rows of a table as numbers, (rows, `width`).

        Args:
            X: a table like that of the training; its columns are found by their names, in any order.

        Raises:
            ValueError: it lacks a column or has others, or one holds what it did not hold in training.
            TypeError: no table at all.
        """
        frame = Frame.of(X, self.categorical)
        columns = self._found(frame)
        out = np.zeros((frame.rows, self.width))
        place = 0
        for number in self.numbers:
            where = f"{frame.name}: column {number.name!r}"
            values = columns[number.name]
            if values.dtype == object:
                values = as_numbers(where, values)
            z, gaps = _scaled(where, values, number)
            if self.clip:
                z = z / np.sqrt(1 + (z / 3) ** 2)
            out[:, place] = np.where(gaps, 0.0, z)
            if number.gaps:
                out[:, place + 1] = gaps
            elif gaps.any():
                warn(
                    f"{where} has {int(gaps.sum())} gap(s) and had none in training: they are taken as "
                    "its median."
                )
            place += len(number.outputs)
        for category in self.categories:
            texts = columns[category.name]
            texts = as_text(texts) if texts.dtype != object else texts
            codes = category.numbers(texts)
            _warn_of_unseen(f"{frame.name}: column {category.name!r}", texts, codes, category)
            if category.embedded:
                out[:, place] = codes
            elif len(category.levels) == 2:
                out[:, place] = np.array([0.0, -1.0, 1.0])[codes]
            else:
                hot = np.eye(len(category.levels) + 1)[:, 1:]
                out[:, place : place + len(category.levels)] = hot[codes]
            place += len(category.outputs)
        return out

    def _found(self, frame: Frame) -> dict[str, NDArray[Any]]:
        """The columns by the encoder's names."""
        if self.named and frame.named:
            known = [name for name in self.names if name in frame.columns or name in self.used]
            if set(frame.names) != set(known):  # columns that said nothing may be there or not
                check_names(tuple(known), frame.names)
            return dict(frame.columns)
        if len(frame.columns) != len(self.names):
            raise ValueError(
                f"{frame.name} has {len(frame.columns)} columns, expected {len(self.names)} as in "
                "training."
            )
        if self.named:
            check_names(self.names, ())
        return dict(zip(self.names, frame.columns.values(), strict=True))

    def describe(self) -> list[tuple[str, str]]:
        """What becomes of each column, for people: ``(name, words)``."""
        words = dict.fromkeys(self.names, "not used")
        for number in self.numbers:
            gaps = ", and where gaps are" if number.gaps else ""
            words[number.name] = f"number, median {number.shift:.4g}{gaps}"
        for column in self.categories:
            shown = ", ".join(column.levels[:4]) + (" ..." if len(column.levels) > 4 else "")
            how = "embedded" if column.embedded else "one-hot"
            words[column.name] = f"{len(column.levels):,} categories, {how}: {shown}"
        return list(words.items())

    def marks(self) -> dict[str, str]:
        """By what the columns are known again: `describe`, with a hash of all that is known of each."""
        from hashlib import sha256  # not before it is needed

        known = {column.name: repr((column, self.clip)) for column in self._columns}
        hashes = {name: sha256(text.encode()).hexdigest()[:8] for name, text in known.items()}
        return {
            name: f"{words} ({hashes[name]})" if name in hashes else words
            for name, words in self.describe()
        }


def split_encoder(sizes: Any) -> tuple[TableEncoder | None, Any]:
    """``(encoder or None, sizes that are numbers alone)`` of ``[encoder, 64, 3]``."""
    if isinstance(sizes, (list, tuple)) and sizes and isinstance(sizes[0], TableEncoder):
        return sizes[0], [sizes[0].width, *sizes[1:]]
    return None, sizes


def _checked_names(categorical: Any) -> Collection[str]:
    if isinstance(categorical, str):
        raise TypeError(f"categorical: got {categorical!r}, expected a list of names.")
    return categorical  # type: ignore[no-any-return]


def _check_finite(where: str, values: NDArray[np.float64]) -> None:
    wrong = np.flatnonzero(np.isinf(values))
    if len(wrong):
        raise ValueError(
            f"{where} holds {values[wrong[0]]} in row {wrong[0]}, expected finite numbers or gaps."
        )


def _warn_of_unseen(
    where: str, texts: NDArray[Any], codes: NDArray[np.int64], category: CategoryColumn
) -> None:
    """Warns where nearly nothing was seen in training: 07 may have been written 7 there."""
    unseen = (codes == 0) & (texts != None)  # noqa: E711  (element by element)
    there = int((texts != None).sum())  # noqa: E711
    full = len(category.levels) >= MOST_LEVELS  # it may know few categories of its training too
    if there >= _MANY and unseen.sum() > (there - 1 if full else 0.9 * there):
        warn(
            f"{where}: {int(unseen.sum()):,} of {there:,} cells, such as {texts[unseen.argmax()]!r}, "
            f"hold no category of the training, which had {', '.join(map(repr, category.levels[:3]))}"
            f"{' ...' if len(category.levels) > 3 else ''}: are they written otherwise here?"
        )


def _scaled(
    where: str, values: NDArray[np.float64], column: NumberColumn
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scaled numbers, and where there are gaps."""
    _check_finite(where, values)
    with np.errstate(over="ignore"):
        z = (values - column.shift) * column.factor
    return np.clip(z, -1e30, 1e30), np.isnan(values)


def _numbers(where: str, name: str, values: NDArray[np.float64]) -> NumberColumn | None:
    """Median and quartiles; None where there are not two different numbers, and no gap beside one."""
    _check_finite(where, values)
    there = values[~np.isnan(values)]
    gaps = len(there) < len(values)
    if not len(there):
        return None
    first, median, third = np.quantile(there, [0.25, 0.5, 0.75]).tolist()
    low, high = float(there.min()), float(there.max())
    if low == high:  # nothing but a gap can differ
        return NumberColumn(name, low, 1.0, True) if gaps else None
    with np.errstate(over="ignore", divide="ignore"):
        spread = np.float64(third) - first if third > first else (np.float64(high) - low) / 2
        factor = float(1 / spread)
    if not (np.isfinite(factor) and factor > 0):
        raise ValueError(
            f"{where} has numbers too large or too small to be scaled, expected a spread between 1e-300 "
            "and 1e300."
        )
    return NumberColumn(name, float(median), factor, gaps)


def _categories(name: str, texts: NDArray[Any], one_hot: int) -> CategoryColumn | None:
    """The levels; None where they say nothing.

    The share of cells that no other is equal to is about the chance that one of new rows was never seen
    (Good 1953, Turing's estimate): above a half, most of them would be unknown.
    """
    written = Counter(texts.tolist())
    gaps = written.pop(None, 0)
    counts = Counter[str]()
    for text, count in written.items():
        counts[category_of(text)] += count
    if len(counts) <= one_hot:
        says = len(counts) > 1 or (len(counts) == 1 and gaps)
        return CategoryColumn(name, tuple(sorted(counts)), False) if says else None
    if 2 * list(counts.values()).count(1) > counts.total():
        return None
    common = [level for level, count in counts.most_common(MOST_LEVELS) if count > 1]
    return CategoryColumn(name, tuple(sorted(common)), True)
