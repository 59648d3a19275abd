"""What can be changed in a copy to see whether it helps: each treatment makes one patient of another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from portable_mlp.diagnosis.description import Place
from portable_mlp.diagnosis.doctor.patient import Patient, Values, adam_step, layers_of
from portable_mlp.diagnosis.reference import Array, Reference

SPREAD = 1e-12
"""A column that varies less is constant."""


@dataclass(frozen=True)
class Treatment:
    """One change.

    Args:
        words: what is changed: ``"a learning rate 16 times smaller"``.
        apply: from the patient to the treated one.
        needs_network: whether it can be done only where the network was recognised.
    """

    words: str
    apply: Callable[[Patient], Patient]
    needs_network: bool = False


def scaled(factor: float, words: str) -> Treatment:
    """Every update is multiplied by a factor."""
    return Treatment(words, lambda p: replace(p, scale=p.scale * factor))


def with_true_gradients(which: Iterable[int], words: str = "the true gradient") -> Treatment:
    """These parameters are trained with the derivative of the loss."""
    chosen = frozenset(which)
    return Treatment(words, lambda p: replace(p, exact=p.exact | chosen))


def with_activations(change: Callable[[tuple[str, ...]], Sequence[str]], words: str) -> Treatment:
    """Other activations in a recognised network, and the gradients that belong to them."""

    def apply(p: Patient) -> Patient:
        assert p.network is not None  # noqa: S101
        described = p.network.network
        other = replace(described, activations=tuple(change(tuple(described.activations))))
        return with_network(p, replace(p.network, network=other))

    return Treatment(words, apply, needs_network=True)


def with_network(p: Patient, network: Reference) -> Patient:
    """The same with another network in place of the program."""
    everything = frozenset(range(len(p.start)))
    return replace(p, network=network, layers=layers_of(network), exact=everything)


def with_biases() -> Treatment:
    """A recognised network without biases is given some, of 0."""

    def apply(p: Patient) -> Patient:
        assert p.network is not None  # noqa: S101
        places: list[Place] = []
        start, names = list(p.start), list(p.names)
        for number, place in enumerate(p.network.wiring.places):
            if place.bias is not None or place.constant:
                places.append(place)
                continue
            places.append(replace(place, bias=len(start)))
            start.append(np.zeros(place.split(p.start[place.weight])[0].shape[1]))
            names.append(f"bias of layer {number + 1}")
        wiring = replace(p.network.wiring, places=tuple(places))
        grown = replace(p, start=start, names=tuple(names), stepper=_beside(p, len(p.start)))
        return with_network(grown, replace(p.network, wiring=wiring))

    return Treatment("a bias in every layer", apply, needs_network=True)


def with_hidden_layer(units: int = 16) -> Treatment:
    """A tanh layer before the only one of a recognised network."""

    def apply(p: Patient) -> Patient:
        assert p.network is not None  # noqa: S101
        weight, _ = p.network.wiring.places[0].split(p.start[p.network.wiring.places[0].weight])
        inputs, outputs = weight.shape
        random = np.random.default_rng(0)
        start = [
            random.normal(0.0, np.sqrt(2 / (inputs + units)), (inputs, units)),
            np.zeros(units),
            random.normal(0.0, np.sqrt(2 / (units + outputs)), (units, outputs)),
            np.zeros(outputs),
        ]
        described = p.network.network
        other = replace(described, activations=("tanh", *described.activations))
        places = (Place(0, 1, transposed=False), Place(2, 3, transposed=False))
        wiring = replace(p.network.wiring, places=places)
        names = tuple(f"array {k}" for k in range(4))
        grown = replace(
            p, start=start, names=names, stepper=adam_step(0.03), scale=1.0, averaged=False
        )
        return with_network(grown, replace(p.network, network=other, wiring=wiring))

    return Treatment(f"a hidden layer of {units} tanh units", apply, needs_network=True)


def _beside(p: Patient, known: int) -> Callable[[], Callable[..., Values]]:
    """The patient's steps; what it does not know moves at the plain rate."""
    rate = p.rate if np.isfinite(p.rate) else 0.01

    def make() -> Callable[..., Values]:
        own = p.stepper()

        def step(values: Values, gradients: Sequence[Array | None]) -> Values:
            more = [
                np.zeros_like(v) if g is None else -rate * g
                for v, g in zip(values[known:], gradients[known:], strict=True)
            ]
            return [*own(values[:known], list(gradients[:known])), *more]

        return step

    return make


def without_penalty() -> Treatment:
    """A recognised network without its weight penalty."""

    def apply(p: Patient) -> Patient:
        everything = frozenset(range(len(p.start)))
        return replace(p, exact=everything, divisor=lambda n: (p.divisor(n)[0], 0.0))

    return Treatment("no weight penalty", apply, needs_network=True)


def with_scaled_inputs() -> Treatment:
    """Every feature with mean 0 and standard deviation 1."""

    def apply(p: Patient) -> Patient:
        axis = 1 if p.columns else 0
        x = p.x.astype(float)
        spread = x.std(axis=axis, keepdims=True)
        scaled = (x - x.mean(axis=axis, keepdims=True)) / np.where(spread > SPREAD, spread, 1.0)
        if p.codes:
            scaled[:, -p.codes :] = x[:, -p.codes :]
        return replace(p, x=scaled)

    return Treatment("inputs with mean 0 and standard deviation 1", apply)


def with_targets_between(low: float, high: float) -> Treatment:
    """Targets moved into a range, each column by itself."""

    def apply(p: Patient) -> Patient:
        y = p.y.astype(float)
        axis = (1 if p.columns else 0) if y.ndim == 2 else 0
        least, most = y.min(axis=axis, keepdims=True), y.max(axis=axis, keepdims=True)
        width = np.where(most > least, most - least, 1.0)
        return replace(p, y=low + (high - low) * (y - least) / width)

    return Treatment(f"targets between {low:g} and {high:g}", apply)


def with_standard_targets() -> Treatment:
    """Targets with mean 0 and standard deviation 1."""

    def apply(p: Patient) -> Patient:
        y = p.y.astype(float)
        axis = (1 if p.columns else 0) if y.ndim == 2 else 0
        spread = y.std(axis=axis, keepdims=True)
        return replace(
            p,
            y=(y - y.mean(axis=axis, keepdims=True)) / np.where(spread > SPREAD, spread, 1.0),
        )

    return Treatment("targets with mean 0 and standard deviation 1", apply)


def with_fresh_weights() -> Treatment:
    """Weights by Glorot's rule (He's before a ReLU), biases 0.

    Source: Glorot & Bengio 2010; He et al. 2015.
    """

    def apply(p: Patient) -> Patient:
        random = np.random.default_rng(0)
        relu: set[int] = set()
        constants: dict[int, Place] = {}
        if p.network is not None:
            names = p.network.network.activations
            places = p.network.wiring.places
            relu = {q.weight for q, f in zip(places, names, strict=True) if "relu" in f}
            constants = {q.weight: q for q in places if q.constant}
        start = []
        for k, value in enumerate(p.start):
            if value.ndim < 2 or (min(value.shape) == 1 and not _is_weight(p, k)):
                start.append(np.zeros_like(value))
                continue
            drawn = random.normal(0.0, spread_of(p, k, k in relu), value.shape)
            if k in constants:
                weight, bias = constants[k].split(drawn)
                assert bias is not None  # noqa: S101
                drawn = constants[k].joined(weight, np.zeros_like(bias))
            start.append(drawn)
        return replace(p, start=start)

    return Treatment("weights drawn by Glorot's or He's rule, biases 0", apply)


def _is_weight(p: Patient, k: int) -> bool:
    return p.network is not None and any(q.weight == k for q in p.network.wiring.places)


def spread_of(p: Patient, k: int, relu: bool) -> float:
    """The standard deviation that the weights of one layer should have."""
    rows, columns = p.start[k].shape[:2]
    inner = rows
    if p.network is not None:
        inner = next(
            (q.split(p.start[k])[0].shape[0] for q in p.network.wiring.places if q.weight == k),
            rows,
        )
    return float(np.sqrt(2 / inner) if relu else np.sqrt(2 / (rows + columns)))


def both(treatments: Sequence[Treatment]) -> Treatment:
    """Several, one after the other."""

    def apply(p: Patient) -> Patient:
        for treatment in treatments:
            p = treatment.apply(p)
        return p

    return Treatment("; ".join(dict.fromkeys(t.words for t in treatments)), apply)
