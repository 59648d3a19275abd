"""The measurements of this folder as one command.

python -m benchmarks.training --quick                     seconds per epoch in under three minutes
python -m benchmarks.training                             everything but the installed size
python -m benchmarks.training --points G1,G3 --contestants numpy,eager,floor --rounds 9
python -m benchmarks.training --only prediction,growth
OPENBLAS_CORETYPE=SkylakeX python -m benchmarks.training  with other kernels of numpy's BLAS

Tables go to standard output, progress to standard error, raw figures to benchmarks/results (with
--quick only if --save names a file). Every contestant has a process of its own, because two
libraries' threads in one process spin against each other; they take turns.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

from benchmarks import contestants, grid, results
from benchmarks.machine import about, arguments_of_this_run, blas_in_words
from benchmarks.processes import say
from benchmarks.rounds import measure
from benchmarks.tables import show_point


def training(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds per epoch at the points of the grid."""
    entries = contestants.chosen(options.contestants, quick=options.quick)
    found = {}
    for point in grid.chosen(options.points, quick=options.quick, rows=options.rows):
        found[point.name] = measure(
            point,
            entries,
            rounds=options.rounds,
            timeout=options.timeout,
            data_dir=options.data_dir,
        )
        if not options.json:
            show_point(found[point.name])
    return found


def measurements() -> dict[str, tuple[Callable[..., Any], Callable[..., Any]]]:
    """``(measure, show)`` of each name that ``--only`` takes."""
    from benchmarks import (
        accuracy_time,
        growth,
        import_time,
        installed_size,
        parts,
        prediction,
        subnormals,
    )

    others = (
        parts,
        accuracy_time,
        prediction,
        import_time,
        subnormals,
        growth,
        installed_size,
    )
    shown_at_once = (training, lambda found: None)
    return {"training": shown_at_once} | {m.NAME: (m.measure_all, m.show_all) for m in others}


NOT_BY_DEFAULT = ("size",)


def parsed(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="fewer points, contestants and rows; training alone")
    add("--only", help=f"with commas: {', '.join(measurements())}")
    add("--points", help=f"with commas: {', '.join(point.name for point in grid.GRID)}")
    add("--contestants", help="parts of names, with commas")
    add("--rounds", type=int, help="timed rounds; 5, with --quick 3")
    add("--rows", type=int, help="upper limit of the rows of an epoch")
    add("--timeout", type=float, default=300.0, help="seconds that one answer may take")
    add("--data-dir", help="folder of the Fashion-MNIST files")
    add("--json", action="store_true", help="raw figures on standard output in place of tables")
    add("--save", help="name of the results file; date and kernels of numpy's BLAS")
    options = parser.parse_args(words)
    options.rounds = options.rounds or (3 if options.quick else 5)
    try:  # before anything is measured
        grid.chosen(options.points, quick=options.quick, rows=options.rows)
        contestants.chosen(options.contestants, quick=options.quick)
        options.names = chosen_measurements(options)
    except ValueError as error:
        parser.error(str(error))
    return options


def chosen_measurements(options: argparse.Namespace) -> list[str]:
    """Names of the measurements to do.

    Raises:
        ValueError: an unknown one.
    """
    known = measurements()
    if options.only is None:
        return ["training"] if options.quick else [n for n in known if n not in NOT_BY_DEFAULT]
    names = [name.strip() for name in options.only.split(",")]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"--only: got {', '.join(unknown)}, expected {', '.join(known)}.")
    return names


def main() -> None:
    words = arguments_of_this_run()
    options = parsed(words)
    started, everything = time.perf_counter(), {}
    for name in options.names:
        measure_all, show_all = measurements()[name]
        conditions = about("benchmarks.training", words)
        found = measure_all(options)
        everything[name] = {"about": conditions, "found": found}
        if not options.json:
            show_all(found)
        if options.save or not options.quick:
            path = results.save(options.save or results.default_name(), name, conditions, found)
            say(f"{name}: saved in {path.relative_to(path.parents[2])}")
    if options.json:
        print(json.dumps(everything))
    blas = blas_in_words(conditions["blas"])
    say(f"{time.perf_counter() - started:.0f} s in all; BLAS of numpy: {blas}")


if __name__ == "__main__":
    main()
