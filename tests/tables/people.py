"""A table like that of a census: text, gaps, numbers that are codes, a column of names, perhaps dates.

``python people.py people.csv`` writes it.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

TOWNS = [f"town {k}" for k in range(25)]
JOBS = ["clerk", "cook", "nurse", "pilot"]
HEADER = ["id", "age", "hours", "sex", "job", "town", "member", "since", "income"]


def people(rows: int = 800, seed: int = 0) -> list[list[str]]:
    """The rows; income goes by age, hours, job and town, and gaps in ``job`` mean little of it."""
    random = np.random.default_rng(seed)
    made = []
    for number in range(rows):
        age, hours = int(random.integers(18, 80)), float(random.normal(38, 9))
        job, town = int(random.integers(-1, 4)), int(random.integers(0, 25))
        score = 0.04 * (age - 45) + 0.1 * (hours - 38) + 1.5 * (job - 1) + 2.0 * (town % 3 - 1)
        made.append(
            [
                f"P{number:05d}",
                "?" if random.random() < 0.1 else str(age),
                "" if random.random() < 0.05 else f"{hours:.1f}",
                str(random.choice(["female", "male"])),
                "NA" if job < 0 else f" {JOBS[job]}",
                TOWNS[town],
                str(random.random() < 0.5),
                f"{random.integers(1990, 2024)}-{random.integers(1, 13):02d}-01",
                ">50K" if score + random.normal() > 0 else "<=50K",
            ]
        )
    return made


def write(path: Path, rows: list[list[str]], *, without: tuple[str, ...] = ()) -> Path:
    """A .csv file without some of the columns."""
    kept = [k for k, name in enumerate(HEADER) if name not in without]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([row[k] for k in kept] for row in [HEADER, *rows])
    return path


if __name__ == "__main__":
    write(Path(sys.argv[1]), people())
