"""Which operations of a step one kernel can do in one pass.

A group loops over one axis, or over two: rows, and within each row the columns. It may hold elementwise
operations, sums over the rows or the columns, the largest of a row and its place. Operations on
numbers that a group has summed up come after its loops.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from portable_mlp.backends.program.axes import AxisNames, reduced_axes
from portable_mlp.backends.program.library import ELEMENTWISE, VIEWS
from portable_mlp.backends.program.record import Node

TYPES = ("float32", "float64", "int32", "int64", "bool")
_SLOW_NAMES = "exp expm1 log log1p log2 log10 tanh sinh cosh sin cos tan atan atan2 pow"
SLOW = frozenset(_SLOW_NAMES.split())
"""Functions that the library does many at a time and a kernel one at a time."""
SHORT = 64
"""The longest row that a kernel sums up; the library sums long rows faster and more exactly."""


@dataclass(eq=False)
class Group:
    """Operations that one kernel does.

    Args:
        rows: the outer axis, or None.
        columns: the inner axis.
        nodes: in the order of the computation.
    """

    rows: int | None
    columns: int | None
    nodes: list[Node] = field(default_factory=list)
    after: set[Node] = field(default_factory=set)
    """What is known only when the loops have ended."""
    reduces: bool = False


def seen_through(node: Node, views: set[Node], names: AxisNames) -> Node | None:
    """What a view shows, if in the same order and with axes of length 1 put in or out only."""
    while node in views:
        source = node.args[0]
        if source.size != node.size or names.named(source) != names.named(node):
            return None
        if node.op == "getitem" and _goes_back(node.args[1]):
            return None
        node = source
    return node


def _goes_back(key: object) -> bool:
    """Whether a slice shows its array the other way round."""
    parts = key if isinstance(key, tuple) else (key,)
    return any(isinstance(p, slice) and p.step is not None and p.step < 0 for p in parts)


def arrange(nodes: list[Node], names: AxisNames, outputs: list[Node]) -> list[Node]:
    """The nodes in an order that brings together what one kernel can do.

    Elementwise operations wait until somebody needs them; sums are taken as soon as they can be.
    """
    order: list[Node] = []
    done: set[Node] = set()
    users: dict[Node, list[Node]] = {}
    for node in nodes:
        for source in node.inputs:
            users.setdefault(source, []).append(node)

    def emit(node: Node) -> None:
        missing, waiting = set(), [node]
        while waiting:
            source = waiting.pop()
            if source not in done and source not in missing:
                missing.add(source)
                waiting += source.inputs
        for source in sorted(missing, key=lambda n: n.place):  # as it was computed
            if source in done:  # as an eager user of an earlier one
                continue
            done.add(source)
            order.append(source)
            for user in users.get(source, ()):
                if _is_eager(user) and user not in done and all(s in done for s in user.inputs):
                    emit(user)

    for node in nodes:
        waits = node.op in ELEMENTWISE or node.op == "where" or node.op in VIEWS
        if node.is_number or not waits or node.size == 1:
            emit(node)
    for node in outputs:
        emit(node)
    return order


def _is_eager(node: Node) -> bool:
    return node.op in ("sum", "max", "min", "mean", "argmax") or (
        not node.is_number and node.size == 1
    )


class Fusion:
    """Puts nodes into groups, in their order.

    Args:
        names: of the axes.
        views: nodes that lie in the memory of another; they need no call.
        kernels: whether there are any; if not, each node stays alone.
        reduces: whether kernels sum up.
        few: how many slow functions a kernel may do; None for any number.
    """

    def __init__(
        self,
        names: AxisNames,
        views: set[Node],
        *,
        kernels: bool,
        reduces: bool = True,
        few: int | None = None,
    ) -> None:
        """Starts without a group."""
        self.names, self.views, self._kernels = names, views, kernels
        self._reduces, self._few = reduces, few
        self.items: list[Node | Group] = []
        self._place: dict[Node, int] = {}  # index of the item that makes a node
        self._open = 0  # groups from this item on may still grow

    def add(self, node: Node) -> None:
        """The next node of the order."""
        if node.op in ("input", "constant") or node.is_number:
            self._place[node] = -1
            return
        if node in self.views:
            self._place[node] = self._place[node.args[0]]
            return
        if not self._kernels or not self._fits_kernels(node):
            self._place[node] = len(self.items)
            self.items.append(node)
            self._open = len(self.items)
            return
        for place in range(len(self.items) - 1, self._open - 1, -1):
            group = self.items[place]
            if isinstance(group, Group) and self._joins(node, group, place):
                self._place[node] = place
                return
        group = Group(None, None)
        if self._joins(node, group, len(self.items)):
            self._place[node] = len(self.items)
            self.items.append(group)
        else:
            self._place[node] = len(self.items)
            self.items.append(node)

    def _fits_kernels(self, node: Node) -> bool:
        arrays = [n for n in (node, *node.inputs) if not n.is_number]
        if any(type_name(n) not in TYPES for n in arrays):
            return False
        if any(len(set(self.names.named(n))) < len(self.names.named(n)) for n in arrays):
            return False
        many = self._few is not None and node.size > self._few
        if node.op in SLOW and many and not _is_square(node):
            return False
        if node.op in ("sum", "max", "argmax"):
            return self._reduces and len(reduced_axes(node)) == 1 and self._sums_well(node)
        return node.op in ELEMENTWISE or node.op == "where"

    def _sums_well(self, node: Node) -> bool:
        """Whether a kernel is as good at it as the library: vectors, columns, and short rows."""
        source, (axis,) = node.args[0], reduced_axes(node)
        if len(source.shape) == 1:
            return node.op == "sum"
        if len(source.shape) == 2 and axis == 0:
            return node.op == "sum" and source.shape[0] > 1 and source.shape[1] > 1
        return len(source.shape) == 2 and 1 < source.shape[1] <= SHORT

    def _joins(self, node: Node, group: Group, place: int) -> bool:
        """Takes the node into the group if that is possible."""
        if any(self._place[source] > place for source in node.inputs):
            return False
        axes = self._loops(node)
        inside = []
        for source in node.inputs:
            root = source
            while root in self.views:
                root = root.args[0]
            if root in group.nodes:
                if seen_through(source, self.views, self.names) is None:
                    return False
                inside.append(root)
        if axes is None:
            return False
        late = [source for source in inside if source in group.after]
        if not axes:  # a number: it can wait for the loops to end
            if group.columns is not None and not self._reduces:
                return False
            group.nodes.append(node)
            group.after.add(node)
            return True
        if late:
            return False
        rows, columns = axes if len(axes) == 2 else (None, axes[0])
        if not self._covers(group, rows, columns):
            return False
        group.nodes.append(node)
        if node.op in ("sum", "argmax", "max"):
            group.reduces = True
            gone = self._gone(node)
            if group.rows is None or gone == group.rows:
                group.after.add(node)
        return True

    def _gone(self, node: Node) -> int | None:
        (axis,) = reduced_axes(node)
        return self.names.of(node.args[0])[axis]

    def _loops(self, node: Node) -> tuple[int, ...] | None:
        """The axes that a kernel must loop over for this node."""
        if node.op in ("sum", "max", "argmax"):
            return self.names.named(node.args[0])
        axes = self.names.named(node)
        return axes if len(axes) <= 2 else None

    def _covers(self, group: Group, rows: int | None, columns: int | None) -> bool:
        """Whether the group's loops run over these axes, or can be made to."""
        if not group.nodes or group.columns is None:
            if group.nodes and group.columns is None:
                return False  # numbers only
            group.rows, group.columns = rows, columns
            return True
        if not self._reduces:  # without loops of its own, a kernel has one shape
            return (rows, columns) == (group.rows, group.columns)
        if rows is None:
            return columns == (group.columns if group.rows is None else group.rows)
        if group.rows is None:
            if group.columns != rows or group.reduces:
                return False
            group.rows, group.columns = rows, columns
            return True
        return (rows, columns) == (group.rows, group.columns)


def type_name(node: Node) -> str:
    """``float32`` for the type of any library."""
    return str(node.dtype).rpartition(".")[2]


def _is_square(node: Node) -> bool:
    return node.op == "pow" and node.args[1] == 2
