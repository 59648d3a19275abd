"""A network as a table."""

from __future__ import annotations

from typing import NamedTuple

from portable_mlp.nn import Network
from portable_mlp.nn.arrays import Shape
from portable_mlp.nn.parameters import ParameterLayout
from portable_mlp.training.problem import Problem


class LayerRow(NamedTuple):
    """A layer in the table.

    Args:
        name: as in the names of its parameters.
        output: shape of one sample after it.
        parameters: their number.
    """

    name: str
    output: Shape
    parameters: int


def layer_rows(network: Network, sample_shape: Shape) -> list[LayerRow]:
    """Name, output shape and number of parameters of each layer.

    Args:
        network: the layers.
        sample_shape: shape of one sample.
    """
    return [
        LayerRow(name, out, ParameterLayout(network.named_layers[name].parameters(shape)).size)
        for name, (shape, out) in network.shapes(sample_shape).items()
    ]


def table(rows: list[LayerRow]) -> list[str]:
    """The rows as lines of text, with a line of titles."""
    cells = [("layer", "output", "parameters")]
    cells += [(row.name, str(row.output), f"{row.parameters:,}") for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(3)]
    return [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}" for a, b, c in cells]


def summary(problem: Problem) -> str:
    """Name, output shape and number of parameters of each layer; the totals and what they take.

    Args:
        problem: a model's network with its backend.
    """
    backend, layout = problem.backend, problem.layout
    total = f"{layout.size:,} parameters, {backend.dtype_name}, {backend.name} on {backend.place}"
    words = [total, f"samples of shape {problem.sample_shape}"]
    if problem.state_layout.size:
        words.append(f"{problem.state_layout.size:,} running statistics")
    numbers = layout.size + problem.state_layout.size
    words.append(f"{_size(numbers * int(backend.dtype_name.removeprefix('float')) // 8)} of memory")
    return "\n".join([*table(layer_rows(problem.network, problem.sample_shape)), "; ".join(words)])


def _size(count: float) -> str:
    """Bytes in the unit that suits them."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            break
        count /= 1024
    return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"
