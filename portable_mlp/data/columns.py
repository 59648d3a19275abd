"""What the columns of a table are called, and which classes the class numbers stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portable_mlp.data.errors import DataFileError
from portable_mlp.nn.arrays import Shape

MOST_NAMES = 20
"""So many columns are named at most where one is not found."""


@dataclass(frozen=True)
class Columns:
    """Names, kept with a model that was trained on a table.

    Args:
        features: of the columns of X, in their order; empty where they have none.
        target: of y.
        classes: the class that each class number stands for; empty in regression.
    """

    features: tuple[str, ...] = ()
    target: str = ""
    classes: tuple[str, ...] = ()


def no_such(
    what: str, where: str, name: str, known: Sequence[str], hint: str = ""
) -> DataFileError:
    """The error for a column or array that is not there, with the nearest of those that are.

    Args:
        what: is not there.
        where: the path, and the line if there are lines.
        name: that was asked for.
        known: all names.
        hint: in place of the nearest name.
    """
    import difflib  # 1 ms

    listed = ", ".join(repr(column) for column in known[:MOST_NAMES])
    listed += f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
    small = {column.lower(): column for column in known}
    near = difflib.get_close_matches(name.strip().lower(), small, n=1)
    hint = hint or (f" Did you mean {small[near[0]]!r}?" if near else "")
    return DataFileError(f"{where}: there is no {what} {name!r}, expected one of {listed}.{hint}")


def check_columns(columns: Columns, sample_shape: Shape, units: int) -> None:
    """Refuses names that are not those of a network's features and classes.

    Args:
        columns: the names.
        sample_shape: shape of one sample.
        units: outputs of the network.

    Raises:
        ValueError: another number of features or classes.
    """
    features, classes = len(columns.features), len(columns.classes)
    if features and (features,) != sample_shape:
        raise ValueError(
            f"columns: got {features} names of features, expected one for each of {sample_shape}."
        )
    if classes and classes != max(units, 2):
        raise ValueError(
            f"columns: got {classes} classes, expected {max(units, 2)} for a network of {units} "
            "output(s)."
        )


def joined(known: Columns, found: Columns) -> Columns:
    """Names as they are known after a training; what was known stays.

    Args:
        known: before the training.
        found: by it.
    """
    return Columns(
        known.features or found.features,
        known.target or found.target,
        known.classes or found.classes,
    )
