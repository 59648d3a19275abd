"""S9: a sine as 21 classes, and one number that is added to all weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from portable_mlp.gallery.data import one_hot, sine_pairs
from portable_mlp.gallery.perceptron import Perceptron
from portable_mlp.gallery.system import Array, Model, Params, Program, System, causes
from portable_mlp.model import MLP
from portable_mlp.nn import Dense, Normal, Tanh

_CLASSES, _RATE = 21, 2.0
_RANGE = 2 * np.pi


def _classes(y: Array) -> Array:
    """Class numbers 0 .. 20 of the values -1.0, -.9 .. 1.0."""
    return np.round(10 * y).astype(np.int64) + 10


def _posted_forward() -> Callable[[Params, Array], Array]:
    """Activations (n, 21). Those of the outputs are never set back: each sample adds to the last."""
    activations = np.zeros(_CLASSES)

    def forward(params: Params, x: Array) -> Array:
        found = np.zeros((len(x), _CLASSES))
        for i, sample in enumerate(x):
            hidden = 1 / (1 + np.exp(params["W1"] @ sample))
            activations[:] = 1 / (1 + np.exp(activations + params["W2"] @ hidden))
            found[i] = activations
        return found

    return forward


def _values(activations: Array) -> Array:
    """The values (n,) of the outputs that are largest."""
    found: Array = (activations.argmax(axis=1) - 10) / 10
    return found


def _update(params: Params, gradients: Params) -> Params:
    return {name: value + _RATE * gradients[name] for name, value in params.items()}


def _posted(seed: int) -> Program:
    forward = _posted_forward()

    def loss(params: Params, x: Array, y: Array) -> float:
        return float(np.mean((_values(forward(params, x)) - y) ** 2) / 2)

    def gradients(params: Params, x: Array, y: Array) -> Params:
        values = _values(forward(params, x))
        s = 1 / (1 + np.exp(-values[-1]))
        number = np.mean((values - y) ** 2) / 2 * s * (1 - s)
        return {name: np.full_like(value, number) for name, value in params.items()}

    @np.errstate(all="ignore")
    def score(params: Params) -> dict[str, float]:
        x, y = sine_pairs(1000, 200.0, draw=1)
        values = _values(forward(params, x))
        median = np.median(values)
        return {
            "accuracy": float(np.mean(values == y)),
            "share of the commonest answer": float(np.mean(values == median)),
            "smallest weight": min(float(value.min()) for value in params.values()),
        }

    random = np.random.default_rng(seed)
    x, y = sine_pairs(600, 200.0)
    return Program(
        loss=loss,
        gradients=gradients,
        params={
            "W1": random.normal(size=(_CLASSES, 1)),
            "W2": random.normal(size=(_CLASSES, _CLASSES)),
        },
        X=x,
        Y=y,
        lr=_RATE,
        steps=1200,
        batch=10,
        forward=forward,
        update=_update,
        score=score,
    )


def _fixed(seed: int) -> Program:
    """Backpropagation of the cross-entropy, biases, and x of two periods, divided by π."""
    net = Perceptron((1, _CLASSES, _CLASSES), "tanh", "softmax")
    x, y = sine_pairs(600, _RANGE)
    x_test, y_test = sine_pairs(1000, _RANGE, draw=1)
    random = np.random.default_rng(seed)
    first = net.draw(seed) | {
        "W1": random.normal(0.0, 3.0, (1, _CLASSES)),
        "b1": random.normal(0.0, 3.0, (1, _CLASSES)),
    }

    def score(params: Params) -> dict[str, float]:
        found = net.forward(params, x_test / np.pi).argmax(axis=1)
        distance = np.abs(found - _classes(y_test))
        return {
            "accuracy": float(np.mean(distance == 0)),
            "accuracy within .1": float(np.mean(distance <= 1)),
        }

    return net.program(
        first,
        x / np.pi,
        one_hot(_classes(y), _CLASSES),
        lr=2.0,
        steps=6000,
        score=score,
    )


def _model(seed: int) -> Model:
    x, y = sine_pairs(600, _RANGE)
    wide = Dense(_CLASSES, weight_init=Normal(3.0), bias_init=Normal(3.0))
    model = MLP(layers=[wide, Tanh(), Dense(_CLASSES)], inputs=1, seed=seed)
    fit = {"epochs": 1500, "batch_size": None, "learning_rate": 0.02}
    return model, x / np.pi, _classes(y), fit


SYSTEMS = (
    System(
        id="S9",
        title="Sine: one number is added to all weights",
        source="Q&A site on programming, 'Neural network seems to be getting stuck on a single output'",
        network="1-21-21, sigmoids written 1/(1 + exp(+z)), no biases, samples one by one",
        symptom="About 48 of 1000 are right, which is 1/21; one answer for every input.",
        claim="48 of 1000",
        causes=causes("R22 D30", "D28", "D05"),
        posted=_posted,
        fixed=_fixed,
        target=("accuracy", 0.63),
        model=_model,
        explanation="Nothing here is a gradient: one positive number, made of a loss that cannot be "
        "differentiated (it takes the class with the largest output), is added to every weight of both "
        "layers, so that all of them rise for ever. The outputs are added to those of the sample before. "
        "The sigmoid lacks its minus. And x goes up to 200, over 64 periods: with that, right "
        "backpropagation gets no further than .13. The answer names the missing backpropagation and "
        "the mix of classes and squares; the asker found the outputs that add up.",
    ),
)
