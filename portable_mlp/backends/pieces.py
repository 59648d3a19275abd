"""A flat vector that a compiler sees as the arrays it is made of.

To XLA a slice of a vector is a copy, and so is a concatenation: with a flat vector of parameters each
step moves them four times. Inside a compiled loop `Pieces` stands for such a vector: arithmetic goes
piece by piece, a slice that is a piece is that piece, and a concatenation of gradients is nothing at
all. Small arrays that follow each other share a piece, because each piece costs a few instructions of
its own.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any

LARGE = 2**15
"""Numbers from which on an array is a piece of its own."""


def cuts_of(parts: tuple[int, ...]) -> tuple[int, ...]:
    """Where the pieces begin and end: ``(0, ..., size)``.

    Args:
        parts: lengths of the arrays in the vector.

    Example:
        >>> cuts_of((100_000, 128, 1280, 40_000))
        (0, 100000, 101408, 141408)
    """
    ends = list(accumulate(parts))
    inner = [
        end
        for (end, length), following in zip(
            zip(ends[:-1], parts[:-1], strict=True), parts[1:], strict=True
        )
        if length >= LARGE or following >= LARGE
    ]
    return (0, *inner, ends[-1])


class Pieces:
    """The vector.

    Args:
        arrays: the pieces, 1-D.
        parts: lengths of the arrays that the vector is made of.
    """

    def __init__(self, arrays: Sequence[Any], parts: tuple[int, ...]) -> None:
        """Holds them."""
        self.arrays, self.parts = tuple(arrays), parts

    @classmethod
    def of(cls, vector: Any, parts: tuple[int, ...]) -> Pieces:
        """A flat vector in pieces."""
        return cls([vector[a:b] for a, b in pairwise(cuts_of(parts))], parts)

    def mapped(self, function: Callable[[Any], Any]) -> Pieces:
        """The function of each piece."""
        return Pieces([function(array) for array in self.arrays], self.parts)

    @property
    def cuts(self) -> tuple[int, ...]:
        """Where the pieces begin and end."""
        return cuts_of(self.parts)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the whole."""
        return (self.cuts[-1],)

    @property
    def ndim(self) -> int:
        """One."""
        return 1

    @property
    def dtype(self) -> Any:
        """Type of the numbers."""
        return self.arrays[0].dtype

    def __getitem__(self, key: slice) -> Any:
        """A part that lies inside of one piece."""
        start, stop, _ = key.indices(self.cuts[-1])
        for array, (begin, end) in zip(self.arrays, pairwise(self.cuts), strict=True):
            if begin <= start and stop <= end:
                whole = (start, stop) == (begin, end)
                return array if whole else array[start - begin : stop - begin]
        raise IndexError(f"[{start}:{stop}] goes over the end of a piece")

    def __matmul__(self, other: Pieces) -> Any:
        """The scalar product."""
        return _total(a @ b for a, b in zip(self.arrays, other.arrays, strict=True))


def _total(values: Any) -> Any:
    first, *rest = values
    for value in rest:
        first = first + value
    return first


def each(function: Callable[..., Any], args: Sequence[Any], options: dict[str, Any]) -> Pieces:
    """The function of each piece; flat vectors of the same length are cut likewise.

    Args:
        function: an elementwise one.
        args: its arguments, at least one of them in pieces.
        options: keyword arguments, none of them in pieces.
    """
    parts = next(a.parts for a in args if isinstance(a, Pieces))
    cuts = cuts_of(parts)

    def piece(arg: Any, k: int) -> Any:
        if isinstance(arg, Pieces):
            return arg.arrays[k]
        if getattr(arg, "shape", ()) == (cuts[-1],):
            return arg[cuts[k] : cuts[k + 1]]
        return arg

    count = len(cuts) - 1
    return Pieces([function(*(piece(a, k) for a in args), **options) for k in range(count)], parts)


def _method(function: Callable[..., Any], swapped: bool) -> Callable[..., Pieces]:
    def method(self: Pieces, *others: Any) -> Pieces:
        return each(function, (*others, self) if swapped else (self, *others), {})

    return method


for _name in ("add", "sub", "mul", "truediv", "pow", "lt", "le", "gt", "ge", "neg", "abs"):
    setattr(Pieces, f"__{_name}__", _method(getattr(operator, _name), swapped=False))
for _name in ("add", "sub", "mul", "truediv"):
    setattr(Pieces, f"__r{_name}__", _method(getattr(operator, _name), swapped=True))


class PiecesNamespace:
    """The library's namespace; its elementwise functions and `sum` take vectors in pieces too.

    Args:
        xp: the library's.
        parts: lengths of the arrays in the vector.
    """

    def __init__(self, xp: Any, parts: tuple[int, ...]) -> None:
        """For vectors of these parts."""
        self._xp, self._parts, self._cuts = xp, parts, cuts_of(parts)

    def __getattr__(self, name: str) -> Any:
        """A function that goes piece by piece where it is given pieces."""
        found = getattr(self._xp, name)
        if not callable(found) or isinstance(found, type):
            return found

        def function(*args: Any, **options: Any) -> Any:
            if any(isinstance(arg, Pieces) for arg in args):
                return each(found, args, options)
            return found(*args, **options)

        return function

    def sum(self, x: Any, /, **options: Any) -> Any:
        """The sum; of pieces, that of all."""
        if isinstance(x, Pieces):
            return _total(self._xp.sum(array) for array in x.arrays)
        return self._xp.sum(x, **options)

    def concat(self, arrays: Sequence[Any], /, *, axis: int | None = 0) -> Any:
        """One after the other; the parts of the flat vector become its pieces."""
        if tuple(a.shape for a in arrays) != tuple((n,) for n in self._parts):
            return self._xp.concat(arrays, axis=axis)
        pieces, end, waiting = [], 0, []
        for array in arrays:
            waiting.append(array)
            end += array.shape[0]
            if end in self._cuts:
                pieces.append(waiting[0] if len(waiting) == 1 else self._xp.concat(waiting))
                waiting = []
        return Pieces(pieces, self._parts)


def in_pieces(tree: Any, parts: tuple[int, ...]) -> Any:
    """The flat vectors of a carry in pieces; running statistics, which lie in dictionaries, as they are.

    Args:
        tree: the carry; tuples, dictionaries and arrays.
        parts: lengths of the arrays that the vectors are made of.
    """

    def of(array: Any) -> Any:
        return Pieces.of(array, parts) if tuple(array.shape) == (sum(parts),) else array

    return _mapped(of, tree)


def joined(tree: Any, concat: Callable[[Sequence[Any]], Any]) -> Any:
    """The other way round.

    Args:
        tree: the carry.
        concat: makes one vector of several.
    """
    return _mapped(lambda x: concat(x.arrays) if isinstance(x, Pieces) else x, tree)


def parts_in(tree: Any) -> tuple[int, ...] | None:
    """The parts of a carry's vectors, if they are in pieces."""
    found: list[Pieces] = []
    _mapped(lambda x: found.append(x) if isinstance(x, Pieces) else None, tree)
    return found[0].parts if found else None


def _mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    if tree is None or isinstance(tree, dict):
        return tree
    if isinstance(tree, tuple):
        children = [_mapped(function, child) for child in tree]
        return type(tree)(*children) if hasattr(tree, "_fields") else tuple(children)
    return function(tree)
