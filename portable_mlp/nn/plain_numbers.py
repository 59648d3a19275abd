"""Hyper-parameters as plain Python numbers.

``np.float64(0.1) * x`` is float64 even where x is float32 (NEP 50), and CuPy does likewise; a Python
number takes the type of the array. So a numpy scalar that a user passes as an option is turned into a
Python number once, when the object is made.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import fields
from numbers import Real
from typing import Any

LATER: Mapping[str, bool] = {"later": True}
"""Metadata of a field that the first version of model files does not know: a file names it only where
it is not the default, so that older readers take all others."""


class PlainNumbers:
    """A frozen dataclass whose numbers are Python's own.

    A subclass with a ``__post_init__`` calls ``super().__post_init__()`` first.
    """

    def __post_init__(self) -> None:
        """Replaces scalars of array libraries, also inside tuples and lists."""
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            plain = _plain(value)
            if plain is not value:
                object.__setattr__(self, field.name, plain)


def is_whole(value: Any, least: int) -> bool:
    """Whether this is a whole number of at least so much: Python's or an array library's, no bool.

    Example:
        >>> is_whole(3, 1), is_whole(2.0, 1), is_whole(True, 1), is_whole([2], 1)
        (True, False, False, False)
    """
    try:
        return not isinstance(value, bool) and operator.index(value) >= least
    except TypeError:
        return False


def is_number(value: Any) -> bool:
    """Whether this is a real number, and no truth value.

    Example:
        >>> is_number(0.5), is_number("0.5"), is_number(True)
        (True, False, False)
    """
    return isinstance(value, Real) and not isinstance(value, bool)


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)) and any(_is_scalar(v) for v in value):
        return tuple(_plain(v) for v in value)
    return value.item() if _is_scalar(value) else value


def _is_scalar(value: Any) -> bool:
    return getattr(value, "shape", None) == () and hasattr(value, "item")
