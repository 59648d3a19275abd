"""What the first weights are like."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from portable_mlp.diagnosis.doctor import treatments as treat
from portable_mlp.diagnosis.doctor.case import Case, Suspicion, saturated_share
from portable_mlp.diagnosis.doctor.course import Moment
from portable_mlp.diagnosis.doctor.levels import (
    CERTAIN,
    DATA,
    LEARNED,
    STATISTICS,
)
from portable_mlp.diagnosis.reference import Array
from portable_mlp.diagnosis.report import finding


def first_weights(case: Case) -> Iterator[Suspicion]:
    """D06 too large, D07 all of one sign, D08 too small, D09 the same for all units."""
    patient = case.patient
    views = case.views(case.first)
    weights = [v.weight for v in views] or [
        k for k, v in enumerate(patient.start) if v.ndim == 2 and min(v.shape) > 1
    ]
    fresh = treat.with_fresh_weights()
    same, positive, large, small = [], [], [], []
    for number, k in enumerate(weights):
        w = patient.start[k]
        hidden = number < len(weights) - 1
        if views:
            w = views[number].matrix
        if w.size >= 2 and _same_units(w, hidden, len(weights)):
            same.append(k)
            continue
        if w.size >= 6 and (w > 0).mean() > 0.99:
            positive.append(k)
        size = float(np.sqrt((w * w).mean()))
        rules = [treat.spread_of(patient, k, relu) for relu in (False, True)]
        if size > 3.5 * max(rules):
            large.append((size / max(rules), k))
        if size < 0.3 * min(rules):
            small.append((size / min(rules), k))
    names = patient.names
    if same:
        evidence = "all units of the layer begin with the same weights, so they stay the same"
        where = [names[k] for k in same]
        zero = finding("D09", evidence, where=where)
        yield Suspicion(zero, fresh, CERTAIN if len(weights) > 1 else STATISTICS)
        return
    if positive:
        found = finding(
            "D07",
            "every first weight is positive (healthy: half of them)",
            where=[names[k] for k in positive],
        )
        yield Suspicion(found, fresh, STATISTICS)
    if large and not positive:
        ratio = max(large)[0]
        sure = ratio > 10 and case.learned > LEARNED
        evidence = f"first weights are {ratio:.3g} times as large as Glorot's rule has them"
        evidence += _flat_layers(case, case.first)
        yield Suspicion(
            finding("D06", evidence, where=[names[k] for _, k in large]),
            fresh,
            STATISTICS,
            certain=sure,
        )
    if small and len(weights) > 1 and case.learned > 0.3:
        ratio = min(small)[0]
        evidence = f"first weights are {ratio:.2g} times as large as Glorot's rule has them"
        if views:
            spread = float(views[-1].z.std(axis=0).mean())
            evidence += f"; the outputs vary by {spread:.2g} over the samples"
        yield Suspicion(
            finding("D08", evidence, where=[names[k] for _, k in small]), fresh, STATISTICS
        )


def strong_penalty(case: Case) -> Iterator[Suspicion]:
    """D36: ½ λ ΣW² keeps the weights at 0."""
    patient = case.patient
    if patient.network is None or case.learned < LEARNED:
        return
    strength = patient.divisor(patient.per_step)[1]
    if not strength > 0:
        return
    ends = patient.network.squared_weights(case.last.values)
    starts = patient.network.squared_weights(patient.start)
    sizes = f"‖W‖ went from {np.sqrt(starts):.3g} to {np.sqrt(ends):.3g}"
    evidence = f"λ of ½ λ ΣW² is {strength:.3g}; {sizes}"
    yield Suspicion(finding("D36", evidence), treat.without_penalty(), DATA)


def _same_units(w: Array, hidden: bool, layers: int) -> bool:
    """Whether all columns of (in, out) weights are equal; of an output layer, all rows too."""
    if layers == 1:
        return False  # without hidden units there is nothing to break the symmetry of
    size = float(np.abs(w).max())
    columns = w.shape[1] > 1 and bool(np.ptp(w, axis=1).max() <= 1e-12 * size)
    if hidden:
        return columns
    return size == 0 or (w.shape[0] > 1 and bool(np.ptp(w, axis=0).max() <= 1e-12 * size))


def _flat_layers(case: Case, moment: Moment) -> str:
    flat = [
        f"{v.name} {saturated_share(v):.0%}" for v in case.views(moment) if saturated_share(v) > 0.5
    ]
    return f"; saturated: {', '.join(flat)}" if flat else ""
