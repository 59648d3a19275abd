"""The gradient against the loss along random directions, and entry by entry where they disagree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from portable_mlp.diagnosis.examination import Examination
from portable_mlp.diagnosis.numeric import coordinates, slope
from portable_mlp.diagnosis.reference import Reference
from portable_mlp.diagnosis.relations import Sample

DIRECTIONS = 2  # at each point, in each parameter
AGREES = 1e-4
"""Relative error up to which a derivative and its difference agree: kinks of ReLU leave 1e-5 or so."""
FLAT = 1e-11
"""A gradient so much smaller than the loss is rounding: that of a bias before a BatchNorm, say."""
ENTRIES = 100
"""Numbers of one array whose derivatives are taken one by one, where it has to be."""
ENOUGH = 3
"""Points for that, where an array has more than a few numbers."""


def along_random_directions(e: Examination) -> None:
    """Fills in ``errors``, ``slopes`` and ``wrong``.

    Along the gradient itself a part that is missing from it would not show; so the directions are random.
    The slope ratio is taken along the gradient: [L(θ + εg) - L(θ - εg)] / 2ε‖g‖².
    """
    e.make_points()
    if len(e.points) < 2:
        e.report.limits.append("slopes: loss or gradients are not finite at random parameters")
        return
    for k in range(len(e.program.leaves)):
        off, ratios, moves = _of_parameter(e, k)
        if not moves and e.program.values[k].size:
            e.silent.add(k)
        e.errors.append(float(np.median(off)) if off else float("nan"))
        e.slopes.append(float(np.median(ratios)) if ratios else float("nan"))
        if off and np.quantile(off, 0.8) > AGREES:
            e.wrong.append(k)
    e.report.checked.append(
        f"{len(e.points)} random points, {DIRECTIONS} directions in each parameter"
    )


def look_at_all_samples(e: Examination) -> None:
    """Takes back what only a few samples show: a loss or gradient may have their number in it."""
    if e.small is e.program or not e.wrong:
        return
    values = e.program.values
    values = [v + 0.05 * e.random.normal(size=v.shape) for v in values]
    gradients = e.program.gradients(values)
    for k in e.wrong:
        g = gradients[k]
        if g is None or g.size != values[k].size:
            return
        along = [np.zeros_like(v) for v in values]
        along[k] = e.random.normal(size=values[k].shape)
        found = slope(e.program.loss, values, along)
        said = float((g.reshape(values[k].shape) * along[k]).sum())
        size = max(float(np.linalg.norm(g)), abs(found.value))
        if not abs(found.value - said) - 3 * found.error <= AGREES * size:
            return
    e.report.limits.append(
        f"batches of other sizes: with {e.samples} of the {e.rows} samples loss and gradient disagree, "
        "with all of them they agree; one of the two has a fixed number of samples in it"
    )
    e.wrong.clear()


def _of_parameter(e: Examination, k: int) -> tuple[list[float], list[float], bool]:
    """``(errors, slope ratios, whether the loss changes at all)``."""
    off: list[float] = []
    ratios: list[float] = []
    moves = False
    for program, point in zip(e.programs, e.points, strict=True):
        g = point.gradients[k]
        if g is None:
            moves = True  # not looked at
            continue
        along = [np.zeros_like(v) for v in point.values]
        for _ in range(DIRECTIONS):
            along[k] = e.random.normal(size=g.shape)
            found = slope(program.loss, point.values, along)
            said = float((g * along[k]).sum())
            size = max(float(np.linalg.norm(g)), abs(found.value))
            moves = moves or abs(found.value) > FLAT * max(1.0, abs(point.loss))
            apart = max(abs(found.value - said) - 3 * found.error, 0.0)
            flat = size <= FLAT * max(1.0, abs(point.loss))
            off.append(0.0 if flat else apart / size)
        if float(np.linalg.norm(g)) > FLAT * max(1.0, abs(point.loss)):
            along[k] = g
            found, square = slope(program.loss, point.values, along), float((g * g).sum())
            if found.error <= 1e-3 * square:
                ratios.append(found.value / square)
    return off, ratios, moves


def beside_the_true_one(
    e: Examination, k: int, matched: tuple[Reference, float] | None
) -> list[Sample]:
    """The program's and the true gradient of one parameter at all points.

    Args:
        e: the examination.
        k: the parameter.
        matched: the reference whose loss is the program's but for a factor, and that factor; its
            gradient is exact. None to take differences.
    """
    made: list[Sample] = []
    shape = e.points[0].values[k].shape
    size = int(np.prod(shape))
    places = _places(e, shape) if matched is None and size > ENTRIES else np.arange(size)
    for program, point in zip(e.programs, e.points, strict=True):
        g, w = point.gradients[k], point.values[k]
        if g is None or (matched is None and size > 10 and len(made) == ENOUGH):
            continue
        if matched is not None:
            reference, factor = matched
            t = reference.targets(point.y, reference.units(point.values))
            n = factor * reference.gradients(point.values, point.x, t)[k]
            made.append(Sample(g.reshape(-1), n.reshape(-1), w.reshape(-1)))
            continue
        n, errors = coordinates(program.loss, point.values, k, places.tolist())
        sure = errors <= 1e-4 * max(float(np.abs(n).max(initial=0)), 1e-300)
        if 2 * sure.sum() < len(sure):
            sure = np.ones_like(sure)
        all_of_it = len(places) == size and bool(sure.all())
        at = places[sure]
        made.append(
            Sample(g.reshape(-1)[at], n[sure], w.reshape(-1)[at], None if all_of_it else at)
        )
    return made


def _places(e: Examination, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Some entries; of a square matrix those that mirror each other, so that a transpose shows."""
    if len(shape) == 2 and shape[0] == shape[1]:
        rows, columns = e.random.integers(0, shape[0], (2, ENTRIES // 2))
        both = np.concatenate([rows * shape[1] + columns, columns * shape[1] + rows])
        return np.unique(both)
    return np.sort(e.random.choice(int(np.prod(shape)), ENTRIES, replace=False))
