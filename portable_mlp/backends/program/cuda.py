"""CuPy: one ElementwiseKernel for a group, the arrays broadcast by CuPy."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

from portable_mlp.backends.program.axes import AxisNames
from portable_mlp.backends.program.fusion import Group, type_name
from portable_mlp.backends.program.kernel_source import KernelSource, LoopWriter
from portable_mlp.backends.program.kernels import KernelCompiler
from portable_mlp.backends.program.library import ELEMENTWISE, Library
from portable_mlp.backends.program.numpy_library import OTHER_NAMES
from portable_mlp.backends.program.record import Node

PREAMBLE = """
typedef float float32;
typedef double float64;
typedef int int32;
typedef long long int64;
#define inf (1.0 / 0.0)
#define nan (0.0 / 0.0)
"""


class CSource(LoopWriter):
    """The operations of one element in C++."""

    words: ClassVar[dict[str, str]] = {"and": "&&", "or": "||", "not": "!"}

    def choice(self, condition: str, yes: str, no: str) -> str:
        return f"({condition} ? {yes} : {no})"

    def write(self) -> KernelSource:
        self.phase = dict.fromkeys(self.group.nodes, 0)
        stored = [node for node in self.group.nodes if node in self.wanted]
        body = []
        for node in self.group.nodes:
            body += [f"{type_name(node)} {line};" for line in self._compute(node, [], set(), 0)]
        body += [f"{self._array(node)} = {self._name(node)};" for node in stored]
        casts = [f"{t} {cast} = {t}({name});" for (name, t), cast in self.casts.items()]
        kinds = {node: self.kind(node) for node in self.arrays}
        return KernelSource([*casts, *body], self.arrays, kinds, self.numbers, stored)

    def _operand(self, node: Node, lines: list[str], loaded: set[Node], phase: int) -> str:
        inside = self.inside(node)
        return self._array(self.root(node)) if inside is None else self._name(inside)

    def power(self, a: str, b: str) -> str:
        return f"pow({a}, {b})"


class CudaCompiler(KernelCompiler):
    """Elementwise kernels on the device; sums are left to CuPy."""

    reduces = False
    few = None

    def source(
        self, group: Group, names: AxisNames, views: set[Node], wanted: set[Node]
    ) -> KernelSource:
        return CSource(group, names, views, wanted).write()

    def compiled(self, source: KernelSource) -> Callable[..., Any]:
        # a result may lie over an array that is read: then it is one argument, written to
        written = {source.arrays.get(node) or source.over[node] for node in source.stores}
        types = {name: type_name(node) for node, name in source.arrays.items()}
        taken = [name for name in types if name not in written]
        ins = [f"{types[name]} {name}" for name in taken]
        for number, name in source.numbers.items():
            ins.append(f"{'float64' if isinstance(number.value, float) else 'int64'} {name}")
        outs = [f"{types[name]} {name}" for name in types if name in written]
        order = [*taken, *source.numbers.values(), *(name for name in types if name in written)]
        given = [*types, *source.numbers.values()]
        places = tuple(given.index(name) for name in order)
        return _kernel(", ".join(ins), ", ".join(outs), "\n".join(source.body), places)

    def shape(self, kind: str, shape: tuple[int, ...], two: bool) -> tuple[int, ...]:
        long = tuple(n for n in shape if n != 1)
        if kind == "by row":
            return (*long, 1)
        return long or (1,)


@cache
def _kernel(ins: str, outs: str, body: str, places: tuple[int, ...]) -> Callable[..., Any]:
    import cupy

    kernel = cupy.ElementwiseKernel(ins, outs, body, "portable_mlp_fused", preamble=PREAMBLE)

    def call(n0: int, n1: int, *arguments: Any) -> None:
        kernel(*(arguments[place] for place in places))

    return call


_REDUCE = {"sum": "sum", "max": "max", "min": "min", "mean": "mean"}


class CupyLibrary(Library):
    """Lines such as ``add(a, b, out=c)``; numbers go to a kernel as they are."""

    cells = False

    def __init__(self, xp: Any) -> None:
        """Holds the namespace and CuPy's functions."""
        import cupy

        super().__init__(xp)
        wanted = {OTHER_NAMES.get(op, op) for op in ELEMENTWISE - {"astype"}}
        wanted |= {"matmul", "copyto", *_REDUCE.values()}
        self.names = {name: getattr(cupy, name) for name in wanted}
        self._array_type = cupy.ndarray
        self._empty = cupy.empty

    def is_array(self, thing: Any) -> bool:
        return isinstance(thing, self._array_type)

    def empty(self, size: int, dtype: Any) -> Any:
        return self._empty(size, dtype)

    def is_view(self, part: Any, whole: Any) -> bool:
        return part.data.mem is whole.data.mem

    def can_be_written(self, array: Any) -> bool:
        return bool(array.flags.c_contiguous)

    def kernel_view(self, array: Any) -> Any:
        return array

    def line(self, op: str, out: str, args: list[str], options: dict[str, Any]) -> str | None:
        if op == "astype":
            return self.copy_line(out, args[0])
        if op in ELEMENTWISE:
            return f"{OTHER_NAMES.get(op, op)}({', '.join(args)}, out={out})"
        if op in _REDUCE:
            how = f"axis={options['axis']}, out={out}, keepdims={options['keepdims']}"
            return f"{_REDUCE[op]}({args[0]}, {how})"
        if op == "matmul":
            return f"matmul({args[0]}, {args[1]}, out={out})"
        if op == "take":
            return f"{args[0]}.take({args[1]}, {options['axis']}, {out})"
        return None

    def copy_line(self, out: str, source: str) -> str:
        return f"copyto({out}, {source}, 'unsafe')"
