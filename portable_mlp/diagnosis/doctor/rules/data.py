"""What the inputs and targets are like."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from portable_mlp.diagnosis.doctor import treatments as treat
from portable_mlp.diagnosis.doctor.case import Case, Suspicion
from portable_mlp.diagnosis.doctor.levels import (
    CERTAIN,
    DATA,
    LEARNED,
)
from portable_mlp.diagnosis.reference import Array
from portable_mlp.diagnosis.report import finding


def inputs(case: Case) -> Iterator[Suspicion]:
    """D05: features that are large, of different size or far from 0."""
    rows = case.patient.inputs_in_rows()
    if rows.dtype.kind not in "fiu" or len(rows) < 5 or case.learned < 0.05:
        return
    some = np.random.default_rng(0).permutation(len(rows))[:2000]
    rows = rows[np.sort(some), : rows.shape[1] - case.patient.codes].astype(float)
    varied = np.array([len(np.unique(c)) >= 5 for c in rows[:500].T])
    if varied.any():
        kept, number = rows[:, varied], np.flatnonzero(varied)
        size, spread = np.sqrt((kept**2).mean(axis=0)), kept.std(axis=0)
        ratio = float(spread.max() / max(float(spread.min()), 1e-300))
        # a column next to nothing beside others of about 1 is no harm; one of thousands is
        ratio = ratio if spread.max() > 3 else 1.0
        offsets = np.abs(kept.mean(axis=0)) / np.maximum(spread, 1e-300)
        offset = float(offsets.max())
        largest = float(size.max())
        seen = []
        if largest > 10 or (largest > 5 and ratio > 5):
            seen.append(
                f"feature {number[size.argmax()]} has a root mean square of {largest:.3g} "
                "(healthy: about 1)"
            )
        if largest < 0.05:
            seen.append(f"no feature has a root mean square above {largest:.3g} (healthy: about 1)")
        if ratio > 100:
            seen.append(
                f"standard deviations differ by a factor of {ratio:.3g} (healthy: below 10)"
            )
        if offset > 10:
            seen.append(
                f"the mean of feature {number[offsets.argmax()]} is {offset:.3g} standard deviations "
                "from 0 (healthy: below 3)"
            )
        if seen:
            found = finding("D05", "; ".join(seen), where=("X",))
            yield Suspicion(found, treat.with_scaled_inputs(), DATA)


def targets(case: Case) -> Iterator[Suspicion]:
    """D17: out of the output's reach. D34: of another size than the network."""
    patient = case.patient
    t = patient.targets_in_rows().astype(float)
    views = case.views(case.first)
    ends = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "softmax": (0.0, 1.0)}
    output = views[-1].activation if views else ""
    labels = t.shape[1] == 1 and views and views[-1].a.shape[1] > 1
    if labels or not np.isfinite(t).all():
        return
    if output in ends or output in ("relu",):
        low, high = ends.get(output, (0.0, float("inf")))
        outside = float(((t < low - 1e-6) | (t > high + 1e-6)).mean())
        if outside > 0.01:
            evidence = (
                f"{outside:.0%} of the targets lie outside of [{low:g}, {high:g}], which a {output} "
                f"gives; they go from {t.min():.3g} to {t.max():.3g}"
            )
            loss = patient.network.network.loss if patient.network is not None else ""
            if loss.endswith("mse"):
                cure = treat.with_activations(lambda a: (*a[:-1], "identity"), "a linear output")
            else:
                cure = treat.with_targets_between(low, min(high, 1.0))
            sure = outside > 0.2
            tier = CERTAIN if sure else DATA
            yield Suspicion(finding("D17", evidence, where=("Y",)), cure, tier, certain=sure)
            return
    if case.classes is None and t.size > 4:
        spread, mean = float(t.std(axis=0).max()), float(np.abs(t.mean(axis=0)).max())
        size = _first_size(case)
        if spread > 10 * size or 0 < spread < 1e-3 * size or mean > 10 * max(spread, size):
            evidence = (
                f"targets have a standard deviation of {spread:.3g} and a mean of {mean:.3g} "
                "(healthy: about 1 and 0)"
            )
            found = finding("D34", evidence, where=("Y",))
            yield Suspicion(found, treat.with_standard_targets(), DATA)


def _first_size(case: Case) -> float:
    """How large the first outputs are, at least 1: of a linear output, what targets should be like."""
    outputs = case.patient.outputs(case.first.values, case.patient.probe()[0])
    if outputs is None or not np.isfinite(outputs).all():
        return 10.0
    return max(1.0, float(np.sqrt((outputs**2).mean())))


def labels(case: Case) -> Iterator[Suspicion]:
    """D24: neighbours in X have no more often the same label than strangers."""
    rows = case.patient.inputs_in_rows().astype(float)
    if len(rows) < 50 or case.learned < LEARNED:
        return
    some = np.random.default_rng(0).permutation(len(rows))[:800]
    x = rows[some]
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    _, kept = np.unique(x, axis=0, return_index=True)
    x, some = x[kept], some[kept]
    if len(x) < 50:
        return
    distance = (x * x).sum(axis=1)[:, None] - 2 * x @ x.T + (x * x).sum(axis=1)[None, :]
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argmin(axis=1)
    if case.classes is None:
        yield from _unlike_neighbours(case.patient.targets_in_rows()[some].astype(float), nearest)
        return
    c = case.classes[some]
    agree = float((c[nearest] == c).mean())
    shares = np.bincount(c) / len(c)
    chance = float((shares**2).sum())
    z = (agree - chance) / np.sqrt(chance * (1 - chance) / len(c)) if chance < 1 else 0.0
    if abs(z) < 2.5 and chance < 0.98 and case.learned > 0.6:
        evidence = (
            f"the nearest sample has the same label in {agree:.1%} of cases, by chance in {chance:.1%} "
            f"(z = {z:.1f}; where labels go with X: above 5). Either they do not, or there are too few "
            "rows for so many features"
        )
        yield Suspicion(finding("D24", evidence, where=("X", "Y")), None, DATA)


def _unlike_neighbours(t: Array, nearest: NDArray[np.int64]) -> Iterator[Suspicion]:
    """D24 in regression: Σ(t - t')² of nearest neighbours is twice the variance, as of strangers."""
    variance = float(t.var(axis=0).sum())
    if not variance:
        return
    apart = ((t - t[nearest]) ** 2).sum(axis=1) / (2 * variance)
    z = (1 - float(apart.mean())) * np.sqrt(len(t)) / max(float(apart.std()), 1e-12)
    if abs(z) < 2.5:
        evidence = (
            f"squared differences of nearest neighbours' targets are {apart.mean():.2f} times those of "
            f"strangers (z = {z:.1f}; where targets go with X: above 5). Either they do not, or there "
            "are too few rows for so many features"
        )
        yield Suspicion(finding("D24", evidence, where=("X", "Y")), None, DATA)


def conflicts(case: Case) -> Iterator[Suspicion]:
    """D32: rows of X that occur again with another target."""
    rows = case.patient.inputs_in_rows()
    t = case.patient.targets_in_rows()
    if len(rows) < 10 or len(rows) != len(t) or case.learned < LEARNED:
        return
    rows, t = rows[:5000], t[:5000]
    unique, which = np.unique(rows, axis=0, return_inverse=True)
    if len(unique) > 0.8 * len(rows):
        return
    which = which.reshape(-1)
    order = np.argsort(which, kind="stable")
    same = which[order][1:] == which[order][:-1]
    other = (t[order][1:] != t[order][:-1]).any(axis=1)
    share = float((same & other).sum()) / len(rows)
    if share > 0.05:
        evidence = (
            f"{len(unique)} different inputs in {len(rows)} rows; {share:.0%} of the rows contradict "
            "another"
        )
        yield Suspicion(finding("D32", evidence, where=("X", "Y")), None, DATA)
