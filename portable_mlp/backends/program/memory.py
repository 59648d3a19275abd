"""Where each result of a step lies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from portable_mlp.backends.program.axes import AxisNames
from portable_mlp.backends.program.fusion import Group, seen_through
from portable_mlp.backends.program.kernel_source import KernelSource
from portable_mlp.backends.program.library import ELEMENTWISE, Library
from portable_mlp.backends.program.record import Node, NotRecordableError

Item = Node | Group


@dataclass
class Memory:
    """Buffers for the results of the items, over each other where that is safe.

    Args:
        library: makes the buffers.
        items: what is done, in order.
        sources: the kernels of the groups.
        views: nodes that lie in the memory of another.
        names: of the axes.
        outputs: ``(input of the carry, node that takes its place)``.
        in_buffers: items' results that the library can put into given memory.
    """

    library: Library
    items: list[Item]
    sources: dict[Group, KernelSource]
    views: set[Node]
    names: AxisNames
    outputs: list[tuple[Node, Node]]
    in_buffers: set[Node]
    fixed: dict[Node, Any] = field(default_factory=dict)  # node -> its array
    over: dict[Node, Node] = field(default_factory=dict)  # node -> the input whose memory it takes
    parts: dict[Node, Node] = field(default_factory=dict)  # node -> the concat that it is a part of

    def __post_init__(self) -> None:
        """Decides."""
        self._made, self._last = self._lifetimes()
        self._place_outputs()
        self._place_parts()
        self._place_rest()

    def root(self, node: Node) -> Node:
        """The node in whose memory this one lies."""
        while node in self.views:
            node = node.args[0]
        return node

    def made_by(self, item: Item) -> list[Node]:
        """The results of an item that are kept in memory."""
        return self.sources[item].stores if isinstance(item, Group) else [item]

    def read_by(self, item: Item) -> list[Node]:
        """The nodes that an item reads."""
        if isinstance(item, Group):
            return [node for node in self.sources[item].arrays if node not in item.nodes]
        return [node for node in item.inputs if not node.is_number]

    def _lifetimes(self) -> tuple[dict[Node, int], dict[Node, int]]:
        made: dict[Node, int] = {}
        last: dict[Node, int] = {}
        for place, item in enumerate(self.items):
            for node in self.made_by(item):
                made[node] = place
                last[node] = place
            for node in self.read_by(item):
                last[self.root(node)] = place
        for _, result in self.outputs:
            last[self.root(result)] = len(self.items)
        return made, last

    def _place_outputs(self) -> None:
        """New parameters over the old ones, once nobody reads those any more."""
        for given, result in self.outputs:
            root = self.root(result)
            if root is given:
                continue
            if root.op == "input":
                raise NotRecordableError("an array of the carry moves to another place")
            if tuple(given.shape) != tuple(result.shape) or given.dtype != result.dtype:
                raise NotRecordableError("an array of the carry changes its shape or type")
            if root is not result or root not in self.in_buffers or root in self.over:
                continue
            made, read = self._made[root], self._last.get(given, -1)
            if read < made or (read == made and self._in_step(self.items[made], given, root)):
                self.over[root] = given
                item = self.items[made]
                if isinstance(item, Group):
                    self.sources[item].put_over(root, given)

    def _in_step(self, item: Item, source: Node, result: Node) -> bool:
        """Whether the item reads each number of the source before it writes the result over it."""
        readers = [node for node in self.read_by(item) if self.root(node) is source]
        if isinstance(item, Group):
            kinds = self.sources[item].kinds
            one_pass = all(
                seen_through(node, self.views, self.names) is source
                and kinds[node] == kinds[result]
                and kinds[node] in ("full", "cell")
                for node in readers
            )
            return (one_pass and result not in item.after | self._late(item)) or (
                one_pass and kinds[result] == "cell"
            )
        return item.op in ELEMENTWISE and all(
            node is source and node.shape == result.shape for node in readers
        )

    def _late(self, group: Group) -> set[Node]:
        """Nodes of a group that has more than one pass over its columns."""
        passes = any(n.op in ("sum", "max", "argmax") and n not in group.after for n in group.nodes)
        return set(group.nodes) if passes else set()

    def _place_parts(self) -> None:
        """Gradients where they belong in the flat vector, so that nothing has to be moved there."""
        for item in self.items:
            if isinstance(item, Group) or not item.joins_vectors:
                continue
            whole = self.fixed[item] = self.library.empty(item.size, item.dtype)
            start = 0
            for piece in item.args[0]:
                stop = start + piece.size
                root = seen_through_or_flat(piece, self.views)
                free = root in self.in_buffers and root not in self.over and root not in self.fixed
                if free and not root.joins_vectors and root.dtype == item.dtype:
                    self.fixed[root] = whole[start:stop].reshape(root.shape)
                    self.parts[piece] = item
                start = stop

    def _place_rest(self) -> None:
        free: dict[Any, list[Any]] = {}
        flat: dict[Node, Any] = {}  # what may be used again
        for place, item in enumerate(self.items):
            for node in self.made_by(item):
                if node.joins_vectors and node in self.fixed:
                    flat[node] = self.fixed[node]  # written afresh in each step, as a scratch too
                if node in self.fixed or node in self.over or node not in self.in_buffers:
                    continue
                key = (node.size, node.dtype)
                memory = self._taken_over(item, node, place, flat)
                if memory is None:
                    pool = free.setdefault(key, [])
                    memory = pool.pop() if pool else self.library.empty(*key)
                flat[node] = memory
                self.fixed[node] = memory.reshape(node.shape)
            for node in [node for node in flat if self._last[node] <= place]:
                free.setdefault((node.size, node.dtype), []).append(flat.pop(node))

    def _taken_over(self, item: Item, node: Node, place: int, flat: dict[Node, Any]) -> Any:
        """The memory of an argument that nobody needs any more, for an operation in place."""
        for source in self.read_by(item):
            same = source.shape == node.shape and source.dtype == node.dtype
            if not same or source not in flat or self._last[source] != place:
                continue
            if self._in_step(item, source, node):
                if isinstance(item, Group):
                    self.sources[item].put_over(node, source)
                return flat.pop(source)
        return None


def seen_through_or_flat(node: Node, views: set[Node]) -> Node:
    """What a piece of a concatenation is made of: the node itself, or what was flattened into it."""
    while node in views and node.op == "reshape":
        node = node.args[0]
    return node
