"""Loss and metrics of a data set, and outputs for many rows, in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from portable_mlp.nn.layer import Tree
from portable_mlp.training.problem import Data, Problem

CHUNK = 4096
"""Rows that go through the network at once."""


def chunks(rows: int, size: int = CHUNK) -> Iterator[slice]:
    """Slices that cover the rows and never run past their end."""
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def make_evaluate(problem: Problem) -> Callable[[Any, Tree, Data], list[Any]]:
    """A function ``(vector, state, data) -> [loss sum, mass, *metric sums]``, 0-d device arrays."""
    xp = problem.backend.xp

    def sums_of(vector: Any, state: Tree, batch: Data) -> list[Any]:
        outputs = problem.outputs(xp, vector, state, batch.x)
        value, _ = problem.loss(outputs, batch.y, batch.weights, problem.context(xp))
        loss, metrics, mass = problem.sums(xp, value, outputs, batch)
        return [loss, mass + xp.zeros_like(loss), *metrics]

    compiled = problem.backend.compile(sums_of)

    def evaluate(vector: Any, state: Tree, data: Data) -> list[Any]:
        totals: list[Any] = []
        for part in chunks(data.x.shape[0]):
            weights = None if data.weights is None else data.weights[part]
            batch = Data(data.x[part, ...], data.y[part, ...], weights)
            sums = compiled(vector, state, batch)
            totals = [a + b for a, b in zip(totals, sums, strict=True)] if totals else list(sums)
        return totals

    return evaluate


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
    xp = problem.backend.xp
    compiled = problem.backend.compile(partial(problem.outputs, xp))

    def outputs(vector: Any, state: Tree, x: Any) -> Any:
        if x.shape[0] <= CHUNK:
            return compiled(vector, state, x)
        return xp.concat([compiled(vector, state, x[part, ...]) for part in chunks(x.shape[0])])

    return outputs
