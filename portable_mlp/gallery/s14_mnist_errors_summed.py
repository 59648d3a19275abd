"""S14: digits with a flipped error that is summed over the samples too early."""

from __future__ import annotations

import numpy as np

from portable_mlp.gallery.perceptron import Perceptron, accuracy, sigmoid
from portable_mlp.gallery.s11_mnist_softmax_axis import mnist_rows
from portable_mlp.gallery.system import Array, Model, Params, Program, System, causes
from portable_mlp.model import MLP
from portable_mlp.nn import Dense, HeNormal, ReLU, Sigmoid
from portable_mlp.optim import SGD

_SCALE = 0.01


def _data() -> tuple[Array, Array]:
    """X (784, n) in 0 .. 1, as the post has it in the end, and one-hot targets (10, n)."""
    x, y = mnist_rows()
    return x.T, y.T


def _layers(params: Params, x: Array) -> tuple[Array, Array, Array]:
    z1 = params["W1"] @ x + params["b1"]
    a1 = np.maximum(0, z1)
    return z1, a1, sigmoid(_SCALE * (params["W2"] @ a1 + params["b2"]))


def _forward(params: Params, x: Array) -> Array:
    return _layers(params, x)[2]


def _loss(params: Params, x: Array, y: Array) -> float:
    return float(np.sum((y - _forward(params, x)) ** 2) / x.shape[1])


def _gradients(params: Params, x: Array, y: Array) -> Params:
    z1, a1, a2 = _layers(params, x)
    error = 2 / x.shape[1] * np.sum(y - a2, axis=1, keepdims=True)
    d2 = error * _SCALE * a2 * (1 - a2)
    d1 = params["W2"].T @ d2 * (z1 > 0)
    return {
        "W1": d1 @ x.T,
        "b1": d1.sum(axis=1, keepdims=True),
        "W2": d2 @ a1.T,
        "b2": d2.sum(axis=1, keepdims=True),
    }


@np.errstate(all="ignore")
def _score(params: Params) -> dict[str, float]:
    x, y = _data()
    outputs = _forward(params, x)
    return {
        "accuracy": accuracy(outputs, y, True),
        "loss": float(np.sum((y - outputs) ** 2) / x.shape[1]),
        "mean output": float(outputs.mean()),
    }


def _posted(seed: int) -> Program:
    random = np.random.default_rng(seed)
    shapes = {"W1": (128, 784), "b1": (128, 1), "W2": (10, 128), "b2": (10, 1)}
    x, y = _data()
    return Program(
        loss=_loss,
        gradients=_gradients,
        params={name: random.uniform(-0.5, 0.5, shape) for name, shape in shapes.items()},
        X=x,
        Y=y,
        lr=1.0,
        steps=30,
        forward=_forward,
        score=_score,
        columns=True,
    )


def _fixed(seed: int) -> Program:
    """Error a - t for each sample, He's weights, a sigmoid of z."""
    net = Perceptron((784, 128, 10), "relu", "sigmoid, squares", columns=True)
    x, y = _data()
    return net.program(
        net.draw(seed),
        x,
        y,
        lr=0.5,
        steps=300,
    )


def _model(seed: int) -> Model:
    x, y = mnist_rows()
    layers = [
        Dense(128, weight_init=HeNormal()),
        ReLU(),
        Dense(10, weight_init=HeNormal()),
        Sigmoid(),
    ]
    model = MLP(layers=layers, inputs=784, loss="squared_error", seed=seed)
    # this library's squared error is a mean over the ten outputs, not a sum
    fit = {"epochs": 300, "batch_size": None, "optimizer": SGD(), "learning_rate": 5.0}
    return model, x, y, fit


SYSTEMS = (
    System(
        id="S14",
        title="MNIST: the error is flipped, and summed too early",
        source="Q&A site on data science, a fully connected network for MNIST whose numbers "
        "are too large",
        network="784-128-10, ReLU and sigmoid(.01 z), columns, squared error",
        symptom="exp overflows and it does not learn, at any rate, with or without a division by 255.",
        claim="none",
        causes=causes("R01 D15", "R17"),
        posted=_posted,
        fixed=_fixed,
        target=("accuracy", 0.92),
        needs_mnist=True,
        model=_model,
        explanation="The error is t - a where the update subtracts, so the weights climb until all ten "
        "outputs are 1 and the loss is K - 1 = 9. And it is summed over the samples before it meets "
        "the activations, so that only means are left. With one of the two repaired it still fails; with "
        "both it learns. The answer (first weights too wide, no batch normalization) names what comes "
        "second.",
    ),
)
