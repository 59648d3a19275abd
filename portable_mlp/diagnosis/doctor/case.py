"""What is known of a patient and of its training when the rules are asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from portable_mlp.diagnosis.doctor.course import Course, Moment
from portable_mlp.diagnosis.doctor.patient import (
    LayerView,
    Patient,
    Values,
    best_constant,
    changed,
    classes_of,
)
from portable_mlp.diagnosis.doctor.report import Histogram, LayerProbe, Probe
from portable_mlp.diagnosis.doctor.treatments import Treatment
from portable_mlp.diagnosis.numeric import slope
from portable_mlp.diagnosis.program import ProgramError
from portable_mlp.diagnosis.reference import Array
from portable_mlp.diagnosis.report import Finding

HALVINGS = 120
"""So often at most is a step halved until it lowers the loss."""
FLAT_SIGMOID, FLAT_TANH = 0.02, 0.05
"""a (1 - a) and 1 - a² below which a unit is called saturated."""
BINS = 24


@dataclass(frozen=True)
class Suspicion:
    """What a rule says.

    Args:
        finding: the cause and its evidence.
        treatment: a change that should help if this is the cause; None where none can be tried.
        tier: how sure this kind of cause is, see `levels`.
        certain: whether it stands although its treatment does not help.
    """

    finding: Finding
    treatment: Treatment | None
    tier: int
    certain: bool = False


@dataclass
class Case:
    """A patient and its training.

    Args:
        patient: the network.
        course: its training.
    """

    patient: Patient
    course: Course
    _views: dict[int, list[LayerView]] = field(default_factory=dict)

    @property
    def first(self) -> Moment:
        """Before the first update."""
        return self.course.moments[0]

    @cached_property
    def last(self) -> Moment:
        """The last moment with finite numbers."""
        fine = [m for m in self.course.moments if np.isfinite(m.measure)]
        return fine[-1] if fine else self.first

    @cached_property
    def learned(self) -> float:
        """How much of the loss is left at the end: over chance where the network is known."""
        if self.patient.relative:
            return self.course.end
        return self.course.end / self.course.start if self.course.start else float("nan")

    @cached_property
    def classes(self) -> NDArray[np.int64] | None:
        """The class of each sample, None in regression."""
        views = self.views(self.first)
        units = views[-1].a.shape[1] if views else 1
        return classes_of(self.patient.targets_in_rows(), units)

    def views(self, moment: Moment) -> list[LayerView]:
        """All layers on the probe batch; empty where the inside is not known."""
        if moment.step not in self._views:
            self._views[moment.step] = []
            if self.patient.layers is not None:
                try:
                    with np.errstate(all="ignore"):
                        self._views[moment.step] = self.patient.layers(
                            moment.values, self.patient.probe()[0]
                        )
                except (ValueError, IndexError):
                    pass
        return self._views[moment.step]

    def loss(self, values: Values) -> float:
        """The measure of the probe batch."""
        return self.patient.measure(values, *self.patient.probe())

    @cached_property
    def slopes(self) -> dict[int, float]:
        """The slope ratio at each moment."""
        return {m.step: self._slope(m) for m in self.course.moments}

    def _slope(self, moment: Moment) -> float:
        """[L(θ + εg) - L(θ - εg)] / 2ε ‖g‖²: 1 where the gradient is right, below 0 where it climbs."""
        patient = self.patient
        if patient.right:
            return float("nan")
        probe = patient.probe()
        try:
            g = patient.slopes(moment.values, *probe)
        except (ProgramError, ValueError):
            return float("nan")
        if any(a is None or a.shape != v.shape for a, v in zip(g, moment.values, strict=True)):
            return float("nan")
        along = [a for a in g if a is not None]
        square = float(sum((a * a).sum() for a in along))
        if not np.isfinite(square) or square == 0:
            return float("nan")
        try:
            found = slope(lambda v: patient.loss(v, *probe), moment.values, along)
        except ProgramError:
            return float("nan")
        return found.value / square

    @cached_property
    def halvings(self) -> dict[int, int]:
        """How often each step must be halved before it lowers the probe loss; -1 where it never does."""
        return {m.step: self._halvings(m) for m in self.course.moments}

    def _halvings(self, moment: Moment) -> int:
        if not np.isfinite(moment.measure):
            return 0
        if any(c.shape != v.shape for c, v in zip(moment.change, moment.values, strict=True)):
            return 0
        for k in range(HALVINGS):
            after = changed(moment.values, moment.change, self.patient.scale * 0.5**k)
            # a loss that is at its floor does not fall, and its step is not too long
            if self.loss(after) < moment.measure * (1 + 1e-9) + 1e-12:
                return k
        return -1

    def probes(self) -> list[Probe]:
        """The measurements, for the report."""
        return [
            Probe(
                m.step,
                m.measure,
                self.patient.rate * self.patient.scale,
                self.slopes[m.step],
                max(self.halvings[m.step], 0),
                self._layers(m),
            )
            for m in self.course.moments
        ]

    def _layers(self, moment: Moment) -> tuple[LayerProbe, ...]:
        views = self.views(moment)
        if not views:
            return ()
        try:
            slopes = self.patient.slopes(moment.values, *self.patient.probe())
        except (ProgramError, ValueError):
            slopes = [None] * len(moment.values)
        return tuple(self._layer(view, moment, slopes[view.weight]) for view in views)

    def _layer(self, view: LayerView, moment: Moment, slope: Array | None) -> LayerProbe:
        moved = float(np.linalg.norm(moment.change[view.weight] * self.patient.scale))
        size = float(np.linalg.norm(moment.values[view.weight]))
        slope = np.zeros(1) if slope is None else slope
        with np.errstate(all="ignore"):
            return LayerProbe(
                view.name,
                view.activation,
                int(view.a.shape[1]),
                histogram(view.a),
                histogram(np.log10(np.abs(slope[slope != 0]))),
                float(dead_units(view).mean()),
                saturated_share(view),
                size,
                float(np.linalg.norm(slope)),
                moved / size if size else float("nan"),
            )

    @cached_property
    def baseline(self) -> float:
        """Measure of the best constant prediction: 1 where that is known, else NaN."""
        return 1.0 if self.patient.relative else float("nan")

    @cached_property
    def chance(self) -> float:
        """Loss per sample of the best constant prediction, in the network's own loss; NaN if unknown."""
        network = self.patient.network
        if network is None:
            return float("nan")
        units = network.units(self.patient.start)
        return best_constant(network, network.targets(self.patient.y, units))


def histogram(numbers: Array) -> Histogram:
    """How the finite ones are spread."""
    fine = numbers[np.isfinite(numbers)]
    if not fine.size:
        return Histogram((0.0, 1.0), (0,))
    low, high = float(fine.min()), float(fine.max())
    if not high - low > 1e-6 * max(abs(low), abs(high), 1e-12):  # no room for bins between them
        width = max(abs(high), 1.0)
        low, high = low - 0.5 * width, high + 0.5 * width
    if not np.isfinite(high - low):
        return Histogram((0.0, 1.0), (0,))
    counts, edges = np.histogram(fine, bins=BINS, range=(low, high))
    return Histogram(tuple(map(float, edges)), tuple(map(int, counts)))


def dead_units(view: LayerView) -> NDArray[np.bool_]:
    """Units that are 0 (or on the small slope) for every sample: of ReLU and its kin only."""
    if "relu" not in view.activation:
        return np.zeros(view.a.shape[1], bool)
    return np.asarray((view.z <= 0).all(axis=0))


def saturated_share(view: LayerView) -> float:
    """Share of activations in the flat parts of a sigmoid or tanh."""
    if view.activation == "tanh":
        return float((1 - view.a**2 < FLAT_TANH).mean())
    if view.activation.startswith("sigmoid"):
        return float((view.a * (1 - view.a) < FLAT_SIGMOID).mean())
    return 0.0
