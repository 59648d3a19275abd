"""Whether an epoch slows down once Adam's first moments have decayed into subnormal numbers.

784-128-10, batch 32, random data. After a first epoch on all inputs, half of them are 0 for ever: the
gradients of their weights are exactly 0, and from about 800 steps on their first moments are
subnormal numbers, on which some processors compute slowly. The first epochs after the change are
compared with the last ones of 3,000 steps.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np

from benchmarks.contestants import CONTESTANTS
from benchmarks.contestants.contestant import Task
from benchmarks.contestants.portable import Portable
from benchmarks.datasets import Arrays, random_arrays
from benchmarks.grid import Point
from benchmarks.rounds import team_for
from benchmarks.tables import figure, show, show_disturbance

NAME = "subnormals"
POINT = Point("subnormals", (784, 128, 10), 32, "random", rows=3_200)
EPOCHS = 31
COMPARED = 5
RUNNERS = ("portable_mlp numpy", "portable_mlp numpy, plain")


class HalfTheInputs(Portable):
    """Trains on all inputs once, then on the first half of them.

    Args:
        task: what is to be trained.
        arrays: the data.
        options: of `Portable`.
    """

    def __init__(self, task: Task, arrays: Arrays, **options: Any) -> None:
        super().__init__(task, arrays, **options)
        self.train(1)
        half = np.array(arrays.X)
        half[:, half.shape[1] // 2 :] = 0
        self.X = self.own(half)


def measure_all(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of each epoch."""
    entries = {
        name: replace(CONTESTANTS[name], make="benchmarks.subnormals:HalfTheInputs")
        for name in RUNNERS
    }
    arrays = random_arrays(POINT, "random numbers")
    with team_for(POINT, arrays, entries, timeout=options.timeout) as team:
        watch = team.watch()
        answers = team.each(lambda w: w.ask("train", epochs=EPOCHS))
        return {
            "steps": POINT.steps * EPOCHS,
            "seconds": {name: answer["seconds"] for name, answer in answers.items()},
            "left_out": team.left_out,
            "disturbance": watch.cores(),
        }


def summary(found: dict[str, Any]) -> list[list[str]]:
    """Rows of contestant, early and late milliseconds of an epoch, and late / early."""
    rows = []
    for name, seconds in found["seconds"].items():
        early = median(seconds[1 : 1 + COMPARED])
        late = median(seconds[-COMPARED:])
        rows.append([name, f"{1e3 * early:.1f}", f"{1e3 * late:.1f}", figure(late / early)])
    return rows


COLUMNS = ("", "ms, early epoch", "ms, late epoch", "late / early")


def show_all(found: dict[str, Any]) -> None:
    """A table."""
    show(
        f"Subnormal moments: an epoch of {POINT.steps} steps, at once and after {found['steps']}",
        COLUMNS,
        summary(found),
    )
    show_disturbance(NAME, found)
