"""Why does a hand-written network not learn? `diagnose` checks its gradient and tries fixes on copies."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from portable_mlp.diagnosis.description import WRONG_ACTIVATIONS, Network
from portable_mlp.diagnosis.doctor import treatments as treat
from portable_mlp.diagnosis.doctor.case import Case, Suspicion
from portable_mlp.diagnosis.doctor.course import follow
from portable_mlp.diagnosis.doctor.levels import CERTAIN, GRADIENT, SYMPTOM
from portable_mlp.diagnosis.doctor.patient import Patient, plain_step
from portable_mlp.diagnosis.doctor.recognised import patient_of
from portable_mlp.diagnosis.doctor.report import DoctorReport
from portable_mlp.diagnosis.doctor.rules import all_suspicions
from portable_mlp.diagnosis.doctor.verdict import decide
from portable_mlp.diagnosis.examination import Examination
from portable_mlp.diagnosis.gradient_check import examined
from portable_mlp.diagnosis.program import Program, ProgramError
from portable_mlp.diagnosis.report import Finding, finding

NUMERIC = 0.15
"""Seconds of a step by differences, up to which an unknown network is trained with them."""


def diagnose(
    *,
    loss: Callable[..., Any],
    gradients: Callable[..., Any],
    params: Any,
    X: Any,  # noqa: N803
    Y: Any,  # noqa: N803
    train: Mapping[str, Any] | None = None,
    forward: Callable[..., Any] | None = None,
    update: Callable[..., Any] | None = None,
    outputs: Callable[..., Any] | None = None,
    accuracy: Callable[..., Any] | None = None,
    description: Network | None = None,
    verify: bool = True,
    seconds: float = 30.0,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> DoctorReport:
    """Says why a hand-written network does not learn.

    Copies are trained; nothing that is passed in is written to.

    Args:
        loss: ``loss(params, X, Y) -> float``.
        gradients: ``gradients(params, X, Y)``, in the structure of ``params``.
        params: the first parameters, as the training starts with them: list, tuple or dictionary of
            arrays of any supported library, or one array.
        X: inputs, samples in rows or in columns; as many as the training has.
        Y: targets or labels.
        train: ``dict(lr=0.1, steps=100, batch=None)``: learning rate, updates, samples in each.
        forward: ``forward(params, X)``: what the loss sees of the network; None to leave it out.
        update: ``update(params, gradients) -> params``; None for ``params - lr * gradients``.
        outputs: ``outputs(params, X)``; another name for ``forward``.
        accuracy: ``accuracy(params, X, Y) -> float``, to be compared with that of the outputs; or None.
        description: what the network is; None to find it out.
        verify: whether short copies are trained with each proposed fix.
        seconds: that this may take, about.
        seed: of everything random.
        progress: is called with a few words on what is being done.

    Returns:
        At most three causes, the likeliest first, with evidence, fix, and what trying it did.

    Raises:
        ProgramError: a function raises or gives something that can't be used; it says which.

    Example:
        >>> import numpy as np
        >>> random = np.random.default_rng(0)
        >>> X = random.normal(size=(80, 3)); Y = X @ [[1.0], [2.0], [-1.0]]
        >>> report = diagnose(
        ...     loss=lambda W, X, Y: np.mean((X @ W - Y) ** 2),
        ...     gradients=lambda W, X, Y: 2 * X.T @ (Y - X @ W) / len(X),
        ...     params=np.zeros((3, 1)), X=X, Y=Y, train=dict(lr=0.1, steps=50),
        ... )
        >>> report.findings[0].id, report.findings[0].blocking
        ('R01', True)
    """
    began = time.perf_counter()
    tell = progress or (lambda words: None)
    rate, steps, batch = _training(train)
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:
        raise ProgramError(f"seconds: got {seconds!r}, expected a number above 0.")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ProgramError(f"seed: got {seed!r}, expected a whole number of at least 0.")
    if description is not None and not isinstance(description, Network):
        raise ProgramError(
            f"description: got a {type(description).__name__}, expected a diagnosis.Network."
        )
    for what, given in (("forward", forward), ("outputs", outputs), ("progress", progress)):
        if given is not None and not callable(given):
            raise ProgramError(f"{what}: got a {type(given).__name__}, expected a function.")
    if forward is not None and outputs is not None:
        raise ProgramError("outputs: is another name for forward, expected one of the two.")
    program = Program(loss, gradients, params, X, Y, forward if forward is not None else outputs)
    tell("checking the gradient")
    e = examined(program, update, description, seed, tolerant=True)
    patient = patient_of(e, rate=rate, steps=steps, batch=batch, update=update)
    patient = replace(patient, y=program.targets)  # in its own shape, whatever that is
    report = DoctorReport(gradients=e.report, checked=list(e.report.checked), verified=verify)
    report.limits = list(e.report.limits)
    suspicions = _of_the_program(e, patient, rate)
    tell("training a copy")
    course = follow(patient, steps, seed=seed, seconds=seconds / 4)
    case = Case(patient, course)
    cures = [s.treatment for s in suspicions if s.treatment is not None]
    repaired = case
    if cures:
        tell("training a copy with the true gradient")
        mended = treat.both(cures).apply(patient)
        repaired = Case(mended, follow(mended, steps, seed=seed, seconds=seconds / 6))
    if accuracy is not None:
        suspicions += _of_the_accuracy(program, case, accuracy)
    known = {s.finding.id for s in suspicions}
    looked_at = repaired if repaired.course.moments else case
    suspicions += [s for s in all_suspicions(looked_at) if s.finding.id not in known]
    report.checked += [
        f"a training of {course.steps} updates, looked at {len(course.moments)} times",
        "step length, data, first weights, layers",
    ]
    decide(report, case, suspicions, verify, began + seconds, seed, tell)
    report.probes = case.probes()
    report.losses = [(m.step, m.measure) for m in course.moments]
    report.baseline = case.baseline
    if course.raised:
        report.limits.append(f"the training after {course.steps} updates: {course.raised}")
    report.seconds = time.perf_counter() - began
    return report


def _training(train: Mapping[str, Any] | None) -> tuple[float, int, int | None]:
    if train is not None and not isinstance(train, Mapping):
        raise ProgramError(f"train: got {train!r}, expected dict(lr=..., steps=..., batch=...).")
    given = dict(train or {})
    unknown = set(given) - {"lr", "steps", "batch"}
    if unknown:
        raise ProgramError(f"train: got {sorted(unknown)}, expected only lr, steps and batch.")
    rate, steps, batch = given.get("lr", 0.1), given.get("steps", 100), given.get("batch")
    if (
        isinstance(rate, bool)
        or not isinstance(rate, (int, float, np.number))
        or not 0 < rate < math.inf
    ):
        raise ProgramError(f"train: lr is {rate!r}, expected a finite number above 0.")
    for name, count in (("steps", steps), ("batch", batch)):
        if name == "batch" and count is None:
            continue
        whole = isinstance(count, (int, np.integer)) and not isinstance(count, bool)
        if not whole or not count >= 1:  # type: ignore[operator]
            raise ProgramError(f"train: {name} is {count!r}, expected a whole number above 0.")
    return float(rate), int(steps), None if batch is None else int(batch)


def _of_the_program(e: Examination, patient: Patient, rate: float) -> list[Suspicion]:
    """The findings of the gradient check, each with the change that mends it."""
    places = {name: k for k, name in enumerate(patient.names)}
    made = []
    findings = merged(e.report.findings)
    if any(f.id == "R22" for f in findings):  # the direction of what is no gradient means nothing
        findings = [f for f in findings if f.id not in ("R01", "D15")]
    for f in findings:
        which = [places[name] for name in f.where if name in places]
        cure = _cure(e, patient, f, which, rate)
        tier = CERTAIN if f.id[0] in "DF" and f.id != "D15" else GRADIENT
        if f.id == "D04":
            made.append(Suspicion(f, None, SYMPTOM))
            continue
        made.append(Suspicion(f, cure, tier, certain=True))
    return made


def _of_the_accuracy(program: Program, case: Case, accuracy: Callable[..., Any]) -> list[Suspicion]:
    """D26: what the program calls its accuracy beside that of its outputs."""
    judging = replace(program, loss_of=accuracy)
    try:
        said = judging.loss(case.last.values)
    except ProgramError as error:
        raise ProgramError(str(error).replace("loss:", "accuracy:", 1)) from error
    outputs, classes = case.patient.outputs(case.last.values, case.patient.x), case.classes
    if outputs is None or classes is None or len(outputs) != len(classes):
        return []
    chosen = outputs.argmax(axis=1) if outputs.shape[1] > 1 else (outputs[:, 0] > 0.5).astype(int)
    right = float((chosen == classes).mean())
    if min(abs(said - right), abs(said / 100 - right)) < 1e-6:
        return []
    evidence = f"it says {said:.4g}; of the outputs {right:.4g} are right"
    axis = 0 if case.patient.columns else 1
    found = finding("D26", evidence, where=("accuracy",), harmful=False, axis=axis)
    return [Suspicion(found, None, CERTAIN, certain=True)]


def merged(findings: Sequence[Finding]) -> list[Finding]:
    """One for each id, with all that it concerns."""
    found: dict[str, Finding] = {}
    for f in findings:
        known = found.get(f.id)
        if known is None:
            found[f.id] = f
            continue
        where = tuple(dict.fromkeys((*known.where, *f.where)))
        found[f.id] = replace(known, where=where, harmful=known.harmful or f.harmful)
    return list(found.values())


def _cure(
    e: Examination, patient: Patient, f: Finding, which: Sequence[int], rate: float
) -> treat.Treatment | None:
    known = patient.network is not None
    if f.id in ("D18", "F01", "F05") and known:
        return treat.with_activations(_mended, "each activation as it should be")
    if f.id == "D20" and known:
        return treat.with_biases()
    if f.id == "D25" and e.reshaped is not None:
        shape = e.reshaped
        return treat.Treatment(
            "targets in the shape of the outputs", lambda p: replace(p, y=p.y.reshape(shape))
        )
    if f.id == "D25":
        outputs = e.program.outputs(e.program.values)
        if outputs is None or patient.y.size != outputs.size:
            return None
        like = outputs.shape
        return treat.Treatment(
            "targets in the shape of the outputs", lambda p: replace(p, y=p.y.reshape(like))
        )
    if f.id == "R02" and f.where == ("loss",):
        n = patient.per_step
        return treat.scaled(e.features / n, f"loss and gradient divided by {n} samples")
    if f.id in e.of_update:
        words = f"the update W -= {rate:g} * dW"
        return treat.Treatment(words, lambda p: replace(p, stepper=plain_step(rate)))
    if f.id == "R16" and e.program.memory is not None:
        return treat.Treatment("fresh gradients", lambda p: replace(p, stepper=plain_step(rate)))
    if f.id[0] == "R" or f.id == "D15":
        small = known or _differences_are_quick(patient)
        if which and small and f.id != "R16":
            names = ", ".join(patient.names[k] for k in which[:4])
            names += ", ..." if len(which) > 4 else ""
            which = _with_layers_before(patient, which)
            return treat.with_true_gradients(which, f"the true gradient of {names}")
    return None


def _differences_are_quick(patient: Patient) -> bool:
    """Whether the gradient of a step can be taken number by number."""
    which = np.arange(patient.per_step)
    batch = patient.take(which)
    began = time.perf_counter()
    try:
        patient.loss(patient.start, *batch)
    except ProgramError:
        return False
    count = sum(v.size for v in patient.start)
    return 4 * count * (time.perf_counter() - began) < NUMERIC


def _with_layers_before(patient: Patient, which: Sequence[int]) -> list[int]:
    """Where a layer's weight and bias are wrong alike, its delta is, and goes on to those before."""
    if patient.network is None:
        return list(which)
    places = patient.network.wiring.places
    last = max(
        (n for n, p in enumerate(places) if p.weight in which and p.bias in {*which, None}),
        default=-1,
    )
    before = [k for p in places[: last + 1] for k in (p.weight, p.bias) if k is not None]
    return sorted({*which, *before})


def _mended(activations: tuple[str, ...]) -> list[str]:
    right = {name: name.split(" ")[0] for name in WRONG_ACTIVATIONS}
    return [right.get(name, name) for name in activations]
