"""A model of this library as a patient: on the host, in double precision, with its own optimizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np

from portable_mlp import randomness
from portable_mlp.backends import get
from portable_mlp.diagnosis.description import ROWS, Network, Place, Wiring
from portable_mlp.diagnosis.doctor.patient import (
    Gradients,
    LayerView,
    Patient,
    Step,
    Values,
    layers_of,
    plain_step,
)
from portable_mlp.diagnosis.reference import Array, Reference, value_of
from portable_mlp.nn.activations import (
    Elementwise,
    Identity,
    LeakyReLU,
    PReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from portable_mlp.nn.layers import BatchNorm, Dense, Dropout, Embedding, Flatten, Scale
from portable_mlp.nn.losses import Loss
from portable_mlp.optim import LBFGS
from portable_mlp.training.epoch import Plan
from portable_mlp.training.problem import Data, Problem

MOST_ROWS = 4096
"""Rows of the training set that copies are trained with."""
PAIRS = {
    "SoftmaxCrossEntropy": ("softmax", "cross_entropy"),
    "BinaryCrossEntropy": ("sigmoid", "binary_cross_entropy"),
    "SquaredError": ("identity", "mse"),
    "HalfSquaredError": ("identity", "half_mse"),
    "SumSquaredError": ("identity", "mse"),
    "HalfSumSquaredError": ("identity", "half_mse"),
}
"""What a loss on logits is in terms of the outputs."""
LINEAR = (BatchNorm, Dropout, Flatten, Scale)
"""Layers that leave a straight line straight."""


def _some_rows(plan: Plan) -> tuple[Array, Array]:
    """Up to `MOST_ROWS` training rows on the host; of data that are streamed, from their beginning."""
    backend = plan.problem.backend
    with closing(plan.feed.parts()) as parts:
        data = next(parts)
        count = data.x.shape[0]
        rows = np.arange(count)
        if count > MOST_ROWS:
            rows = np.sort(np.random.default_rng(0).choice(count, MOST_ROWS, replace=False))
        index = backend.asarray(rows, backend.index_dtype)
        x = np.array(backend.to_numpy(backend.xp.take(data.x, index, axis=0)))
        y = np.array(backend.to_numpy(backend.xp.take(data.y, index, axis=0)))
    return x, y


def model_patient(plan: Plan, start: Values, state: Any) -> Patient:
    """The patient that a training of this library is.

    Args:
        plan: data, optimizer, batch size.
        start: first parameters, on the host, in the order of the layout.
        state: running statistics, on the host, as `Problem.to_host` gives them.
    """
    problem = plan.problem
    host = replace(problem, backend=get("numpy", dtype="float64"))
    xp = host.backend.xp
    layout = problem.layout
    shapes = [spec.shape for _, spec, _ in layout.entries]
    x, y = _some_rows(plan)
    x = x.astype(float) if x.dtype.kind == "f" else x
    y = y.astype(float) if y.dtype.kind == "f" else y
    keys = randomness.stream_keys(plan.seed, 0, problem.network.streams)

    def flat(values: Sequence[Array]) -> Array:
        return np.concatenate([*(v.reshape(-1) for v in values), np.zeros(0)])

    running = host.from_host(flat(start), state).state

    def apart(vector: Array) -> Values:
        pieces = [vector[place] for _, _, place in layout.entries]
        return [p.reshape(shape) for p, shape in zip(pieces, shapes, strict=True)]

    def both(values: Values, x: Array, y: Array) -> tuple[float, Gradients]:
        with np.errstate(all="ignore"):
            value, gradient, _, _ = host.value_and_gradient(
                xp, flat(values), running, Data(x, y, None), keys
            )
        return float(value), list(apart(np.asarray(gradient)))

    network, first = described(problem, shapes), problem.network.layers[0]
    patient = Patient(
        names=tuple(name for name, _, _ in layout.entries),
        start=start,
        x=x,
        y=y,
        columns=False,
        loss=lambda values, x, y: both(values, x, y)[0],
        gradients=lambda values, x, y: both(values, x, y)[1],
        stepper=_stepper(plan, host, flat, apart),
        steps=plan.epochs * plan.batches,
        batch=None if plan.batch_size >= plan.rows else plan.batch_size,
        layers=_tape(host, running, apart, flat) if network is None else layers_of(network),
        network=network,
        rate=plan.learning_rate,
        right=not problem.has_foreign_code,
        most=128,
        codes=len(first.levels) if isinstance(first, Embedding) else 0,
    )
    x, y = patient.take(np.arange(min(8, patient.samples)))
    with np.errstate(all="ignore"):
        given = host.data_gradient(xp, flat(start), running, Data(x, y, None), keys)[0]
    if network is None:
        return replace(patient, chance=_chance(host, patient.y))
    l2, per_batch = problem.penalty.l2, problem.penalty.per_batch
    t = network.targets(y, network.units(start))
    own = network.loss(network.forward(start, x), t)
    ratio = float(given) / own if own else 1.0
    if problem.loss.reduction == "sum":
        return replace(patient, divisor=lambda n: (ratio, l2 / n if per_batch else l2))
    return replace(patient, divisor=lambda n: (ratio * len(t) / n, l2 / n if per_batch else l2))


def _chance(host: Problem, y: Array) -> float:
    """Loss of the best constant outputs, about; NaN where these targets allow none."""
    (units,) = host.network.output_shape(host.sample_shape)
    with np.errstate(all="ignore"):
        if host.loss.targets != "values" and y.ndim == 1 and units > 1:
            share = np.bincount(y.astype(int), minlength=units) / len(y)
            constant = np.log(share + 1e-12)
        else:
            constant = y.reshape(len(y), -1).astype(float).mean(axis=0)
            if host.loss.targets != "values" or "Binary" in type(host.loss).__name__:
                constant = np.log(constant + 1e-12) - np.log(1 - constant + 1e-12)
        if constant.shape != (units,):
            return float("nan")
        outputs = np.zeros((len(y), units)) + constant
        try:
            value = float(host.loss(outputs, y, None, host.context(host.backend.xp))[0])
        except ValueError:
            return float("nan")
    return value if np.isfinite(value) and value > 1e-12 else float("nan")


def _stepper(
    plan: Plan, host: Problem, flat: Callable[[Values], Array], apart: Callable[[Array], Values]
) -> Callable[[], Step]:
    """Updates by the training's own optimizer."""
    optimizer, rate = plan.optimizer, plan.learning_rate
    if isinstance(optimizer, LBFGS):
        return plain_step(0.1)
    xp, mask, rates = host.backend.xp, host.decay_mask, host.rate_factors

    def make() -> Step:
        slots: Any = None
        count = 0

        def step(values: Values, gradients: Gradients) -> Values:
            nonlocal slots, count
            vector = flat(values)
            gradient = flat([np.zeros(1) if g is None else g for g in gradients])
            slots = optimizer.init(vector, xp) if slots is None else slots
            count += 1
            after, slots = optimizer.update(
                *(gradient, slots, vector, optimizer.scalars(count, rate), xp),
                decay_mask=mask,
                rate_factors=rates,
            )
            return apart(np.asarray(after) - vector)

        return step

    return make


def described(problem: Problem, shapes: Sequence[tuple[int, ...]]) -> Reference | None:
    """The model in the words of a plain perceptron, where it is one."""
    pair = PAIRS.get(type(problem.loss).__name__)
    if pair is None or not _plain(problem.loss):
        return None
    places: list[Place] = []
    activations: list[str] = []
    slope, number, open_end = 0.01, 0, False
    for layer in problem.network.layers:
        if isinstance(layer, Dense):
            if open_end:
                activations.append("identity")
            bias = number + 1 if layer.use_bias else None
            places.append(Place(number, bias, transposed=False))
            number += 1 + layer.use_bias
            open_end = True
        elif open_end and (name := _name_of(layer)):
            activations.append(name)
            slope = layer.slope if isinstance(layer, LeakyReLU) else slope
            open_end = False
        else:
            return None
    if not places or number != len(shapes):
        return None
    if open_end:
        activations.append(pair[0])
    elif pair[0] != "identity":
        return None  # an activation before a loss that wants logits
    network = Network(activations, pair[1], ROWS, slope=slope)
    return Reference(network, Wiring(tuple(places), ROWS))


def _plain(loss: Loss) -> bool:
    """Whether a loss has no option that changes its formula."""
    return loss == type(loss)()


def _name_of(layer: Any) -> str:
    if isinstance(layer, Sigmoid):
        return "sigmoid" if layer.slope == 1 else ""
    names = {
        Identity: "identity",
        LeakyReLU: "leaky_relu",
        ReLU: "relu",
        Softmax: "softmax",
        Tanh: "tanh",
    }
    return names.get(type(layer), "")


def _tape(
    host: Problem, running: Any, apart: Callable[[Array], Values], flat: Callable[[Values], Array]
) -> Callable[[Values, Array], list[LayerView]]:
    """Dense layers with the activations that follow them, in networks that are no plain perceptrons."""
    xp = host.backend.xp
    pair = PAIRS.get(type(host.loss).__name__, ("identity", ""))
    places = {name: k for k, (name, _, _) in enumerate(host.layout.entries)}

    def layers(values: Values, x: Array) -> list[LayerView]:
        params = host.layout.views(flat(values), xp)
        ctx, found = host.context(xp), list[LayerView]()
        dense = ""
        before, between = x, "identity"

        def close(name: str, z: Array, a: Array) -> None:
            weight = places[f"{dense}.weight"]
            found.append(LayerView(dense, name, weight, values[weight], z, a))

        for name, layer in host.network.named_layers.items():
            after = np.asarray(layer.apply(params[name], running[name], before, ctx)[0])
            if isinstance(layer, Dense):
                if dense:
                    close(between, before, before)
                dense, between = name, "identity"
            elif dense and isinstance(layer, (Elementwise, PReLU, Softmax)):
                close(_name_of(layer) or layer.kind, before, after)
                dense = ""
            elif not isinstance(layer, LINEAR):  # a residual block bends what goes through it
                between = layer.kind
            before = after
        if dense:
            close(pair[0], before, value_of(pair[0], before, 0.01))
        return found

    return layers
