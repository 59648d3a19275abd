"""Is a hand-written gradient right, and if not, what is it?

The checks in their order: shapes; the same call twice; whole numbers; the derivative along random
directions; and where that disagrees, what relates the gradient to the true one. The true one is the
exact gradient of a described perceptron where the program's forward pass is one, else differences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from portable_mlp.diagnosis import certainties, naming, slopes
from portable_mlp.diagnosis.description import Network
from portable_mlp.diagnosis.examination import Examination
from portable_mlp.diagnosis.program import Program, ProgramError
from portable_mlp.diagnosis.relations import Sample, relation_of
from portable_mlp.diagnosis.report import Finding, GradientReport, finding


def check_gradients(
    loss: Callable[..., Any],
    gradients: Callable[..., Any],
    params: Any,
    X: Any,  # noqa: N803
    Y: Any,  # noqa: N803
    *,
    update: Callable[..., Any] | None = None,
    forward: Callable[..., Any] | None = None,
    description: Network | None = None,
    seed: int = 0,
) -> GradientReport:
    """Compares hand-written gradients with the true ones, and says what is wrong with them.

    Nothing that is passed in is written to. The functions are called some hundred times, most often
    with a few samples.

    Args:
        loss: ``loss(params, X, Y) -> float``.
        gradients: ``gradients(params, X, Y)``: ∂loss/∂params in the structure of ``params``.
        params: list, tuple or dictionary of arrays of any supported library, nested or not, or one
            array.
        X: inputs, samples in rows or in columns.
        Y: targets or labels.
        update: ``update(params, gradients) -> params``, one step of the training; None to leave it out.
        forward: ``forward(params, X)``: the outputs; None to leave them out.
        description: what the network is; None to find it out from shapes and losses.
        seed: of the random points.

    Returns:
        Findings, and a verdict for each parameter; printable.

    Raises:
        ProgramError: one of the functions raises, the loss is not one finite number, or the gradients
            have another structure than the parameters.

    Example:
        >>> import numpy as np
        >>> X, Y = np.random.default_rng(0).normal(size=(2, 9, 3))
        >>> loss = lambda W, X, Y: 0.5 * np.sum((X @ W - Y) ** 2)
        >>> check_gradients(loss, lambda W, X, Y: X.T @ (X @ W - Y), np.eye(3), X, Y).ok
        True
        >>> report = check_gradients(loss, lambda W, X, Y: X.T @ (Y - X @ W), np.eye(3), X, Y)
        >>> report.findings[0].id, report.findings[0].title
        ('R01', 'the sign is wrong: you climb instead of descending')
    """
    if description is not None and not isinstance(description, Network):
        raise ProgramError(
            f"description: got a {type(description).__name__}, expected a diagnosis.Network."
        )
    program = Program(loss, gradients, params, X, Y, forward)
    return examined(program, update, description, seed).report


def examined(
    program: Program,
    update: Callable[..., Any] | None = None,
    description: Network | None = None,
    seed: int = 0,
    tolerant: bool = False,
) -> Examination:
    """The whole examination of a program, with what was learned on the way.

    Where the loss is a perceptron's but for the shape of its targets, everything else is said of the
    program with targets in the right shape.
    """
    e = _examined(program, update, description, seed, tolerant)
    shape = None if description is not None else naming.targets_that_fit(e)
    if shape is None:
        return e
    known = program.targets.shape
    right = program.targets.reshape(shape)
    try:
        inner = _examined(program.on(program.inputs, right), update, None, seed, tolerant)
    except ProgramError:  # its gradients can do with the given shape only
        inner, shape = e, None
    evidence = f"with targets {right.shape} in place of {known} the loss is that of a perceptron"
    d25 = [f for f in e.report.findings if f.id == "D25"] or [
        finding("D25", evidence, where=("Y",), formula=f"Y.reshape{right.shape}")
    ]
    inner.report.findings = d25 + [f for f in inner.report.findings if f.id != "D25"]
    inner.reshaped = shape
    return inner


def _examined(
    program: Program,
    update: Callable[..., Any] | None,
    description: Network | None,
    seed: int,
    tolerant: bool,
) -> Examination:
    e = Examination(program, np.random.default_rng(seed), tolerant=tolerant)
    certainties.structure(e)
    if certainties.repeats(e) and certainties.shapes(e):
        slopes.along_random_directions(e)
        if e.wrong:
            slopes.look_at_all_samples(e)
        if e.errors:
            naming.name(e, description)
    if update is not None and e.first:
        found = _of_the_update(e, update)
        e.report.findings += found
        e.of_update = {f.id for f in found}
        e.report.checked.append("the update")
    e.report.findings.sort(key=lambda f: (not f.harmful, _ORDER.index(f.id[0])))
    return e


_ORDER = "FDR"
"""What a finding's id begins with, the surest first."""


def _of_the_update(e: Examination, update: Callable[..., Any]) -> list[Finding]:
    """Whether one step goes down along the gradient."""
    program = e.program
    # a first bias of 0 would hide what is done with it
    values, gradients = (
        (e.points[0].values, e.points[0].gradients) if e.points else (program.values, e.first)
    )
    if not callable(update):
        raise ProgramError(
            f"update: got a {type(update).__name__}, expected a function of (params, gradients)."
        )

    found: dict[str, tuple[str, list[str]]] = {}
    try:
        after = program.updated(update, values, gradients)
    except ProgramError:
        if e.unusable:
            return []  # it can't do with gradients of other shapes; they are told of
        raise
    for name, v, new, g in zip(program.names, values, after, gradients, strict=True):
        if new.size > v.size and np.broadcast_shapes(new.shape, v.shape) == new.shape:
            seen = f"the update makes {new.shape} of {v.shape}"
            found.setdefault("D35", (seen, []))[1].append(name)
            continue
        if new.size != v.size:
            raise ProgramError(f"update: gives {name} another shape, expected {v.shape} as before.")
        if g is None or g.size != v.size or not g.any():
            continue
        moved, slope = new.reshape(-1) - v.reshape(-1), g.reshape(-1)
        relation = relation_of([Sample(moved, -slope, v.reshape(-1))], v.shape)
        if not moved.any():
            found.setdefault("D29", ("the update leaves them as they are", []))[1].append(name)
        elif relation is not None and relation.id == "R20" and v.size > 2:
            found.setdefault("R20", ("the step of the update is proportional to W * dW", []))[
                1
            ].append(name)
        elif float(moved @ slope) > 0 and "R20" not in found:
            found.setdefault("R01", ("the update adds the gradient", []))[1].append(name)
    made = [finding(id, evidence, where=names) for id, (evidence, names) in found.items()]
    return [
        replace(f, fix="Subtract in the update: W -= rate * dW.") if f.id == "R01" else f
        for f in made
    ]
