"""What is seen where something is wrong, and is no cause by itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from portable_mlp.diagnosis.doctor.case import Case, Suspicion
from portable_mlp.diagnosis.doctor.levels import (
    LEARNED,
    SYMPTOM,
)
from portable_mlp.diagnosis.report import finding


def growing(case: Case) -> Iterator[Suspicion]:
    """D14: changes that grow more than tenfold from one look to the next, or exceed the weights."""
    sizes = [
        float(np.sqrt(sum((c * c).sum() for c in m.change))) * case.patient.scale
        for m in case.course.moments
        if all(np.isfinite(c).all() for c in m.change)
    ]
    weights = float(np.sqrt(sum((v * v).sum() for v in case.last.values)))
    growth = max((b / a for a, b in pairwise(sizes) if a > 0), default=1.0)
    if growth > 10 and case.learned > LEARNED and max(sizes) > 0.1 * weights:
        evidence = f"from one look to the next an update grew {growth:.3g} times"
        yield Suspicion(finding("D14", evidence), None, SYMPTOM)


def oscillation(case: Case) -> Iterator[Suspicion]:
    """D31: the loss turns at more than half of the looks, and some steps are too long, some not."""
    losses = [m.measure for m in case.course.moments if np.isfinite(m.measure)]
    moves = np.sign(np.diff(losses))
    turns = int((moves[1:] * moves[:-1] < 0).sum())
    long = [k for k in case.halvings.values() if 0 <= k < 20]
    if len(moves) > 4 and turns > 0.5 * (len(moves) - 1) and 0 in long and max(long) > 0:
        evidence = f"of {len(moves)} changes of the loss from look to look, {turns} turned round"
        yield Suspicion(finding("D31", evidence), None, SYMPTOM)


def one_class(case: Case) -> Iterator[Suspicion]:
    """D27: the commonest class for nearly every sample, although there are others."""
    if case.classes is None or case.learned < LEARNED:
        return
    outputs = case.patient.outputs(case.last.values, case.patient.x)
    if outputs is None or not np.isfinite(outputs).all() or len(outputs) != len(case.classes):
        return
    said = outputs.argmax(axis=1) if outputs.shape[1] > 1 else (outputs[:, 0] > 0.5).astype(int)
    share = float(np.bincount(said).max()) / len(said)
    prior = float(np.bincount(case.classes).max()) / len(case.classes)
    if share > 0.99 and share > prior + 0.05:
        evidence = (
            f"{share:.0%} of the samples get one class, {prior:.0%} are of the commonest class"
        )
        yield Suspicion(finding("D27", evidence), None, SYMPTOM)


def symptoms(case: Case) -> Iterator[Suspicion]:
    """D22: the output ignores the input. D23: the loss stays at chance."""
    patient = case.patient
    probe_x, _ = patient.probe()
    outputs = patient.outputs(case.last.values, probe_x)
    if outputs is not None and np.isfinite(outputs).all() and case.learned > 0.9:
        spread = float(outputs.std(axis=0).mean())
        t = patient.targets_in_rows(patient.probe()[1]).astype(float)
        wanted = float(t.std(axis=0).mean())
        if wanted > 0 and spread < 0.05 * wanted:
            evidence = f"outputs vary by {spread:.2g} over the samples, targets by {wanted:.2g}"
            yield Suspicion(finding("D22", evidence), None, SYMPTOM)
            return
    if patient.network is not None and abs(case.learned - 1) < 0.02 and case.course.steps > 5:
        evidence = (
            f"the loss per sample is {case.learned * case.chance:.4g}; the best prediction that does "
            f"not look at X has {case.chance:.4g}"
        )
        yield Suspicion(finding("D23", evidence), None, SYMPTOM)
