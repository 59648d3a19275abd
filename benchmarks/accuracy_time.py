"""Seconds of training until a test accuracy is reached: 784-128-10 on Fashion-MNIST, batch 128."""

from __future__ import annotations

import argparse
from statistics import median
from typing import Any

from benchmarks import contestants
from benchmarks.datasets import arrays_of
from benchmarks.grid import GRID
from benchmarks.processes import say
from benchmarks.rounds import Team, team_for
from benchmarks.tables import figure, show, show_disturbance

NAME = "accuracy-time"
GOALS = (0.85, 0.88)
SEEDS = 5
MOST_EPOCHS = 20


def measure_all(options: argparse.Namespace) -> dict[str, Any]:
    """Epoch by epoch, the contestants in turn, until each has reached the last goal."""
    (point,) = (point for point in GRID if point.name == "G2")
    point = point.smaller(options.rows)
    arrays = arrays_of(point, options.data_dir)
    if not arrays.learnable:
        say(f"{NAME}: left out ({arrays.source})")
        return {}
    entries = contestants.chosen(options.contestants, quick=options.quick)
    entries = {name: entry for name, entry in entries.items() if not entry.is_floor}
    say(f"{NAME}: {point.network}, batch {point.batch_size}, {point.rows} rows")
    with team_for(point, arrays, entries, timeout=options.timeout) as team:
        team.each(lambda w: w.ask("train", epochs=1))  # compiled now
        paths: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in team.workers}
        watch = team.watch()
        for seed in range(SEEDS):
            say(f"  seed {seed + 1} of {SEEDS}")
            for name, path in one_seed(team, seed).items():
                paths[name].append(path)
        return {
            "network": point.network,
            "batch_size": point.batch_size,
            "rows": point.rows,
            "goals": GOALS,
            "paths": {name: paths[name] for name in team.workers},
            "left_out": team.left_out,
            "disturbance": watch.cores(),
        }


def one_seed(team: Team, seed: int) -> dict[str, list[tuple[float, float]]]:
    """``(seconds so far, test accuracy)`` after each epoch, by contestant."""
    team.each(lambda w: w.ask("reset", seed=seed))
    paths: dict[str, list[tuple[float, float]]] = {name: [] for name in team.workers}

    def go_on(worker: Any) -> None:
        path = paths[worker.name]
        if path and path[-1][1] >= max(GOALS):
            return
        so_far = path[-1][0] if path else 0.0
        seconds = so_far + sum(worker.ask("train", epochs=1)["seconds"])
        path.append((seconds, worker.ask("accuracy")))

    for turn in range(MOST_EPOCHS):
        team.each(go_on, turn)
    return paths


def reached(path: list[tuple[float, float]], goal: float) -> tuple[int, float] | None:
    """``(epochs, seconds)`` when a path first had the accuracy; None if it never had."""
    for i, (seconds, accuracy) in enumerate(path):
        if accuracy >= goal:
            return i + 1, seconds
    return None


def summary(found: dict[str, Any]) -> list[list[str]]:
    """Rows of contestant, and median seconds and epochs for each goal."""
    rows = []
    for name, paths in found["paths"].items():
        row = [name]
        for goal in found["goals"]:
            times = [reached(path, goal) for path in paths]
            if None in times:
                row += ["-", "-"]
            else:
                row.append(figure(median(seconds for _, seconds in times)))
                row.append(f"{median(epochs for epochs, _ in times):g}")
        rows.append(row)
    return rows


def columns(found: dict[str, Any]) -> list[str]:
    """Headings of `summary`."""
    return ["", *(text for g in found["goals"] for text in (f"s to {g:.2f}", "epochs"))]


def show_all(found: dict[str, Any]) -> None:
    """A table."""
    if found:
        show(
            f"Seconds of training until a test accuracy: {found['network']}, Fashion-MNIST",
            columns(found),
            summary(found),
            f"medians of {SEEDS} seeds; looked at after every epoch, which is not timed",
        )
        show_disturbance(NAME, found)
