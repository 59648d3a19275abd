"""NumPy: universal functions with ``out``."""

from __future__ import annotations

from typing import Any

import numpy as np

from portable_mlp.backends import alignment
from portable_mlp.backends.program.library import ELEMENTWISE, Library

OTHER_NAMES = {
    "abs": "absolute",
    "pow": "power",
    "bitwise_invert": "invert",
    "bitwise_left_shift": "left_shift",
    "bitwise_right_shift": "right_shift",
    "atan": "arctan",
    "atan2": "arctan2",
}
"""Where NumPy and CuPy have another name than the array API."""

_REDUCE = {"sum": "add", "max": "maximum", "min": "minimum", "mean": "add"}
_NO_POSITIONAL_OUT = ("maximum", "minimum")


class NumpyLibrary(Library):
    """Lines such as ``add(a, b, out)``: positional arguments save a tenth of a small call."""

    in_kernels = True
    names = {  # noqa: RUF012
        name: getattr(np, name)
        for name in {
            *(OTHER_NAMES.get(op, op) for op in ELEMENTWISE - {"astype"}),
            "matmul",
            "copyto",
        }
    }

    def is_array(self, thing: Any) -> bool:
        return isinstance(thing, (np.ndarray, np.generic))

    def as_array(self, thing: Any) -> Any:
        return np.asarray(thing)

    def empty(self, size: int, dtype: Any) -> Any:
        return alignment.empty(size, dtype)

    def cell(self, value: float, dtype: Any) -> Any:
        return np.asarray(value, dtype)

    def is_view(self, part: Any, whole: Any) -> bool:
        return np.may_share_memory(part, whole)

    def can_be_written(self, array: Any) -> bool:
        return bool(array.flags.writeable and array.flags.c_contiguous)

    def line(self, op: str, out: str, args: list[str], options: dict[str, Any]) -> str | None:
        if op in ELEMENTWISE and op != "astype":
            joined = ", ".join(args)
            how = "out=" if op in _NO_POSITIONAL_OUT else ""
            return f"{OTHER_NAMES.get(op, op)}({joined}, {how}{out})"
        if op == "astype":
            return self.copy_line(out, args[0])
        if op in _REDUCE:
            axis, keepdims = options["axis"], options["keepdims"]
            line = f"{_REDUCE[op]}.reduce({args[0]}, {axis}, None, {out}, {keepdims})"
            return f"{line}; divide({out}, {options['count']}, {out})" if op == "mean" else line
        if op == "matmul":
            return f"matmul({args[0]}, {args[1]}, {out})"
        if op == "take":  # row numbers are the package's own, so that nothing is out of range
            return f"{args[0]}.take({args[1]}, {options['axis']}, {out}, 'clip')"
        if op == "argmax" and isinstance(options["axis"], int) and not options["keepdims"]:
            return f"{args[0]}.argmax({options['axis']}, {out})"
        return None

    def copy_line(self, out: str, source: str) -> str:
        return f"copyto({out}, {source}, 'unsafe')"

    def fill_line(self, out: str, number: str) -> str:
        return f"{out}[()] = {number}"
