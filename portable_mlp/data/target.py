"""The column of a table that is to be predicted: are these classes or numbers, and which classes?"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.errors import DataFileError
from portable_mlp.data.written import most, written

TASKS = ("auto", "classification", "regression")
MOST_CLASSES = 50
"""Whole numbers with at most so many different values are classes where the task is "auto"."""
AS_CLASSES = "task='classification' (--task classification) takes the text as classes"
"""What to do with a target of text that looks like numbers, and is none."""
GAPS = frozenset(("", "?", "na", "n/a", "#n/a", "nan", "null", "none", "<na>"))
"""Text that stands for nothing, in small letters and without the spaces around it."""
_WHOLE = re.compile(r"-?(0|[1-9]\d*)\.0*", re.ASCII)
MOST_LABELS = 100_000
"""A column with more different values than these is one of names, or of numbers."""


@dataclass(frozen=True)
class Target:
    """What the cells of a column stand for.

    Args:
        path: of the file, for messages.
        name: of the column.
        classes: the class that each class number stands for; empty in regression.
        numbers: class numbers by cell or, where all cells are numbers, by value.
        text: whether there is a cell that is no number.
    """

    path: Path
    name: str
    classes: tuple[str, ...]
    numbers: Mapping[Any, int]
    text: bool

    def encode(self, cells: Sequence[str]) -> NDArray[np.float64] | NDArray[np.int64]:
        """Class numbers (rows,), or numbers (rows, 1).

        Args:
            cells: of some rows.

        Raises:
            DataFileError: a cell that was not there before.
        """
        values: Sequence[Any] = cells
        try:
            if not self.text:
                values = [float(cell) for cell in cells]
            if not self.classes:
                return np.array(values, np.float64).reshape(-1, 1)
            return np.array([self.numbers[value] for value in values], np.int64)
        except (KeyError, ValueError):
            raise DataFileError(
                f"{self.path}: target {self.name!r} has other values than when it was looked at first; "
                "was the file changed meanwhile?"
            ) from None


def is_code(cell: str) -> bool:
    """Whether a whole number says more than its value as a float: by leading zeros, or many digits.

    Args:
        cell: text, without spaces around it.
    """
    digits = cell.lstrip("+-")
    return digits.isdecimal() and (
        (len(digits) > 1 and digits[0] == "0") or len(digits) > 15  # 2^53 has 16 digits
    )


class TargetColumn:
    """Finds out what a column of cells holds, some cells after others.

    Args:
        path: of the file, for messages.
        name: of the column.
        task: one of `TASKS`.
        least: as many classes there must be; a model is trained on two or more, tried on any.
    """

    def __init__(self, path: Path, name: str, task: str, least: int = 2) -> None:
        """No cells yet."""
        self._path, self._name, self._task, self._least = path, name, task, least
        self._different: set[str] | None = set()  # None: more than MOST_LABELS
        self._cells = self._texts = 0
        self._text: tuple[Callable[[], int], str] | None = None  # the first: its line, the cell
        self._written: tuple[Callable[[], int], str, str] | None = (
            None  # likewise, and how to write it
        )
        self._writtens = 0
        self._gap: tuple[Callable[[], int], str] | None = None
        self._not_finite: tuple[Callable[[], int], float] | None = None

    def add(self, cells: Sequence[str], line_of: Callable[[int], int]) -> None:
        """More cells.

        Args:
            cells: of some rows, without spaces around them.
            line_of: gives the line of a row of these, from 0; asked by `result`, for a message.
        """
        values = {cell: number_of(cell) for cell in set(cells)}
        if self._different is not None:
            self._different.update(values)
            if len(self._different) > MOST_LABELS:
                self._different = None
        self._cells += len(cells)
        odd = {c for c, value in values.items() if value is None or not math.isfinite(value)}
        hints = {cell: written(cell) for cell in odd}
        for row, cell in enumerate(cells) if odd else ():
            if cell not in odd:
                continue
            value = values[cell]
            if is_gap(cell):
                self._gap = self._gap or (partial(line_of, row), cell)
            if value is None:
                self._texts += 1
                self._text = self._text or (partial(line_of, row), cell)
                if hint := hints[cell]:
                    self._writtens += 1
                    self._written = self._written or (partial(line_of, row), cell, hint)
            else:
                self._not_finite = self._not_finite or (partial(line_of, row), value)

    def result(self) -> Target:
        """What all cells together are.

        Raises:
            DataFileError: gaps, text where numbers are expected, a single class, too many classes.
        """
        where = f"{self._path}: target {self._name!r}"
        if self._text is None:
            return self._of_numbers(where)
        others = self._texts - self._writtens
        meant = most(self._cells - self._texts, self._writtens, others)
        if self._written is not None and (
            self._task == "regression" or (self._task == "auto" and meant)
        ):
            at, cell, hint = self._written
            way = "" if self._task == "regression" else f"; {AS_CLASSES}"
            raise DataFileError(
                f"{self._path}: line {at()}, target {self._name!r}: {got_written(cell, hint)}{way}."
            )
        few = self._different is not None and len(self._different) <= MOST_CLASSES
        # thousands of prices and one "n/a" are no classes
        slip = not few and self._texts < self._cells / 2 and self._task == "auto"
        if self._task == "regression" or slip:
            line, cell = self._text
            raise DataFileError(
                f"{self._path}: line {line()}, target {self._name!r}: got {short(cell)}, expected a "
                "number for a regression."
            )
        if self._gap is not None:
            at, cell = self._gap
            raise DataFileError(
                f"{self._path}: line {at()}, target {self._name!r}: {got_gap(cell)}."
            )
        return self._of_texts(where)

    def _of_texts(self, where: str) -> Target:
        classes, numbers = text_classes(where, self._different, self._least)
        return Target(self._path, self._name, classes, numbers, text=True)

    def _of_numbers(self, where: str) -> Target:
        if self._not_finite is not None:
            line, value = self._not_finite
            raise DataFileError(
                f"{self._path}: line {line()}, target {self._name!r}: got {value}, expected a finite "
                "number; leave such lines out."
            )
        different = None if self._different is None else set(map(float, self._different))
        if not are_classes(different, self._task):
            return Target(self._path, self._name, (), {}, text=False)
        if any(map(is_code, self._different or ())):  # as numbers 007 and 7 would be one class
            return self._of_texts(where)
        classes = checked_classes(where, different, self._least)
        return Target(self._path, self._name, *named(classes), text=False)


def are_classes(different: set[Any] | None, task: str) -> bool:
    """Whether finite numbers are class numbers.

    Args:
        different: the different ones, None where they are too many.
        task: one of `TASKS`.
    """
    if task != "auto":
        return task == "classification"
    few = different is not None and len(different) <= MOST_CLASSES
    return few and all(value == round(value) for value in different or ())


def checked_classes(where: str, different: set[Any] | None, least: int = 2) -> tuple[Any, ...]:
    """The different values in their order.

    Args:
        where: path and column, for messages.
        different: numbers or strings, None where they are too many.
        least: as many there must be, 1 or 2.
    """
    if different is None:
        raise DataFileError(
            f"{where} has more than {MOST_LABELS:,} different values, expected classes; is it a name, or "
            "a number for task='regression'?"
        )
    classes = tuple(sorted(different))
    if len(classes) < least:
        label = classes[0] if isinstance(classes[0], str) else class_name(classes[0])
        raise DataFileError(
            f"{where} is {short(label)} in every line, expected at least two classes."
        )
    return classes


def labels_of(texts: Collection[str]) -> dict[str, str]:
    """The class of each text: those that are one, such as TRUE and true, as `category_of` has them.

    Args:
        texts: the different ones. What is written in one way only keeps it.

    Example:
        >>> labels_of(["true", "no", "1", "1.0"])
        {'true': 'true', 'no': 'no', '1': '1', '1.0': '1'}
    """
    forms = Counter(map(category_of, texts))
    return {text: text if forms[form := category_of(text)] == 1 else form for text in texts}


def text_classes(
    where: str, different: set[str] | None, least: int = 2
) -> tuple[tuple[str, ...], dict[str, int]]:
    """``(classes, class numbers by text)`` of text, some of which may be one class.

    Args:
        where: path and column, for messages.
        different: the different ones, None where they are too many.
        least: as many classes there must be, 1 or 2.
    """
    labels = {} if different is None else labels_of(different)
    classes = checked_classes(where, different and set(labels.values()), least)
    places = {name: k for k, name in enumerate(classes)}
    return classes, {text: places[name] for text, name in labels.items()}


def check_not_written(where: str, different: Collection[str]) -> None:
    """Refuses labels most of which are numbers as people write them, such as 12%.

    Args:
        where: path and column, for messages.
        different: the labels.

    Raises:
        DataFileError: with one of them.
    """
    hints = {text: hint for text in sorted(different) if (hint := written(text.strip()))}
    numbers = sum(number_of(text) is not None for text in different)
    if hints and most(numbers, len(hints), len(different) - numbers - len(hints)):
        text, hint = next(iter(hints.items()))
        raise DataFileError(f"{where}: {got_written(text, hint)}; {AS_CLASSES}.")


def named(values: Sequence[Any]) -> tuple[tuple[str, ...], dict[Any, int]]:
    """``(classes, class numbers by value)`` of numbers in their order."""
    return tuple(map(class_name, values)), {value: k for k, value in enumerate(values)}


def class_name(value: Any) -> str:
    """``"3"`` of 3.0, ``"0.1"`` of 0.1 in any precision, as a number of its own type is written."""
    return str(int(value)) if value == round(value) else str(value)


def number_of(cell: str) -> float | None:
    """The number that a cell holds; None for text, also for 1_000 and digits other than 0 to 9.

    Args:
        cell: with or without spaces around it.
    """
    try:
        value = float(cell)
    except ValueError:
        return None
    return None if "_" in cell or not (cell.isascii() or cell.strip().isascii()) else value


def is_gap(cell: str) -> bool:
    """Whether text stands for nothing, as ``"NA"`` does."""
    return cell.strip().lower() in GAPS


def got_gap(cell: str) -> str:
    """What a message says of a gap in a target, after its place.

    Args:
        cell: that `is_gap`.
    """
    if not cell.strip():
        return "the cell is empty; leave such lines out"
    return (
        f"got {short(cell)}, which stands for a gap, expected a class or a number: leave such lines out, "
        "or give the class another name if it is one"
    )


def category_of(text: str) -> str:
    """The one form of a category that files and libraries write in several.

    ``"1"`` of 1.0, as whole numbers are written where a gap made floats of them; ``"True"`` of true and
    TRUE. All else stays: 007 and 7, 3.10 and 3.1 are two.

    Args:
        text: as it was read.

    Example:
        >>> [category_of(text) for text in ("1.0", "1", "007", "3.10", "true", "red")]
        ['1', '1', '007', '3.10', 'True', 'red']
    """
    if text.lower() in ("true", "false"):
        return text.capitalize()
    if _WHOLE.fullmatch(text):
        whole = text.partition(".")[0]
        return "0" if whole == "-0" else whole
    return text


def got_written(got: str, hint: str) -> str:
    """What a message says of a number that people write so, after its place.

    Args:
        got: the cell.
        hint: of `written`.
    """
    return f"got {short(got)}, expected a number in plain digits: {hint}"


def short(cell: str) -> str:
    """A cell for a message, which it does not fill."""
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")
