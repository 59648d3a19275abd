"""Seconds that an import takes in a fresh Python, the modules in turn."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from importlib.util import find_spec
from statistics import median
from typing import Any

from benchmarks.processes import ROOT, say
from benchmarks.tables import show

NAME = "import"
MODULES = ("numpy", "portable_mlp", "sklearn.neural_network", "torch", "jax", "keras", "thinc.api")
ENVIRONMENT = {"KERAS_BACKEND": "jax"}
ROUNDS = 11
_SCRIPT = (
    "import time; started = time.perf_counter(); import {}; print(time.perf_counter() - started)"
)


def measure_all(options: argparse.Namespace) -> dict[str, Any]:
    """The first round fills the disk cache and does not count."""
    modules = [name for name in MODULES if find_spec(name.partition(".")[0]) is not None]
    say(f"{NAME}: {', '.join(modules)}")
    taken: dict[str, list[float]] = {name: [] for name in modules}
    for turn in range(ROUNDS + 1):
        for name in modules:
            seconds = one_import(name)
            if turn:
                taken[name].append(seconds)
    return {"seconds": taken}


def one_import(module: str) -> float:
    """Seconds of ``import module`` in a new process, Python's own start not counted."""
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(module)],
        cwd=ROOT,
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


def summary(found: dict[str, Any]) -> list[list[str]]:
    """Rows of module, median, least and most milliseconds."""
    return [
        [name, *(f"{1e3 * f(seconds):.0f}" for f in (median, min, max))]
        for name, seconds in found["seconds"].items()
    ]


COLUMNS = ("import", "ms, median", "min", "max")


def show_all(found: dict[str, Any]) -> None:
    """A table."""
    show(f"Milliseconds of an import, {ROUNDS} fresh processes each", COLUMNS, summary(found))
