"""What a training step changes, and how it is copied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from portable_mlp.backends import Backend
from portable_mlp.backends.pieces import Pieces
from portable_mlp.nn.arrays import Shape
from portable_mlp.nn.layer import Tree
from portable_mlp.optim import LBFGS, Optimizer
from portable_mlp.optim.lbfgs import LBFGSState
from portable_mlp.training.problem import Problem, Snapshot


class Totals(NamedTuple):
    """Sums over the steps of an epoch, 0-d arrays on the device but for some metrics."""

    loss: Any  # Σ mass · loss, or Σ loss for a sum loss
    penalty: Any  # Σ mass · penalty
    squared_gradient: Any  # Σ ‖gradient‖² over the optimizer's steps
    metrics: tuple[Any, ...]  # what the running metrics keep


class Pending(NamedTuple):
    """Gradients that wait for their step, with gradient accumulation."""

    gradient: Any  # Σ mass · gradient
    mass: Any


class Carry(NamedTuple):
    """Everything that a step changes. A step consumes the carry it is given: its memory may be reused."""

    vector: Any  # the parameters, (parameters,)
    slots: Any  # the optimizer's state
    state: Tree  # running statistics of the layers
    totals: Any  # Totals
    average: Any  # moving average of the vector, or None
    pending: Pending | None


def zero_totals(problem: Problem) -> Totals:
    """Where the sums of an epoch start."""

    def zeros(shape: Shape = ()) -> Any:
        return problem.backend.asarray(np.zeros(shape))

    shapes = [metric.shape(problem.loss, problem.units) for metric in problem.running]
    return Totals(zeros(), zeros(), zeros(), tuple(zeros(shape) for shape in shapes))


def first_carry(
    problem: Problem, optimizer: Optimizer, start: Snapshot, slots: Any, vector: Any = None
) -> Carry:
    """The carry before the first step, in memory of its own.

    Args:
        problem: what is to be minimised.
        optimizer: how the weights will move.
        start: where they start.
        slots: the optimizer's state; None starts afresh.
        vector: the weights themselves, where ``start`` holds their moving average.
    """
    xp, copy = problem.backend.xp, problem.backend.copy
    pending = None
    if optimizer.accumulation_steps > 1:
        pending = Pending(xp.zeros_like(start.vector), zero_totals(problem).loss)
    average = None if optimizer.ema_decay is None else copy(start.vector)
    if slots is None:
        fresh = isinstance(optimizer, LBFGS)
        slots = LBFGSState() if fresh else optimizer.init(start.vector, xp)
    slots = map_arrays(copy, slots)
    state = map_arrays(copy, start.state)
    moving = copy(start.vector if vector is None else vector)
    return Carry(moving, slots, state, zero_totals(problem), average, pending)


def map_arrays(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same structure with ``function`` of each array; L-BFGS's state is passed as it is.

    Its arrays are never written to, so nobody needs a copy of them.
    """
    if tree is None or isinstance(tree, LBFGSState):
        return tree
    if isinstance(tree, Pieces):
        return tree.mapped(function)
    if isinstance(tree, dict):
        return {name: map_arrays(function, child) for name, child in tree.items()}
    if isinstance(tree, tuple):
        children = [map_arrays(function, child) for child in tree]
        return type(tree)(*children) if hasattr(tree, "_fields") else tuple(children)
    return function(tree)


def to_host(carry: Carry, backend: Backend, into: Carry | None = None) -> Carry:
    """The carry as numpy copies, without the sums of its epoch, for `to_device`.

    Args:
        carry: on the device.
        backend: where it lies.
        into: an earlier result whose memory may be used again.
    """
    old = iter(_arrays(into))

    def copied(x: Any) -> np.ndarray:
        host, memory = backend.host_view(x), next(old, None)
        if memory is None or memory.shape != host.shape or memory.dtype != host.dtype:
            return np.array(host)
        np.copyto(memory, host)
        return memory

    return map_arrays(copied, carry._replace(totals=None))  # type: ignore[no-any-return]


def _arrays(tree: Any) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    map_arrays(found.append, tree)
    return found


def named_arrays(carry: Carry, optimizer: Optimizer) -> dict[str, Any]:
    """All arrays of a carry that is whole, by name.

    Args:
        carry: on any device.
        optimizer: whose state is in it.

    Example:
        >>> from portable_mlp.optim import Lion
        >>> sums = Totals(0.0, 0.0, 0.0, ())
        >>> list(named_arrays(Carry(1.0, (2.0,), {"norm": None}, sums, None, None), Lion()))
        ['vector', 'optimizer/momentum', 'totals/loss', 'totals/penalty', 'totals/squared_gradient']
    """
    slots: Any = carry.slots
    if isinstance(slots, LBFGSState):
        slots = slots.pairs
    elif isinstance(slots, tuple) and len(slots) == len(optimizer.slots):
        slots = dict(zip(optimizer.slots, slots, strict=True))
    names = ("optimizer" if name == "slots" else name for name in carry._fields)
    return dict(_named(dict(zip(names, carry._replace(slots=slots), strict=True))))


def _named(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """``(name, array)`` in the order of `map_arrays`."""
    if tree is None:
        return
    if isinstance(tree, (dict, tuple)):
        names = tree if isinstance(tree, dict) else getattr(tree, "_fields", range(len(tree)))
        children = tree.values() if isinstance(tree, dict) else tree
        for name, child in zip(names, children, strict=True):
            yield from _named(child, f"{path}/{name}" if path else name)
    else:
        yield path, tree


def filled(
    carry: Carry, arrays: Mapping[str, np.ndarray], optimizer: Optimizer, backend: Backend
) -> Carry:
    """The carry with other numbers in it, in memory of its own.

    Args:
        carry: one of the same training, whole.
        arrays: as `named_arrays` gave them, on the host.
        optimizer: whose state is in it.
        backend: where it lies.

    Raises:
        ValueError: an array is missing, is too many, or has another shape or type.
    """
    quasi_newton = isinstance(carry.slots, LBFGSState)
    if quasi_newton:  # as many pairs (s, y, 1 / sᵀy) as there are
        count = sum(name.startswith("optimizer/") for name in arrays) // 3
        pair = (carry.vector, carry.vector, carry.totals.loss)
        carry = carry._replace(slots=(pair,) * count)
    expected = named_arrays(carry, optimizer)
    for name in sorted(expected.keys() ^ arrays.keys()):
        raise ValueError(f"{name} is {'too many' if name in arrays else 'missing'}")
    made = []
    for name, old in expected.items():
        array, shape, dtype = arrays[name], tuple(old.shape), backend.dtype_name
        if (array.shape, array.dtype.name) != (shape, dtype):
            raise ValueError(
                f"{name} is {array.dtype} of shape {array.shape}, expected {dtype} of {shape}"
            )
        made.append(backend.copy(backend.asarray(np.array(array))))
    new = iter(made)
    result: Carry = map_arrays(lambda _: next(new), carry)
    return result._replace(slots=LBFGSState(result.slots)) if quasi_newton else result


def to_device(carry: Carry, problem: Problem) -> Carry:
    """The other way round; the sums start at 0."""
    made = map_arrays(lambda x: problem.backend.asarray(np.array(x)), carry)
    return problem.backend.whole(made._replace(totals=zero_totals(problem)))  # type: ignore[no-any-return]
