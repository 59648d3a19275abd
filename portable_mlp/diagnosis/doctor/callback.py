"""The doctor beside a training of this library."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from portable_mlp.diagnosis.doctor.case import Case, Suspicion
from portable_mlp.diagnosis.doctor.course import Course, Moment, marks
from portable_mlp.diagnosis.doctor.levels import CERTAIN, SYMPTOM
from portable_mlp.diagnosis.doctor.own_model import model_patient
from portable_mlp.diagnosis.doctor.patient import Values
from portable_mlp.diagnosis.doctor.report import DoctorReport
from portable_mlp.diagnosis.doctor.rules import all_suspicions
from portable_mlp.diagnosis.doctor.verdict import decide
from portable_mlp.diagnosis.report import Finding, finding
from portable_mlp.optim import LBFGS
from portable_mlp.training.loop import Callback, Run

WELL = 0.3
"""A loss of less than this share of chance is no reason to try fixes."""
CLEAR = "\r\033[K"
"""Takes back a line that was shown on a terminal."""


def _tell(words: str) -> None:
    sys.stderr.write(f"{CLEAR}Doctor tries: {words[:80]}")
    sys.stderr.flush()


def _silent(words: str) -> None:
    pass


def by_heart(run: Run) -> list[Suspicion]:
    """D33: the validation loss rises while the training's falls."""
    figures = run.history.figures
    if "val_loss" not in figures or len(figures["val_loss"]) < 3:
        return []
    seen, unseen = figures["loss"], figures["val_loss"]
    best = int(np.argmin(unseen))
    if unseen[-1] < 2 * seen[-1] or unseen[-1] < 1.2 * unseen[best] or seen[-1] > seen[best]:
        return []
    evidence = (
        f"the validation loss was {unseen[best]:.3g} after epoch {best + 1} and is {unseen[-1]:.3g} now, "
        f"the training's went from {seen[best]:.3g} to {seen[-1]:.3g}"
    )
    return [Suspicion(finding("D33", evidence, harmful=False), None, SYMPTOM)]


class Doctor(Callback):
    """Watches a training and says why it does not learn, or that nothing was found.

    It copies the weights at about a dozen moments and looks at them when the training has ended, on
    at most 128 samples. Only where something seems wrong are copies trained, with each fix in turn.

    Args:
        verify: whether fixes are tried on copies.
        seconds: that trying them may take, about.
        quiet: whether nothing is printed at the end.

    Example:
        >>> import numpy as np
        >>> from portable_mlp import MLP
        >>> X = 1000 * np.random.default_rng(0).normal(size=(200, 2))
        >>> y = (X[:, 0] * X[:, 1] > 0).astype(int)
        >>> doctor, model = Doctor(quiet=True), MLP([2, 16, 2], activation="tanh", seed=0)
        >>> history = model.fit(X, y, epochs=100, learning_rate=0.01, callbacks=[doctor])
        >>> doctor.findings[0].id, doctor.findings[0].blocking
        ('D05', True)
    """

    def __init__(self, verify: bool = True, *, seconds: float = 20.0, quiet: bool = False) -> None:
        """Nothing is looked at before a training starts."""
        self.verify, self.seconds, self.quiet = verify, float(seconds), quiet
        self._report = DoctorReport()
        self._course = Course()
        self._at: list[int] = []
        self._copies: dict[int, np.ndarray] = {}
        self._spent = 0.0

    @property
    def findings(self) -> list[Finding]:
        """At most three causes, the likeliest first; empty before a training has ended."""
        return self._report.findings

    def report(self, path: str | Path | None = None) -> DoctorReport:
        """What was found; with a path, a page is written there too.

        Args:
            path: of an HTML file, or None.
        """
        if not self._at:
            raise RuntimeError("Doctor: no training was watched yet; pass it to fit as a callback.")
        if path is not None:
            self._report.html(path)
        return self._report

    def plot(self) -> Any:
        """The report as a matplotlib figure (extra ``plot``)."""
        return self._report.plot()

    def on_train_begin(self, run: Run) -> None:
        """Takes the first weights."""
        self._report, self._course, self._copies = DoctorReport(), Course(), {}
        began = time.perf_counter()
        self._at = marks(run.plan.epochs * run.plan.batches)
        self._keep(run, 0)
        self._spent = time.perf_counter() - began

    def stops(self, run: Run) -> Sequence[int]:
        """About a dozen mini-batches, and the one after each: what lies between is an update."""
        last = run.plan.epochs * run.plan.batches
        wanted = {n for at in self._at for n in (at, at + 1)} | {last - 1}
        return sorted(n for n in wanted if 0 < n <= last)

    def on_stop(self, run: Run, done: int) -> None:
        """Copies the weights."""
        began = time.perf_counter()
        self._keep(run, done)
        self._spent += time.perf_counter() - began

    def on_non_finite(self, run: Run) -> None:
        """Remembers when."""
        done = run.history.epochs * run.plan.batches
        known = [n for n, v in self._copies.items() if not np.isfinite(v).all()]
        self._course.diverged = min(known, default=done + run.plan.batches)

    def on_train_end(self, run: Run) -> None:
        """Looks at what was copied; trains copies where something seems wrong."""
        began = time.perf_counter()
        try:
            self._examine(run)
        except Exception as error:  # what the doctor can't do must not cost the training
            self._report = DoctorReport(limits=[f"the training: {type(error).__name__}: {error}"])
        finally:
            self._copies = {}
        self._report.seconds = self._spent + time.perf_counter() - began
        if not self.quiet:
            sys.stderr.write(self._said() + "\n")

    def _said(self) -> str:
        if self._report.ok:
            checked = "; ".join(self._report.checked)
            return f"Doctor: nothing found that keeps this network from learning ({checked})."
        return f"Doctor:\n{self._report}"

    def _keep(self, run: Run, done: int) -> None:
        backend = run.problem.backend
        self._copies[done] = np.array(backend.to_numpy(run.carry.vector))

    def _examine(self, run: Run) -> None:
        state = run.problem.to_host(run.snapshot())[1]
        patient = model_patient(run.plan, self._values(run, 0), state)
        course = self._course
        last = max(self._copies)
        course.steps = last
        for step in [n for n in self._at if n in self._copies and n <= last]:
            values = self._values(run, step)
            after = self._copies.get(step + 1)
            before = self._copies[step]
            if after is None:  # the last: the step before it
                after, before = before, self._copies.get(step - 1, before)
            change = self._apart(run, after.astype(float) - before)
            measure = patient.measure(values, *patient.probe())
            course.moments.append(Moment(step, values, change, measure))
            if not np.isfinite(measure) and course.diverged is None and step:
                course.diverged = step
        case = Case(patient, course)
        suspicions = list(all_suspicions(case))
        suspicions += by_heart(run)
        report = self._report
        report.checked = [
            f"{len(course.moments)} moments of {course.steps} updates",
            "step length, data, first weights, layers",
        ]
        if isinstance(run.plan.optimizer, LBFGS):
            report.limits.append("fixes: copies of a training by L-BFGS are not made")
        verify = self.verify and not isinstance(run.plan.optimizer, LBFGS)
        # where it has learned, what is only unusual is noted without trials that take time
        verify = verify and (
            not case.learned < WELL or any(s.certain or s.tier == CERTAIN for s in suspicions)
        )
        report.verified = verify
        until = time.perf_counter() + self.seconds
        if verify and suspicions:  # what the updates of a copy would take
            began = time.perf_counter()
            patient.slopes(patient.start, *patient.take(np.arange(patient.per_step)))
            course.seconds = course.steps * (time.perf_counter() - began)
        shown = not self.quiet and sys.stderr.isatty()
        decide(report, case, suspicions, verify, until, run.plan.seed, _tell if shown else _silent)
        if shown:
            sys.stderr.write(CLEAR)
        report.probes = case.probes()
        report.losses = [(m.step, m.measure) for m in course.moments]
        report.baseline = case.baseline

    def _values(self, run: Run, step: int) -> Values:
        return self._apart(run, self._copies[step].astype(float))

    def _apart(self, run: Run, vector: np.ndarray) -> Values:
        return [
            np.array(vector[place]).reshape(spec.shape)
            for _, spec, place in run.problem.layout.entries
        ]
