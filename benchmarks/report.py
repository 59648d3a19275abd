"""docs/benchmarks.md and its plots, from the files in benchmarks/results.

python -m benchmarks.report

All figures come from the files. To have new ones, measure again; to leave some out, delete a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks import (
    accuracy_time,
    growth,
    import_time,
    installed_size,
    parts,
    prediction,
    results,
    subnormals,
)
from benchmarks.comparison import TOLERANCE, allowed_difference, disturbed, doubts, rows_of
from benchmarks.contestants import CONTESTANTS
from benchmarks.gpu import ENTRIES as ON_GPU
from benchmarks.machine import blas_in_words
from benchmarks.plots import growth_plot, training_plot
from benchmarks.processes import ROOT, say
from benchmarks.tables import figure

PAGE = ROOT / "docs" / "benchmarks.md"
PLOTS = ROOT / "docs" / "benchmarks"

INTRODUCTION = """\
# Benchmarks

Written by `python -m benchmarks.report` from the files in `benchmarks/results`; not to be edited. The
command above each table measures it again: `python -m benchmarks.training --quick` gives a smaller one
in under three minutes.

**How it is measured.** Every contestant trains the same network on the same rows in float32: ReLU,
softmax cross-entropy, Adam with learning rate 0.001, Glorot's uniform first weights, shuffled every
epoch, batches gathered inside the time, the last and smaller batch included. Each has a process of its
own, because two libraries' threads in one process spin against each other; in each round everybody has
one turn, and another one is first. Everything is warm: compilation is over before the first round.
`portable_mlp` adds up loss and accuracy in every step; the others the loss, save thinc. Libraries use
as many threads as they choose.

**The floor** is the matrix products of the same training and nothing else, called step by step: no
gathering, no activation, no bias, no optimizer. The fastest library counts, so the floor can be another
library's than the contestant's; what makes one program of a whole epoch may come below it.

**Ratios** are worked out within each round, where two turns stand side by side; the median counts.

numpy multiplies with OpenBLAS, which chooses its kernels by the processor unless `OPENBLAS_CORETYPE`
says otherwise; where that was set, it stands in the command.
"""


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> str:
    """A Markdown table; all columns but the first, or the first few, to the right."""
    lines = [columns, ["---"] * texts + ["---:"] * (len(columns) - texts), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def conditions(name: str, about: Mapping[str, Any]) -> str:
    """Where, when and with what a section was measured."""
    machine, versions = about["machine"], about["versions"]
    gpu = f", {machine['gpu']}" if "gpu" in machine else ""
    return (
        f"```sh\n{about['command']}\n```\n\n"
        f"{about['date']}; {machine['processor']}, {machine['cores']} cores{gpu}; {machine['system']}; "
        f"numpy's BLAS: {blas_in_words(about['blas'])}; "
        f"{', '.join(f'{library} {version}' for library, version in versions.items())}. "
        f"Raw figures: `benchmarks/results/{name}.json`.\n"
    )


def training(name: str, found: Mapping[str, Any]) -> Iterator[str]:
    """The grid: what was trained, then a table for each kind of figure."""
    yield table(
        ("point", "network", "batch", "rows", "steps", "data"),
        [
            (
                p,
                r["point"]["network"],
                *(f"{r['point'][k]:,}" for k in ("batch_size", "rows", "steps")),
                r["source"],
            )
            for p, r in found.items()
        ],
    )
    plot = PLOTS / f"training-{name}.svg"
    training_plot(found, plot)
    yield f"![time of an epoch, as a multiple of the floor]({plot.relative_to(PAGE.parent)})\n"
    for title, cell in CELLS.items():
        yield f"{title}\n"
        yield grid_table(found, cell)
    yield from remarks(found)


CELLS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "Seconds of an epoch, median, and in brackets the least and the most:": lambda row: (
        f"{row['median']:.3g} ({row['min']:.3g}-{row['max']:.3g})"
    ),
    "Time as a multiple of the floor:": lambda row: figure(row["to_floor"]),
    "Time as a multiple of portable_mlp's, in the first row; above 1 is slower:": lambda row: (
        figure(row["to_ours"])
    ),
    "Test accuracy after the warm-up's epochs:": lambda row: figure(row["accuracy"], 4),
    "Most memory of the process in MiB, Python, library and data included:": lambda row: str(
        row["peak_mebibytes"]
    ),
}


def grid_table(found: Mapping[str, Any], cell: Callable[[Mapping[str, Any]], str]) -> str:
    """Contestants down, points across; contestants without any figure are left out."""
    rows = {p: {row["name"]: row for row in rows_of(result)} for p, result in found.items()}
    names = dict.fromkeys(name for point in rows.values() for name in point)
    ordered = [name for name in (*CONTESTANTS, *ON_GPU) if name in names]
    lines = []
    for name in dict.fromkeys([*ordered, *names]):
        cells = [cell(point[name]) if name in point else "-" for point in rows.values()]
        if any(text != "-" for text in cells):
            lines.append([name, *cells])
    return table(("", *rows), lines)


def remarks(found: Mapping[str, Any]) -> Iterator[str]:
    """Who was left out and why, and whether the accuracies agree."""
    reasons: dict[str, list[str]] = {}
    for point, result in found.items():
        for name, reason in result["left_out"].items():
            reasons.setdefault(f"{name}: {reason}", []).append(point)
    for text, points in reasons.items():
        yield f"- Left out at {', '.join(points)}: {text}\n"
    learnable = {point: result for point, result in found.items() if result["learnable"]}
    sentences = [f"{point}: {text}" for point, result in found.items() for text in doubts(result)]
    yield from doubtful(sentences)
    if learnable and not sentences:
        most = max(allowed_difference(0.9, result["test_rows"]) for result in learnable.values())
        yield (
            "Steps are equal, losses fall, and accuracies agree within what seeds and the number of "
            f"test rows explain ({TOLERANCE} plus three standard errors; at most {most:.3f} at 0.9).\n"
        )


def doubtful(sentences: Iterable[str]) -> Iterator[str]:
    """A list of what a reader should know before using the figures, if there is anything."""
    lines = [f"- Doubtful: {text}\n" for text in sentences]
    if lines:
        yield "".join(lines)


def one_table(
    columns: Sequence[str], summary: Callable[[Any], Any]
) -> Callable[..., Iterator[str]]:
    """A section that is a single table."""

    def section(name: str, found: Mapping[str, Any]) -> Iterator[str]:
        yield table(columns, summary(found))
        yield from doubtful(disturbed(found))

    return section


def accuracy_section(name: str, found: Mapping[str, Any]) -> Iterator[str]:
    """Its columns are the goals."""
    yield f"{found['network']}, batch {found['batch_size']}, {found['rows']:,} rows.\n"
    yield table(accuracy_time.columns(found), accuracy_time.summary(found))
    yield from doubtful(disturbed(found))


def parts_section(name: str, found: Mapping[str, Any]) -> Iterator[str]:
    """A table, and who disturbed it."""
    yield table(parts.columns(), parts.summary(found))
    yield from doubtful(f"{x}: {text}" for x, r in found.items() for text in disturbed(r))


def growth_section(name: str, found: Mapping[str, Any]) -> Iterator[str]:
    """A plot and a table for each curve."""
    for axis, along in found.items():
        unit = "an epoch" if axis == "rows" else "a step"
        plot = PLOTS / f"growth-{axis}-{name}.svg"
        growth_plot(axis, along, plot)
        yield f"Milliseconds of {unit}, against {growth.AXES[axis]}:\n"
        yield f"![milliseconds against {axis}]({plot.relative_to(PAGE.parent)})\n"
        yield table(*growth.summary(along, axis))
        yield from doubtful(f"{x}: {text}" for x, r in along.items() for text in disturbed(r))


SECTIONS: Mapping[str, tuple[str, str, Callable[..., Iterator[str]]]] = {
    "training": ("Training", "", training),
    "parts": (
        "Where the time goes",
        "A step of portable_mlp on numpy is a list of calls; here a clock is read after each of them. "
        "Products are the floor's calls. Elementwise are biases, activations, loss, figures; the update "
        "is the gradient's norm and Adam; Python is everything between the calls and around the steps "
        "of an epoch: the numbers of a step, shuffling, the epoch's figures.",
        parts_section,
    ),
    "accuracy-time": (
        "Time to an accuracy",
        "Seconds of training on Fashion-MNIST until the test accuracy is first reached, and epochs: "
        "medians over the seeds. The accuracy is looked at after every epoch, outside of the time.",
        accuracy_section,
    ),
    "prediction": (
        "Prediction",
        "Microseconds of a call through 784-128-10, median of the rounds' medians. Each library gets "
        "and gives its own kind of array; portable_mlp and scikit-learn check the input.",
        one_table(prediction.columns(), prediction.summary),
    ),
    "import": (
        "Import",
        "Milliseconds of the import in a fresh Python, numpy included where a library imports it.",
        one_table(import_time.COLUMNS, import_time.summary),
    ),
    "size": (
        "Installed size",
        "What `pip install .` puts into an empty environment.",
        one_table(("package", "MiB"), installed_size.summary),
    ),
    "subnormals": (
        "Subnormal numbers",
        "Milliseconds of an epoch after half of the inputs became 0: at once, and when the first "
        "moments of Adam that belong to them have decayed into subnormal numbers, on which some "
        "processors compute slowly.",
        one_table(subnormals.COLUMNS, subnormals.summary),
    ),
    "growth": (
        "Growth",
        "How time grows with the size of the work, on random data. Both axes are logarithmic.",
        growth_section,
    ),
    "gpu": (
        "On a GPU",
        "The grid with fewer rows, timed by events of the device where the library has them.",
        training,
    ),
}


def page(files: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The parts of the page, which blank lines separate."""
    yield INTRODUCTION
    for section, (title, text, write) in SECTIONS.items():
        with_it = {n: f[section] for n, f in files.items() if f.get(section, {}).get("found")}
        if not with_it:
            continue
        yield f"## {title}\n"
        if text:
            yield f"{text}\n"
        for name, part in with_it.items():
            if len(with_it) > 1:
                yield f"### {title}: {name}\n"
            yield conditions(name, part["about"])
            yield from write(name, part["found"])
    yield contestants_section()


def contestants_section() -> str:
    """What each name in the tables stands for."""
    entries = {**ON_GPU, **CONTESTANTS}
    rows = [(f"`{name}`", entry.what) for name, entry in sorted(entries.items())]
    return f"## Contestants\n\n{table(('name', 'what it does'), rows, texts=2)}"


_PRIVATE = re.compile(r"/home/|/root/|/tmp/|/usr/|/opt/|[A-Z]:\\\\|https?://")


def checked(text: str) -> str:
    """The text, if it holds no paths or addresses of this machine.

    Raises:
        ValueError: it does.
    """
    found = _PRIVATE.search(text)
    if found:
        raise ValueError(
            f"the page would hold {text[found.start() :][:60]!r}; look into the results."
        )
    return text


def main() -> None:
    files = results.load_all()
    PLOTS.mkdir(parents=True, exist_ok=True)
    for old in PLOTS.glob("*.svg"):
        old.unlink()
    PAGE.write_text(checked("\n".join(page(files))))
    say(f"{PAGE.relative_to(ROOT)} from {', '.join(files) or 'no results'}")


if __name__ == "__main__":
    main()
