"""What the doctor looks at: a network that can be trained, changed, and trained again.

A stranger's program and a model of this library become the same thing here: functions of lists of
float64 arrays on the host, first parameters, data, and what one update does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from portable_mlp.diagnosis.examination import samples_of
from portable_mlp.diagnosis.numeric import coordinates
from portable_mlp.diagnosis.program import Memory, ProgramError
from portable_mlp.diagnosis.reference import Array, Reference
from portable_mlp.optim import Adam

Values = list[Array]
Gradients = list[Array | None]
Step = Callable[[Values, Gradients], Values]
"""``(parameters, gradients) -> change`` of one update; it may remember, as momentum does."""

CLASSES = 50  # whole-number targets with at most so many values are classes


class LayerView(NamedTuple):
    """A layer after a forward pass, samples in rows.

    Args:
        name: of the layer.
        activation: name of f.
        weight: number of the weights among the parameters.
        matrix: the weights, (in, out).
        z: weighted sums.
        a: f(z).
    """

    name: str
    activation: str
    weight: int
    matrix: Array
    z: Array
    a: Array


@dataclass(frozen=True)
class Patient:
    """A network, its data, and how it is trained.

    Args:
        names: of the parameters.
        start: first parameters.
        x: inputs of all samples, as the program has them.
        y: targets.
        columns: whether samples lie in columns.
        loss: ``(values, x, y) -> float``; may raise `ProgramError`.
        gradients: ``(values, x, y)``, in the order of the parameters.
        stepper: makes the function that turns gradients into a change of the parameters.
        steps: updates of the training.
        batch: samples in each, None for all.
        layers: ``(values, x)``: every layer after a forward pass; None where the inside is not known.
        network: what the network is, where it was recognised.
        divisor: for a batch of so many samples, ``(c, λ)`` of the program's loss c R + ½ λ ΣW², where R
            is the network's sum over the samples.
        exact: parameters whose gradients are taken from the network, or by differences where there
            is none, in place of the program's.
        forward: ``(values, x)``: outputs as the program gives them; None if unknown.
        scale: what every change is multiplied by.
        rate: learning rate; NaN where an own update has it inside.
        averaged: whether steps remember nothing, so that the mean of several can be looked at.
    """

    names: tuple[str, ...]
    start: Values
    x: Array
    y: Array
    columns: bool
    loss: Callable[[Values, Array, Array], float]
    gradients: Callable[[Values, Array, Array], Gradients]
    stepper: Callable[[], Step]
    steps: int
    batch: int | None
    layers: Callable[[Values, Array], list[LayerView]] | None = None
    network: Reference | None = None
    divisor: Callable[[int], tuple[float, float]] = lambda n: (1.0, 0.0)
    exact: frozenset[int] = frozenset()
    forward: Callable[[Values, Array], Array | None] | None = None
    scale: float = 1.0
    chance: float = float("nan")
    """Loss of the best constant prediction, where the network is not known but that is."""
    rate: float = float("nan")
    averaged: bool = False
    right: bool = False
    """Whether the gradients are known to be right, so that no slope need be taken."""
    most: int = 256
    """Samples that measurements are taken with, at most."""
    codes: int = 0
    """So many of the last features are numbers of categories, which nothing may scale."""

    @property
    def relative(self) -> bool:
        """Whether 1 is the measure of the best constant prediction."""
        return self.network is not None or bool(np.isfinite(self.chance))

    @property
    def samples(self) -> int:
        """How many."""
        return int(self.x.shape[1] if self.columns else self.x.shape[0]) if self.x.ndim else 1

    @property
    def per_step(self) -> int:
        """Samples of one update."""
        return self.samples if self.batch is None else min(self.batch, self.samples)

    def take(self, which: NDArray[np.int64]) -> tuple[Array, Array]:
        """These samples, in their program's layout."""
        x = self.x[:, which] if self.columns else self.x[which]
        return x, samples_of(self.y, which, self.samples, self.columns)

    def probe(self) -> tuple[Array, Array]:
        """The samples that measurements are taken with: all, or some of them, always the same."""
        if self.samples <= self.most:
            return self.x, self.y
        some = np.random.default_rng(0).choice(self.samples, self.most, replace=False)
        return self.take(np.sort(some))

    def inputs_in_rows(self) -> Array:
        """All inputs, (samples, features)."""
        rows = self.x.T if self.columns else self.x
        return rows.reshape(self.samples, -1)

    def targets_in_rows(self, y: Array | None = None) -> Array:
        """Targets, (samples, columns)."""
        y = self.y if y is None else y
        turned = y.ndim == 2 and (self.columns if min(y.shape) > 1 else y.shape[0] == 1)
        rows = y.T if turned else y
        return rows.reshape(len(rows), -1) if rows.ndim else rows.reshape(1, 1)

    def slopes(self, values: Values, x: Array, y: Array) -> Gradients:
        """The gradients that this copy is trained with."""
        if not self.exact:
            return self.gradients(values, x, y)
        found: Gradients = [None] * len(values)
        if len(self.exact) < len(values):
            found = list(self.gradients(values, x, y))
        if self.network is not None:
            with np.errstate(all="ignore"):
                t = self.network.targets(y, self.network.units(values))
                factor, penalty = self.divisor(len(t))
                true = replace(self.network, penalty=penalty / factor).gradients(values, x, t)
            for k in self.exact:
                found[k] = factor * true[k]
            return found
        for k in self.exact:
            places = range(values[k].size)
            slopes, _ = coordinates(lambda v: self.loss(v, x, y), values, k, list(places))
            found[k] = slopes.reshape(values[k].shape)
        return found

    def outputs(self, values: Values, x: Array) -> Array | None:
        """What the network gives, (samples, outputs); None if nobody knows how to ask it."""
        try:
            if self.layers is not None:
                return self.layers(values, x)[-1].a
            if self.forward is not None:
                found = self.forward(values, x)
                if found is not None and found.ndim:
                    found = found.T if self.columns and found.ndim == 2 else found
                    return found.reshape(len(found), -1)
        except (ProgramError, ValueError, IndexError):
            return None
        return None

    def measure(self, values: Values, x: Array, y: Array) -> float:
        """The loss in a form that differs between copies only by what they have learned.

        Where the network is known, its loss for one sample over that of the best constant
        prediction: 1 is chance. Otherwise the program's own loss.
        """
        try:
            with np.errstate(all="ignore"):
                if self.network is None or any(
                    v.shape != s.shape for v, s in zip(values, self.start, strict=True)
                ):
                    return self.loss(values, x, y) / (
                        self.chance if np.isfinite(self.chance) else 1.0
                    )
                layers = self.network.forward(values, x)
                t = _within_reach(self.network, self.network.targets(y, layers[-1].a.shape[1]))
                return self.network.loss(layers, t) / (len(t) * best_constant(self.network, t))
        except (ProgramError, ValueError, IndexError):
            return float("inf")


def layers_of(network: Reference) -> Callable[[Values, Array], list[LayerView]]:
    """Every layer of a recognised network after a forward pass."""

    def layers(values: Values, x: Array) -> list[LayerView]:
        return [
            LayerView(
                f"layer {number}",
                layer.activation,
                place.weight,
                layer.weight,
                layer.z,
                layer.a,
            )
            for number, (place, layer) in enumerate(
                zip(network.wiring.places, network.forward(values, x), strict=True), 1
            )
        ]

    return layers


def _within_reach(network: Reference, t: Array) -> Array:
    """Targets of a cross-entropy between 0 and 1: outside of that it has no lowest value."""
    low, high = float(t.min()), float(t.max())
    if network.network.loss.endswith("mse") or (low >= 0 and high <= 1):
        return t
    return (t - low) / (high - low)


def best_constant(network: Reference, t: Array) -> float:
    """Loss per sample of the best prediction that does not look at the inputs."""
    if network.network.loss.endswith("mse"):
        half = 0.5 if network.network.loss == "half_mse" else 1.0
        loss = half * float(t.var(axis=0).sum())
    else:
        p = t.mean(axis=0)
        with np.errstate(all="ignore"):
            loss = float(-np.where(p > 0, p * np.log(p), 0).sum())
            if network.network.loss == "binary_cross_entropy":
                loss -= float(np.where(p < 1, (1 - p) * np.log(1 - p), 0).sum())
    return loss if loss > 1e-12 else 1.0


def classes_of(rows: Array, units: int = 1) -> NDArray[np.int64] | None:
    """The class of each sample; None for targets that are no classes.

    Args:
        rows: targets, (samples, columns): one-hot, one column of labels, or numbers.
        units: outputs of the network; one column of whole numbers beside more of them is labels.
    """
    if rows.shape[1] > 1:
        one_hot = np.isin(rows, (0, 1)).all() and (rows.sum(axis=1) == 1).all()
        return rows.argmax(axis=1) if one_hot else None
    column = rows[:, 0]
    values = np.unique(column)
    most = CLASSES if units < 2 else len(column)
    if len(values) > most or (values != np.round(values)).any() or len(values) < 2:
        return None
    return np.searchsorted(values, column)


def changed(values: Values, change: Sequence[Array], scale: float) -> Values:
    """Parameters after an update."""
    return [v + scale * d for v, d in zip(values, change, strict=True)]


def plain_step(rate: float) -> Callable[[], Step]:
    """Gradient descent: θ - rate · g."""

    def step(values: Values, gradients: Gradients) -> Values:
        return [
            np.zeros_like(v) if g is None else -rate * g
            for v, g in zip(values, gradients, strict=True)
        ]

    return lambda: step


def remembering(stepper: Callable[[], Step], memory: Memory) -> Callable[[], Step]:
    """Steps along gradients that have something of earlier calls in them."""

    def make() -> Step:
        inner = stepper()
        kept: Values = []

        def step(values: Values, gradients: Gradients) -> Values:
            new = [
                np.zeros_like(v) if g is None else g for v, g in zip(values, gradients, strict=True)
            ]
            used = [a + memory.share * b for a, b in zip(new, kept, strict=True)] if kept else new
            kept[:] = used if memory.of_all else new
            return inner(values, list(used))

        return step

    return make


def adam_step(rate: float) -> Callable[[], Step]:
    """Adam, where nothing is known of a rate that suits."""

    def make() -> Step:
        optimizer, count = Adam(rate), 0
        slots: tuple[Array, ...] = ()

        def step(values: Values, gradients: Gradients) -> Values:
            nonlocal slots, count
            vector = np.concatenate([v.reshape(-1) for v in values])
            zeros = [np.zeros_like(v) for v in values]
            given = zip(gradients, zeros, strict=True)
            slope = np.concatenate([(z if g is None else g).reshape(-1) for g, z in given])
            slots, count = slots or optimizer.init(vector, np), count + 1
            scalars = optimizer.scalars(count, rate)
            after, slots = optimizer.update(slope, slots, vector, scalars, np)
            ends = np.cumsum([v.size for v in values])
            pieces = np.split(np.asarray(after) - vector, ends[:-1])
            return [p.reshape(v.shape) for p, v in zip(pieces, values, strict=True)]

        return step

    return make
