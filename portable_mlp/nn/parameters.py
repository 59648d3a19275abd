"""All parameters as one flat vector, and the named views that layers see of it.

    vector  =  [ dense_1.weight | dense_1.bias | dense_2.weight | ... ]

From this follow, each in a few lines: an optimizer whose cost does not grow with depth, clipping by
the global norm, weight averages, L-BFGS, checkpoints and gradient checks. A view is only read:
writing through one is forbidden in JAX and unspecified in the standard.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from portable_mlp.nn.arrays import Array, Namespace
from portable_mlp.nn.initializers import HostRandom
from portable_mlp.nn.layer import ParameterSpec, Tree


def named_leaves(tree: Tree, path: str = "") -> Iterator[tuple[str, Any]]:
    """``(dotted name, leaf)`` in the fixed order of the flat vector.

    Example:
        >>> from portable_mlp import nn
        >>> specs = nn.Network.of([nn.Dense(3)]).parameters((2,))
        >>> [(name, spec.shape) for name, spec in named_leaves(specs)]
        [('dense_1.weight', (2, 3)), ('dense_1.bias', (3,))]
    """
    if tree is None:
        return
    if isinstance(tree, dict):
        children = list(tree.items())
    elif _is_node(tree):
        children = list(zip(tree._fields, tree, strict=True))
    else:
        yield path, tree
        return
    for name, child in children:
        yield from named_leaves(child, f"{path}.{name}" if path else name)


def rebuild(tree: Tree, leaves: Iterator[Any]) -> Tree:
    """The same structure with the leaves replaced, in order, by those given."""
    if tree is None:
        return None
    if isinstance(tree, dict):
        return {name: rebuild(child, leaves) for name, child in tree.items()}
    if _is_node(tree):
        return type(tree)(*[rebuild(child, leaves) for child in tree])
    return next(leaves)


def _is_node(tree: Tree) -> bool:
    return isinstance(tree, tuple) and not isinstance(tree, ParameterSpec)


@dataclass(frozen=True)
class ParameterLayout:
    """Names, shapes and offsets of the arrays inside one flat vector.

    Args:
        specs: `ParameterSpec` leaves in the structure that the layers expect.
    """

    specs: Tree

    @cached_property
    def entries(self) -> tuple[tuple[str, ParameterSpec, slice], ...]:
        """``(name, spec, place in the vector)`` of each array."""
        entries, start = [], 0
        for name, spec in named_leaves(self.specs):
            stop = start + math.prod(spec.shape)
            entries.append((name, spec, slice(start, stop)))
            start = stop
        return tuple(entries)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Number of parameters in each array."""
        return tuple(place.stop - place.start for _, _, place in self.entries)

    @cached_property
    def size(self) -> int:
        """Number of parameters."""
        return self.entries[-1][2].stop if self.entries else 0

    def views(self, vector: Array, xp: Namespace) -> Tree:
        """The vector as the layers see it: named, reshaped slices, to be read only."""
        return rebuild(
            self.specs,
            (xp.reshape(vector[place], spec.shape) for _, spec, place in self.entries),
        )

    def flatten(self, tree: Tree, xp: Namespace) -> Any:
        """One vector from arrays in the structure of the layout: gradients, most often.

        Raises:
            ValueError: an array is missing, or has another shape than its parameter.
        """
        return xp.concat([xp.reshape(leaf, (-1,)) for leaf in self._matched(self.specs, tree, "")])

    def _matched(self, specs: Tree, tree: Tree, path: str) -> Iterator[Any]:
        """The arrays in the order of the vector, found by their names."""
        if specs is None:
            return
        if isinstance(specs, ParameterSpec):
            shape = None if tree is None else tuple(tree.shape)
            if shape != specs.shape:
                got = "is missing" if shape is None else f"has shape {shape}"
                raise ValueError(f"{path}: its gradient {got}, expected shape {specs.shape}.")
            yield tree
            return
        names = specs if isinstance(specs, dict) else specs._fields
        for name in names:
            get = dict.get if isinstance(tree, dict) else getattr
            child = specs[name] if isinstance(specs, dict) else getattr(specs, name)
            found = None if tree is None else get(tree, name, None)
            yield from self._matched(child, found, f"{path}.{name}" if path else name)

    def named(self, vector: Array, xp: Namespace) -> dict[str, Any]:
        """``{"dense_1.weight": array, ...}``, for people and for files."""
        return dict(named_leaves(self.views(vector, xp)))

    def draw(self, random: HostRandom) -> list[Any]:
        """First values of all arrays, drawn on the host in the order of the vector, flattened."""
        return [
            spec.initializer.draw(random, spec.shape, spec.fan_in, spec.fan_out).reshape(-1)
            for _, spec, _ in self.entries
        ]

    def decay_mask(self) -> list[tuple[bool, int]]:
        """``(decays, length)`` of each array: whether penalties and weight decay apply to it."""
        return [(spec.decay, math.prod(spec.shape)) for _, spec, _ in self.entries]

    def rates(self) -> list[tuple[float, int]]:
        """``(factor of the learning rate, length)`` of each array."""
        return [(spec.rate, math.prod(spec.shape)) for _, spec, _ in self.entries]

    def owner(self, index: int) -> str:
        """Name of the array that holds one place of the vector."""
        for name, _, place in self.entries:
            if place.start <= index < place.stop:
                return name
        raise IndexError(f"the vector has {self.size} places; got index {index}")
