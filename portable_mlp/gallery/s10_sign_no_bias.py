"""S10: the sign of a number, learned without biases."""

from __future__ import annotations

import numpy as np

from portable_mlp.gallery.perceptron import Perceptron, sigmoid
from portable_mlp.gallery.system import Array, Model, Params, Program, System
from portable_mlp.model import MLP

_POINTS = np.arange(-3.0, 4.0)[:, None]


def _data() -> tuple[Array, Array]:
    x = np.random.default_rng(2024).choice(_POINTS, 10_000)
    return x, (x > 0) * 1.0


def _forward(params: Params, x: Array) -> Array:
    return sigmoid(sigmoid(x @ params["W1"]) @ params["W2"])


def _loss(params: Params, x: Array, y: Array) -> float:
    return float(0.5 * np.sum((_forward(params, x) - y) ** 2))


def _gradients(params: Params, x: Array, y: Array) -> Params:
    a1 = sigmoid(x @ params["W1"])
    a2 = sigmoid(a1 @ params["W2"])
    d2 = (a2 - y) * a2 * (1 - a2)
    d1 = d2 @ params["W2"].T * a1 * (1 - a1)
    return {"W1": x.T @ d1, "W2": a1.T @ d2}


def _figures(outputs: Array) -> dict[str, float]:
    distance = np.abs(outputs - (_POINTS > 0))
    return {
        "accuracy": float(np.mean(distance < 0.5)),
        "share within .1": float(np.mean(distance < 0.1)),
        "f(-3)": float(outputs[0, 0]),
        "f(0)": float(outputs[3, 0]),
        "f(3)": float(outputs[6, 0]),
    }


def _posted(seed: int) -> Program:
    random = np.random.default_rng(seed)
    x, y = _data()
    return Program(
        loss=_loss,
        gradients=_gradients,
        params={"W1": random.normal(size=(1, 3)), "W2": random.normal(size=(3, 1))},
        X=x,
        Y=y,
        lr=0.1,
        steps=10_000,
        batch=1,
        forward=_forward,
        score=lambda params: _figures(_forward(params, _POINTS)),
    )


def _fixed(seed: int) -> Program:
    """Biases, and the cross-entropy that goes with a sigmoid."""
    net = Perceptron((1, 3, 1), "sigmoid", "sigmoid")
    random = np.random.default_rng(seed)
    x, y = _data()
    return net.program(
        net.draw(seed) | {"W1": random.normal(size=(1, 3)), "W2": random.normal(size=(3, 1))},
        x,
        y,
        lr=0.1,
        steps=10_000,
        batch=1,
        score=lambda params: _figures(net.forward(params, _POINTS)),
    )


def _model(seed: int) -> Model:
    x, y = _data()
    model = MLP([1, 3, 1], activation="sigmoid", loss="binary_cross_entropy", seed=seed)
    return model, x, y.astype(np.int64), {"epochs": 10, "batch_size": 32, "learning_rate": 0.02}


SYSTEMS = (
    System(
        id="S10",
        title="Sign of a number: no biases",
        source="Q&A site on programming, 'Neural network seems to be getting stuck on a single output', "
        "the asker's own repair",
        network="1-3-1, sigmoid and sigmoid, no biases, samples one by one",
        symptom="It works: outputs near 0 for negative and near 1 for positive numbers.",
        claim="near 0 and near 1",
        causes=(),
        posted=_posted,
        fixed=_fixed,
        target=("share within .1", 1.0),
        model=_model,
        explanation="The gradients are right and it learns. Without biases every hidden unit gives .5 "
        "at 0, so that the step from 0 to 1 cannot be moved to lie between 0 and 1: f(0) stays above .1. "
        "(The post speaks of even and odd numbers; the code learns positive and not positive.)",
    ),
)
