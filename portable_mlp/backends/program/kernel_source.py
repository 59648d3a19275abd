"""The loops of a group as source code: a function on arrays in their natural shapes.

    full       (rows, columns), or (columns,) where there is one loop
    by row     (rows,)
    by column  (columns,)
    cell       (1,)

Each operation is written with the types of the array library, one rounding for each, so that a kernel
gives what the library gives, up to the order of sums and the last bit of exp and log.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from portable_mlp.backends.program.axes import AxisNames
from portable_mlp.backends.program.fusion import Group, seen_through, type_name
from portable_mlp.backends.program.record import Node

_INFIX = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "equal": "==",
    "not_equal": "!=",
    "bitwise_and": "&",
    "bitwise_or": "|",
    "bitwise_xor": "^",
    "bitwise_left_shift": "<<",
    "bitwise_right_shift": ">>",
}
_COMPARISONS = {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal"}
_LOGICAL = {"logical_and", "logical_or", "logical_not", "logical_xor"}
_CALL_NAMES = """
    sqrt exp expm1 log log1p log2 log10 tanh sinh cosh sin cos tan atan atan2 floor ceil
"""
_CALLS = frozenset(_CALL_NAMES.split())
LONG = 4096
"""A vector of more numbers is summed up in lanes, ten times faster than one after the other."""
IN_LANES = "add_in_any_order"
"""The kernel's name for an addition that the compiler may do in lanes."""


@dataclass
class KernelSource:
    """A kernel and what it is to be called with.

    Args:
        body: the lines of ``kernel(n0, n1, *arrays, *numbers)``.
        arrays: nodes in the order of the arguments, each with its name in the body.
        kinds: how each of them lies in the loops: ``"full"``, ``"by row"``, ``"by column"``, ``"cell"``.
        numbers: likewise nodes and names.
        stores: the nodes among ``arrays`` that the kernel writes.
    """

    body: list[str]
    arrays: dict[Node, str]
    kinds: dict[Node, str]
    numbers: dict[Node, str]
    stores: list[Node]
    over: dict[Node, str] = field(default_factory=dict)
    """Results that lie over an array which the kernel reads, and its name."""

    @property
    def text(self) -> str:
        """The whole function."""
        names = ["n0", "n1", *self.arrays.values(), *self.numbers.values()]
        return "\n".join([f"def kernel({', '.join(names)}):", *self.body]) + "\n"

    def put_over(self, result: Node, given: Node) -> None:
        """Lets a result take the memory of an array that the kernel reads: one argument, not two.

        A compiler has to prove that arrays do not overlap before it may vectorise; two names for one
        array would stop it.
        """
        if given in self.arrays:
            old = self.arrays.pop(result)
            new = self.over[result] = self.arrays[given]
            self.body = [re.sub(rf"\b{old}\b", new, line) for line in self.body]


@dataclass
class LoopWriter:
    """Writes one kernel.

    Args:
        group: what it does.
        names: of the axes.
        views: nodes that lie in the memory of another.
        wanted: the group's nodes that somebody outside of it needs.
    """

    group: Group
    names: AxisNames
    views: set[Node]
    wanted: set[Node]
    phase: dict[Node, int] = field(default_factory=dict)
    arrays: dict[Node, str] = field(default_factory=dict)
    numbers: dict[Node, str] = field(default_factory=dict)
    casts: dict[tuple[str, str], str] = field(default_factory=dict)
    cell_loads: list[str] = field(default_factory=list)
    row_loads: list[str] = field(default_factory=list)

    def choice(self, condition: str, yes: str, no: str) -> str:
        """One or the other."""
        return f"({yes} if {condition} else {no})"

    def power(self, a: str, b: str) -> str:
        """a to the power b."""
        return f"{a} ** {b}"

    words: ClassVar[dict[str, str]] = {"and": "and", "or": "or", "not": "not "}

    def kind(self, node: Node) -> str:
        """How a node's array lies in the loops."""
        axes = self.names.named(node)
        if not axes:
            return "cell"
        if self.group.rows is None:
            return "full"
        if len(axes) == 2:
            return "full"
        return "by row" if axes[0] == self.group.rows else "by column"

    def root(self, node: Node) -> Node:
        """The node that holds the numbers."""
        found = seen_through(node, self.views, self.names)
        return node if found is None else found

    def inside(self, node: Node) -> Node | None:
        """The group's node that this one is or shows; None for what comes from outside."""
        root = self.root(node)
        return root if root in self.phase else None

    def write(self) -> KernelSource:
        """The source."""
        self._phases()
        stored = self._stored()
        body = self._body(stored)
        casts = [f"    {cast} = {type_}({name})" for (name, type_), cast in self.casts.items()]
        kinds = {node: self.kind(node) for node in self.arrays}
        return KernelSource([*casts, *body], self.arrays, kinds, self.numbers, stored)

    def _phases(self) -> None:
        """In which pass over the columns each node is known."""
        for node in self.group.nodes:
            phases = [self.phase[s] for s in map(self.inside, node.inputs) if s is not None]
            phase = max(phases, default=0)
            if node.op in ("sum", "max", "argmax") and node not in self.group.after:
                phase += 1
            self.phase[node] = phase

    def _stored(self) -> list[Node]:
        """What is written to memory: what is wanted, and what a later pass needs again."""
        again = set()
        for node in self.group.nodes:
            reads = self.phase[node] - (self._reduces_row(node))
            for source in map(self.inside, node.inputs):
                if source is None or source in self.group.after:
                    continue
                if self.kind(source) == "full" and self.phase[source] < reads:
                    again.add(source)
        return [node for node in self.group.nodes if node in self.wanted | again]

    def _reduces_row(self, node: Node) -> bool:
        return node.op in ("sum", "max", "argmax") and node not in self.group.after

    def _body(self, stored: list[Node]) -> list[str]:
        loops, ends = [], []
        starts: list[str] = []
        last = max(self.phase.values(), default=0)
        two = self.group.rows is not None
        if self.group.columns is not None:
            for phase in range(last + 1):
                if two:
                    loops += self._row_level(phase, stored, starts)
                inner = self._columns(phase, stored, starts)
                if inner:
                    indent = "        " if two else "    "
                    loops += self._row_starts(phase)
                    loops += [f"{indent}for j in range(n1):"]
                    loops += [f"{indent}    {line}" for line in inner]
        for node in self.group.nodes:
            if node in self.group.after:
                ends += self._end(node, stored)
        if loops and two:
            row_loads = [f"        {line}" for line in self.row_loads]
            loops = ["    for i in range(n0):", *row_loads, *loops]
        starts = [*self.cell_loads, *starts]
        return [f"    {line}" for line in starts] + loops + [f"    {line}" for line in ends]

    # -- lines -----------------------------------------------------------------------------------

    def _columns(self, phase: int, stored: list[Node], starts: list[str]) -> list[str]:
        lines: list[str] = []
        stores: list[str] = []  # after all reading: a result may lie over an argument
        loaded: set[Node] = set()
        for node in self.group.nodes:
            if self._reduces_row(node):
                if self.phase[node] == phase + 1:
                    value = self._operand(node.args[0], lines, loaded, phase)
                    lines += self._accumulate_row(node, value)
            elif node in self.group.after:
                source = node.args[0] if node.op == "sum" and node.args else None
                if source is None or not isinstance(source, Node):
                    continue
                if self._sums(node) and self.kind(source) == "full" and self.phase[node] == phase:
                    value = self._operand(source, lines, loaded, phase)
                    lines += self._accumulate_end(node, value, starts)
            elif self.kind(node) == "full" and self.phase[node] == phase:
                lines += self._compute(node, lines, loaded, phase)
                if node in stored:
                    stores.append(f"{self._place(node)} = {self._name(node)}")
        return lines + stores

    def _row_level(self, phase: int, stored: list[Node], starts: list[str]) -> list[str]:
        lines: list[str] = []
        loaded: set[Node] = set()
        for node in self.group.nodes:
            if self.phase[node] != phase:
                continue
            if self._reduces_row(node) and node in stored:
                lines.append(f"{self._place(node)} = {self._name(node)}")
            elif node in self.group.after:
                if self._sums(node) and self.kind(node.args[0]) == "by row":
                    value = self._operand(node.args[0], lines, loaded, phase)
                    lines += self._accumulate_end(node, value, starts)
            elif self.kind(node) == "by row" and not self._reduces_row(node):
                lines += self._compute(node, lines, loaded, phase)
                if node in stored:
                    lines.append(f"{self._place(node)} = {self._name(node)}")
        return [f"        {line}" for line in lines]

    def _sums(self, node: Node) -> bool:
        """Whether it is a sum that goes on through the loops, not an operation on such sums."""
        if node.op != "sum":
            return False
        source = self.root(node.args[0])
        return source not in self.group.after and self.kind(node.args[0]) != "cell"

    def _row_starts(self, phase: int) -> list[str]:
        lines = []
        for node in self.group.nodes:
            if self._reduces_row(node) and self.phase[node] == phase + 1:
                name, type_ = self._name(node), type_name(node)
                if node.op == "argmax":
                    lines.append(f"{name} = int64(0)")
                    lines.append(f"{name}_best = {type_name(node.args[0])}(0)")
                else:
                    lines.append(f"{name} = {type_}(0)")
        return [f"        {line}" for line in lines]

    def _accumulate_row(self, node: Node, value: str) -> list[str]:
        name = self._name(node)
        if node.op == "sum":
            return [f"{name} = {type_name(node)}({name} + {value})"]
        if node.op == "max":
            return [
                f"if j == 0 or {value} > {name} or {value} != {value}:",
                f"    {name} = {value}",
            ]
        return [
            f"if j == 0 or {value} > {name}_best:",
            f"    {name}_best = {value}",
            f"    {name} = j",
        ]

    def _accumulate_end(self, node: Node, value: str, starts: list[str]) -> list[str]:
        """A sum that is known when the loops have ended."""
        if self.kind(node) == "by column":
            place = f"{self._array(node)}[j]"
            starts += [
                "for j in range(n1):",
                f"    {self._array(node)}[j] = {type_name(node)}(0)",
            ]
            return [f"{place} = {type_name(node)}({place} + {value})"]
        name = f"{self._name(node)}_sum"
        if self.group.rows is None and node.args[0].size > LONG:
            type_ = type_name(node)
            starts.append(f"{name} = {type_}(0)")
            return [f"{name} = {IN_LANES}({name}, {type_}({value}))"]
        whole = type_name(node).startswith("int")
        starts.append(f"{name} = {'int64' if whole else 'float64'}(0)")
        return [f"{name} = {name} + {value}"]

    def _end(self, node: Node, stored: list[Node]) -> list[str]:
        lines: list[str] = []
        if self._sums(node):
            if self.kind(node) == "by column":
                return []
            lines.append(f"{self._name(node)} = {type_name(node)}({self._name(node)}_sum)")
        else:
            lines += self._compute(node, lines, set(), -1)
        if node in stored:
            lines.append(f"{self._array(node)}[0] = {self._name(node)}")
        return lines

    def _compute(self, node: Node, lines: list[str], loaded: set[Node], phase: int) -> list[str]:
        args = [
            arg
            if not isinstance(arg, Node)
            else (arg, self._operand(arg, lines, loaded, phase) if not arg.is_number else "")
            for arg in node.args
        ]
        return [f"{self._name(node)} = {self._expression(node, args)}"]

    def _operand(self, node: Node, lines: list[str], loaded: set[Node], phase: int) -> str:
        """The variable with the node's value here; loads it where it comes from memory."""
        inside = self.inside(node)
        if inside is not None:
            again = self.kind(inside) == "full" and self.phase[inside] < phase
            if not again:
                return self._name(inside)
            if inside not in loaded:
                loaded.add(inside)
                lines.append(f"{self._name(inside)} = {self._place(inside)}")
            return self._name(inside)
        root = self.root(node)
        name = f"x{self._array(root)[1:]}"
        load, kind = f"{name} = {self._place(root)}", self.kind(root)
        if kind == "cell" or (kind == "by row"):  # once, outside of the inner loop
            loads = self.cell_loads if kind == "cell" else self.row_loads
            if load not in loads:
                loads.append(load)
        elif root not in loaded:
            loaded.add(root)
            lines.append(load)
        return name

    def _expression(self, node: Node, args: list[Any]) -> str:
        op, type_ = node.op, type_name(node)
        if op == "sum":  # of a single number
            return f"{type_}({args[0][1]})"
        if op == "astype":
            _, name = args[0]
            return f"({name} != 0)" if type_ == "bool" else f"{type_}({name})"
        if op == "where":
            condition = args[0][1]
            a, b = (self._cast(arg, type_) for arg in args[1:])
            return self.choice(condition, a, b)
        if op in _COMPARISONS:
            common = _common_type(args)
            a, b = (self._cast(arg, common) for arg in args)
            return f"({a} {_INFIX[op]} {b})"
        if op in _LOGICAL:
            a, *others = (arg[1] for arg in args)
            if op == "logical_not":
                return f"({self.words['not']}{a})"
            word = {"logical_and": "and", "logical_or": "or"}.get(op)
            return f"({a} {self.words[word] if word else '!='} {others[0]})"
        if op in ("isnan", "isfinite", "isinf"):
            x = args[0][1]
            nan, finite = f"({x} != {x})", f"({x} - {x} == 0)"
            neither = f"({self.words['not']}{finite} {self.words['and']} {self.words['not']}{nan})"
            return {"isnan": nan, "isfinite": finite, "isinf": neither}[op]
        a, *rest = (self._cast(arg, type_) for arg in args)
        if op == "pow" and node.args[1] == 2:
            return f"{type_}({a} * {a})"
        if op in ("maximum", "minimum"):  # a NaN goes through, whichever side it is on
            sign = ">=" if op == "maximum" else "<="
            first = f"({a} {sign} {rest[0]} {self.words['or']} {a} != {a})"
            return self.choice(first, a, rest[0])
        if op == "pow":
            return f"{type_}({self.power(a, rest[0])})"
        if op in _INFIX:
            text = f"{a} {_INFIX[op]} {rest[0]}"
            return f"({text})" if type_ == "bool" else f"{type_}({text})"
        if op in _CALLS:
            return f"{type_}({op}({', '.join([a, *rest])}))"
        one = {
            "negative": f"-{a}",
            "abs": f"abs({a})",
            "square": f"{a} * {a}",
            "bitwise_invert": f"~{a}",
            "sign": self.choice(f"{a} != {a}", a, f"{type_}({a} > 0) - {type_}({a} < 0)"),
        }
        return f"{type_}({one[op]})"

    def _cast(self, arg: Any, type_: str) -> str:
        if isinstance(arg, tuple):
            node, name = arg
            if not node.is_number:
                return name if type_name(node) == type_ else f"{type_}({name})"
            number = self.numbers.setdefault(node, f"s{len(self.numbers)}")
            return self.casts.setdefault((number, type_), f"{number}_{type_}")
        if isinstance(arg, float) and not math.isfinite(arg):
            return f"{type_}({'nan' if arg != arg else 'inf' if arg > 0 else '-inf'})"
        return f"{type_}({arg!r})"

    def _name(self, node: Node) -> str:
        return f"v{self.group.nodes.index(node)}"

    def _array(self, node: Node) -> str:
        return self.arrays.setdefault(node, f"p{len(self.arrays)}")

    def _place(self, node: Node) -> str:
        """Where the node's number lies for the row and column at hand."""
        kind = self.kind(node)
        full = "[i, j]" if self.group.rows is not None else "[j]"
        where = {"full": full, "by row": "[i]", "by column": "[j]", "cell": "[0]"}[kind]
        return self._array(node) + where


def loop_source(
    group: Group, names: AxisNames, views: set[Node], wanted: set[Node]
) -> KernelSource:
    """A group's kernel as loops in Python.

    Args:
        group: what it does.
        names: of the axes.
        views: nodes that lie in the memory of another.
        wanted: the group's nodes that somebody outside of it needs.
    """
    return LoopWriter(group, names, views, wanted).write()


def _common_type(args: list[Any]) -> str:
    """The type in which a comparison is made."""
    plain = []
    for arg in args:
        if isinstance(arg, tuple):
            node = arg[0]
            plain.append(node.value if node.is_number else np.dtype(type_name(node)))
        else:
            plain.append(arg)
    return str(np.result_type(*plain))
