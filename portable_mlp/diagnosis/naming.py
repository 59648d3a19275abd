"""From what was measured to what is said: findings and verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from portable_mlp.diagnosis.autopsy import LayerResult, explain
from portable_mlp.diagnosis.certainties import axis_of_outputs
from portable_mlp.diagnosis.description import COLUMNS, WRONG_ACTIVATIONS, Network
from portable_mlp.diagnosis.examination import Examination, cosine, distance
from portable_mlp.diagnosis.matching import matching
from portable_mlp.diagnosis.mutants import RIGHT_FORMULA, right_delta
from portable_mlp.diagnosis.program import ProgramError
from portable_mlp.diagnosis.reference import Reference
from portable_mlp.diagnosis.relations import (
    Sample,
    clipped,
    factor_in_words,
    name_of_factor,
    relation_of,
)
from portable_mlp.diagnosis.report import (
    DOWNHILL,
    HARMFUL,
    RIGHT,
    SCALED,
    UNKNOWN,
    Finding,
    Verdict,
    finding,
)
from portable_mlp.diagnosis.slopes import beside_the_true_one

EXACT = 1e-4
"""How near to 1 a factor must be to be 1."""
NEARLY = 0.98
"""Cosine from which on two gradients lead about the same way."""
UPHILL = -0.5
"""Cosine below which an unexplained gradient is said to point uphill."""


class Named(NamedTuple):
    """What is wrong with one parameter's gradient.

    Args:
        id: of the catalogue.
        words: the formula as it may have been written.
        formula: how it should be written, or where to look.
        factor: a constant that goes with it.
    """

    id: str
    words: str = ""
    formula: str = ""
    factor: float = 1.0


def name(e: Examination, description: Network | None) -> None:
    """Findings on what is wrong, and a verdict for each parameter.

    Args:
        e: the examination, after its directions.
        description: the network as its owner has it, or None.
    """
    matched = matching(e.points, description)
    if matched is None and description is not None:
        e.report.limits.append(
            f"the described network ({description}): its loss is not the program's"
        )
        matched = matching(e.points, None)
    if matched is None and e.silent:
        matched = matching(e.points, None, e.silent)
    e.matched = matched
    e.report.findings += _silent(e)
    if len(e.silent) < len(e.program.leaves):
        e.wrong = [k for k in e.wrong if k not in e.silent]
    named: dict[int, list[Named]] = {}
    if matched is not None:
        e.report.assumed = f"{matched[0].network}"
        e.report.findings += _of_the_forward_pass(e, *matched)
    for k in e.wrong:
        e.true[k] = beside_the_true_one(e, k, matched)
        e.found[k] = relation_of(e.true[k], e.program.values[k].shape)
    if e.wrong and all(k in e.true for k in e.wrong) and _is_clipped(e, matched):
        return
    e.wrong = [k for k in e.wrong if e.found[k] is None or e.found[k].id]  # type: ignore[union-attr]
    if e.wrong and matched is not None:
        named = _by_formula(e, *matched)
    unexplained = not named or any(n.id == "R24" for of in named.values() for n in of)
    if unexplained and not any(n.id != "R24" for of in named.values() for n in of):
        named |= _by_relation(e)
    if e.wrong and not named:
        last = e.program.names[e.wrong[-1]]
        named = {k: [Named("R24", formula=last)] for k in e.wrong}
    found = _findings(e, named)
    if matched is not None:
        found = _nearly_of_another_loss(e, matched[0], found)
    e.report.findings += found + _uphill(e, named)
    e.report.parameters += _verdicts(e, named)


def _is_clipped(e: Examination, matched: tuple[Reference, float] | None) -> bool:
    """Whether the gradients are right but for a limit; says so among the limits of the check."""
    if e.unusable or len({len(e.true[k]) for k in e.wrong}) > 1:
        return False
    every = range(len(e.program.leaves))
    whole = {k: e.true.get(k) or beside_the_true_one(e, k, matched) for k in every}
    if len({len(of) for of in whole.values()}) > 1:
        return False
    limit = clipped([[whole[k][p] for k in every] for p in range(len(whole[0]))])
    if not limit:
        return False
    e.report.limits.append(
        f"the length of the gradient: it is limited to {limit}, and right but for that"
    )
    e.wrong = []
    e.true.clear()
    e.found.clear()
    e.errors = [0.0 for _ in e.errors]
    e.report.parameters += _verdicts(e, {})
    return True


def _silent(e: Examination) -> list[Finding]:
    """Parameters that the forward pass leaves out, although they have a gradient.

    A bias before a batch normalisation has no part in the loss either, and a gradient of 0.
    """
    if e.matched is not None:
        used = {k for p in e.matched[0].wiring.places for k in (p.weight, p.bias)}
        if e.silent <= used:
            return []  # a bias before a softmax over the samples, say
    claimed = {
        k
        for p in e.points
        for k, g in enumerate(p.gradients)
        if g is not None and np.abs(g).max(initial=0) > 1e-9 * max(1.0, abs(p.loss))
    }
    sizes = [(k, leaf) for k, leaf in enumerate(e.program.leaves) if k in e.silent & claimed]
    if len(sizes) == len(e.program.leaves):
        return []  # a loss that nothing changes is another matter
    biases = [leaf.name for _, leaf in sizes if sum(n > 1 for n in leaf.value.shape) <= 1]
    others = [leaf.name for _, leaf in sizes if leaf.name not in biases]
    found = []
    if biases:
        evidence = "they can be changed in any way and the loss stays the same"
        found.append(finding("D20", f"they are there, but {evidence}", where=biases))
    if others:
        evidence = "it can be changed in any way and the loss stays the same"
        found.append(finding("F04", evidence, where=others))
    return found


def targets_that_fit(e: Examination) -> tuple[int, ...] | None:
    """A shape of the targets beside which the program's loss is that of a perceptron.

    Outputs (n, 1) less targets (n,) are (n, n): the loss of a program that does so is no perceptron's
    until the targets have the outputs' shape.
    """
    shape = e.small.targets.shape
    if e.matched is not None or len(e.points) < 2 or (len(shape) == 2 and min(shape) > 1):
        return None
    for other in ((-1, 1), (-1,), (1, -1)):
        if e.small.targets.reshape(other).shape == shape:
            continue
        try:
            points = [
                p._replace(
                    y=p.y.reshape(other), loss=here.on(p.x, p.y.reshape(other)).loss(p.values)
                )
                for p, here in zip(e.points, e.programs, strict=True)
            ]
        except ProgramError:
            continue
        if matching(points, None) is not None:
            return other
    return None


def _of_the_forward_pass(e: Examination, reference: Reference, factor: float) -> list[Finding]:
    """Faults of a forward pass that was recognised, and of what its loss is divided by."""
    found: list[Finding] = []
    columns = reference.wiring.samples_in == COLUMNS
    known = {f.id for f in e.report.findings}
    for activation in dict.fromkeys(reference.network.activations):
        evidence = f"the loss is that of a network with a {activation}"
        if activation.startswith("softmax over") and "D18" not in known:
            axis = axis_of_outputs(columns)
            found.append(finding("D18", evidence, where=("loss",), formula=axis))
        if activation == "softmax of a softmax":
            found.append(finding("F05", evidence, where=("loss",)))
        if activation == "sigmoid of -z":
            found.append(finding("F01", evidence, where=("loss",)))
    n, k = e.samples, e.outputs
    usual = [c / d for c in (0.5, 1, 2) for d in (1, n, k, n * k)]
    if abs(factor * e.features - 1) < EXACT and all(abs(factor / u - 1) > EXACT for u in usual):
        evidence = f"the loss is Σ over the samples / {e.features}, the number of features"
        how = "Divide loss and gradient by the number of samples: X.shape[0] or X.shape[1]?"
        found.append(finding("R02", evidence, where=("loss",), factor=how))
    return found


def _by_formula(e: Examination, reference: Reference, factor: float) -> dict[int, list[Named]]:
    """What the search through the mutants says of each parameter."""
    named: dict[int, list[Named]] = {}
    places = reference.wiring.places
    strength = factor * reference.penalty
    results = explain(reference, e.points, factor, strength)
    forgotten = False
    if strength and not all(r.explained for r in results):
        without = explain(reference, e.points, factor)
        forgotten = len(without) > len(results) or without[-1].explained
        results = without if forgotten else results
    for result in results:
        place = places[result.layer]
        if not result.explained:
            if place.weight in e.wrong:
                named[place.weight] = [Named("R24", formula=e.program.names[place.weight])]
            break
        is_output = result.layer == len(places) - 1
        shared = _of_delta(reference.network, result, is_output)
        relative = result.factor / factor if is_output else result.factor
        if is_output and reference.network.activations[-1] == "sigmoid of -z":
            relative = -relative  # the formulas beside it are those of the right sigmoid
        if relative < 0 or (abs(relative - 1) > EXACT and not result.delta):
            shared.append(_factor(relative))
        product = [Named(m.id, m.words, "dW = x.T @ delta") for m in result.weight]
        product += [Named("R23", factor=-strength)] if forgotten else []
        if not product and abs(result.weight_factor - 1) > EXACT:
            product.append(_factor(result.weight_factor))
        named[place.weight] = [*shared, *product]
        if place.bias is not None and place.bias not in e.unusable:
            named[place.bias] = [*shared, *_of_bias(e, result, place.bias)]
    return named


def _of_delta(network: Network, result: LayerResult, is_output: bool) -> list[Named]:
    activation = network.activations[result.layer]
    derivative = RIGHT_FORMULA.get(activation, "f'(z)")
    pair = f"With {activation} and {network.loss} use {right_delta(activation, network.loss)}."
    # beside a softmax over the samples a - t is no derivative, but it is beside the right one
    excused = is_output and activation in WRONG_ACTIVATIONS
    return [
        Named(m.id, m.words, pair if m.id == "R05" else derivative)
        for m in result.delta
        if not (excused and m.words == "a - t")
    ]


def _of_bias(e: Examination, result: LayerResult, bias: int) -> list[Named]:
    if not result.bias_explained:
        relation = e.found.get(bias)
        if relation is not None and relation.id:
            return [Named(relation.id, factor=relation.factor)]
        return [Named("R24", formula=e.program.names[bias])]
    found = [Named(m.id, m.words) for m in result.bias]
    if not found and abs(result.bias_factor - 1) > EXACT:
        found.append(_factor(result.bias_factor))
    return found


def _factor(factor: float) -> Named:
    return Named("R01" if factor < 0 else "R02", factor=factor)


def _by_relation(e: Examination) -> dict[int, list[Named]]:
    """What needs no knowledge of the network."""
    return {
        k: [Named(relation.id, factor=relation.factor)]
        for k, relation in e.found.items()
        if relation is not None and relation.id
    }


def _findings(e: Examination, named: dict[int, list[Named]]) -> list[Finding]:
    """One for each kind, with all parameters that have it."""
    groups: dict[tuple[str, str], list[tuple[int, Named]]] = {}
    for k, of in named.items():
        for n in of:
            groups.setdefault((n.id, n.words), []).append((k, n))
    return [_finding(e, sorted(members)) for members in groups.values()]


def _nearly_of_another_loss(
    e: Examination, reference: Reference, findings: list[Finding]
) -> list[Finding]:
    """Says of a wrong gradient beside a squared error that it is nearly the cross-entropy's.

    That is why it learns: s (1 - s) of a second softmax, say, is nearly a constant.
    """
    pair = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy"}
    other = pair.get(reference.network.activations[-1])
    if other is None or not reference.network.loss.endswith("mse"):
        return findings
    network = replace(reference.network, loss=other)
    exchanged = replace(reference, network=network)
    last = reference.wiring.places[-1].weight
    samples = []
    for p in e.points:
        g = p.gradients[last]
        if g is not None:
            t = exchanged.targets(p.y, exchanged.units(p.values))
            n = exchanged.gradients(p.values, p.x, t)[last]
            samples.append(Sample(g.reshape(-1), n.reshape(-1), p.values[last].reshape(-1)))
    if not samples or not NEARLY < cosine(samples) < 1 - 1e-9:
        return findings
    g, n = (np.concatenate([getattr(s, part) for s in samples]) for part in "gn")
    said = (
        f"; it is nearly {float(g @ n) / float(n @ n):.2g} times the gradient of the cross-entropy "
        f"(cosine {cosine(samples):.3f}), and learns like that"
    )
    return [
        replace(f, evidence=f.evidence + said) if f.id in ("R05", "R09", "R24") else f
        for f in findings
    ]


def _uphill(e: Examination, named: dict[int, list[Named]]) -> list[Finding]:
    """Unexplained gradients that point the other way."""
    unexplained = {k for k, of in named.items() if any(n.id == "R24" for n in of)}
    up = [k for k in e.wrong if e.true.get(k) and cosine(e.true[k]) < UPHILL]
    if not unexplained & set(up):
        return []
    least = max(cosine(e.true[k]) for k in up)
    evidence = f"the cosine between it and the true gradient is {least:.2g} or less (right: 1)"
    return [finding("D15", evidence, where=[e.program.names[k] for k in up])]


def _finding(e: Examination, members: Sequence[tuple[int, Named]]) -> Finding:
    first, named = members[0]
    names = [e.program.names[k] for k, _ in members]
    evidence = (
        f"along random directions the loss changes by other amounts than {names[0]} says, off by "
        f"{e.errors[first]:.2g} of it"
    )
    if e.slopes[first] == e.slopes[first]:  # there is one
        evidence += f"; slope ratio {e.slopes[first]:.3g} (right: 1)"
    if named.words:
        evidence = f"the program computes {named.words}; {evidence}"
    constant = name_of_factor({e.samples: abs(named.factor)}, e.features, e.outputs)
    if named.id in ("R01", "R02"):
        sign = "-" if named.factor < 0 else ""
        evidence = f"the gradient is {sign}{constant} times the true one; {evidence}"
    return finding(
        named.id,
        evidence,
        where=names,
        harmful=any(_verdict(e, k) == HARMFUL for k, _ in members),
        factor=factor_in_words(constant) if named.id == "R02" else f"{named.factor:.4g}",
        formula=named.formula,
        axis=1 if e.columns else 0,
        layer=named.formula,
    )


def _verdict(e: Examination, k: int) -> str:
    if k in e.unusable or not e.errors:
        return UNKNOWN
    if k not in e.true:
        return RIGHT
    relation = e.found[k]
    if relation is not None and not relation.id:
        return RIGHT
    if relation is not None and relation.id == "R02":
        return SCALED
    if relation is not None and relation.id == "R10":
        return HARMFUL
    return DOWNHILL if cosine(e.true[k]) > 0.2 and e.slopes[k] > 0.0 else HARMFUL


def _verdicts(e: Examination, named: dict[int, list[Named]]) -> list[Verdict]:
    made = []
    for k, leaf in enumerate(e.program.leaves):
        of, relation = e.true.get(k), e.found.get(k)
        ids = [n.id for n in named.get(k, [])] or ([relation.id] if relation else [])
        made.append(
            Verdict(
                leaf.name,
                leaf.value.shape,
                _verdict(e, k),
                distance(of) if of else e.errors[k],
                cosine(of) if of else 1.0,
                e.slopes[k],
                "+".join(dict.fromkeys(ids)) if of else "",
            )
        )
    return made
