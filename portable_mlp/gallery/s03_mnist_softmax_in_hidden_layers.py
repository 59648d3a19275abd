"""S3: digits with softmax in every layer and first weights in -10 .. 10, one sample at a time.

The post trains on MNIST's training set. Here it is the first 8,000 images of the test set; the other
2,000 are kept to measure with. The post's softmax subtracts no maximum before exp, and overflows
after some 460 samples with these first weights; here it does, so that the rest can be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from portable_mlp.gallery.data import mnist_test_set, one_hot
from portable_mlp.gallery.perceptron import Perceptron, accuracy, softmax
from portable_mlp.gallery.system import Array, Model, Params, Program, System, causes
from portable_mlp.model import MLP
from portable_mlp.optim import SGD

_TRAINING = 8000
_SOURCE = "Q&A site on programming, 'Handwritten digit recognition neural network not working'"


def _data(*, rest: bool = False) -> tuple[Array, Array]:
    """X (784, n) and one-hot targets (10, n)."""
    x, labels = mnist_test_set()
    part = slice(_TRAINING, None) if rest else slice(_TRAINING)
    return x[part].T, one_hot(labels[part], 10).T


def _layers(params: Params, x: Array) -> list[Array]:
    """Inputs of the layers, and the outputs: softmax after each."""
    found = [x]
    for k in range(1, len(params) // 2 + 1):
        found.append(softmax(params[f"W{k}"] @ found[-1] + params[f"b{k}"], axis=0))
    return found


def _forward(params: Params, x: Array) -> Array:
    return _layers(params, x)[-1]


def _loss(params: Params, x: Array, y: Array) -> float:
    return float(0.5 * np.sum((_forward(params, x) - y) ** 2))


def _gradients(params: Params, x: Array, y: Array) -> Params:
    a = _layers(params, x)
    last = len(a) - 1
    delta = (a[-1] - y) * a[-1] * (1 - a[-1])
    found: Params = {}
    for k in range(last, 0, -1):
        found[f"W{k}"], found[f"b{k}"] = delta @ a[k - 1].T, delta.sum(axis=1, keepdims=True)
        if k < last:  # the layer's own derivative comes too late: only layers below get it
            delta = delta * a[k] * (1 - a[k])
        delta = params[f"W{k}"].T @ delta
    return found


@np.errstate(all="ignore")
def _score(params: Params) -> dict[str, float]:
    x, y = _data(rest=True)
    a = _layers(params, x)
    return {
        "accuracy": accuracy(a[-1], y, True),
        "loss per sample": _loss(params, x, y) / x.shape[1],
        "mean of the largest hidden activation": float(a[1].max(axis=0).mean()),
    }


def _posted_with(sizes: tuple[int, ...], steps: int) -> Callable[[int], Program]:
    def posted(seed: int) -> Program:
        random = np.random.default_rng(seed)
        params: Params = {}
        for k, (n, m) in enumerate(pairwise(sizes), 1):
            params[f"W{k}"] = random.uniform(-10, 10, (m, n))
            params[f"b{k}"] = np.zeros((m, 1))
        x, y = _data()
        return Program(
            loss=_loss,
            gradients=_gradients,
            params=params,
            X=x,
            Y=y,
            lr=0.1,
            steps=steps,
            batch=1,
            forward=_forward,
            score=_score,
            columns=True,
        )

    return posted


def _fixed_with(sizes: tuple[int, ...], hidden: str, steps: int) -> Callable[[int], Program]:
    """Another hidden activation, cross-entropy, first weights that suit it."""
    net = Perceptron(sizes, hidden, "softmax", columns=True)

    def fixed(seed: int) -> Program:
        x, y = _data()
        return net.program(
            net.draw(seed),
            x,
            y,
            lr=0.1 if hidden == "sigmoid" else 0.02,
            steps=steps,
            batch=1,
            score=lambda params: {"accuracy": net.accuracy(params, *_data(rest=True))},
        )

    return fixed


def _model_with(sizes: tuple[int, ...], hidden: str) -> Callable[[int], Model]:
    def model(seed: int) -> Model:
        x, labels = mnist_test_set()
        fit = {"epochs": 5, "batch_size": 32, "optimizer": SGD(), "learning_rate": 0.2}
        net = MLP(sizes, activation=hidden, seed=seed)
        return net, x[:_TRAINING], labels[:_TRAINING], fit

    return model


_TWO, _ONE = (784, 696, 618, 10), (784, 696, 10)

SYSTEMS = (
    System(
        id="S3",
        title="MNIST: softmax in two hidden layers",
        source=_SOURCE,
        network="784-696-618-10, softmax in every layer, columns, one sample a step",
        symptom="About 10 % right, and the same digit for each image.",
        claim="accuracy about .10",
        causes=causes("D06", "D19", "R04 R09 R05"),
        posted=_posted_with(_TWO, 4000),
        fixed=_fixed_with(_TWO, "tanh", 3000),
        target=("accuracy", 0.8),
        needs_mnist=True,
        model=_model_with(_TWO, "tanh"),
        explanation="First weights in -10 .. 10 give weighted sums of size 50, so that each hidden "
        "layer is 1 in one unit and 0 in the others. With smaller weights a softmax over 696 units "
        "gives each about 1/696, and nothing goes through either. The gradient is wrong in two places "
        "(no derivative of the layer itself, an elementwise one for softmax), but it points downhill: "
        "that is not what stops it. Nobody answered.",
    ),
    System(
        id="S3b",
        title="MNIST: softmax in one hidden layer",
        source=_SOURCE,
        network="784-696-10, softmax in every layer, columns, one sample a step",
        symptom="Roughly 50 % right.",
        claim="accuracy about .50",
        causes=causes("D06", "D19", "R04 R09 R05"),
        posted=_posted_with(_ONE, 16_000),
        fixed=_fixed_with(_ONE, "sigmoid", 3000),
        target=("accuracy", 0.8),
        needs_mnist=True,
        model=_model_with(_ONE, "sigmoid"),
        explanation="The same faults. With one hidden layer the output layer can learn which digit goes "
        "with which of the units that fire, slowly: .16 after 4,000 samples, .4 after 16,000. More "
        "hidden units or samples do not mend that; other first weights and activations do.",
    ),
)
