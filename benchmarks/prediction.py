"""Microseconds of a prediction: one row and 10,000 rows through 784-128-10."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from statistics import median
from typing import Any

from benchmarks import contestants
from benchmarks.contestants import Entry
from benchmarks.datasets import random_arrays
from benchmarks.grid import Point
from benchmarks.rounds import team_for
from benchmarks.tables import show, show_disturbance

NAME = "prediction"
ROWS = (1, 10_000)
POINT = Point("prediction", (784, 128, 10), 128, "random", rows=1_024)
SECONDS = 0.3  # of calls, in each round

CALLS: Mapping[str, tuple[str, str]] = {
    "portable_mlp numpy, predict": ("portable_mlp numpy", "classes"),
    "portable_mlp numpy, predict_proba": ("portable_mlp numpy", "probabilities"),
    "scikit-learn, predict": ("scikit-learn", "classes"),
    "torch, inference_mode": ("torch eager", "classes"),
    "jax, jit": ("jax jit per step", "classes"),
    "matrix products alone, numpy": ("floor numpy", "classes"),
}
"""What is called: contestant and its method."""


def measure_all(options: argparse.Namespace) -> dict[str, Any]:
    """Rounds of calls; a round's figure is the median of its calls."""
    wanted = contestants.chosen(options.contestants, quick=False)
    calls = {label: call for label, call in CALLS.items() if call[0] in wanted}
    entries: dict[str, Entry] = {name: wanted[name] for name, _ in calls.values()}
    arrays = random_arrays(POINT, "random numbers")
    found: dict[str, dict[str, list[float]]] = {
        label: {str(rows): [] for rows in ROWS} for label in calls
    }
    with team_for(POINT, arrays, entries, timeout=options.timeout) as team:
        team.each(lambda w: w.ask("train", epochs=1))
        watch = team.watch()
        for _ in range(options.rounds):
            for label, (name, method) in calls.items():
                if name in team.workers:
                    for rows in ROWS:
                        taken = team.workers[name].ask(
                            "time_calls", method=method, rows=rows, seconds=SECONDS
                        )
                        found[label][str(rows)].append(taken)
        return {
            "network": POINT.network,
            "microseconds": found,
            "left_out": team.left_out,
            "disturbance": watch.cores(),
        }


def summary(found: dict[str, Any]) -> list[list[str]]:
    """Rows of call and median microseconds for each number of rows."""
    return [
        [label, *(f"{median(taken[str(rows)]):.1f}" for rows in ROWS)]
        for label, taken in found["microseconds"].items()
        if all(taken.values())
    ]


def columns() -> list[str]:
    """Headings of `summary`."""
    return ["", *(f"µs, {rows:,} row{'s' if rows > 1 else ''}" for rows in ROWS)]


def show_all(found: dict[str, Any]) -> None:
    """A table."""
    show(f"Microseconds of a prediction through {found['network']}", columns(), summary(found))
    show_disturbance(NAME, found)
