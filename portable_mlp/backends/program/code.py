"""A recorded step as a Python function: one line for each call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from portable_mlp.backends.program.axes import AxisNames, reduced_axes
from portable_mlp.backends.program.fusion import Fusion, Group, arrange
from portable_mlp.backends.program.kernels import KernelCompiler
from portable_mlp.backends.program.library import ELEMENTWISE, REDUCTIONS, Library
from portable_mlp.backends.program.memory import Memory
from portable_mlp.backends.program.record import Node

Run = Callable[[Any, Any, Any, Any, int, int], None]
_INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "pow": "**"}


class Code:
    """Writes the function.

    Args:
        library: the array library's side.
        nodes: all that was recorded.
        outputs: ``(input of the carry, node that takes its place)``.
        compiler: makes kernels of elementwise operations; None for none.
    """

    def __init__(
        self,
        library: Library,
        nodes: list[Node],
        outputs: list[tuple[Node, Node]],
        compiler: KernelCompiler | None,
    ) -> None:
        """Decides what is done in which order, and where results lie."""
        self.library, self.outputs = library, outputs
        nodes = _live(nodes, [node for pair in outputs for node in pair])
        self.views = {n for n in nodes if n.is_view}
        self.axes = AxisNames(nodes)
        self.compiler = compiler
        fusion = Fusion(
            self.axes,
            self.views,
            kernels=compiler is not None,
            reduces=compiler is not None and compiler.reduces,
            few=None if compiler is None else compiler.few,
        )
        for node in arrange(nodes, self.axes, [result for _, result in outputs]):
            fusion.add(node)
        self.items = [_single(item) for item in fusion.items]
        self.nodes = nodes
        wanted = self._wanted()
        self.sources = {
            item: compiler.source(item, self.axes, self.views, wanted & set(item.nodes))
            for item in self.items
            if isinstance(item, Group) and compiler is not None
        }
        in_buffers = {
            node
            for item in self.items
            for node in (self.sources[item].stores if isinstance(item, Group) else [item])
            if isinstance(item, Group) or item.joins_vectors or self._line(item, "o") is not None
        }
        self.memory = Memory(
            library, self.items, self.sources, self.views, self.axes, outputs, in_buffers
        )
        self._globals: dict[str, Any] = dict(library.names)
        self._first: list[str] = []  # once in a call
        self._each: list[str] = []  # in every step
        self._known: dict[Node, str] = {}
        self._cells: dict[Any, str] = {}
        self._shaped: dict[tuple[str, str], str] = {}

    def _wanted(self) -> set[Node]:
        """Nodes that are needed outside of their group."""
        home = {n: item for item in self.items if isinstance(item, Group) for n in item.nodes}
        wanted = {self._root(result) for _, result in self.outputs}
        for item in self.items:
            for node in item.nodes if isinstance(item, Group) else [item]:
                for source in map(self._root, node.inputs):
                    if home.get(source) is not None and home[source] is not home.get(node):
                        wanted.add(source)
        return wanted

    def _root(self, node: Node) -> Node:
        while node in self.views:
            node = node.args[0]
        return node

    def write(self) -> Run:
        """The function ``run(carry, data, rows, numbers, first, stop)``, which changes the carry."""
        for node in self.nodes:
            if node.op == "input" or (node.is_number and node.op != "constant"):
                self._input(node)
        for item in self.items:
            if isinstance(item, Group):
                self._kernel(item)
            else:
                self._call(item)
        self._finish()
        lines = ["def run(carry, data, rows, numbers, first, stop):", *self._first]
        lines += ["    for i in range(first, stop):"]
        lines += ["        these = rows[i]"] if self._reads("these") else []
        lines += ["        now = numbers[i]", *self._each]
        self.text = "\n".join(lines) + "\n"
        exec(compile(self.text, "<recorded step>", "exec"), self._globals)  # noqa: S102  (our own)
        run: Run = self._globals["run"]
        return run

    def _reads(self, name: str) -> bool:
        return any(node.path.startswith(name) for node in self.nodes if node.op == "input")

    # -- names ------------------------------------------------------------------------------------

    def _input(self, node: Node) -> None:
        name = f"v{node.place}"
        if node.op == "input":
            expression = node.path
        else:
            args = [self._known[a] if isinstance(a, Node) else repr(a) for a in node.args]
            if node.op not in _INFIX:
                function = f"f{node.place}"
                self._globals[function] = node.function
                expression = f"{function}({', '.join(args)})"
            else:
                expression = f"{args[0]} {_INFIX[node.op]} {args[1]}"
        self._known[node] = name
        fixed = node.op == "input" and node.path.startswith(("carry", "data"))
        self._lines(fixed).append(f"{name} = {expression}")

    def _lines(self, fixed: bool) -> _Indented:
        return _Indented(self._first, 4) if fixed else _Indented(self._each, 8)

    def _name(self, node: Node) -> str:
        """The variable of an array; a view is made where its whole is known."""
        if node in self._known:
            return self._known[node]
        name = f"v{node.place}"
        self._known[node] = name
        memory = self.memory
        if node.op == "constant":
            self._globals[name] = node.value
        elif node in self.views:
            self._view(node, name)
        elif node in memory.over:
            self._known[node] = name = self._name(memory.over[node])
        elif node in memory.fixed:
            self._globals[name] = memory.fixed[node]
        return name

    def _view(self, node: Node, name: str) -> None:
        whole = self._name(node.args[0])
        if whole in self._globals:
            args = [self._globals[whole], *node.args[1:]]
            self._globals[name] = node.function(*args, **node.options)
            return
        args = [whole]
        for k, arg in enumerate(node.args[1:]):
            self._globals[f"{name}_{k}"] = arg
            args.append(f"{name}_{k}")
        if node.op == "transpose":
            expression = f"{whole}.T"
        elif node.op == "getitem":
            expression = f"{whole}[{args[1]}]"
        elif node.op == "reshape":
            expression = f"{whole}.reshape({node.shape})"
        else:
            self._globals[f"f_{name}"] = node.function
            options = [f"{key}={value!r}" for key, value in node.options.items()]
            expression = f"f_{name}({', '.join([*args, *options])})"
        self._lines(self._is_fixed(node)).append(f"{name} = {expression}")

    def _is_fixed(self, node: Node) -> bool:
        """Whether it is the same array in all steps of a call."""
        root = self._root(node)
        if root in self.memory.over or root in self.memory.fixed or root.op == "constant":
            return True
        return root.op == "input" and root.path.startswith(("carry", "data"))

    def _in_shape(self, node: Node, kind: str, two: bool) -> str:
        """The variable of an array in the shape that a kernel wants."""
        assert self.compiler is not None  # noqa: S101  (there are no kernels without it)
        shape = self.compiler.shape(kind, node.shape, two)
        name = self._name(node)
        key = (name, str(shape))
        if key in self._shaped:
            return self._shaped[key]
        made = f"{name}_{'x'.join(map(str, shape))}"
        if name in self._globals:
            self._globals[made] = self.library.kernel_view(self._globals[name]).reshape(shape)
        else:
            line = f"{made} = kernel_view({name}).reshape({shape})"
            self._lines(self._is_fixed(node)).append(line)
            self._globals["kernel_view"] = self.library.kernel_view
        self._shaped[key] = made
        return made

    def _cell(self, number: Any, dtype: Any) -> str:
        """The variable of a 0-d array with this number: cheaper than a Python number in each call."""
        if not self.library.cells:
            return self._known[number] if isinstance(number, Node) else repr(number)
        key = (number if isinstance(number, Node) else (type(number), number), dtype)
        if key not in self._cells:
            name = f"c{len(self._cells)}"
            value = number.value if isinstance(number, Node) else number
            self._globals[name] = self.library.cell(value, dtype)
            if isinstance(number, Node):
                self._each.insert(
                    self._after_numbers(),
                    f"        {self.library.fill_line(name, self._known[number])}",
                )
            self._cells[key] = name
        return self._cells[key]

    def _after_numbers(self) -> int:
        """Lines at the start of a step that hold its numbers."""
        return sum(
            not (n.op == "input" and n.path.startswith(("carry", "data")))
            for n in self.nodes
            if n.op == "input" or n.is_number
        )

    # -- calls ------------------------------------------------------------------------------------

    def _call(self, node: Node) -> None:
        if node.joins_vectors:
            self._concat(node)
            return
        fixed = node in self.memory.fixed or node in self.memory.over
        if fixed:
            args = self._args(node)
            line = self._line(node, self._name(node), args)
            self._each.append(f"        {line}")
            return
        name = self._known[node] = f"v{node.place}"
        function = f"f{node.place}"
        self._globals[function] = node.function
        args = [self._code(arg, f"{name}_{k}") for k, arg in enumerate(node.args)]
        for key, value in node.options.items():
            args.append(f"{key}={self._code(value, f'{name}_{key}')}")
        self._each.append(f"        {name} = as_array({function}({', '.join(args)}))")
        self._globals["as_array"] = self.library.as_array

    def _code(self, thing: Any, name: str) -> str:
        if isinstance(thing, Node):
            return self._known[thing] if thing.is_number else self._name(thing)
        if isinstance(thing, tuple) and any(isinstance(t, Node) for t in thing):
            parts = [self._code(t, f"{name}_{k}") for k, t in enumerate(thing)]
            return f"({', '.join(parts)},)"
        self._globals[name] = thing
        return name

    def _args(self, node: Node) -> list[str]:
        dtype = _operand_type(node)
        return [
            self._name(arg)
            if isinstance(arg, Node) and not arg.is_number
            else self._cell(arg, dtype)
            for arg in node.args[: _arrays_of(node)]
        ]

    def _line(self, node: Node, out: str, args: list[str] | None = None) -> str | None:
        """The library's line for a node; None where it has none."""
        count = _arrays_of(node)
        if node.op in ELEMENTWISE and _operand_type(node) is None:
            return None
        options: dict[str, Any] = {"keepdims": bool(node.options.get("keepdims"))}
        if node.op in REDUCTIONS or node.op == "argmax":
            if set(node.options) - {"axis", "keepdims"}:
                return None
            if node.op != "argmax" and node.dtype != node.args[0].dtype:
                return None
            axes = reduced_axes(node)
            whole = len(axes) == len(node.args[0].shape) and "axis" not in node.options
            options["axis"] = None if whole else axes[0] if len(axes) == 1 else axes
            options["count"] = "None"
            if node.op == "mean" and args is not None:
                options["count"] = self._cell(node.args[0].size / node.size, node.dtype)
        elif node.op == "take":
            options["axis"] = node.options.get("axis")
            if options["axis"] is None:
                return None
            if args is not None and self._by_kernel(node):
                return f"gather({', '.join(args)}, {out})"
        elif node.options:
            return None
        return self.library.line(node.op, out, args or ["x"] * count, options)

    def _by_kernel(self, node: Node) -> bool:
        """Whether a kernel takes these rows, faster than the library."""
        matrix = node.args[0]
        if self.compiler is None or not self.library.in_kernels or node.options["axis"] != 0:
            return False
        gather = self.compiler.gather() if len(matrix.shape) == 2 and matrix.shape[1] > 1 else None
        if gather is not None:
            self._globals["gather"] = gather
        return gather is not None

    def _concat(self, node: Node) -> None:
        whole, start = self._name(node), 0
        for k, piece in enumerate(node.args[0]):
            stop = start + piece.size
            if piece not in self.memory.parts:
                part = f"{whole}_part{k}"
                self._globals[part] = self.memory.fixed[node][start:stop]
                self._each.append(f"        {self.library.copy_line(part, self._name(piece))}")
            start = stop

    def _kernel(self, group: Group) -> None:
        source = self.sources[group]
        two = group.rows is not None
        args = [self._in_shape(node, source.kinds[node], two) for node in source.arrays]
        lengths = self._lengths(group)
        numbers = [self._known[number] for number in source.numbers]
        name = f"kernel{len(self._globals)}"
        assert self.compiler is not None  # noqa: S101
        self._globals[name] = self.compiler.compiled(source)
        self._each.append(f"        {name}({', '.join([*map(str, lengths), *args, *numbers])})")

    def _lengths(self, group: Group) -> tuple[int, int]:
        found: dict[int | None, int] = {}
        for node in group.nodes:
            for part in (node, *[n for n in node.inputs if not n.is_number]):
                for axis, length in zip(self.axes.of(part), part.shape, strict=True):
                    if axis is not None:
                        found[axis] = length
        return found.get(group.rows, 1), found.get(group.columns, 1)

    def _finish(self) -> None:
        """Results that do not lie in the carry yet are copied there."""
        lines = []
        for given, result in self.outputs:
            if self._root(result) is given or self.memory.over.get(result) is given:
                continue
            lines.append(f"        {self.library.copy_line(self._name(given), self._name(result))}")
        self._each += lines


class _Indented:
    """Appends lines with an indent."""

    def __init__(self, lines: list[str], indent: int) -> None:
        self._lines, self._indent = lines, " " * indent

    def append(self, line: str) -> None:
        """One more line."""
        self._lines.append(f"{self._indent}{line}")


def _live(nodes: list[Node], results: list[Node]) -> list[Node]:
    """The nodes that a result depends on, in their order."""
    live: set[Node] = set()
    waiting = list(results)
    while waiting:
        node = waiting.pop()
        if node not in live:
            live.add(node)
            waiting += node.inputs
    return [node for node in nodes if node in live]


def _single(item: Node | Group) -> Node | Group:
    """A group of one operation is that operation: the library does it as fast."""
    if isinstance(item, Group) and len(item.nodes) == 1:
        return item.nodes[0]
    return item


def _arrays_of(node: Node) -> int:
    """How many of a node's arguments the library's line names."""
    if node.op in REDUCTIONS or node.op in ("argmax", "astype"):
        return 1
    return len(node.args) if node.op in ELEMENTWISE else 2


def _operand_type(node: Node) -> Any:
    """The type of a Python number beside this node's arrays; None where arrays of two types meet."""
    types = {arg.dtype for arg in node.args if isinstance(arg, Node) and not arg.is_number}
    if len(types) != 1:
        return None
    (dtype,) = types
    whole = not _is_float(dtype)
    floats = any(isinstance(_plain(arg), float) for arg in node.args if not _is_array(arg))
    return None if whole and floats else dtype


def _is_array(arg: Any) -> bool:
    return isinstance(arg, Node) and not arg.is_number


def _plain(arg: Any) -> Any:
    return arg.value if isinstance(arg, Node) else arg


def _is_float(dtype: Any) -> bool:
    return "float" in str(dtype)
