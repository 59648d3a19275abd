"""Loss and metrics of a data set, and outputs for many rows, in chunks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from portable_mlp.backends import Backend
from portable_mlp.metrics import AnyMetric
from portable_mlp.nn.layer import Tree
from portable_mlp.training.carry import map_arrays, zero_totals
from portable_mlp.training.feed import Feed
from portable_mlp.training.problem import Data, Problem, nonzero

Evaluate = Callable[[Any, Tree, Feed], list[Any]]
"""``evaluate(vector, state, feed) -> [loss sum, mass, *sums of each metric]``."""


def chunk_rows(problem: Problem) -> int:
    """Rows that go through the network at once: few enough for a layer's outputs to stay in the cache."""
    widest = max(math.prod(out) for _, out in problem.network.shapes(problem.sample_shape).values())
    return min(max(2**19 // widest, 256), 4096)


def chunks(rows: int, size: int) -> Iterator[slice]:
    """Slices that cover the rows and never run past their end."""
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def _viewed(problem: Problem) -> Callable[[Any], Tree]:
    """``vector -> parameters as layers see them``, made anew only when the vector is another one."""
    last: list[Any] = [None, None]

    def views(vector: Any) -> Tree:
        if vector is not last[0]:
            last[:] = vector, problem.layout.views(vector, problem.backend.xp)
        return last[1]

    return views


class _Sums(NamedTuple):
    loss: Any
    mass: Any
    metrics: tuple[Any, ...]  # what the running ones keep


def make_evaluate(problem: Problem) -> Evaluate:
    """Sums over all rows of a feed, on the device; see `Evaluate`."""
    backend, xp, views = problem.backend, problem.backend.xp, _viewed(problem)
    size, whole_set = chunk_rows(problem), problem.whole_set

    def add(sums: _Sums, params: Tree, state: Tree, batch: Data) -> tuple[_Sums, Any]:
        outputs = problem.outputs(xp, params, state, batch.x)
        value, _ = problem.loss(outputs, batch.y, batch.weights, problem.context(xp))
        loss, metrics, mass = problem.sums(xp, sums.metrics, value, outputs, batch)
        sums = _Sums(sums.loss + loss, sums.mass + mass, metrics)
        return sums, outputs if whole_set else None

    compiled = backend.compile(add)

    @cache
    def start() -> _Sums:
        zeros = zero_totals(problem)
        return _Sums(zeros.loss, zeros.loss, zeros.metrics)

    def evaluate(vector: Any, state: Tree, feed: Feed) -> list[Any]:
        params, sums, seen = views(vector), start(), list[Data]()
        for part in feed.parts():
            for rows in chunks(part.x.shape[0], size):
                weights = None if part.weights is None else part.weights[rows]
                batch = Data(part.x[rows, ...], part.y[rows, ...], weights)
                sums, outputs = compiled(sums, params, state, batch)
                if whole_set:
                    seen.append(Data(outputs, *map_arrays(backend.copy, batch[1:])))
            backend.synchronize(sums.loss)  # before the part's memory is read into again
        running = iter(sums.metrics)
        of_all = iter(problem.sums_of_all(_joined(seen, xp)) if whole_set else ())
        metrics = [next(running if m in problem.running else of_all) for m in problem.metrics]
        return [sums.loss, sums.mass, *metrics]

    return evaluate


def _joined(parts: Sequence[Data], xp: Any) -> Data:
    joined: list[Any] = [
        None if arrays[0] is None else xp.concat(arrays) for arrays in zip(*parts, strict=True)
    ]
    return Data(*joined)


def bring_over(arrays: Sequence[Any], backend: Backend) -> list[NDArray[np.float64]]:
    """The arrays on the host, in one transfer."""
    xp = backend.xp
    if all(array.shape == () for array in arrays):
        together = backend.to_numpy(xp.stack(list(arrays))).astype(np.float64)
        return [np.asarray(number) for number in together]
    flat = xp.concat([xp.reshape(array, (-1,)) for array in arrays])
    host = backend.to_numpy(flat).astype(np.float64)
    ends = list(accumulate(math.prod(array.shape) for array in arrays))
    parts = np.split(host, ends[:-1])
    return [part.reshape(array.shape) for part, array in zip(parts, arrays, strict=True)]


def figures(
    problem: Problem,
    metrics: Sequence[AnyMetric],
    sums: Sequence[NDArray[np.float64]],
    penalty: float,
) -> dict[str, float]:
    """``{"loss": ..., metric: ...}`` from ``[loss sum, mass, *sums of each metric]`` on the host."""
    loss, mean = float(sums[0]), float(sums[1]) or 1.0
    result = {"loss": (loss if problem.loss.reduction == "sum" else loss / mean) + penalty}
    for metric, found in zip(metrics, sums[2:], strict=True):
        result[metric.name] = metric.figure(found, mean)
    return result


def penalty_of(problem: Problem, vector: Any, mass: Any) -> Any:
    """The penalty of these weights beside data of this mass, a 0-d device array."""
    xp = problem.backend.xp
    if not problem.penalty:
        return xp.zeros_like(vector[0, ...])
    return problem.penalty(vector, problem.decay_mask, xp, nonzero(mass, xp))[0]


def make_outputs(problem: Problem) -> Callable[[Any, Tree, Any], Any]:
    """A function ``(vector, state, x) -> outputs`` for any number of rows, chunk by chunk."""
    xp, rows, views = problem.backend.xp, chunk_rows(problem), _viewed(problem)
    compiled = problem.backend.compile(partial(problem.outputs, xp))

    def outputs(vector: Any, state: Tree, x: Any) -> Any:
        params = views(vector)
        if x.shape[0] <= rows:
            return compiled(params, state, x)
        parts = chunks(x.shape[0], rows)
        return xp.concat([compiled(params, state, x[part, ...]) for part in parts])

    return outputs
