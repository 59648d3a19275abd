"""What becomes of a table, as nodes of ONNX: one input for each column, text or numbers."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.target import category_of
from portable_mlp.export.exported import ExportError, plain_text
from portable_mlp.export.onnx_graph import Graph
from portable_mlp.tables import Frame, TableEncoder
from portable_mlp.tables.cells import text_of
from portable_mlp.tables.encoder import CategoryColumn, NumberColumn

PREFIX = "X."
"""What the name of an input begins with, before that of its column: no output or node is called so."""


def check_texts(encoder: TableEncoder) -> None:
    """Refuses names and categories that ONNX can't have.

    Args:
        encoder: of the tables.

    Raises:
        ExportError: there is one.
    """
    levels = (level for column in encoder.categories for level in column.levels)
    for what, texts in (("name of a column", encoder.used), ("category", levels)):
        for text in texts:
            if any("\ud800" <= letter <= "\udfff" or letter == "\0" for letter in text):
                raise ExportError(
                    f"export: the {what} {text!a} is no Unicode or has a zero, expected text that .onnx "
                    "can have; export to a name that ends in .py, which can have any."
                )


def inputs(encoder: TableEncoder) -> list[Any]:
    """The inputs of the graph, in the order of the table: float64 and text (rows,).

    Args:
        encoder: of the tables.
    """
    from onnx import TensorProto, helper

    forms = "1.0 is 1; True, true and TRUE are one; any other form is another category"
    text = TensorProto.STRING, f"text without spaces around it; empty for a gap; {forms}"
    number = TensorProto.DOUBLE, "numbers; NaN for a gap"
    made = []
    for name in encoder.used:
        kind, said = text if name in encoder.categorical else number
        made.append(helper.make_tensor_value_info(_input(name), kind, ["rows"], said))
    return made


def table_nodes(graph: Graph, encoder: TableEncoder) -> str:
    """Adds the nodes from the inputs to the numbers of the rows, which are worked out in float64.

    Args:
        graph: where they go.
        encoder: of the tables.

    Returns:
        The name of the numbers (rows, width), in the graph's precision.
    """
    parts = [_numbers(graph, encoder)] if encoder.numbers else []
    parts += [_category(graph, column) for column in encoder.categories]
    return graph.add("Concat", *parts, axis=1)


def _numbers(graph: Graph, encoder: TableEncoder) -> str:
    """All columns of numbers together, and those that say where gaps are."""

    def exact(value: Any) -> str:
        return graph.array(np.asarray(value, np.float64))

    columns = encoder.numbers
    x = graph.add("Concat", *(_column(graph, _input(c.name)) for c in columns), axis=1)
    z = graph.add("Sub", x, exact([column.shift for column in columns]))
    z = graph.add("Mul", z, exact([column.factor for column in columns]))
    z = graph.add("Clip", z, exact(-1e30), exact(1e30))
    if encoder.clip:
        third = graph.add("Div", z, exact(3.0))
        square = graph.add("Add", graph.add("Mul", third, third), exact(1.0))
        z = graph.add("Div", z, graph.add("Sqrt", square))
    gaps = graph.add("IsNaN", x)
    z = graph.cast(graph.add("Where", gaps, exact(0.0), z))
    places: list[int] = []
    for place, column in enumerate(columns):
        places += [place, len(columns) + place] if column.gaps else [place]
    both = graph.add("Concat", z, graph.cast(gaps), axis=1)
    return graph.add("Gather", both, graph.array(np.asarray(places)), axis=1)


def _category(graph: Graph, column: CategoryColumn) -> str:
    """One column of categories: -1 and +1, one-hot, or a number."""
    known = _forms(column)
    levels = list(map(plain_text, known))
    two = len(column.levels) == 2 and not column.embedded
    values = [-1.0, 1.0] if two else [float(k) for k in range(1, len(column.levels) + 1)]
    codes = graph.add(
        "LabelEncoder",
        _input(column.name),
        domain="ai.onnx.ml",
        keys_strings=levels,
        # a level with spaces around it, or that is a gap, is never met by the model
        values_floats=[values[k] if text_of(n) == n else 0.0 for n, k in known.items()],
        default_float=0.0,
    )
    numbers = _column(graph, graph.cast(codes))
    return numbers if two or column.embedded else graph.one_hot(numbers, np.asarray(values))


def _forms(column: CategoryColumn) -> dict[str, int]:
    """The place of each level, from 0, by the ways in which it may be written."""
    found = {level: k for k, level in enumerate(column.levels)}
    for k, level in enumerate(column.levels):
        for form in (f"{level}.0", level.lower(), level.upper()):
            if category_of(form) == level:
                found.setdefault(form, k)
    return found


def _column(graph: Graph, x: str) -> str:
    return graph.add("Unsqueeze", x, graph.array(np.asarray([1])))


def _input(name: str) -> str:
    return PREFIX + plain_text(name)


def samples(encoder: TableEncoder, rows: int) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
    """Random rows with every category, gaps, and what was never seen: encoded, and as they are given.

    Args:
        encoder: of the tables.
        rows: how many, at least.
    """
    random = np.random.default_rng(0)
    rows = max(rows, *(len(_forms(column)) + 2 for column in encoder.categories), 0)
    table: dict[str, NDArray[Any]] = {name: np.zeros(rows) for name in encoder.names}
    given: dict[str, NDArray[Any]] = {}
    for number in encoder.numbers:
        table[number.name] = given[_input(number.name)] = _some_numbers(number, rows, random)
    for column in encoder.categories:
        unseen = next(text for k in count() if (text := f"unseen {k}") not in column.levels)
        texts = [*(text_of(form) or "" for form in _forms(column)), "", unseen]
        chosen = [texts[k % len(texts)] for k in random.permutation(rows)]
        given[_input(column.name)] = np.array(chosen, object)
        table[column.name] = np.array([text_of(text) for text in chosen], object)
    return encoder.encode(Frame(table)), given


def _some_numbers(
    column: NumberColumn, rows: int, random: np.random.Generator
) -> NDArray[np.float64]:
    values = column.shift + 3 * random.standard_normal(rows) / column.factor
    if column.gaps:
        values[random.random(rows) < 0.3] = np.nan
    return values
