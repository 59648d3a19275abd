"""A network as a table."""

from __future__ import annotations

from portable_mlp.training.problem import Problem


def summary(problem: Problem) -> str:
    """Name, output shape and number of parameters of each layer, and the totals.

    Args:
        problem: a model's network with its backend.
    """
    shapes = problem.network.shapes(problem.sample_shape)
    sizes = dict.fromkeys(shapes, 0)
    for name, _, place in problem.layout.entries:
        sizes[name.partition(".")[0]] += place.stop - place.start
    rows = [("layer", "output", "parameters")]
    rows += [(name, str(out), f"{sizes[name]:,}") for name, (_, out) in shapes.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows]
    backend = problem.backend
    lines.append(
        f"{problem.layout.size:,} parameters, {backend.dtype_name}, {backend.name} on {backend.place}"
    )
    return "\n".join(lines)
