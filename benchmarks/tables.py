"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.comparison import disturbed, doubts, floor_of, rows_of


def show(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str = ""
) -> None:
    """Prints a table; the first column is text, the others are figures."""
    table = Table()
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console = Console()
    # a file or a pipe has no width to keep to
    console.width = console.width if console.is_terminal else 120
    console.print(f"\n{title}", table, *([caption] if caption else []), sep="\n", highlight=False)


def show_point(result: Mapping[str, Any]) -> None:
    """Seconds per epoch of everybody at one point, and what is doubtful."""
    point, floor = result["point"], floor_of(result)
    columns = ("", "seconds", "min", "max", "× floor", "× ours", "accuracy", "MiB")
    rows = [
        (
            row["name"],
            f"{row['median']:.4f}",
            f"{row['min']:.4f}",
            f"{row['max']:.4f}",
            figure(row["to_floor"]),
            figure(row["to_ours"]),
            figure(row["accuracy"], 4),
            f"{row['peak_mebibytes']}",
        )
        for row in rows_of(result)
    ]
    accuracy = (
        f"accuracy: {result['test_rows']} test rows after {point['accuracy_epochs']} epochs"
        if result["learnable"]
        else "no accuracies"
    )
    show(
        f"{point['name']}: {point['network']}, batch {point['batch_size']}, {point['rows']} rows, "
        f"{result['source']}",
        columns,
        rows,
        f"seconds of an epoch of {point['steps']} steps; floor: {floor}; {accuracy}",
    )
    for sentence in doubts(result):
        print(f"DOUBTFUL {point['name']}: {sentence}")
    for name, reason in result["left_out"].items():
        print(f"left out {point['name']}: {name}: {reason}")


def show_disturbance(name: str, found: Mapping[str, Any]) -> None:
    """Prints whether other programs computed meanwhile."""
    for sentence in disturbed(found):
        print(f"DOUBTFUL {name}: {sentence}")


def figure(value: float | None, digits: int = 2) -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"
