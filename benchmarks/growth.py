"""How the time of a step grows with width, depth and batch, and the time of an epoch with rows."""

from __future__ import annotations

import argparse
from dataclasses import replace
from statistics import median
from typing import Any

from benchmarks.comparison import is_floor
from benchmarks.contestants import CONTESTANTS, OURS
from benchmarks.grid import Point
from benchmarks.rounds import measure
from benchmarks.tables import show, show_disturbance

NAME = "growth"
ROUNDS = 3
RUNNERS = (OURS, "torch eager", "jax jit per step", "floor numpy", "floor torch", "floor jax")
BASE = Point("growth", (784, 128, 10), 128, "random", rows=60_000)

WIDTHS = (64, 128, 256, 512, 1024, 2048)
DEPTHS = (1, 2, 4, 8, 16)
BATCHES = (16, 64, 256, 1024, 4096)
ROWS = (5_000, 15_000, 30_000, 60_000)


def points() -> dict[str, dict[int, Point]]:
    """The points of each curve, by what grows."""

    def steps(point: Point, count: int) -> Point:
        rows = point.batch_size * count
        return replace(point, rows=rows, samples=rows)

    return {
        "width": {
            w: steps(replace(BASE, sizes=(784, w, w, 10)), max(10, min(200, 20_000 // w)))
            for w in WIDTHS
        },
        "depth": {
            d: steps(replace(BASE, sizes=(784, *[128] * d, 10)), 200 // max(1, d // 2))
            for d in DEPTHS
        },
        "batch": {
            b: steps(replace(BASE, batch_size=b), max(12, min(400, 40_000 // b))) for b in BATCHES
        },
        "rows": {rows: replace(BASE, rows=rows, samples=rows) for rows in ROWS},
    }


AXES = {
    "width": "width of both hidden layers of 784-w-w-10, batch 128",
    "depth": "number of hidden layers of 128, batch 128",
    "batch": "batch size, 784-128-10",
    "rows": "rows of an epoch, 784-128-10, batch 128",
}
"""What each curve varies, in words."""


def measure_all(options: argparse.Namespace) -> dict[str, Any]:
    """Every point is measured as those of the grid are."""
    entries = {name: CONTESTANTS[name] for name in RUNNERS}
    return {
        axis: {
            str(x): measure(point, entries, rounds=ROUNDS, timeout=options.timeout)
            for x, point in along.items()
        }
        for axis, along in points().items()
    }


def curves(along: dict[str, Any], axis: str) -> dict[str, dict[int, float]]:
    """Milliseconds by x, by contestant: of a step, or of an epoch for ``rows``; one floor."""
    found: dict[str, dict[int, float]] = {}
    for x, result in along.items():
        for name, seen in result["contestants"].items():
            steps = 1 if axis == "rows" else result["point"]["steps"]
            milliseconds = 1e3 * median(seen["rounds"]) / steps
            label = "floor" if is_floor(name) else name
            curve = found.setdefault(label, {})
            curve[int(x)] = min(milliseconds, curve.get(int(x), float("inf")))
    return found


def summary(along: dict[str, Any], axis: str) -> tuple[list[str], list[list[str]]]:
    """Headings and rows: contestant, and its milliseconds at each x."""
    lines = curves(along, axis)
    headings = ["", *(f"{int(x):,}" for x in along)]
    rows = [
        [name, *(f"{curve[int(x)]:.3g}" if int(x) in curve else "-" for x in along)]
        for name, curve in lines.items()
    ]
    return headings, rows


def show_all(found: dict[str, Any]) -> None:
    """A table a curve."""
    for axis, along in found.items():
        unit = "epoch" if axis == "rows" else "step"
        show(f"Milliseconds of {unit}, against {AXES[axis]}", *summary(along, axis))
        for x, result in along.items():
            show_disturbance(f"{axis} {x}", result)
