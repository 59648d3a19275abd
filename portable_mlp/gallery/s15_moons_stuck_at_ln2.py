"""S15: four layers whose loss stays at ln 2.

The post has no sizes, weights or data. Here they are two half moons, hidden layers of 10, 8 and 6,
weights of size .01 and the rate .0075, as in the course whose notation the post uses. The derivative
of the output is the one that the asker shows in his answer as the old one.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from portable_mlp.gallery.data import moons
from portable_mlp.gallery.perceptron import Perceptron, accuracy, sigmoid
from portable_mlp.gallery.system import Array, Model, Params, Program, System, causes
from portable_mlp.model import MLP

SIZES = (2, 10, 8, 6, 1)
_SAMPLES = 400


def moons_in_columns() -> tuple[Array, Array]:
    """X (2, 400) and targets (1, 400).

    Example:
        >>> moons_in_columns()[1].shape
        (1, 400)
    """
    x, labels = moons(_SAMPLES)
    return x.T, labels[None, :] * 1.0


def _layers(params: Params, x: Array) -> tuple[list[Array], list[Array]]:
    """z and a of each layer; ``a[0]`` is x."""
    zs, activations = [], [x]
    for k in range(1, 5):
        zs.append(params[f"W{k}"] @ activations[-1] + params[f"b{k}"])
        activations.append(np.tanh(zs[-1]) if k < 4 else sigmoid(zs[-1]))
    return zs, activations


def _forward(params: Params, x: Array) -> Array:
    return _layers(params, x)[1][-1]


def _loss(params: Params, x: Array, y: Array) -> float:
    a4 = _forward(params, x)
    return float(-np.mean(y * np.log(a4) + (1 - y) * np.log(1 - a4)))


def _gradients(params: Params, x: Array, y: Array) -> Params:
    zs, a = _layers(params, x)
    n = x.shape[1]
    da = -(y / a[4] + (1 - y) / (1 - a[4]))
    found: Params = {}
    for k in range(4, 0, -1):
        z = zs[k - 1]
        dz = da * z * (1 - z) if k == 4 else da * (1 - z**2)
        found[f"W{k}"] = dz @ a[k - 1].T / n
        found[f"b{k}"] = dz.sum(axis=1, keepdims=True) / n
        da = params[f"W{k}"].T @ dz
    return {name: found[name] for name in params}


@np.errstate(all="ignore")
def _score(params: Params) -> dict[str, float]:
    x, y = moons_in_columns()
    return {
        "accuracy": accuracy(_forward(params, x), y, True),
        "loss": _loss(params, x, y),
        "largest entry of dW4": float(np.abs(_gradients(params, x, y)["W4"]).max()),
    }


def _posted(seed: int) -> Program:
    random = np.random.default_rng(seed)
    params: Params = {}
    for k, (n, m) in enumerate(pairwise(SIZES), 1):
        params[f"W{k}"] = 0.01 * random.normal(size=(m, n))
        params[f"b{k}"] = np.zeros((m, 1))
    x, y = moons_in_columns()
    return Program(
        loss=_loss,
        gradients=_gradients,
        params=params,
        X=x,
        Y=y,
        lr=0.0075,
        steps=1000,
        forward=_forward,
        score=_score,
        columns=True,
    )


def _fixed(seed: int) -> Program:
    """Right derivatives, Glorot's weights, a rate of .5."""
    net = Perceptron(SIZES, "tanh", "sigmoid", columns=True)
    x, y = moons_in_columns()
    return net.program(
        net.draw(seed),
        x,
        y,
        lr=0.5,
        steps=3000,
    )


def moons_model(activation: str) -> Callable[[int], Model]:
    """The network in this library, with one activation or the other.

    Args:
        activation: of the hidden layers.

    Example:
        >>> moons_model("tanh")(0)[0].parameter_count
        179
    """

    def model(seed: int) -> Model:
        x, y = moons_in_columns()
        made = MLP(SIZES, activation=activation, loss="binary_cross_entropy", seed=seed)
        fit = {"epochs": 200, "batch_size": 32, "learning_rate": 0.01}
        return made, x.T, y.T.astype(np.int64), fit

    return model


SYSTEMS = (
    System(
        id="S15",
        title="Moons: a loss that stays at ln 2",
        source="Q&A site on artificial intelligence, a deep network whose loss is stuck at .69321",
        network="2-10-8-6-1, three times tanh and a sigmoid, columns",
        symptom="The loss stays at .69321 for 1000 epochs; dW4 is about 1e-7.",
        claim="loss .69321",
        causes=causes("R07", "R19", "D08 D13"),
        posted=_posted,
        fixed=_fixed,
        target=("accuracy", 1.0),
        model=moons_model("tanh"),
        explanation="The derivatives x (1 - x) and 1 - x² are written for the activation and get z. "
        "Small first weights make z about 0, where x (1 - x) is 0: nothing goes back. The derivative "
        "of the cross-entropy has a plus where a minus belongs. With weights of size .01 four layers "
        "of tanh would be stuck even with right formulas. The answer 'tanh has a maximum, take ReLU' is "
        "wrong: tanh with right derivatives and larger weights learns.",
    ),
)
