"""Targets as a network wants them: values of arrays as class numbers, a file's classes as a model's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.columns import MOST_NAMES, Columns
from portable_mlp.data.errors import DataFileError
from portable_mlp.data.source import Piece, Source
from portable_mlp.data.target import (
    MOST_LABELS,
    are_classes,
    category_of,
    checked_classes,
    class_name,
    is_code,
    number_of,
    short,
)


def labelled(
    source: Source, task: str = "auto", least_classes: int = 2, *, name: str = ""
) -> Source:
    """A source of arrays whose targets are class numbers 0, 1, 2, ..., or columns of numbers.

    Args:
        source: with one number as the target of each sample.
        task: ``"classification"``, ``"regression"``, or ``"auto"``: classes where all targets are whole
            numbers with at most 50 different values.
        least_classes: as many a classification must have.
        name: what messages call the source; empty for what it calls itself.

    Raises:
        DataFileError: another number of targets, NaN, too few or too many classes.

    Example:
        >>> from portable_mlp.data.arrays import scan_arrays
        >>> source = labelled(scan_arrays(np.eye(3), np.asarray([7, -1, 7])))
        >>> source.columns.classes, next(source.read([0])).y.tolist()
        (('-1', '7'), [1, 0, 1])
    """
    name, columns = name or str(source), source.columns
    different: set[Any] | None = set()
    for piece in source.read(range(len(source.blocks))):
        values = np.unique(_column(name, piece.y))
        if not np.isfinite(values).all():
            raise DataFileError(f"{name}: a target is {values[-1]}, expected finite numbers.")
        if different is not None and task != "regression":
            different |= set(values.tolist())
            different = different if len(different) <= MOST_LABELS else None
    if not are_classes(different, task):
        return _Relabelled(name, source, Columns(columns.features, columns.target))
    classes = checked_classes(f"{name}: the target", different, least_classes)
    columns = Columns(columns.features, columns.target, tuple(map(class_name, classes)))
    return _Relabelled(name, source, columns, np.array(classes), np.arange(len(classes)))


def relabelled(source: Source, classes: Sequence[str]) -> Source:
    """A source whose class numbers are those of a model.

    Args:
        source: with classes of its own.
        classes: of the model, in its order.

    Raises:
        DataFileError: the source has others.

    Example:
        >>> from portable_mlp.data.arrays import scan_arrays
        >>> source = labelled(scan_arrays(np.eye(3), np.asarray([7, -1, 7])))
        >>> next(relabelled(source, ["0", "-1", "7"]).read([0])).y.tolist()
        [2, 1, 2]
    """
    known = _places(classes)
    own = source.columns.classes
    places = [_place(known, name) for name in own]
    strange = [short(name) for name, place in zip(own, places, strict=True) if place is None]
    if strange:
        more = f" and {len(strange) - MOST_NAMES} more" if len(strange) > MOST_NAMES else ""
        what = "class" if len(strange) == 1 else "classes"
        raise DataFileError(
            f"{source}: the target has the {what} {', '.join(strange[:MOST_NAMES])}{more}, expected "
            f"those that the model knows: {', '.join(map(short, classes[:MOST_NAMES]))}"
            f"{' ...' if len(classes) > MOST_NAMES else ''}."
        )
    columns = Columns(source.columns.features, source.columns.target, tuple(classes))
    return _Relabelled(str(source), source, columns, np.arange(len(own)), np.array(places))


def _places(classes: Sequence[str]) -> dict[Any, int]:
    """The classes by what they are, by their one form, and by value where that is one class's alone."""
    known: dict[Any, int] = {}
    for keyed in (_value, category_of):
        counts = Counter(map(keyed, classes))
        known |= {key: k for k, name in enumerate(classes) if counts[key := keyed(name)] == 1}
    known |= {name: k for k, name in enumerate(classes)}
    known.pop(None, None)
    return known


def _place(known: dict[Any, int], name: str) -> int | None:
    """The class that a label stands for, if there is one."""
    return known.get(name, known.get(category_of(name), known.get(_value(name))))


def _value(name: str) -> float | None:
    """Of a label that is a number and no code: 007 is no other way to write 7."""
    return None if is_code(name) else number_of(name)


class _Relabelled(Source):
    """Class numbers in place of values.

    Args:
        name: what messages call it.
        source: the rows.
        columns: their names.
        values: that stand in the targets, in their order; None where they are no classes.
        numbers: the class number of each of them.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        columns: Columns,
        values: NDArray[Any] | None = None,
        numbers: NDArray[Any] | None = None,
    ) -> None:
        self._name, self._source, self._values, self._numbers = name, source, values, numbers
        self.sample_shape, self.blocks, self.columns = source.sample_shape, source.blocks, columns
        self.decodes = source.decodes

    def read(self, numbers: Iterable[int]) -> Iterator[Piece]:
        """The rows of these blocks."""
        for piece in self._source.read(numbers):
            y = _column(self._name, piece.y)
            if self._values is None or self._numbers is None:
                yield Piece(piece.X, y[:, None])
            else:
                yield Piece(piece.X, self._numbers[np.searchsorted(self._values, y)])

    def __str__(self) -> str:
        """As the rows are called."""
        return self._name


def _column(name: str, y: NDArray[Any]) -> NDArray[Any]:
    """One target for each sample, (rows,)."""
    if y.ndim == 2 and y.shape[1] == 1:
        return y[:, 0]
    if y.ndim != 1:
        raise DataFileError(
            f"{name}: the targets have shape {y.shape}, expected one number for each sample; "
            "of one-hot rows make class numbers by argmax(1)."
        )
    return y
