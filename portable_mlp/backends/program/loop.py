"""Many steps in one call: recorded at the first, replayed from then on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from portable_mlp.backends.program.code import Code, Run
from portable_mlp.backends.program.kernels import KernelCompiler
from portable_mlp.backends.program.library import Library
from portable_mlp.backends.program.record import Node, NotRecordableError, record


class CompiledLoop:
    """``loop(carry, data, rows, numbers, first, stop)`` for an eager library.

    A step is recorded for each new set of shapes. What can't be recorded runs as it is written; then
    ``refused`` says why.

    Args:
        library: the array library's side.
        step: ``step(xp, carry, data, rows, numbers) -> carry``.
        plain: the loop that runs the step as it is written.
        compiler: makes kernels of elementwise operations; None for none.
        checked: whether a program is run beside the plain step once, and left if it gives anything
            else: for libraries and devices on which it was not proved.
    """

    def __init__(
        self,
        library: Library,
        step: Callable[..., Any],
        plain: Callable[..., Any],
        compiler: KernelCompiler | None,
        checked: bool = False,
    ) -> None:
        """Nothing is recorded yet."""
        self._library, self._step, self._plain = library, step, plain
        self._compiler, self._checked = compiler, checked
        self._programs: dict[Any, Run | None] = {}
        self.texts: list[str] = []
        """The code of each program, for a reader; its names are in the globals of `runs`."""
        self.runs: list[Run] = []
        self.refused: Exception | None = None

    def __call__(
        self, carry: Any, data: Any, rows: Any, numbers: Sequence[Any], first: int, stop: int
    ) -> Any:
        """The carry after the steps ``first`` to ``stop - 1``."""
        if first >= stop:
            return carry
        these = None if rows is None else rows[first, ...]
        arguments = {"carry": carry, "data": data, "these": these, "now": numbers[first]}
        key = _signature(arguments)
        if key not in self._programs:
            self._programs[key] = self._record(arguments)
            if self._checked and self._programs[key] is not None:
                given = (data, rows, numbers, first, first + 1)
                if not self._agrees(self._programs[key], carry, given):
                    self._programs[key] = None
        program = self._programs[key]
        if program is None:
            return self._plain(carry, data, rows, numbers, first, stop)
        carry = _own(carry, self._library, set())
        program(carry, data, rows, numbers, first, stop)
        return carry

    def _agrees(self, program: Run | None, carry: Any, given: tuple[Any, ...]) -> bool:
        """Whether one step of the program gives what the plain step gives."""
        xp = self._library.xp
        assert program is not None  # noqa: S101
        try:
            found = _copied(carry, xp)
            program(found, *given)
            expected = _leaves(self._plain(_copied(carry, xp), *given))
            for a, b in zip(_leaves(found), expected, strict=True):
                error, scale = float(xp.max(xp.abs(a - b))), float(xp.max(xp.abs(b)))
                if not error <= 1e-3 * scale + 1e-30:
                    raise ValueError(f"off by {error}, the largest number is {scale}")
        except Exception as error:
            self.refused = error
            warnings.warn(
                f"a compiled step was left for the plain one: {type(error).__name__}: {error}",
                RuntimeWarning,
                stacklevel=2,
            )
            return False
        return True

    def _record(self, arguments: dict[str, Any]) -> Run | None:
        try:
            nodes, result = record(self._library, self._step, arguments)
            by_path = {node.path: node for node in nodes if node.op == "input"}
            outputs = list(_pairs(result, "carry", by_path))
            code = Code(self._library, nodes, outputs, self._compiler)
            run = code.write()
        except Exception as error:  # a step that fails fails again, and says why, as it is written
            self.refused = error
            return None
        self.texts.append(code.text)
        self.runs.append(run)
        return run


def _pairs(tree: Any, path: str, inputs: dict[str, Node]) -> Any:
    """``(input of the carry, its new value)`` for each leaf of the new carry."""
    if tree is None:
        return
    if isinstance(tree, Node):
        if path not in inputs:
            raise NotRecordableError(f"{path} is new in the carry")
        yield inputs[path], tree
        return
    if not isinstance(tree, (dict, tuple)):
        raise NotRecordableError(f"{path} becomes a {type(tree).__name__}")
    children = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for name, child in children:
        yield from _pairs(child, f"{path}[{name!r}]", inputs)


def _signature(tree: Any) -> Any:
    """Shapes and types: what a program is made for."""
    if isinstance(tree, dict):
        return tuple((name, _signature(child)) for name, child in tree.items())
    if isinstance(tree, (tuple, list)):
        return tuple(_signature(child) for child in tree)
    if hasattr(tree, "shape"):
        return tuple(tree.shape), str(tree.dtype)
    return type(tree)


def _copied(tree: Any, xp: Any) -> Any:
    """The carry with every array copied."""
    if tree is None:
        return None
    if isinstance(tree, dict):
        return {name: _copied(child, xp) for name, child in tree.items()}
    if isinstance(tree, tuple):
        children = [_copied(child, xp) for child in tree]
        return type(tree)(*children) if hasattr(tree, "_fields") else tuple(children)
    return xp.asarray(tree, copy=True)


def _leaves(tree: Any) -> list[Any]:
    if tree is None:
        return []
    if isinstance(tree, (dict, tuple)):
        children = tree.values() if isinstance(tree, dict) else tree
        return [leaf for child in children for leaf in _leaves(child)]
    return [tree]


def _own(tree: Any, library: Library, seen: set[int]) -> Any:
    """The carry with every array in memory of its own that can be written to."""
    if tree is None:
        return None
    if isinstance(tree, dict):
        return {name: _own(child, library, seen) for name, child in tree.items()}
    if isinstance(tree, tuple):
        children = [_own(child, library, seen) for child in tree]
        return type(tree)(*children) if hasattr(tree, "_fields") else tuple(children)
    if not library.is_array(tree) or id(tree) in seen or not library.can_be_written(tree):
        tree = library.xp.asarray(tree, copy=True)
    seen.add(id(tree))
    return tree
