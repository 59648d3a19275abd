"""PyTorch without autograd: functions with ``out``."""

from __future__ import annotations

from typing import Any

from portable_mlp.backends.program.library import ELEMENTWISE, Library

_OTHER_NAMES = {
    "subtract": "sub",
    "multiply": "mul",
    "divide": "div",
    "negative": "neg",
    "less": "lt",
    "less_equal": "le",
    "greater": "gt",
    "greater_equal": "ge",
    "equal": "eq",
    "not_equal": "ne",
    "bitwise_invert": "bitwise_not",
}
_WITHOUT_OUT = {"astype", "isfinite", "isnan", "isinf"}
_REDUCE = {"sum": "sum", "max": "amax", "min": "amin", "mean": "mean"}


class TorchLibrary(Library):
    """Lines such as ``add(a, b, out=c)``."""

    def __init__(self, xp: Any, device: Any) -> None:
        """Holds namespace, device and PyTorch's functions."""
        import torch

        super().__init__(xp)
        self._torch, self.device = torch, device
        wanted = {_OTHER_NAMES.get(op, op) for op in ELEMENTWISE - _WITHOUT_OUT}
        wanted |= {*_REDUCE.values(), "matmul", "index_select"}
        self.names = {name: getattr(torch, name) for name in wanted}

    def is_array(self, thing: Any) -> bool:
        return isinstance(thing, self._torch.Tensor)

    def empty(self, size: int, dtype: Any) -> Any:
        return self._torch.empty(size, dtype=dtype, device=self.device)

    def cell(self, value: float, dtype: Any) -> Any:
        return self._torch.tensor(value, dtype=dtype, device=self.device)

    def is_view(self, part: Any, whole: Any) -> bool:
        same = part.untyped_storage().data_ptr() == whole.untyped_storage().data_ptr()
        return bool(same and part.dtype == whole.dtype)

    def can_be_written(self, array: Any) -> bool:
        return bool(array.is_contiguous())

    def kernel_view(self, array: Any) -> Any:
        return array.numpy()

    def line(self, op: str, out: str, args: list[str], options: dict[str, Any]) -> str | None:
        if op == "astype":
            return self.copy_line(out, args[0])
        if op in ELEMENTWISE - _WITHOUT_OUT:
            return f"{_OTHER_NAMES.get(op, op)}({', '.join(args)}, out={out})"
        if op in _REDUCE:
            source, axis = args[0], options["axis"]
            if axis is None:
                source, axis = f"{source}.reshape(-1)", 0
            return f"{_REDUCE[op]}({source}, {axis}, {options['keepdims']}, out={out})"
        if op == "matmul":
            return f"matmul({args[0]}, {args[1]}, out={out})"
        if op == "take":
            return f"index_select({args[0]}, {options['axis']}, {args[1]}, out={out})"
        return None

    def copy_line(self, out: str, source: str) -> str:
        return f"{out}.copy_({source})"

    def fill_line(self, out: str, number: str) -> str:
        return f"{out}.fill_({number})"
