"""The blind test: the diagnosis is given programs, and what it finds is compared with what was planted.

python -m benchmarks.diagnosis.blind --faulty 500 --healthy 500 --set judging --seed 1 --save found.json
python -m benchmarks.diagnosis.blind --set judging --seed 1 --only 17     faulty program 17: all about it
python -m benchmarks.diagnosis.blind --set judging --seed 1 --only h17    healthy program 17

A program is drawn from the set, the seed and its number alone; the diagnosis gets its functions, its data
and its settings, and nothing of the truth. An exception of the diagnosis counts as nothing found.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.diagnosis import scores

JUDGES = ("diagnose", "gradients")
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def main(arguments: list[str] | None = None) -> None:
    options = _options(arguments)
    os.environ.update(dict.fromkeys(THREADS, "1"))  # before numpy is imported, here and in workers
    if options.only:
        show_one(options)
        return
    began = time.perf_counter()
    records = examined(options)
    result = {
        "set": options.set,
        "seed": options.seed,
        "judge": options.judge,
        "wall_seconds": time.perf_counter() - began,
        "programs": records,
    }
    if options.save:
        options.save.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    show(result)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faulty", type=int, default=100, help="programs with a fault or two")
    parser.add_argument("--healthy", type=int, default=100, help="programs without")
    parser.add_argument("--set", choices=("tuning", "judging"), default="tuning")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--save", type=Path, help="JSON file")
    parser.add_argument("--only", help="a number, or h and a number for a healthy program")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for one report")
    parser.add_argument(
        "--judge", choices=JUDGES, default=JUDGES[0], help="gradients: the gradient check alone"
    )
    return parser.parse_args(arguments)


# -- one program -------------------------------------------------------------------------------------


def case_of(set_name: str, seed: int, number: str) -> Any:
    """The program of a number."""
    from benchmarks.diagnosis import cases

    if number.startswith("h"):
        return cases.healthy_case(set_name, seed, int(number[1:]))
    return cases.faulty_case(set_name, seed, int(number))


def report_on(program: Any, judge: str) -> Any:
    """What the diagnosis says of a program."""
    import portable_mlp

    shown = {
        "forward": program.forward if program.style.shows_forward else None,
        "update": program.update if program.style.shows_update else None,
    }
    if judge == "gradients":
        return portable_mlp.check_gradients(
            program.loss, program.gradients, program.params, program.X, program.Y, **shown
        )
    return portable_mlp.diagnose(
        loss=program.loss,
        gradients=program.gradients,
        params=program.params,
        X=program.X,
        Y=program.Y,
        train=program.train,
        **shown,
    )


def record_of(set_name: str, seed: int, number: str, judge: str, limit: float) -> dict[str, Any]:
    """Draws a program, has it judged, and puts both beside each other."""
    began = time.perf_counter()
    case = case_of(set_name, seed, number)
    drawn = time.perf_counter()
    record: dict[str, Any] = {
        "number": number,
        "planted": [truth(p) for p in case.planted],
        "program": described(case.program),
        "healthy": _finite(case.healthy),
        "faulty": _finite(case.faulty),
        "drawn_seconds": drawn - began,
        "found": [],
        "blocking": [],
        "noted": [],
        "ok": False,
        "exception": "",
    }
    began = time.perf_counter()
    try:
        with _time_limit(limit), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            report = report_on(case.program, judge)
        record["found"] = [f.id for f in report.findings]
        record["blocking"] = [f.blocking for f in report.findings]
        record["noted"] = [f.id for f in getattr(report, "noted", [])]
        record["ok"] = bool(report.ok)
    except Exception as error:
        record["exception"] = f"{type(error).__name__}: {error}"[:300]
    record["seconds"] = time.perf_counter() - began
    return record


def truth(planted: Any) -> dict[str, Any]:
    """A planted fault for a record."""
    from benchmarks.diagnosis.faults import FAULTS

    return {
        "name": planted.name,
        "place": FAULTS[planted.name].place,
        "accepted": sorted(planted.accepted),
        "words": planted.words,
    }


def described(program: Any) -> dict[str, Any]:
    """What a program is, for a reader."""
    style = program.style
    return {
        "data": f"{program.family}, {len(program.x)} samples{', offset' * program.offset}",
        "sizes": list(program.sizes),
        "hidden": list(program.hidden),
        "head": program.head,
        "loss": program.reduction + ", half" * (program.half and program.head.endswith("mse")),
        "penalty": program.penalty,
        "layout": "columns" if style.columns else "rows, (out, in)" if style.turned else "rows",
        "bias": style.bias if program.biases else "none",
        "container": style.container,
        "labels": style.labels,
        "shown": [n for n in ("forward", "update") if getattr(style, f"shows_{n}")],
        **program.train,
    }


@contextmanager
def _time_limit(limit: float) -> Iterator[None]:
    """Raises TimeoutError after so many seconds, where the system can."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_: Any) -> None:
        raise TimeoutError(f"no report after {limit:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None


# -- all of them -------------------------------------------------------------------------------------


def examined(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The records of all programs, in the order of their numbers."""
    numbers = [str(k) for k in range(options.faulty)] + [f"h{k}" for k in range(options.healthy)]
    made: dict[str, dict[str, Any]] = {}
    hits = faults = alarms = 0
    context = multiprocessing.get_context("spawn")
    with (
        Progress(console=Console(stderr=True)) as progress,
        ProcessPoolExecutor(options.workers, mp_context=context) as pool,
    ):
        task = progress.add_task("", total=len(numbers))
        waiting = {
            pool.submit(record_of, options.set, options.seed, n, options.judge, options.limit): n
            for n in numbers
        }
        for future in as_completed(waiting):
            record = made[waiting[future]] = future.result()
            hits += sum(
                bool(set(scores.found(record)) & set(p["accepted"])) for p in record["planted"]
            )
            faults += len(record["planted"])
            alarms += not record["planted"] and not record["ok"]
            words = f"{hits} of {faults} faults named, {alarms} false alarms"
            progress.update(task, advance=1, description=words)
            if not progress.console.is_terminal and len(made) % 50 == 0:
                progress.console.print(f"{len(made)} of {len(numbers)}: {words}", highlight=False)
    return [made[n] for n in numbers]


def show(result: dict[str, Any]) -> None:
    """Prints the scores."""
    records = result["programs"]
    console = Console()
    console.width = console.width if console.is_terminal else 120
    for title, rows in (
        ("Totals", scores.totals(records)),
        ("Each fault", scores.of_each_fault(records)),
    ):
        table = Table(title=f"{title}: set {result['set']}, seed {result['seed']}")
        for i, name in enumerate(("", "n", "first", "in three", "or noted", "precision")):
            table.add_column(name, justify="right" if i else "left", no_wrap=True)
        for r in rows:
            shares = (r.first, r.recall, r.seen, r.precision)
            table.add_row(r.name, str(r.n), *map(str, shares))
        console.print(table)
    healthy = [r for r in records if not r["planted"]]
    alarms, (usual, most) = scores.false_alarms(records), scores.seconds(records)
    low, high = alarms.interval
    console.print(
        f"False alarms: {alarms.part} of {alarms.whole} healthy programs (95 %: {low:.3f} to {high:.3f})",
        f"Ids named in error, faulty programs: {scores.false_ids([r for r in records if r['planted']])}",
        f"Ids named in error, healthy programs: {scores.false_ids(healthy)}",
        f"Seconds for a report: median {usual:.2f}, at most {most:.2f}",
        f"Exceptions: {len(scores.exceptions(records))}",
        *(f"  {r['number']}: {r['exception']}" for r in scores.exceptions(records)[:20]),
        sep="\n",
        highlight=False,
        markup=False,
    )


def show_one(options: argparse.Namespace) -> None:
    """Prints a program, the report on it, and the truth."""
    case = case_of(options.set, options.seed, options.only)
    print(json.dumps(described(case.program), indent=1))
    try:
        report = report_on(case.program, options.judge)
        print(f"\n{report}\n\nfound: {[f.id for f in report.findings]}")
        noted = getattr(report, "noted", [])
        print(f"noted: {[f.id for f in noted]}, ok: {report.ok}")
    except Exception:
        traceback.print_exc(file=sys.stdout)
    for planted in case.planted:
        print(f"truth: {planted.name} ({', '.join(sorted(planted.accepted))}): {planted.words}")
    this = f", this program {case.faulty:.3g}; {case.redrawn} redrawn" if case.planted else ""
    print(f"loss over that of the best constant outputs: healthy {case.healthy:.3g}{this}")


if __name__ == "__main__":
    main()
