"""S2: a forward pass, and no backward pass.

What the post calls ``backprop`` returns the squared errors; nothing is derived and nothing changes.
The gradient that the program has is therefore 0.
"""

from __future__ import annotations

import numpy as np

from portable_mlp.gallery.perceptron import Perceptron, sigmoid
from portable_mlp.gallery.system import Array, Model, Params, Program, System, causes
from portable_mlp.model import MLP

_X = np.array([[1.0, 1.0], [0.0, 0.0], [12.0, 5.0]])
_Y = np.array([[1.0], [0.0], [-1.0]])


def _forward(params: Params, x: Array) -> Array:
    a1 = sigmoid(x @ params["W1"] + params["b1"])
    return sigmoid(a1 @ params["W2"] + params["b2"])


def _loss(params: Params, x: Array, y: Array) -> float:
    return float(np.mean((y - _forward(params, x)) ** 2))


def _gradients(params: Params, x: Array, y: Array) -> Params:
    return {name: np.zeros_like(value) for name, value in params.items()}


def _score(params: Params) -> dict[str, float]:
    outputs = _forward(params, _X)
    return {
        "accuracy": _within(outputs),
        "smallest output": float(outputs.min()),
        "largest output": float(outputs.max()),
        "largest squared error": float(((outputs - _Y) ** 2).max()),
    }


def _within(outputs: Array) -> float:
    """Share of the outputs that are nearer than .1 to their targets."""
    return float(np.mean(np.abs(outputs - _Y) < 0.1))


def _posted(seed: int) -> Program:
    random = np.random.default_rng(seed)
    params = {
        "W1": random.uniform(-1e-3, 1e-3, (2, 3)),
        "b1": np.zeros((1, 3)),
        "W2": random.uniform(-1e-3, 1e-3, (3, 1)),
        "b2": np.zeros((1, 1)),
    }
    return Program(
        loss=_loss,
        gradients=_gradients,
        params=params,
        X=_X,
        Y=_Y,
        lr=0.01,
        steps=100,
        forward=_forward,
        score=_score,
    )


def _standardised() -> Array:
    scaled: Array = (_X - _X.mean(axis=0)) / _X.std(axis=0)
    return scaled


def _fixed(seed: int) -> Program:
    """A backward pass, a linear output, Glorot's weights, standardised inputs."""
    net, x = Perceptron((2, 3, 1), "sigmoid", "linear"), _standardised()
    return net.program(
        net.draw(seed),
        x,
        _Y,
        lr=0.5,
        steps=3000,
        score=lambda params: {"accuracy": _within(net.forward(params, x))},
    )


def _model(seed: int) -> Model:
    model = MLP([2, 3, 1], activation="sigmoid", loss="half_squared_error", seed=seed)
    return model, _standardised(), _Y, {"epochs": 1500, "batch_size": None, "learning_rate": 0.05}


SYSTEMS = (
    System(
        id="S2",
        title="Three points: no backward pass",
        source="Q&A site on programming, 'How to implement vectorized backprop in numpy'",
        network="2-3-1, sigmoid and sigmoid, rows",
        symptom="All outputs are .5000; squared errors .2499, .2501 and 2.2502; 'not sure how to go on'.",
        claim="squared errors .2499, .2501, 2.2502",
        causes=causes("R10 R22 D29", "D17"),
        posted=_posted,
        fixed=_fixed,
        target=("accuracy", 1.0),
        model=_model,
        explanation="Nothing is trained: the function called backprop returns the squared errors. Once "
        "it is written, a sigmoid output cannot reach the target -1 (2.25 = (-1 - .5)² says that "
        "the output is .5 for every input), weights below .001 make all outputs equal, and the row "
        "[12, 5] is far larger than the others. Four activation functions of the listing are wrong or "
        "raise, but the example does not call them. Nobody answered.",
    ),
)
