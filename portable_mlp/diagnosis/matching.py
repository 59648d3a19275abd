"""Which perceptron a program is: the one whose loss is the program's at several random points.

A loss is known up to one constant (a mean or a sum, ½ or not) and a penalty: L = c R + m P, where R is
the perceptron's sum over the samples and P = ½ Σ W². That it agrees at five points to seven digits is no
chance.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from portable_mlp.diagnosis.description import (
    UNUSED,
    Network,
    Wiring,
    candidates,
    possible_outputs,
    wirings,
)
from portable_mlp.diagnosis.reference import Array, Reference

AGREES = 1e-7
"""Relative difference of two losses that are the same."""
SCALES = (0.01, 0.1, 0.001, 10.0, 100.0)
"""Of the last weighted sums, where none is too plain."""
SLOPES = (0.1, 0.2, 0.001, 1e-4, 0.3)
"""Of leaky ReLUs, beside the usual one."""


class Point(NamedTuple):
    """One random place, and what the program says there.

    Args:
        values: the parameters.
        x: inputs, as the program has them.
        y: targets.
        loss: the program's.
        gradients: the program's, in the shapes of the parameters; None where it gives none.
    """

    values: list[Array]
    x: Array
    y: Array
    loss: float
    gradients: list[Array | None]


def matching(
    points: Sequence[Point], network: Network | None, unused: Collection[int] = ()
) -> tuple[Reference, float] | None:
    """The reference whose loss is the program's up to a constant, and that constant; or None.

    Args:
        points: with the same number of samples.
        network: as its owner describes it; None to try the likely ones, the likeliest first.
        unused: numbers of parameters that have no part in the loss.
    """
    shapes = [UNUSED if k in unused else v.shape for k, v in enumerate(points[0].values)]
    possible = [
        (wiring, outputs)
        for outputs in possible_outputs(points[0].y, shapes)
        for wiring in wirings(shapes, points[0].x, outputs)
    ]
    for penalised in (False, True):
        for mixed in (False, True):
            for wiring, outputs in possible:
                for described in _networks(network, wiring, mixed):
                    found = _fitted(Reference(described, wiring), points, outputs, penalised)
                    if found is not None:
                        return found
    return None


def _networks(network: Network | None, wiring: Wiring, mixed: bool) -> Iterator[Network]:
    layers, where = len(wiring.places), wiring.samples_in
    if network is not None:
        if len(network.activations) == layers and network.samples_in == where:
            yield network
        return
    likely = [Network(names, loss, where) for names, loss in candidates(layers, mixed)]
    yield from likely
    if mixed:
        return
    for scale in SCALES:
        for one in likely:
            if one.activations[-1] in ("sigmoid", "softmax", "tanh"):
                yield replace(one, scale=scale)
    for slope in SLOPES:
        for one in likely:
            if "leaky_relu" in one.activations:
                yield replace(one, slope=slope)


def _fitted(
    reference: Reference, points: Sequence[Point], outputs: int, penalised: bool
) -> tuple[Reference, float] | None:
    """The reference with its penalty, and c; None where the losses are not the program's."""
    losses: list[float] = []
    for number, point in enumerate(points):
        t = reference.targets(point.y, outputs)
        if t.shape != (len(reference.rows(point.x)), outputs):
            return None
        own = reference.loss(reference.forward(point.values, point.x), t)
        if not np.isfinite(own) or own == 0:
            return None
        losses.append(own)
        ratio = point.loss / own
        if (
            not penalised
            and number
            and abs(ratio * losses[0] - points[0].loss) > AGREES * abs(points[0].loss)
        ):
            return None  # most are seen to be others at the second point
    program = np.asarray([p.loss for p in points])
    if not penalised:
        ratios = program / np.asarray(losses)
        same = ratios[0] > 0 and np.allclose(ratios, ratios[0], rtol=AGREES, atol=0)
        return (reference, float(np.median(ratios))) if same else None
    if len(points) < 4:
        return None
    sizes = [reference.squared_weights(p.values) for p in points]
    terms = np.stack([np.asarray(losses), 0.5 * np.asarray(sizes)], axis=1)
    (factor, strength), *_ = np.linalg.lstsq(terms, program, rcond=None)
    off = np.abs(terms @ [factor, strength] - program).max()
    if factor <= 0 or strength <= 0 or off > AGREES * np.abs(program).max():
        return None
    return replace(reference, penalty=float(strength / factor)), float(factor)
