"""S8: the answer to S7: leaky ReLU also at the output, biases, a hidden layer, a tiny rate."""

from __future__ import annotations

import numpy as np

from portable_mlp.gallery.perceptron import Perceptron
from portable_mlp.gallery.s07_relu_output_summed import r_squared
from portable_mlp.gallery.system import Array, Model, Params, Program, System, causes
from portable_mlp.model import MLP

_SAMPLES, _LEAK = 1000, 1e-4


def _data() -> tuple[Array, Array]:
    """X (n, 7) in 0 .. 1 and Y (n, 2): the sums of the sines and of the cosines."""
    x = np.random.default_rng(2024).random((_SAMPLES, 7))
    return x, np.column_stack([np.sin(x).sum(axis=1), np.cos(x).sum(axis=1)])


def _first(seed: int) -> Params:
    random = np.random.default_rng(seed)
    return {
        "W1": random.uniform(-1, 1, (7, 10)),
        "b1": random.uniform(0, 1, (1, 10)),
        "W2": random.uniform(-1, 1, (10, 2)),
        "b2": random.uniform(0, 1, (1, 2)),
    }


def _leaky(z: Array) -> Array:
    return np.where(z > 0, z, _LEAK * z)


def _slope(z: Array) -> Array:
    return (z > 0) + _LEAK * (z < 0)


def _sums(params: Params, x: Array) -> tuple[Array, Array, Array]:
    z1 = x @ params["W1"] + params["b1"]
    a1 = _leaky(z1)
    return z1, a1, a1 @ params["W2"] + params["b2"]


def _forward(params: Params, x: Array) -> Array:
    return _leaky(_sums(params, x)[2])


def _loss(params: Params, x: Array, y: Array) -> float:
    return float(0.5 * np.sum((y - _forward(params, x)) ** 2))


def _gradients(params: Params, x: Array, y: Array) -> Params:
    z1, a1, z2 = _sums(params, x)
    d2 = (_leaky(z2) - y) * _slope(z2)
    d1 = d2 @ params["W2"].T * _slope(z1)
    return {
        "W1": x.T @ d1,
        "b1": d1.sum(axis=0, keepdims=True),
        "W2": a1.T @ d2,
        "b2": d2.sum(axis=0, keepdims=True),
    }


def _score(params: Params) -> dict[str, float]:
    x, y = _data()
    z2 = _sums(params, x)[2]
    return {
        "R²": r_squared(_leaky(z2), y),
        "cost": _loss(params, x, y),
        "dead outputs": float((z2 < 0).all(axis=0).sum()),
    }


def _posted(seed: int) -> Program:
    x, y = _data()
    return Program(
        loss=_loss,
        gradients=_gradients,
        params=_first(seed),
        X=x,
        Y=y,
        lr=1e-5,
        steps=2000,
        forward=_forward,
        score=_score,
    )


def _fixed(seed: int) -> Program:
    """A linear output and means; ReLU in the hidden layer, whose leak did nothing."""
    net = Perceptron((7, 10, 2), "relu", "linear")
    x, y = _data()
    return net.program(
        _first(seed),
        x,
        y,
        lr=0.02,
        steps=2000,
        score=lambda params: {
            "R²": r_squared(net.forward(params, x), y),
            "cost": _SAMPLES * net.loss(params, x, y),
        },
    )


def _model(seed: int) -> Model:
    x, y = _data()
    model = MLP([7, 10, 2], activation="leaky_relu", loss="half_squared_error", seed=seed)
    return model, x, y, {"epochs": 600, "batch_size": None, "learning_rate": 0.02}


SYSTEMS = (
    System(
        id="S8",
        title="Regression: a leaky ReLU output",
        source="Q&A site on programming, 'backpropagation trouble; getting higher and higher total "
        "cost', an answer",
        network="7-10-2, two leaky ReLUs of slope .0001, rows",
        symptom="Recommended as the repair of S7.",
        claim="the cost falls",
        causes=causes("D11 D10"),
        posted=_posted,
        fixed=_fixed,
        target=("R²", 0.9),
        model=_model,
        explanation="It fits with some seeds. With others an output begins below 0 for every sample, and "
        "a slope of .0001 is too small to bring it back: it stays dead for the whole training. An "
        "output that may be any number needs no ReLU. The sum over the samples is why the rate had "
        "to be .00001.",
    ),
)
