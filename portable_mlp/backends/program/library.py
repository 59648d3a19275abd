"""An array library's side of a recorded step: how one operation is written as a line of code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar


class Library(ABC):
    """What `code` needs to know of an array library. A subclass for each that replays steps.

    Args:
        xp: its array API namespace.
    """

    names: dict[str, Any]
    """What the lines of code refer to."""
    cells: ClassVar[bool] = True
    """Whether a number is put into a 0-d array first, which makes small calls cheaper on a CPU."""

    in_kernels: ClassVar[bool] = False
    """Whether a kernel takes the library's arrays as they are."""

    def __init__(self, xp: Any) -> None:
        """Holds the namespace."""
        self.xp = xp

    @abstractmethod
    def is_array(self, thing: Any) -> bool:
        """Whether it is an array of this library."""

    def as_array(self, thing: Any) -> Any:
        """A scalar of the library as a 0-d array."""
        return thing

    @abstractmethod
    def empty(self, size: int, dtype: Any) -> Any:
        """Memory for so many numbers, (size,)."""

    def cell(self, value: float, dtype: Any) -> Any:
        """A number as a 0-d array; not asked for where ``cells`` is false."""
        raise TypeError(f"{type(self).__name__} has no cells")

    @abstractmethod
    def is_view(self, part: Any, whole: Any) -> bool:
        """Whether ``part`` lies in the memory of ``whole``."""

    @abstractmethod
    def can_be_written(self, array: Any) -> bool:
        """Whether results may be put into this array: one block of memory, not read-only."""

    def kernel_view(self, array: Any) -> Any:
        """The same memory as a kernel wants it."""
        return array

    @abstractmethod
    def line(self, op: str, out: str, args: list[str], options: dict[str, Any]) -> str | None:
        """One line that puts the result into ``out``; None where the library can't.

        Args:
            op: the array API's name of the operation.
            out: name of the array to write.
            args: the other arguments as code; arrays by their names.
            options: ``ndims``, ``axis`` and ``keepdims`` where the operation has them.
        """

    @abstractmethod
    def copy_line(self, out: str, source: str) -> str:
        """One line that copies, casting where types differ."""

    def fill_line(self, out: str, number: str) -> str:
        """One line that puts a number into a cell."""
        raise TypeError(f"{type(self).__name__} has no cells")


_UNARY = """
    negative abs sqrt square exp expm1 log log1p log2 log10 tanh sinh cosh sin cos tan atan sign floor
    ceil isfinite isnan isinf logical_not bitwise_invert
"""
_BINARY = """
    add subtract multiply divide pow maximum minimum less less_equal greater greater_equal equal
    not_equal logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor bitwise_left_shift
    bitwise_right_shift atan2
"""
ELEMENTWISE = frozenset((*_UNARY.split(), *_BINARY.split(), "astype"))
REDUCTIONS = frozenset(("sum", "max", "min", "mean"))
VIEWS = frozenset(("getitem", "reshape", "transpose", "expand_dims", "squeeze", "matrix_transpose"))
"""Operations whose result may lie in the memory of their argument."""
