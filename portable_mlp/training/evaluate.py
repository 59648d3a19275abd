"""Loss and metrics of a data set, and outputs for many rows, in chunks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from portable_mlp.nn.layer import Tree
from portable_mlp.training.feed import Feed
from portable_mlp.training.problem import Data, Problem


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


def make_evaluate(problem: Problem) -> Callable[[Any, Tree, Data], list[Any]]:
    """A function ``(vector, state, data) -> [loss sum, mass, *metric sums]``, 0-d device arrays."""
    xp, rows, views = problem.backend.xp, chunk_rows(problem), _viewed(problem)

    def sums_of(params: Tree, state: Tree, batch: Data) -> list[Any]:
        outputs = problem.outputs(xp, params, state, batch.x)
        value, _ = problem.loss(outputs, batch.y, batch.weights, problem.context(xp))
        loss, metrics, mass = problem.sums(xp, value, outputs, batch)
        return [loss, mass + xp.zeros_like(loss), *metrics]

    compiled = problem.backend.compile(sums_of)

    def evaluate(vector: Any, state: Tree, data: Data) -> list[Any]:
        totals: list[Any] = []
        params = views(vector)
        for part in chunks(data.x.shape[0], rows):
            weights = None if data.weights is None else data.weights[part]
            batch = Data(data.x[part, ...], data.y[part, ...], weights)
            sums = compiled(params, state, batch)
            totals = [a + b for a, b in zip(totals, sums, strict=True)] if totals else list(sums)
        return totals

    return evaluate


def sums_of(
    evaluate: Callable[[Any, Tree, Data], list[Any]], vector: Any, state: Tree, feed: Feed
) -> list[Any]:
    """What `make_evaluate` gives, over all rows of a feed."""
    totals: list[Any] = []
    for part in feed.parts():
        sums = evaluate(vector, state, part)
        totals = [a + b for a, b in zip(totals, sums, strict=True)] if totals else sums
        feed.backend.synchronize(totals[0])  # before the part's memory is read into again
    return totals


def figures(problem: Problem, sums: list[float], penalty: float) -> dict[str, float]:
    """``{"loss": ..., metric: ...}`` from the sums of `make_evaluate`, on the host."""
    loss, mass, *metrics = sums
    mean = mass if mass > 0 else 1.0
    result = {"loss": (loss if problem.loss.reduction == "sum" else loss / mean) + penalty}
    for metric, total in zip(problem.metrics, metrics, strict=True):
        result[metric.name] = total / mean
    return result


def penalty_of(problem: Problem, vector: Any) -> Any:
    """The penalty of these weights, a 0-d device array."""
    xp = problem.backend.xp
    if not problem.penalty:
        return xp.zeros_like(vector[0, ...])
    return problem.penalty(vector, problem.decay_mask, xp)[0]


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
