"""What can keep a network from learning, beside a wrong gradient: one function for each kind.

Each rule looks at a case and gives suspicions. Thresholds are scale-free; the healthy figure stands in
the evidence. Where a fix can be tried, its effect decides and not the threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from portable_mlp.diagnosis.doctor import treatments as treat
from portable_mlp.diagnosis.doctor.case import Case, Suspicion, dead_units, saturated_share
from portable_mlp.diagnosis.doctor.course import Moment
from portable_mlp.diagnosis.doctor.patient import changed
from portable_mlp.diagnosis.reference import Array
from portable_mlp.diagnosis.report import finding

CERTAIN, GRADIENT, STEP, DATA, STATISTICS, SLOW, SYMPTOM = range(7)
STATIC = {"D05", "D06", "D07", "D08", "D09", "D17", "D34"}
"""What is there before the first step: it explains the length of the steps, not the other way round."""
LEARNED = 0.5
"""A loss of less than this share of chance is learning."""

Rule = Callable[[Case], Iterator[Suspicion]]


# --- the step ---------------------------------------------------------------------------------------


def step_length(case: Case) -> Iterator[Suspicion]:
    """D01, D02: the update overshoots. D03: it hardly moves."""
    patient, course = case.patient, case.course
    slopes = [s for s in case.slopes.values() if np.isfinite(s)]
    downhill = not slopes or np.median(slopes) > 0
    # a direction that goes up whatever its length is a small batch's noise, not too long a step
    halvings = [k for k in case.halvings.values() if 0 <= k < 20]
    early = [k for k in (case.halvings[m.step] for m in course.moments[:4]) if k < 20]
    usual = int(np.median(halvings)) if halvings else 0
    worst = max(halvings, default=0)
    too_long = usual >= 1 or max(early, default=0) >= 2
    if downhill and (course.diverged is not None or (too_long and case.learned > 0.1)):
        k = max(usual, max(early, default=0), 1 if course.diverged is None else 3)
        seen = (
            f"the parameters are not finite after {course.diverged} updates"
            if course.diverged is not None
            else f"a step must be halved {usual} times (median), {worst} at most, before it lowers the "
            "loss (healthy: 0)"
        )
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


# --- data -------------------------------------------------------------------------------------------


def inputs(case: Case) -> Iterator[Suspicion]:
    """D05: features that are large, of different size or far from 0. D32: the same rows again."""
    rows = case.patient.inputs_in_rows()
    if rows.dtype.kind not in "fiu" or len(rows) < 5:
        return
    rows = rows.astype(float)
    some = rows[:2000]
    varied = np.array([len(np.unique(c)) >= 5 for c in some.T])
    if varied.any():
        kept = rows[:, varied]
        size, spread = np.sqrt((kept**2).mean(axis=0)), kept.std(axis=0)
        ratio = float(spread.max() / max(float(spread.min()), 1e-300))
        # a column next to nothing beside others of about 1 is no harm; one of thousands is
        ratio = ratio if spread.max() > 3 else 1.0
        offset = float((np.abs(kept.mean(axis=0)) / np.maximum(spread, 1e-300)).max())
        largest = float(size.max())
        seen = []
        if largest > 20 or (largest > 5 and ratio > 5):
            seen.append(f"a feature has a root mean square of {largest:.3g} (healthy: about 1)")
        if ratio > 100:
            seen.append(
                f"standard deviations differ by a factor of {ratio:.3g} (healthy: below 10)"
            )
        if offset > 10:
            seen.append(f"a mean is {offset:.3g} standard deviations from 0 (healthy: below 3)")
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
    labels = case.classes is not None and t.shape[1] == 1 and views and views[-1].a.shape[1] > 1
    if labels:
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
        if spread > 100 or 0 < spread < 1e-3 or mean > 100 * max(spread, 1e-300):
            evidence = (
                f"targets have a standard deviation of {spread:.3g} and a mean of {mean:.3g} "
                "(healthy: about 1 and 0)"
            )
            found = finding("D34", evidence, where=("Y",))
            yield Suspicion(found, treat.with_standard_targets(), DATA)


def labels(case: Case) -> Iterator[Suspicion]:
    """D24: neighbours in X have no more often the same label than strangers. D27: one class."""
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
    if z < 2.5 and chance < 0.98 and case.learned > 0.6:
        evidence = (
            f"the nearest sample has the same label in {agree:.1%} of cases, by chance in {chance:.1%} "
            f"(z = {z:.1f}; data that can be learned: above 5)"
        )
        yield Suspicion(finding("D24", evidence, where=("X", "Y")), None, DATA)


def _unlike_neighbours(t: Array, nearest: NDArray[np.int64]) -> Iterator[Suspicion]:
    """D24 in regression: Σ(t - t')² of nearest neighbours is twice the variance, as of strangers."""
    variance = float(t.var(axis=0).sum())
    if not variance:
        return
    apart = ((t - t[nearest]) ** 2).sum(axis=1) / (2 * variance)
    z = (1 - float(apart.mean())) * np.sqrt(len(t)) / max(float(apart.std()), 1e-12)
    if z < 2.5:
        evidence = (
            f"targets of nearest neighbours differ by {apart.mean():.2f} times the variance, those of "
            f"strangers by 1 (z = {z:.1f}; data that can be learned: above 5)"
        )
        yield Suspicion(finding("D24", evidence, where=("X", "Y")), None, DATA)


# --- first weights ----------------------------------------------------------------------------------


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
        evidence = f"first weights are {ratio:.3g} times as large as Glorot's rule has them"
        evidence += _flat_layers(case, case.first)
        yield Suspicion(
            finding("D06", evidence, where=[names[k] for _, k in large]), fresh, STATISTICS
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


# --- the layers while it trains ---------------------------------------------------------------------


def dead_layers(case: Case) -> Iterator[Suspicion]:
    """D10: hidden ReLUs that are 0 for every sample. D11: outputs that are."""
    if case.learned < 0.1:
        return
    for moment in (case.first, case.last):
        views = case.views(moment)
        for number, view in enumerate(views):
            dead = dead_units(view)
            is_output = number == len(views) - 1
            if is_output and dead.any():
                constant = view.a[:, dead].std() < 1e-9
                evidence = (
                    f"{int(dead.sum())} of {len(dead)} outputs are below 0 for every sample and have "
                    f"no gradient, seen at step {moment.step}"
                )
                cure = treat.with_activations(lambda a: (*a[:-1], "identity"), "a linear output")
                if constant or "leaky" in view.activation:
                    found = finding("D11", evidence, where=(view.name,))
                    yield Suspicion(found, cure, STATISTICS, certain=bool(dead.all()))
                    return
            elif not is_output and dead.mean() > 0.5:
                evidence = (
                    f"{dead.mean():.0%} of the units of {view.name} are 0 for every sample, seen at step "
                    f"{moment.step} (healthy: below 20 %)"
                )
                cure = treat.with_activations(
                    lambda a: [
                        f.replace("leaky_relu", "relu").replace("relu", "leaky_relu") for f in a
                    ],
                    "leaky ReLUs",
                )
                if moment is case.first:
                    cure = treat.with_fresh_weights()
                found = finding("D10", evidence, where=(view.name,))
                yield Suspicion(found, cure, STATISTICS, certain=bool(dead.all()))
                return


def saturated_layers(case: Case) -> Iterator[Suspicion]:
    """D12: hidden sigmoids or tanhs in their flat parts."""
    if case.learned < LEARNED:
        return
    for moment in (case.first, case.last):
        for view in case.views(moment)[:-1]:
            share = saturated_share(view)
            if share > 0.7:
                evidence = (
                    f"{share:.0%} of the activations of {view.name} are in the flat part of "
                    f"{view.activation}, seen at step {moment.step} (healthy: below 50 %)"
                )
                cure = treat.with_fresh_weights()
                yield Suspicion(finding("D12", evidence, where=(view.name,)), cure, STATISTICS)
                return


def vanishing(case: Case) -> Iterator[Suspicion]:
    """D13: the first layer's relative update beside the last one's."""
    views = case.views(case.first)
    if len(views) < 3 or case.learned < LEARNED:
        return
    sizes = [float(np.linalg.norm(case.first.change[v.weight])) for v in views]
    norms = [float(np.linalg.norm(case.first.values[v.weight])) for v in views]
    if min(norms) == 0 or sizes[-1] == 0:
        return
    relative = [s / n for s, n in zip(sizes, norms, strict=True)]
    if relative[0] < 1e-3 * relative[-1]:
        evidence = (
            f"one update changes layer 1 by {relative[0]:.1e} of its size and the last by "
            f"{relative[-1]:.1e} (healthy: within a factor of 100)"
        )
        yield Suspicion(finding("D13", evidence), treat.with_fresh_weights(), SYMPTOM)


# --- what the network is ----------------------------------------------------------------------------


def hidden_softmax(case: Case) -> Iterator[Suspicion]:
    """D19: a softmax inside."""
    views = case.views(case.first)
    inside = [v for v in views[:-1] if v.activation.startswith("softmax")]
    if not inside:
        return
    mean = 1 / inside[0].a.shape[1]
    evidence = f"the units of {inside[0].name} sum to 1 for each sample, {mean:.2g} on average"
    cure = treat.with_activations(
        lambda a: [*("tanh" if f.startswith("softmax") else f for f in a[:-1]), a[-1]],
        "tanh in place of the hidden softmax",
    )
    yield Suspicion(
        finding("D19", evidence, where=[v.name for v in inside]), cure, STATISTICS, certain=True
    )


def linear_network(case: Case) -> Iterator[Suspicion]:
    """D21: nothing but straight lines."""
    views = case.views(case.first)
    if len(views) == 1 and case.learned > LEARNED:
        evidence = "there is no hidden layer: what the output depends on is one weighted sum"
        yield Suspicion(finding("D21", evidence), treat.with_hidden_layer(), DATA)
    if len(views) < 2 or any(v.activation != "identity" for v in views[:-1]):
        return
    evidence = "no hidden layer has an activation: the network is one linear map"
    cure = treat.with_activations(
        lambda a: [*("tanh" for _ in a[:-1]), a[-1]], "tanh in the hidden layers"
    )
    yield Suspicion(finding("D21", evidence), cure, DATA)


def no_bias(case: Case) -> Iterator[Suspicion]:
    """D20: layers without one."""
    network = case.patient.network
    if network is None or case.learned < LEARNED:
        return
    places = network.wiring.places
    if any(p.bias is not None or p.constant for p in places):
        return
    rows = case.patient.inputs_in_rows().astype(float)
    constant = (np.ptp(rows, axis=0) < 1e-12) & (np.abs(rows[0]) > 1e-12)
    if constant.any():
        return
    evidence = (
        "no array among the parameters is a bias, so an input of 0 has always the same output"
    )
    yield Suspicion(finding("D20", evidence, harmful=False), treat.with_biases(), DATA)


def mismatch(case: Case) -> Iterator[Suspicion]:
    """D16: an output and a loss that do not go together."""
    network = case.patient.network
    if network is None or case.classes is None or case.learned < LEARNED:
        return
    output, loss = network.network.activations[-1], network.network.loss
    if output == "sigmoid" and loss == "cross_entropy":
        evidence = (
            "outputs are sigmoids and the loss is -Σ t ln a, which is lowest with all outputs at 1"
        )
        yield Suspicion(finding("D16", evidence), None, SYMPTOM)


# --- symptoms ---------------------------------------------------------------------------------------


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


RULES: tuple[Rule, ...] = (
    step_length,
    inputs,
    targets,
    labels,
    first_weights,
    dead_layers,
    saturated_layers,
    vanishing,
    hidden_softmax,
    linear_network,
    no_bias,
    mismatch,
    symptoms,
)
