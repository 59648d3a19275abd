"""Turning a name that a user wrote into the object it stands for."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def choose(what: str, given: str | T, choices: Mapping[str, T], kind: type[T]) -> T:
    """The object behind a name, or the object itself.

    Args:
        what: what is being chosen, for the message: ``"activation"``.
        given: a name, or an instance of ``kind``.
        choices: the known names.
        kind: the class of the objects.

    Raises:
        ValueError: the name is unknown; the message lists the known ones and the nearest.
        TypeError: neither a name nor such an object.

    Example:
        >>> choose("size", "smal", {"small": 1, "large": 2}, int)
        Traceback (most recent call last):
            ...
        ValueError: size: got 'smal', expected one of large, small. Did you mean 'small'?
    """
    if isinstance(given, kind):
        return given
    if isinstance(given, str):
        if given in choices:
            return choices[given]
        near = difflib.get_close_matches(given, choices, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        known = ", ".join(sorted(choices))
        raise ValueError(f"{what}: got {given!r}, expected one of {known}.{hint}")
    raise TypeError(
        f"{what}: got {given!r} of type {type(given).__name__}, expected a name or a "
        f"{kind.__name__} object (an instance, with parentheses)."
    )
