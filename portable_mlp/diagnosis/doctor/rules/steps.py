"""What a step does: too long, too short."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from portable_mlp.diagnosis.doctor import treatments as treat
from portable_mlp.diagnosis.doctor.case import Case, Suspicion
from portable_mlp.diagnosis.doctor.levels import (
    LEARNED,
    SLOW,
    STEP,
)
from portable_mlp.diagnosis.doctor.patient import changed
from portable_mlp.diagnosis.report import finding


def step_length(case: Case) -> Iterator[Suspicion]:
    """D01, D02: the update overshoots. D03: it hardly moves."""
    patient, course = case.patient, case.course
    slopes = [s for s in case.slopes.values() if np.isfinite(s)]
    downhill = not slopes or np.median(slopes) > 0
    # a direction that goes up whatever its length is a small batch's noise, not too long a step
    halvings = [k for k in case.halvings.values() if 0 <= k < 20]
    early = [k for k in (case.halvings[m.step] for m in course.moments[:4]) if k < 20]
    usual = int(np.median(halvings)) if halvings else 0
    too_long = usual >= 1 or max(early, default=0) >= 2
    if downhill and (course.diverged is not None or (too_long and case.learned > 0.1)):
        k = max(usual, max(early, default=0))
        seen = (
            f"a step must be halved {usual} times (median) before it lowers the loss, of the first steps "
            f"one {max(early, default=0)} times (healthy: 0)"
        )
        if course.diverged is not None:
            # later ones are of numbers that have exploded already
            k = max(3, *(case.halvings[m.step] for m in course.moments[:2]))
            seen = f"the parameters are not finite after {course.diverged} updates"
        doubled = _grows_with_the_batch(case)
        n = patient.per_step
        if doubled and n > 1:
            evidence = f"the same samples twice give a gradient twice as large (mean: 1); {seen}"
            cure = treat.scaled(1 / n, f"the gradient divided by {n} samples")
            found = finding("D02", evidence, factor=n)
            yield Suspicion(found, cure, STEP)
        factor = 2.0 ** (k + 1)
        cure = treat.scaled(1 / factor, f"steps {factor:g} times shorter")
        yield Suspicion(finding("D01", seen, factor=f"{factor:g}"), cure, STEP)
        return
    moved = _moved(case)
    if usual == 0 and downhill and case.learned > LEARNED:
        longer = _longer_step(case)
        if longer >= 4:
            evidence = (
                f"after {course.steps} updates the weights have moved by {moved:.2g} of their size, and "
                f"a step {longer:g} times longer still goes down"
            )
            cure = treat.scaled(longer / 2, f"steps {longer / 2:g} times longer")
            yield Suspicion(finding("D03", evidence, factor=f"{longer / 2:g}"), cure, SLOW)


def _grows_with_the_batch(case: Case) -> bool:
    patient = case.patient
    n = min(patient.per_step, 32)
    few = np.arange(n)
    x, y = patient.take(few)
    xx, yy = patient.take(np.concatenate([few, few]))
    try:
        once = patient.slopes(case.first.values, x, y)
        twice = patient.slopes(case.first.values, xx, yy)
    except ValueError:
        return False
    pairs = [(a, b) for a, b in zip(once, twice, strict=True) if a is not None and b is not None]
    a = np.sqrt(sum(float((a * a).sum()) for a, _ in pairs))
    b = np.sqrt(sum(float((b * b).sum()) for _, b in pairs))
    return bool(a > 0 and abs(b / a - 2) < 0.01)


def _moved(case: Case) -> float:
    """‖θ - θ₀‖ / ‖θ₀‖ over the weights."""
    ends = zip(case.last.values, case.first.values, strict=True)
    apart = [
        (float(((v - s) ** 2).sum()), float((s * s).sum())) for v, s in ends if v.shape == s.shape
    ]
    size = sum(s for _, s in apart)
    return float(np.sqrt(sum(d for d, _ in apart) / size)) if size else 0.0


def _longer_step(case: Case) -> float:
    """How many times longer, in powers of 2, the first and the last step may be and still go down."""
    found = []
    for moment in (case.first, case.last):
        factor, low = 1.0, moment.measure
        while factor < 2**14:
            after = case.loss(
                changed(moment.values, moment.change, 2 * factor * case.patient.scale)
            )
            if not after < low:
                break
            factor, low = 2 * factor, after
        found.append(factor)
    return min(found)
