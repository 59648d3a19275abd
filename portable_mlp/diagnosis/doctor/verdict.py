"""From suspicions to a report: what was tried decides, then how sure a kind of cause is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from portable_mlp.diagnosis.doctor.case import Case, Suspicion
from portable_mlp.diagnosis.doctor.report import MOST, DoctorReport
from portable_mlp.diagnosis.doctor.rules import CERTAIN, GRADIENT, LEARNED, STATIC, SYMPTOM
from portable_mlp.diagnosis.doctor.trials import FEWEST, Trials, marked
from portable_mlp.diagnosis.doctor.trials import MOST as MOST_STEPS


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
        tried = {k for k, s in enumerate(ordered) if s.treatment is not None}
        ordered = [marked(s, (k in ends) if k in tried else None) for k, s in enumerate(ordered)]
    best = min(ends.values(), default=math.inf)
    keyed = []
    # nothing that was tried helps a network that learns nothing: then what is off is all there is to say
    helpless = not ends and case.learned > 0.9
    for k, s in enumerate(ordered):
        likely = helpless and s.tier != SYMPTOM and s.finding.harmful
        if not likely and not _counts(s, case, verify):
            report.noted.append(s.finding)
            continue
        near_best = k in ends and ends[k] <= best + 0.15
        sure = s.finding.blocking or (s.tier == CERTAIN and s.finding.blocking is None)
        keyed.append(((not sure, not near_best and s.tier > GRADIENT, _rank(s), k), s))
    keyed.sort(key=lambda pair: pair[0])
    found = [s.finding for _, s in keyed]
    report.findings = found[:MOST]
    report.noted = found[MOST:] + report.noted
    symptoms = [f for f in report.noted if f.id in ("D04", "D22", "D23")]
    if not report.findings and symptoms:
        report.findings = symptoms[:1]
        report.noted = [f for f in report.noted if f is not symptoms[0]]


def _rank(s: Suspicion) -> float:
    """What comes first among causes that were all shown to block."""
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
