"""What becomes of a system: trained as it was posted, diagnosed, trained without its faults."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from portable_mlp.diagnosis import DoctorReport, diagnose
from portable_mlp.diagnosis.catalogue import CATALOGUE
from portable_mlp.gallery.system import Program, System

Figures = dict[str, float]


@dataclass(frozen=True)
class Outcome:
    """One system from one seed.

    Args:
        id: of the system.
        seed: of its first weights.
        posted: figures after the training as it was posted.
        found: ids of the causes that the diagnosis of the posted program names, three at most.
        blocking: those whose fix made the loss fall on a copy.
        named: whether every true cause is among them.
        fixed: figures without the faults; empty where there is nothing to mend.
        fixed_blocking: causes that are said to block the mended program: none, if all is well.
        reached: whether the target of the mended program (of the posted one, where there is no other)
            was reached.
    """

    id: str
    seed: int
    posted: Figures
    found: tuple[str, ...]
    blocking: tuple[str, ...]
    named: bool
    fixed: Figures
    fixed_blocking: tuple[str, ...]
    reached: bool

    def to_dict(self) -> dict[str, Any]:
        """For JSON: numbers that are not finite become None."""
        found = asdict(self)
        for name in ("posted", "fixed"):
            found[name] = {k: v if math.isfinite(v) else None for k, v in found[name].items()}
        return found


def outcome_of(
    system: System,
    seed: int = 0,
    *,
    tell: Callable[[str, DoctorReport | None], None] = lambda words, report: None,
) -> Outcome:
    """Trains and diagnoses a system.

    Args:
        system: of the gallery.
        seed: of first weights and order.
        tell: is called with what is being done, and with each report.
    """
    tell("training it as it was posted", None)
    posted = _figures(system.posted(seed), seed)
    works = system.target is not None and _reached(posted, system.target)
    tell("diagnosing it", None)
    report = diagnose(**system.posted(seed).diagnosis_arguments(), seed=seed)
    tell("diagnosis", report)
    found = tuple(f.id for f in report.findings)
    named = all(any(id in accepted for id in found) for accepted in system.causes)
    fixed: Figures = {}
    fixed_blocking: tuple[str, ...] = ()
    if system.fixed is not None:
        tell("training it without its faults", None)
        fixed = _figures(system.fixed(seed), seed)
        tell("diagnosing that", None)
        mended = diagnose(**system.fixed(seed).diagnosis_arguments(), seed=seed)
        fixed_blocking = tuple(f.id for f in mended.blocking)
    reached = system.target is None or _reached(fixed or posted, system.target)
    return Outcome(
        system.id,
        seed,
        posted,
        found,
        tuple(f.id for f in report.blocking),
        named or (works and system.fixed is not None),
        fixed,
        fixed_blocking,
        reached,
    )


def _figures(program: Program, seed: int) -> Figures:
    return {name: float(value) for name, value in program.score(program.train(seed)).items()}


def _reached(figures: Mapping[str, float], target: tuple[str, float]) -> bool:
    name, number = target
    return figures.get(name, math.nan) >= number


def table(systems: Mapping[str, System], outcomes: Sequence[Outcome]) -> str:
    """The page docs/gallery.md.

    Args:
        systems: of the gallery.
        outcomes: of any number of seeds for each.
    """
    seeds = sorted({o.seed for o in outcomes})
    lines = [
        "# The gallery",
        "",
        "Networks that people wrote by hand and asked about, rebuilt in our own words and code:",
        "trained as posted, diagnosed, mended. `portable-mlp gallery` lists them, and",
        "`portable-mlp gallery S11` shows one. This page is made by",
        "`portable-mlp gallery --table docs/gallery.md`; every figure is from seeds "
        f"{', '.join(map(str, seeds))}, in this order.",
        "",
        "MNIST here is its test set of 10,000 images, the set that the author of S11 used:",
        "`PORTABLE_MLP_DATA=<folder>` names the folder with `mnist/` in it, and",
        "`portable_mlp.load_mnist()` downloads it.",
        "",
        "| | network | what was seen | true causes | the diagnosis names | posted | mended | claimed |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for id, system in systems.items():
        of = [o for o in outcomes if o.id == id]
        if not of:
            continue
        figure = system.target[0] if system.target else next(iter(of[0].posted), "")
        cells = (
            id,
            system.network,
            system.symptom,
            " and ".join("/".join(sorted(accepted)) for accepted in system.causes) or "none",
            "; ".join(dict.fromkeys(_named(o) for o in of)),
            _numbers([o.posted for o in of], figure),
            _numbers([o.fixed for o in of], figure) if of[0].fixed else "",
            system.claim,
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    ids = sorted({id for o in outcomes for id in (*o.found, *o.fixed_blocking)})
    ids += [i for s in systems.values() for c in s.causes for i in sorted(c) if i not in ids]
    lines += ["", "**Bold** ids are causes whose fix, tried on a copy, made the loss fall.", ""]
    lines += [f"- {id}: {CATALOGUE[id].title}" for id in sorted(set(ids)) if id in CATALOGUE]
    lines += ["", "## What was wrong", ""]
    for id, system in systems.items():
        lines += [f"**{id}, {system.title}.** {system.explanation}", ""]
    return "\n".join(lines).rstrip() + "\n"


def _named(outcome: Outcome) -> str:
    ids = [f"**{id}**" if id in outcome.blocking else id for id in outcome.found]
    return ", ".join(ids) or "nothing found"


def _numbers(figures: Sequence[Figures], name: str) -> str:
    values = [f.get(name, math.nan) for f in figures]
    shown = ", ".join("not finite" if not math.isfinite(v) else f"{v:.3g}" for v in values)
    return f"{name} {shown}"
