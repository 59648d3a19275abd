"""S7: a ReLU as output, no bias, and a gradient that is a sum over a big data set."""

from __future__ import annotations

import numpy as np

from portable_mlp.gallery.perceptron import Perceptron
from portable_mlp.gallery.system import Array, Model, Params, Program, System, causes
from portable_mlp.model import MLP
from portable_mlp.optim import SGD

_SAMPLES = 10_000


def _data() -> tuple[Array, Array]:
    """Noise in, noise out, as in the post: X (n, 7) and Y (n, 2) in 0 .. 1."""
    random = np.random.default_rng(2024)
    return random.random((_SAMPLES, 7)), random.random((_SAMPLES, 2))


def r_squared(outputs: Array, y: Array) -> float:
    """1 - (squared error) / (squared error of the best constant).

    Args:
        outputs: of the network, samples in rows.
        y: targets.

    Example:
        >>> y = np.array([[0.0], [1.0]])
        >>> r_squared(y, y), r_squared(0 * y + 0.5, y)
        (1.0, 0.0)
    """
    return float(1 - np.sum((outputs - y) ** 2) / np.sum((y - y.mean(axis=0)) ** 2))


def _forward(params: Params, x: Array) -> Array:
    z = x @ params["W1"]
    return z * (z > 0)


def _loss(params: Params, x: Array, y: Array) -> float:
    return float(0.5 * np.sum((y - _forward(params, x)) ** 2))


def _gradients(params: Params, x: Array, y: Array) -> Params:
    z = x @ params["W1"]
    return {"W1": x.T @ (-(y - z * (z > 0)) * (z > 0))}


@np.errstate(all="ignore")
def _score(params: Params) -> dict[str, float]:
    x, y = _data()
    outputs = _forward(params, x)
    return {
        "R²": r_squared(outputs, y),
        "cost": _loss(params, x, y),
        "dead outputs": float((outputs == 0).all(axis=0).sum()),
    }


def _posted(seed: int) -> Program:
    x, y = _data()
    return Program(
        loss=_loss,
        gradients=_gradients,
        params={"W1": np.random.default_rng(seed).uniform(-1, 1, (7, 2))},
        X=x,
        Y=y,
        lr=0.01,
        steps=1000,
        forward=_forward,
        score=_score,
    )


def _fixed(seed: int) -> Program:
    """The mean in place of the sum, a linear output, a bias, and a rate that suits the mean."""
    net = Perceptron((7, 2), "relu", "linear")
    x, y = _data()
    return net.program(
        {"W1": np.random.default_rng(seed).uniform(-1, 1, (7, 2)), "b1": np.zeros((1, 2))},
        x,
        y,
        lr=0.4,
        steps=1000,
        score=lambda params: {
            "R²": r_squared(net.forward(params, x), y),
            "cost": _SAMPLES * net.loss(params, x, y),
        },
    )


def _model(seed: int) -> Model:
    x, y = _data()
    model = MLP([7, 2], loss="half_squared_error", seed=seed)
    fit = {"epochs": 1000, "batch_size": None, "optimizer": SGD(), "learning_rate": 0.4}
    return model, x, y, fit


SYSTEMS = (
    System(
        id="S7",
        title="Regression: a ReLU output and a summed gradient",
        source="Q&A site on programming, 'backpropagation trouble; getting higher and higher total cost'",
        network="7-2, one ReLU layer without bias, rows",
        symptom="On a big data set the cost rises to infinity; with ReLU the training is stuck, with "
        "a sigmoid it goes.",
        claim="cost stuck",
        causes=causes("D02 D01", "D11 D10"),
        posted=_posted,
        fixed=_fixed,
        target=("R²", 0.0),
        model=_model,
        explanation="The gradient is a sum over n samples, so the rate of .01 is in truth n times as "
        "large: the first step overshoots, both outputs are below 0 for every sample, and a ReLU below 0 "
        "has no gradient. The answer 'take the mean' names the cause, the answer 'dead ReLU' how it "
        "happens. There is no bias either. The data of the post are noise, of which nothing but the "
        "mean can be learned: R² = 0.",
    ),
)
