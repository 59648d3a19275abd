"""From suspicions to a report: what was tried decides, then how sure a kind of cause is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from portable_mlp.diagnosis.doctor.case import Case, Suspicion
from portable_mlp.diagnosis.doctor.levels import CERTAIN, GRADIENT, LEARNED, STATIC, STEP, SYMPTOM
from portable_mlp.diagnosis.doctor.report import MOST, DoctorReport
from portable_mlp.diagnosis.doctor.trials import FEWEST, Trials, marked
from portable_mlp.diagnosis.doctor.trials import MOST as MOST_STEPS

SYMPTOMS = ("D04", "D22", "D23", "D27", "D14")
"""What is said where no cause was found, the first of these that was seen."""
STRUCTURAL = ("R16", "R18")
"""Faults of a program that its slope at random points says little about."""
NEAR = 0.15
"""Ends of trials that differ by less, in units of chance, are equally good."""


def decide(
    report: DoctorReport,
    case: Case,
    suspicions: Sequence[Suspicion],
    verify: bool,
    until: float,
    seed: int,
    progress: Callable[[str], None],
) -> None:
    """Fills in ``findings``, ``noted`` and ``trials``.

    Args:
        report: to be filled in.
        case: the patient as it is.
        suspicions: of all rules.
        verify: whether fixes are tried.
        until: the time at which trials end.
        seed: of the order of the samples.
        progress: is told what is being tried.
    """
    ordered = sorted(suspicions, key=lambda s: (s.tier, not s.finding.harmful))
    ends: dict[int, float] = {}
    if verify and any(s.treatment is not None for s in ordered):
        trials = Trials(case.patient, _steps(case, until, ordered), until, seed, progress)
        ends = trials.run(ordered)
        report.trials = trials.made
        ordered = [
            marked(s, (k in ends) if k in trials.tried else None) for k, s in enumerate(ordered)
        ]
    keyed = []
    # nothing that was tried helps a network that learns nothing: then what is off is all there is to say
    learned = report.trials and min(t.end for t in report.trials) < 0.2 * _unit(report, case)
    helpless = not ends and not case.learned <= 0.9  # NaN is no learning either
    for k, s in enumerate(ordered):
        disproved = s.finding.blocking is False and s.finding.id not in STATIC
        likely = helpless and s.tier != SYMPTOM and s.finding.harmful and not disproved
        if s.finding.id == "D24" and learned:
            continue  # what a copy has learned belongs together
        if not likely and not _counts(s, case, verify):
            report.noted.append(s.finding)
            continue
        keyed.append((s, ends.get(k, math.inf)))
    found = [s.finding for s in ranked(keyed)]
    report.findings = found[:MOST]
    report.noted = found[MOST:] + report.noted
    symptoms = [f for f in report.noted if f.id in SYMPTOMS]
    if not report.findings and symptoms:
        report.findings = symptoms[:1]
        report.noted = [f for f in report.noted if f is not symptoms[0]]


def _unit(report: DoctorReport, case: Case) -> float:
    """The loss at chance, or that of the start where chance is not known."""
    return 1.0 if case.patient.relative else report.trials[0].start


def ranked(keyed: Sequence[tuple[Suspicion, float]]) -> list[Suspicion]:
    """Causes in the order in which they are named.

    First what was there before the first step (programs, gradients, data, first weights) and was shown
    to block; then what is wrong in the program for certain, and not harmless by its slope; then the
    best of the other fixes; then what is certain but does no harm by itself; then the rest, which may
    follow from those before.

    Args:
        keyed: suspicions, each with the end of the best trial that shows it to be blocking.
    """
    groups: list[list[tuple[Suspicion, float]]] = [[], [], [], [], []]
    # what is out of order before the first step explains that steps do little
    abnormal = any(
        s.finding.id in STATIC or (s.certain and s.finding.id == "D19") for s, _ in keyed
    )
    for s, end in keyed:
        first = s.tier <= GRADIENT or s.finding.id in STATIC
        sure = s.finding.blocking or (s.tier == CERTAIN and s.finding.blocking is None)
        harmful = s.finding.harmful or s.finding.id in STRUCTURAL
        wrong = s.certain and s.tier <= GRADIENT and harmful
        place = 0 if first and sure else 1 if wrong else 2 if sure else 3 if s.certain else 4
        if s.finding.id == "D03" and abnormal:
            place = 4
        groups[place].append((s, end))
    others = sorted(groups[2], key=lambda pair: pair[0].tier)
    # another network does better nearly always: it is not named before steps that are too long
    same = [pair for pair in others if pair[0].finding.id not in ("D20", "D21")]
    same = same if any(s.tier == STEP for s, _ in same) else others
    best = min((end for _, end in same), default=math.inf)
    chosen = [pair for pair in same if pair[1] <= best + NEAR][:1]
    groups[2] = chosen
    groups[4] = [pair for pair in others if pair not in chosen] + groups[4]
    for place in (0, 1, 3):
        groups[place].sort(key=lambda pair: _rank(pair[0]))
    named = [s for group in groups for s, _ in group]
    # of wrong formulas that do no harm one is enough, as long as there is something else to say
    harmless = [s for s in named if s.finding.id[0] == "R" and not s.finding.harmful][1:]
    waiting = [s for s in named if s not in harmless and (s.certain or s.finding.id in STATIC)]
    front = [s for s in named if s not in harmless and (s.finding.blocking or s in waiting)]
    return front + harmless + [s for s in named if s not in front and s not in harmless]


def _rank(s: Suspicion) -> float:
    return GRADIENT + 0.5 if s.finding.id in STATIC and s.tier > GRADIENT else s.tier


def _counts(s: Suspicion, case: Case, verify: bool) -> bool:
    """Whether a suspicion is a finding; otherwise it is only noted."""
    if s.certain or s.finding.blocking:
        return True
    if s.tier == SYMPTOM or case.learned < LEARNED:
        return False
    if verify and s.treatment is not None:
        return False
    if s.treatment is None:
        return True
    return s.finding.harmful


def _steps(case: Case, until: float, suspicions: Sequence[Suspicion]) -> int:
    """Updates of a trial: as many as the time allows."""
    wanted = int(np.clip(case.patient.steps, FEWEST, MOST_STEPS))
    one = case.course.seconds / max(case.course.steps, 1)
    count = 1 + min(sum(s.treatment is not None for s in suspicions), 7)
    count += 9 if count > 2 else 0
    left = max(until - time.perf_counter(), 1.0)
    return int(np.clip(left / max(count * one, 1e-9), 10, wanted))
