"""A short training of a copy, and what is kept of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from portable_mlp.diagnosis.doctor.patient import Patient, Step, Values, changed
from portable_mlp.diagnosis.program import ProgramError

MOMENTS = 12
"""At how many steps of a training it is looked at, about equally far apart on a logarithmic scale."""
HUGE = 1e60
"""Parameters beyond this are taken for diverged."""


@dataclass
class Moment:
    """The network at one step.

    Args:
        step: updates done.
        values: parameters.
        change: what the next update adds to them.
        measure: `Patient.measure` of the probe batch.
    """

    step: int
    values: Values
    change: Values
    measure: float


@dataclass
class Course:
    """A training from its start.

    Args:
        moments: what was seen, first and last step included.
        steps: updates that were done.
        diverged: step after which a number was not finite; None if all were.
        raised: what the program said, where it could not go on.
        seconds: that it took.
    """

    moments: list[Moment] = field(default_factory=list)
    steps: int = 0
    diverged: int | None = None
    raised: str = ""
    seconds: float = 0.0

    @property
    def start(self) -> float:
        """The first measure."""
        return self.moments[0].measure if self.moments else float("nan")

    @property
    def end(self) -> float:
        """The last one; infinite where it diverged."""
        if not self.moments or self.diverged is not None or self.raised:
            return float("inf")
        last = self.moments[-1].measure
        return last if np.isfinite(last) else float("inf")


def marks(steps: int, most: int = MOMENTS) -> list[int]:
    """Steps at which to look: 0, 1, 2, 4, ... up to the last.

    Example:
        >>> marks(100, 6)
        [0, 1, 3, 10, 32, 100]
    """
    if steps < 1:
        return [0]
    spaced = np.unique(np.round(np.geomspace(1, steps, most - 1)).astype(int))
    return [0, *spaced.tolist()]


def follow(
    patient: Patient,
    steps: int,
    *,
    seed: int = 0,
    at: Sequence[int] | None = None,
    seconds: float = float("inf"),
) -> Course:
    """Trains a copy.

    Args:
        patient: what is trained; it is not changed.
        steps: updates.
        seed: of the order of the samples.
        at: steps at which to look; None for `marks`.
        seconds: after which it ends early, at least one update done.
    """
    course, random = Course(), np.random.default_rng(seed)
    looked = set(marks(steps) if at is None else at)
    probe, whole = patient.probe(), (patient.x, patient.y)
    values, step = [v.copy() for v in patient.start], patient.stepper()
    order, began = np.zeros(0, np.int64), time.perf_counter()
    for number in range(steps + 1):
        batch = whole
        if patient.batch is not None and patient.batch < patient.samples:
            if len(order) < patient.batch:
                order = random.permutation(patient.samples)
            batch, order = patient.take(order[: patient.batch]), order[patient.batch :]
        try:
            with np.errstate(all="ignore"):
                change = step(values, patient.slopes(values, *batch))
                after = changed(values, change, patient.scale)
        except (ProgramError, ValueError) as error:
            course.raised = str(error)
            break
        late = time.perf_counter() - began > seconds
        if number in looked or late:
            if patient.averaged and not late:
                change = _expected(patient, values, step, random)
            grown = any(v.shape != s.shape for v, s in zip(values, patient.start, strict=True))
            measure = patient.measure(values, *(whole if grown else probe))
            course.moments.append(Moment(number, values, change, measure))
            if not np.isfinite(measure) and number:
                course.diverged = number
        course.steps = number
        if course.diverged is not None or number == steps or late:
            break
        if not all(bool((np.abs(v) < HUGE).all()) for v in after):
            course.diverged = number + 1
            break
        values = after
    course.seconds = time.perf_counter() - began
    return course


def _expected(patient: Patient, values: Values, step: Step, random: np.random.Generator) -> Values:
    """The mean change over some small batches: one alone may point anywhere."""
    count = int(np.clip(64 // patient.per_step, 1, 8))
    changes = []
    for _ in range(count):
        some = random.choice(patient.samples, patient.per_step, replace=False)
        changes.append(step(values, patient.slopes(values, *patient.take(some))))
    return [np.mean(parts, axis=0) for parts in zip(*changes, strict=True)]
