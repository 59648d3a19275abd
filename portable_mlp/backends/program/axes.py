"""Which axes of a step's arrays run over the same things.

Two axes that meet in an elementwise operation are one and the same: the batch, the units of a layer, the
parameters. A kernel loops over at most two of them. Axes of length 1 are broadcast and have no name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from portable_mlp.backends.program.library import ELEMENTWISE, REDUCTIONS
from portable_mlp.backends.program.record import Node

Axes = tuple[int | None, ...]
"""A number for each axis of an array; None for an axis of length 1."""


class AxisNames:
    """A number for each axis of each array; equal numbers run together."""

    def __init__(self, nodes: list[Node]) -> None:
        """Goes through the nodes in the order of the computation."""
        self._parents: list[int] = []
        self._axes: dict[Node, Axes] = {}
        for node in nodes:
            if not node.is_number:
                self._axes[node] = self._of(node)

    def of(self, node: Node) -> Axes:
        """The axes of a node's array."""
        return tuple(None if axis is None else self._root(axis) for axis in self._axes[node])

    def named(self, node: Node) -> tuple[int, ...]:
        """Those that are longer than 1."""
        return tuple(axis for axis in self.of(node) if axis is not None)

    def _new(self, length: int) -> int | None:
        if length == 1:
            return None
        self._parents.append(len(self._parents))
        return len(self._parents) - 1

    def _root(self, axis: int) -> int:
        while self._parents[axis] != axis:
            axis = self._parents[axis]
        return axis

    def _join(self, one: int | None, other: int | None) -> int | None:
        if one is None or other is None:
            return other if one is None else one
        self._parents[self._root(other)] = self._root(one)
        return one

    def _of(self, node: Node) -> Axes:
        rules: dict[str, Callable[[Node], Axes | None]] = {
            "reshape": self._regrouped,
            "expand_dims": self._regrouped,
            "squeeze": self._regrouped,
            "getitem": self._part,
            "transpose": lambda n: tuple(reversed(self._axes[n.args[0]])),
            "matmul": self._product,
            "take": self._taken,
            "argmax": self._reduced,
        }
        if node.op in ELEMENTWISE or node.op == "where":
            return self._broadcast(node)
        rule = self._reduced if node.op in REDUCTIONS else rules.get(node.op)
        found = rule(node) if rule else None
        return tuple(self._new(length) for length in node.shape) if found is None else found

    def _broadcast(self, node: Node) -> Axes:
        axes: list[int | None] = [None] * len(node.shape)
        for arg in node.inputs:
            if arg.is_number:
                continue
            for place, axis in enumerate(reversed(self._axes[arg]), start=1):
                axes[-place] = self._join(axes[-place], axis)
        return tuple(axes)

    def _reduced(self, node: Node) -> Axes:
        source = node.args[0]
        gone = reduced_axes(node)
        if node.options.get("keepdims"):
            return tuple(None if k in gone else a for k, a in enumerate(self._axes[source]))
        return tuple(a for k, a in enumerate(self._axes[source]) if k not in gone)

    def _regrouped(self, node: Node) -> Axes | None:
        source = node.args[0]
        long = [n for n in node.shape if n != 1]
        if long != [n for n in source.shape if n != 1]:
            return None
        axes = iter([axis for axis in self._axes[source] if axis is not None])
        return tuple(None if n == 1 else next(axes) for n in node.shape)

    def _part(self, node: Node) -> Axes | None:
        source, key = node.args
        keys = key if isinstance(key, tuple) else (key,)
        if any(not (k is None or k == slice(None)) for k in keys):
            return None
        axes, rest = [], list(self._axes[source])
        for k in keys:
            axes.append(None if k is None else rest.pop(0))
        return (*axes, *rest)

    def _product(self, node: Node) -> Axes | None:
        left, right = (self._axes[arg] for arg in node.args)
        if len(left) != 2 or len(right) != 2:
            return None
        self._join(left[1], right[0])
        return left[0], right[1]

    def _taken(self, node: Node) -> Axes | None:
        source, rows = node.args[:2]
        if node.options.get("axis") != 0 or not isinstance(rows, Node) or len(rows.shape) != 1:
            return None
        return (*self._axes[rows], *self._axes[source][1:])


def reduced_axes(node: Node) -> tuple[int, ...]:
    """The axes over which a reduction runs."""
    ndim = len(node.args[0].shape)
    axis: Any = node.options.get("axis")
    if axis is None and len(node.args) > 1:
        axis = node.args[1]
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return tuple(a % ndim for a in axes)
