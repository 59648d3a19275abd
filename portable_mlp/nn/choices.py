"""Turning a name that a user wrote into the object it stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
        check_name(what, given, choices)
        return choices[given]
    name = kind.__name__.removeprefix("Any")
    article = "an" if name[0] in "AEIOU" else "a"
    raise TypeError(
        f"{what}: got {given!r} of type {type(given).__name__}, expected a name or {article} {name} "
        "object (an instance, with parentheses)."
    )


def check_name(what: str, given: str, known: Iterable[str]) -> None:
    """Refuses a name that is not among the known ones, with the nearest of them.

    Args:
        what: what is being chosen, for the message.
        given: the name.
        known: the names that there are.

    Raises:
        ValueError: it is none of them.
    """
    names = sorted(known)
    if given in names:
        return
    import difflib  # 1 ms

    near = difflib.get_close_matches(given.lower(), names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{what}: got {given!r}, expected one of {', '.join(names)}.{hint}")
