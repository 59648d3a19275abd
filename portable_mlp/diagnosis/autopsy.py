"""Which formula stands in somebody's backward pass: the search through the mutants.

The program's own forward pass was matched first (`matching`), so the truth is known exactly. The layers
are taken one by one from the output back. For each, the mutant that gives the program's gradient of W is
sought, with one free factor shared by all points; the δ that was found goes on to the layer before. So
the search costs a sum of products over the links and not a product over the layers, and names every
layer's fault on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from portable_mlp.diagnosis import mutants
from portable_mlp.diagnosis.matching import Point
from portable_mlp.diagnosis.mutants import Mutant
from portable_mlp.diagnosis.reference import Array, Layer, Reference, backward_through

SAME = 1e-6
"""Residual below which a formula is taken for the program's."""


@dataclass
class LayerResult:
    """What was found of a layer.

    Args:
        layer: from 0.
        delta: wrong formulas on the way to its δ.
        weight: in the product of inputs and δ.
        bias: in the sum of δ.
        factor: of δ: the program's over that of the formula found, given the layer above.
        weight_factor: of the weight's gradient beside δ; 1 where it is as it should be.
        bias_factor: of the bias's gradient beside δ.
        explained: whether the weights' formula was found.
        bias_explained: whether the bias's was.
    """

    layer: int
    delta: list[Mutant] = field(default_factory=list)
    weight: list[Mutant] = field(default_factory=list)
    bias: list[Mutant] = field(default_factory=list)
    factor: float = 1.0
    weight_factor: float = 1.0
    bias_factor: float = 1.0
    explained: bool = True
    bias_explained: bool = True


def explain(
    reference: Reference, points: Sequence[Point], expected: float = 1.0, penalty: float = 0.0
) -> list[LayerResult]:
    """The formula of each layer, from the output back; stops at the first that is unexplained.

    Args:
        reference: from `matching`.
        points: several, with the same number of samples.
        expected: the right factor of the outputs' δ: the program's loss over the reference's.
        penalty: λ of a term λW that is taken off the program's gradients first.
    """
    outputs = reference.units(points[0].values)
    passes = [reference.forward(p.values, p.x) for p in points]
    targets = [reference.targets(p.y, outputs) for p in points]
    errors = [layers[-1].a - t for layers, t in zip(passes, targets, strict=True)]
    count, results = len(passes[0]), []
    delta: list[Array] = []
    bare: list[Array] = []  # what was multiplied by f' to give delta
    for k in reversed(range(count)):
        choices = _delta_choices(reference, passes, targets, errors, k, delta, bare)
        wanted = [_of_weight(reference, p, k, penalty) for p in points]
        best = _best(choices, passes, k, wanted)
        result = LayerResult(k)
        results.append(result)
        if best is None and k < count - 1:
            best = _through_updated_weights(reference, points, passes, k, delta, wanted)
        if best is None:
            result.explained = False
            return results
        chosen, product, of_weight = best
        result.delta = [m for m in chosen.formulas if m.id]
        result.weight = [product] if product.id else []
        delta, bare = chosen.delta, chosen.bare
        of_bias = _explain_bias(reference, points, passes, k, delta, bare, result)
        # where the two have different factors, δ has the one that is as it should be
        result.factor = of_weight
        usable = of_bias is not None and not result.bias
        if usable and (product.id or _off(of_bias, expected) < _off(of_weight, expected)):
            result.factor = of_bias or 1.0
        result.weight_factor = of_weight / result.factor
        result.bias_factor = 1.0 if of_bias is None else of_bias / result.factor
        expected = 1.0  # of the layers before, given this one's
        delta = [result.factor * d for d in delta]
        bare = [result.factor * b for b in bare]
    return results


def _through_updated_weights(
    reference: Reference,
    points: Sequence[Point],
    passes: Sequence[list[Layer]],
    k: int,
    delta: Sequence[Array],
    wanted: Sequence[Array | None],
) -> tuple[Choice, Mutant, float] | None:
    """R21: δ went back through W - η dW, the weights of the layer above after their own update.

    The program's gradient is then a A + b B, A with W and B with dW in its place, and η = -b / a.
    """
    above = [_of_weight(reference, p, k + 1, 0.0) for p in points]
    if any(g is None for g in (*above, *wanted)):
        return None

    def back(through: Sequence[Array]) -> list[Array]:
        return [
            backward_through(layers[k].activation, layers[k].z, d @ w.T, reference.slope)
            for layers, d, w in zip(passes, delta, through, strict=True)
        ]

    weights = [layers[k + 1].weight for layers in passes]
    slopes = [g for g in above if g is not None]
    terms = [
        np.concatenate(
            [(layers[k].x.T @ d).reshape(-1) for layers, d in zip(passes, ds, strict=True)]
        )
        for ds in (back(weights), back(slopes))
    ]
    target = np.concatenate([w.reshape(-1) for w in wanted if w is not None])
    both = np.stack(terms, axis=1)
    if not np.isfinite(both).all() or not np.isfinite(target).all():
        return None
    (a, b), *_ = np.linalg.lstsq(both, target, rcond=None)
    size = float(np.linalg.norm(target))
    fits = np.linalg.norm(both @ [a, b] - target) <= SAME * size
    if not fits or a <= 0 or b >= 0 or abs(b) * np.linalg.norm(terms[1]) < 1e-4 * size:
        return None
    rate = float(-b / a)
    moved = [w - rate * g for w, g in zip(weights, slopes, strict=True)]
    found = back(moved)
    bare = [d @ w.T for d, w in zip(delta, moved, strict=True)]
    words = f"delta @ (W - {rate:.3g} * dW).T"
    choice = Choice((Mutant("R21", words, found[0]),), found, bare)
    return choice, Mutant("", "right", passes[0][k].x.T @ found[0]), float(a)


def _off(factor: float | None, expected: float) -> float:
    """How far a factor is from the right one, on a logarithmic scale; wrong signs are farthest."""
    ratio = (factor or 0.0) / expected
    return abs(float(np.log(ratio))) if ratio > 0 else float("inf")


class Choice(NamedTuple):
    """One way to δ of a layer.

    Args:
        formulas: the mutants on the way, the right ones too.
        delta: δ at each point.
        bare: the signal before f' at each point.
    """

    formulas: tuple[Mutant, ...]
    delta: list[Array]
    bare: list[Array]

    @property
    def faults(self) -> int:
        """How many of its formulas are wrong."""
        return sum(bool(m.id) for m in self.formulas)


def _delta_choices(
    reference: Reference,
    passes: Sequence[list[Layer]],
    targets: Sequence[Array],
    errors: Sequence[Array],
    k: int,
    delta: Sequence[Array],
    bare: Sequence[Array],
) -> list[Choice]:
    """All ways to δ of layer k, those with fewer faults first."""
    if k == len(passes[0]) - 1:
        tables = [
            mutants.output_deltas(reference, layers, t)
            for layers, t in zip(passes, targets, strict=True)
        ]
        found = [
            Choice((column[0],), [m.value for m in column], list(errors))
            for column in zip(*tables, strict=True)
        ]
        return sorted(found, key=lambda c: c.faults)
    found = []
    backs = [
        mutants.back_signals(layers, k, d, b, e)
        for layers, d, b, e in zip(passes, delta, bare, errors, strict=True)
    ]
    for back in zip(*backs, strict=True):
        tables = [
            mutants.hidden_deltas(reference, layers, k, m.value)
            for layers, m in zip(passes, back, strict=True)
            if m.value.shape == layers[k].z.shape
        ]
        if len(tables) < len(passes):
            continue
        for hidden in zip(*tables, strict=True):
            found.append(
                Choice((back[0], hidden[0]), [m.value for m in hidden], [m.value for m in back])
            )
    return sorted(found, key=lambda c: c.faults)


def _of_weight(reference: Reference, point: Point, k: int, penalty: float) -> Array | None:
    place = reference.wiring.places[k]
    gradient = point.gradients[place.weight]
    if gradient is None or gradient.shape != point.values[place.weight].shape:
        return None
    return place.split(gradient)[0] - penalty * place.split(point.values[place.weight])[0]


def _best(
    choices: Sequence[Choice],
    passes: Sequence[list[Layer]],
    k: int,
    wanted: Sequence[Array | None],
) -> tuple[Choice, Mutant, float] | None:
    """The choice with the fewest faults that gives the program's gradient of W."""
    if any(w is None for w in wanted):
        return None
    found: list[tuple[int, int, Choice, Mutant, float]] = []
    for order, choice in enumerate(choices):
        if any(not np.isfinite(d).all() for d in choice.delta):
            continue
        tables = [
            mutants.weight_gradients(layers, k, d)
            for layers, d in zip(passes, choice.delta, strict=True)
        ]
        for products in zip(*tables, strict=True):
            factor = fitted([m.value for m in products], wanted)
            if factor is not None:
                faults = choice.faults + bool(products[0].id)
                found.append((faults, order, choice, products[0], factor))
        if found and found[0][0] == 0:
            break
    if not found:
        return None
    _, _, choice, product, factor = min(found, key=lambda f: f[:2])
    return choice, product, factor


def fitted(formula: Sequence[Array], wanted: Sequence[Array | None]) -> float | None:
    """The factor c with wanted = c · formula at all points; None if there is none."""
    a = np.concatenate([f.reshape(-1) for f in formula])
    b = np.concatenate([w.reshape(-1) for w in wanted if w is not None])
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return None
    square, size = float(a @ a), float(np.sqrt(b @ b))
    if size == 0.0 or square == 0.0:
        return None
    factor = float(a @ b) / square
    return factor if np.linalg.norm(b - factor * a) <= SAME * size and factor != 0 else None


def _explain_bias(
    reference: Reference,
    points: Sequence[Point],
    passes: Sequence[list[Layer]],
    k: int,
    delta: Sequence[Array],
    bare: Sequence[Array],
    result: LayerResult,
) -> float | None:
    """The factor of the formula found for the bias; None if there is none."""
    bias = reference.wiring.places[k].bias
    if bias is None:
        return None
    wanted = [p.gradients[bias] for p in points]
    flat = [
        None if w is None or w.size != p.values[bias].size else w.reshape(-1)
        for w, p in zip(wanted, points, strict=True)
    ]
    if any(w is None for w in flat):
        result.bias_explained = False
        return None
    tables = [
        mutants.bias_gradients(layers[k], d, b)
        for layers, d, b in zip(passes, delta, bare, strict=True)
    ]
    for formulas in zip(*tables, strict=True):
        factor = fitted([m.value for m in formulas], flat)
        if factor is not None:
            result.bias = [formulas[0]] if formulas[0].id else []
            return factor
    result.bias_explained = False
    return None
