"""Where the time of a step goes: matrix products, gathering, elementwise work, the optimizer, Python.

The step of ``backend="numpy"`` is recorded and replayed as a list of calls; here a clock is read after
each of them. The part that a call belongs to is seen from what it does: which function, and whether it
writes to the parameters. "Python" is what the clock finds between the calls of the uninstrumented
program and in a training around the steps: the numbers of a step, shuffling, an epoch's figures.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np

from benchmarks import grid
from benchmarks.contestants import CONTESTANTS
from benchmarks.contestants.portable import Portable
from benchmarks.datasets import arrays_of
from benchmarks.rounds import team_for
from benchmarks.tables import show, show_disturbance
from portable_mlp.backends.program import CompiledLoop
from portable_mlp.backends.program.kernels import NumbaCompiler, available
from portable_mlp.backends.program.numpy_library import NumpyLibrary
from portable_mlp.backends.subnormals import subnormals_flushed
from portable_mlp.optim import Adam
from portable_mlp.training.carry import first_carry
from portable_mlp.training.problem import Data
from portable_mlp.training.step import Numbers, make_step

NAME = "parts"
RUNNER = "portable_mlp numpy"
PARTS = ("products", "gather", "elementwise", "update", "python")
SECONDS = 0.5  # of timed steps, in each round


class Parts(Portable):
    """A model whose step can be timed call by call."""

    def parts(self, seconds: float) -> dict[str, float]:
        """Microseconds of each part in a step, and of the whole step in a training: medians."""
        count, runs = 64, []
        with self.backend.scope(), subnormals_flushed():
            loop, arguments = self._loop(count)
            carry, *rest = arguments
            carry = loop(carry, *rest, 0, count)  # records, compiles
            lines, timed, taken = instrumented(loop)
            ends = time.perf_counter() + seconds
            while time.perf_counter() < ends or len(runs) < 3:
                started = time.perf_counter()
                carry = loop(carry, *rest, 0, count)
                runs.append((time.perf_counter() - started) / count)
                timed(carry, *rest, 0, count)
        found = dict.fromkeys(PARTS, 0.0)
        for line, of_line in zip(lines, taken, strict=True):
            found[part_of(line)] += 1e6 * median(of_line)
        in_training = self.train(3)
        whole = 1e6 * median(in_training["seconds"]) * 3 / in_training["steps"]
        found["python"] = max(whole - sum(v for k, v in found.items() if k != "python"), 0.0)
        return {**found, "whole": whole, "alone": 1e6 * median(runs)}

    def _loop(self, count: int) -> tuple[CompiledLoop, tuple[Any, ...]]:
        """The compiled loop and what it is called with: carry, data, row numbers, numbers."""
        problem, optimizer = self.model._problem, Adam()
        step = make_step(problem, optimizer)
        _ = problem.decay_mask
        compiler = NumbaCompiler() if available() else None
        loop = CompiledLoop(NumpyLibrary(self.backend.xp), step, self.backend.loop(step), compiler)
        size = min(self.task.batch_size, len(self.arrays.X))
        rows = np.stack([self.random.permutation(len(self.arrays.X))[:size] for _ in range(count)])
        numbers = [Numbers(optimizer.scalars(i + 1, 1e-3), 1.0, ()) for i in range(count)]
        carry = first_carry(problem, optimizer, problem.first_weights(0), None)
        return loop, (carry, Data(self.X, self.y, None), rows, numbers)


def instrumented(loop: CompiledLoop) -> tuple[list[str], Any, list[list[float]]]:
    """``(lines of a step, the program with a clock after each, seconds of each line)``."""
    lines: list[str] = []
    text: list[str] = []
    for line in loop.texts[0].splitlines():
        text.append(line)
        if line.startswith("    for "):
            text.append("        before = clock()")
        elif line.startswith("        "):
            text.append("        after = clock()")
            text.append(f"        taken[{len(lines)}].append(after - before)")
            text.append("        before = clock()")
            lines.append(_with_names_of_the_carry(line.strip(), loop.texts[0]))
    taken: list[list[float]] = [[] for _ in lines]
    names = {**loop.runs[0].__globals__, "clock": time.perf_counter, "taken": taken}
    exec(compile("\n".join(text), "<timed step>", "exec"), names)  # noqa: S102  (our own text)
    return lines, names["run"], taken


def _with_names_of_the_carry(line: str, text: str) -> str:
    """The line with ``parameters`` in place of the names of the weights and the optimizer's state."""
    held = re.findall(r"^    (v\d+) = carry\[(?:0|1)\]", text, re.MULTILINE)
    for name in held:
        line = re.sub(rf"\b{name}(_\d[\dx]*)?\b", "parameters", line)
    return line


def part_of(line: str) -> str:
    """The part of a step that a line of its program belongs to."""
    if ".take(" in line or line.startswith("gather("):
        return "gather"
    product = re.match(r"matmul\((\w+), (\w+),", line)
    if product and product[1] != product[2]:
        return "products"
    if product or "parameters" in line:  # the gradient's norm, or the optimizer's rule
        return "update"
    return "elementwise" if "(" in line else "python"


def measure_all(options: argparse.Namespace) -> dict[str, Any]:
    """Microseconds of the parts at each point, round by round."""
    entry = replace(CONTESTANTS[RUNNER], make="benchmarks.parts:Parts")
    found: dict[str, Any] = {}
    for point in grid.chosen(options.points, quick=options.quick, rows=options.rows):
        arrays = arrays_of(point, options.data_dir)
        with team_for(point, arrays, {RUNNER: entry}, timeout=options.timeout) as team:
            team.each(lambda w: w.ask("train", epochs=1))
            watch = team.watch()
            rounds = [
                team.each(lambda w: w.ask("parts", seconds=SECONDS)) for _ in range(options.rounds)
            ]
            found[point.name] = {
                "network": point.network,
                "batch_size": point.batch_size,
                "rounds": [answers[RUNNER] for answers in rounds if RUNNER in answers],
                "left_out": team.left_out,
                "disturbance": watch.cores(),
            }
    return found


def columns() -> list[str]:
    """Headings of `summary`."""
    return ["", "µs a step", *(f"{part}, %" for part in PARTS)]


def summary(found: Mapping[str, Any]) -> list[list[str]]:
    """Rows of point, microseconds of a step, and the share of each part."""
    rows = []
    for point, result in found.items():
        if result["rounds"]:
            middle = {k: median(r[k] for r in result["rounds"]) for k in (*PARTS, "whole")}
            whole = sum(middle[part] for part in PARTS)
            shares = (f"{100 * middle[part] / whole:.0f}" for part in PARTS)
            rows.append([point, f"{middle['whole']:.0f}", *shares])
    return rows


def show_all(found: Mapping[str, Any]) -> None:
    """A table."""
    show("Where the time of a step goes, portable_mlp on numpy", columns(), summary(found))
    for result in found.values():
        show_disturbance(NAME, result)
