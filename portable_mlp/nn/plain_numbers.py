"""Hyper-parameters as plain Python numbers.

``np.float64(0.1) * x`` is float64 even where x is float32 (NEP 50), and CuPy does likewise; a Python
number takes the type of the array. So a numpy scalar that a user passes as an option is turned into a
Python number once, when the object is made.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any


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


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)) and any(_is_scalar(v) for v in value):
        return tuple(_plain(v) for v in value)
    return value.item() if _is_scalar(value) else value


def _is_scalar(value: Any) -> bool:
    return getattr(value, "shape", None) == () and hasattr(value, "item")
