"""A stranger's program as a patient, its inside seen where the program is a perceptron."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from portable_mlp.diagnosis.doctor.patient import (
    Gradients,
    Patient,
    Step,
    Values,
    layers_of,
    plain_step,
    remembering,
)
from portable_mlp.diagnosis.examination import Examination, samples_of
from portable_mlp.diagnosis.matching import matching
from portable_mlp.diagnosis.program import Program, ProgramError
from portable_mlp.diagnosis.reference import Array, Reference


def patient_of(
    e: Examination,
    *,
    rate: float,
    steps: int,
    batch: int | None,
    update: Callable[..., Any] | None,
) -> Patient:
    """The patient that a program is, after its gradients were examined.

    Args:
        e: the examination.
        rate: learning rate of plain gradient descent, where there is no update.
        steps: of the training.
        batch: samples of a step, None for all.
        update: the program's own step, or None.
    """
    program = e.program.on(e.program.inputs, e.program.targets)
    program.trusted = not program.changed
    network, factors = recognise(e)
    stepper = plain_step(rate) if update is None else _own_step(program, update)

    def on(x: Array, y: Array) -> Program:
        return program if x is program.inputs and y is program.targets else program.on(x, y)

    def forward(values: Values, x: Array) -> Array | None:
        return on(x, program.targets).outputs(values)

    return Patient(
        names=program.names,
        start=program.values,
        x=program.inputs,
        y=program.targets,
        columns=e.columns,
        loss=lambda values, x, y: on(x, y).loss(values),
        gradients=lambda values, x, y: _shaped(on(x, y).gradients(values), values),
        stepper=stepper if program.memory is None else remembering(stepper, program.memory),
        steps=steps,
        batch=batch,
        layers=None if network is None else layers_of(network),
        network=network,
        divisor=factors,
        forward=None if program.forward_of is None else forward,
        rate=rate,
        averaged=program.memory is None and update is None and batch is not None and batch < e.rows,
    )


def recognise(
    e: Examination,
) -> tuple[Reference | None, Callable[[int], tuple[float, float]]]:
    """The perceptron that the program is, and ``(c, λ)`` of its loss for each batch size."""
    if e.matched is None:
        try:
            if not e.points:
                e.make_points()
            e.matched = matching(e.points, None) if len(e.points) > 1 else None
        except ProgramError:
            return None, lambda n: (1.0, 0.0)
    if e.matched is None:
        return None, lambda n: (1.0, 0.0)
    network, factor = e.matched
    known = {e.samples: (factor, factor * network.penalty)}

    def divisor(n: int) -> tuple[float, float]:
        if n not in known:
            known[n] = _terms(e, network, n) or (factor * e.samples / n, factor * network.penalty)
        return known[n]

    return network, divisor


def _shaped(gradients: Gradients, values: Values) -> Gradients:
    """Gradients in their parameters' shapes, where they have as many numbers."""
    return [
        None if g is None else (g.reshape(v.shape) if g.size == v.size else g)
        for g, v in zip(gradients, values, strict=True)
    ]


def _own_step(program: Program, update: Callable[..., Any]) -> Callable[[], Step]:
    def step(values: Values, gradients: Gradients) -> Values:
        after = program.updated(update, values, gradients)
        return [a - v for a, v in zip(after, values, strict=True)]

    return lambda: step


def _terms(e: Examination, network: Reference, n: int) -> tuple[float, float] | None:
    """``(c, λ)`` of the program's loss on so many samples, from its values at the random points."""
    which = np.arange(n) % e.rows
    x, y = e.program.inputs, e.program.targets
    x = x[:, which] if e.columns else x[which]
    y = samples_of(y, which, e.rows, e.columns)
    if x.dtype.kind == "f":
        x = np.random.default_rng(n).normal(size=x.shape)
    terms, losses = [], []
    for point in e.points[: 3 if network.penalty else 1]:
        t = network.targets(y, network.units(point.values))
        own = network.loss(network.forward(point.values, x), t)
        terms.append([own, 0.5 * network.squared_weights(point.values)])
        try:
            losses.append(e.program.on(x, y).loss(point.values))
        except ProgramError:
            return None
    if not network.penalty:
        ratio = losses[0] / terms[0][0] if terms[0][0] else float("nan")
        return (ratio, 0.0) if np.isfinite(ratio) and ratio > 0 else None
    if not np.isfinite([*losses, *np.ravel(terms)]).all():
        return None
    (factor, penalty), *_ = np.linalg.lstsq(np.asarray(terms), np.asarray(losses), rcond=None)
    return (float(factor), max(float(penalty), 0.0)) if factor > 0 else None
