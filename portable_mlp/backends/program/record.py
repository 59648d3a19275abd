"""Runs a pure function once on arrays that note what is done to them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from portable_mlp.backends.program.library import VIEWS, Library


class NotRecordableError(Exception):
    """The function asks an array for its value, or does something that can't be noted."""


@dataclass(eq=False)
class Node:
    """One operation.

    Args:
        op: ``"input"``, ``"constant"``, or the array API's name of the function.
        args: nodes and plain Python values, in the order of the function's arguments.
        options: keyword arguments, plain Python values.
        function: what was called.
        shape: of the array; empty for a number.
        dtype: the library's type of it; None for a number.
        value: of a constant or a number; other arrays are let go, as in a step that nobody records.
        path: of an input: where it stands among the arguments, as Python code.
        is_view: whether it lies in the memory of its first argument.
    """

    op: str
    args: tuple[Any, ...]
    options: dict[str, Any]
    function: Any
    shape: tuple[int, ...] = ()
    dtype: Any = None
    value: Any = None
    path: str = ""
    place: int = 0
    is_view: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it is a Python number, worked out anew in each step."""
        return self.dtype is None

    @property
    def size(self) -> int:
        """Number of its elements."""
        size = 1
        for length in self.shape:
            size *= length
        return size

    @property
    def joins_vectors(self) -> bool:
        """Whether it puts vectors one after the other: gradients into the flat vector."""
        return self.op == "concat" and len(self.shape) == 1 and self.options.get("axis", 0) == 0

    @property
    def inputs(self) -> list[Node]:
        """The nodes among the arguments, also inside lists."""
        found: list[Node] = []
        for arg in (*self.args, *self.options.values()):
            if isinstance(arg, Node):
                found.append(arg)
            elif isinstance(arg, (tuple, list)):
                found += [a for a in arg if isinstance(a, Node)]
        return found


@dataclass
class Tape:
    """What was noted so far."""

    library: Library
    nodes: list[Node] = field(default_factory=list)
    _known: dict[Any, Node] = field(default_factory=dict)
    _constants: dict[int, Node] = field(default_factory=dict)

    def add(self, node: Node, value: Any) -> Recorded:
        """Notes one more; the same operation on the same things is noted once."""
        key = _key(node)
        if key is not None and key in self._known:
            return Recorded(self, self._known[key], value)
        node.place = len(self.nodes)
        self.nodes.append(node)
        if key is not None:
            self._known[key] = node
        return Recorded(self, node, value)

    def leaf(self, value: Any, path: str) -> Recorded:
        """An argument of the function."""
        node = Node("input", (), {}, None, path=path)
        if isinstance(value, (int, float)):
            node.value = value
        else:
            node.shape, node.dtype = tuple(value.shape), value.dtype
        return self.add(node, value)

    def constant(self, value: Any) -> Node:
        """An array that the function brought along; it is the same in every step."""
        if id(value) not in self._constants:
            node = Node("constant", (id(value),), {}, None, tuple(value.shape), value.dtype, value)
            self._constants[id(value)] = self.add(node, value).node
        return self._constants[id(value)]

    def call(self, op: str, function: Any, args: Any, options: dict[str, Any]) -> Any:
        """Calls the function on the values and notes it, if a recorded array or number is among them."""
        used: list[Recorded] = []
        values = _values((args, options), used)
        result = function(*values[0], **values[1])
        if not used or op in _LIKE:
            return result
        noted_args, noted_options = self._nodes((args, options))
        node = Node(op, tuple(noted_args), noted_options, function)
        if all(r.node.is_number for r in used) and isinstance(result, (int, float)):
            node.value = result
            return self.add(node, result)
        if not self.library.is_array(result):
            raise NotRecordableError(f"{op} gave a {type(result).__name__}")
        result = self.library.as_array(result)
        node.shape, node.dtype = tuple(result.shape), result.dtype
        if op in VIEWS and not any(isinstance(arg, Node) for arg in node.args[1:]):
            node.is_view = self.library.is_view(result, values[0][0])
        return self.add(node, result)

    def _nodes(self, thing: Any) -> Any:
        if isinstance(thing, Recorded):
            return thing.node
        if isinstance(thing, dict):
            return {name: self._nodes(child) for name, child in thing.items()}
        if isinstance(thing, (tuple, list)):
            return tuple(self._nodes(child) for child in thing)
        return self.constant(thing) if self.library.is_array(thing) else thing


_LIKE = {"zeros_like", "ones_like", "empty_like", "full_like"}  # of the argument's shape alone


def _values(thing: Any, used: list[Recorded]) -> Any:
    if isinstance(thing, Recorded):
        used.append(thing)
        return thing.value
    if isinstance(thing, dict):
        return {name: _values(child, used) for name, child in thing.items()}
    if isinstance(thing, (tuple, list)):
        return type(thing)(_values(child, used) for child in thing)
    return thing


def _key(node: Node) -> Any:
    """What makes two operations the same; None where that can't be said."""
    if node.op == "input":
        return None
    options = tuple(sorted((name, _frozen(value)) for name, value in node.options.items()))
    key = (node.op, tuple(_frozen(arg) for arg in node.args), options)
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _frozen(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return tuple(_frozen(child) for child in value)
    if isinstance(value, slice):
        return ("slice", value.start, value.stop, value.step)
    # 1 == 1.0 == True, but they do different things to an array
    return value if isinstance(value, Node) else (type(value).__name__, value)


class Recorded:
    """An array, or a number of the step, that notes what is done to it."""

    __array_ufunc__ = None  # numpy leaves mixed operators to this class

    def __init__(self, tape: Tape, node: Node, value: Any) -> None:
        """Stands for a node; the value is what came out in this recording."""
        self.tape, self.node, self.value = tape, node, value

    @property
    def shape(self) -> Any:
        """Shape of the array."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """Number of its axes."""
        return len(self.value.shape)

    @property
    def dtype(self) -> Any:
        """Its type."""
        return self.value.dtype

    @property
    def T(self) -> Any:  # noqa: N802
        """The transpose."""
        return self.tape.call("transpose", lambda x: x.T, (self,), {})

    def __getitem__(self, key: Any) -> Any:
        """A part; the key must be known."""
        return self.tape.call("getitem", operator.getitem, (self, key), {})

    def _refuse(self, *args: Any) -> Any:
        raise NotRecordableError("the step asks for a number of an array")

    __bool__ = __float__ = __int__ = __index__ = __complex__ = _refuse
    __iter__ = __array__ = __len__ = _refuse
    __hash__ = object.__hash__


def _operator(op: str, function: Callable[..., Any], swapped: bool) -> Callable[..., Any]:
    def method(self: Recorded, *other: Any) -> Any:
        args = (*other, self) if swapped else (self, *other)
        return self.tape.call(op, function, args, {})

    return method


for _name, _op in (
    ("add", "add"),
    ("sub", "subtract"),
    ("mul", "multiply"),
    ("truediv", "divide"),
    ("pow", "pow"),
    ("matmul", "matmul"),
    ("and", "bitwise_and"),
    ("or", "bitwise_or"),
    ("xor", "bitwise_xor"),
    ("lshift", "bitwise_left_shift"),
    ("rshift", "bitwise_right_shift"),
):
    _function = getattr(operator, {"and": "and_", "or": "or_"}.get(_name, _name))
    setattr(Recorded, f"__{_name}__", _operator(_op, _function, swapped=False))
    setattr(Recorded, f"__r{_name}__", _operator(_op, _function, swapped=True))
for _name, _op in (
    ("lt", "less"),
    ("le", "less_equal"),
    ("gt", "greater"),
    ("ge", "greater_equal"),
    ("eq", "equal"),
    ("ne", "not_equal"),
):
    setattr(Recorded, f"__{_name}__", _operator(_op, getattr(operator, _name), swapped=False))
for _name, _op in (("neg", "negative"), ("abs", "abs"), ("invert", "bitwise_invert")):
    setattr(Recorded, f"__{_name}__", _operator(_op, getattr(operator, _name), swapped=False))


class RecordingNamespace:
    """The library's namespace, each function of which notes that it was called."""

    def __init__(self, tape: Tape) -> None:
        """Notes on this tape."""
        self._tape = tape

    def __getattr__(self, name: str) -> Any:
        """A function that notes, or a constant or type as it is."""
        found = getattr(self._tape.library.xp, name)
        if not callable(found) or isinstance(found, type):
            return found

        def noted(*args: Any, **options: Any) -> Any:
            return self._tape.call(name, found, args, options)

        setattr(self, name, noted)
        return noted


def record(
    library: Library, step: Callable[..., Any], arguments: dict[str, Any]
) -> tuple[list[Node], Any]:
    """``(nodes in the order of the computation, result with nodes as leaves)`` of one step.

    Args:
        library: the array library's side.
        step: ``step(xp, *arguments)``, pure.
        arguments: by the name that the code will have for them; trees of arrays and numbers.

    Raises:
        NotRecordableError: the step does something that can't be noted.
    """
    tape = Tape(library)
    given = [_leaves(tape, value, name) for name, value in arguments.items()]
    result = step(RecordingNamespace(tape), *given)
    return tape.nodes, tape._nodes(result)


def _leaves(tape: Tape, tree: Any, path: str) -> Any:
    if tree is None:
        return None
    if isinstance(tree, dict):
        return {name: _leaves(tape, child, f"{path}[{name!r}]") for name, child in tree.items()}
    if isinstance(tree, tuple):
        children = [_leaves(tape, child, f"{path}[{i}]") for i, child in enumerate(tree)]
        return type(tree)(*children) if hasattr(tree, "_fields") else tuple(children)
    return tape.leaf(tree, path)
