"""S4: the derivative of softmax in three versions, with a squared error.

The post has images of digits with sizes, rate and momentum left open. Here they are the digits of 8x8
pixels and 64-32-16-10, without momentum.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from portable_mlp.gallery.data import digits, one_hot
from portable_mlp.gallery.perceptron import Perceptron, accuracy, sigmoid, softmax
from portable_mlp.gallery.system import Array, Model, Params, Program, System, causes
from portable_mlp.model import MLP
from portable_mlp.optim import SGD

_SIZES = (64, 32, 16, 10)
_NETWORK = (
    "64-32-16-10, two times sigmoid and softmax, rows, a last input of -1 in each layer as bias"
)
_SOURCE = "Q&A site on programming, 'Problem with implementation of multilayer perceptron'"
Factor = Callable[[Array], Array]


def _data() -> tuple[Array, Array]:
    x, labels = digits()
    return x, one_hot(labels, 10)


def _first(seed: int) -> Params:
    random = np.random.default_rng(seed)
    return {
        f"W{k}": random.uniform(-1, 1, (n + 1, m)) / np.sqrt(n)
        for k, (n, m) in enumerate(pairwise(_SIZES), 1)
    }


def _biased(a: Array) -> Array:
    return np.concatenate([a, -np.ones((len(a), 1))], axis=1)


def _layers(params: Params, x: Array) -> tuple[Array, Array, Array, Array]:
    """Inputs of the three layers, and the outputs."""
    x = _biased(x)
    h1 = _biased(sigmoid(x @ params["W1"]))
    h2 = _biased(sigmoid(h1 @ params["W2"]))
    e = np.exp(h2 @ params["W3"])  # nothing is subtracted: it overflows once weights are large
    return x, h1, h2, e / e.sum(axis=1, keepdims=True)


def _forward(params: Params, x: Array) -> Array:
    return _layers(params, x)[3]


def _loss(params: Params, x: Array, y: Array) -> float:
    return float(0.5 * np.sum((_forward(params, x) - y) ** 2))


def _gradients_with(factor: Factor) -> Callable[[Params, Array, Array], Params]:
    """Backward pass whose output delta is (o - t) times ``factor(o)``."""

    def gradients(params: Params, x: Array, y: Array) -> Params:
        x, h1, h2, o = _layers(params, x)
        delta = (o - y) * factor(o)
        d2 = h2 * (1 - h2) * (delta @ params["W3"].T)
        d1 = h1 * (1 - h1) * (d2[:, :-1] @ params["W2"].T)
        return {"W1": x.T @ d1[:, :-1], "W2": h1.T @ d2[:, :-1], "W3": h2.T @ delta}

    return gradients


def _reused_name(o: Array) -> Array:
    """The inner loop's number takes the name of the outputs: o_j - o_j² - Σ over k ≠ j of k o_k."""
    numbers = np.arange(o.shape[1])
    others = (o * numbers).sum(axis=1, keepdims=True) - o * numbers
    found: Array = o * (1 - o) - others
    return found


def _row_sum(o: Array) -> Array:
    """The sum of row j of softmax's Jacobian: o_j (1 - o_j) - Σ over k ≠ j of o_j o_k, which is 0."""
    found: Array = o * (1 - o)
    for j in range(o.shape[1]):
        for k in range(o.shape[1]):
            if k != j:
                found[:, j] -= o[:, j] * o[:, k]
    return found


def _softmax_again(o: Array) -> Array:
    s = softmax(o, axis=1)
    found: Array = s * (1 - s) / len(o)
    return found


@np.errstate(all="ignore")
def _score(params: Params) -> dict[str, float]:
    x, y = _data()
    return {"accuracy": accuracy(_forward(params, x), y, False), "loss": _loss(params, x, y)}


def _posted_with(factor: Factor, lr: float, steps: int) -> Callable[[int], Program]:
    def posted(seed: int) -> Program:
        x, y = _data()
        return Program(
            loss=_loss,
            gradients=_gradients_with(factor),
            params=_first(seed),
            X=x,
            Y=y,
            lr=lr,
            steps=steps,
            forward=_forward,
            score=_score,
        )

    return posted


def _fixed(seed: int) -> Program:
    """Cross-entropy, whose delta is o - t, and the mean over the samples."""
    net = Perceptron(_SIZES, "sigmoid", "softmax")
    x, y = _data()
    return net.program(
        net.draw(seed),
        x,
        y,
        lr=4.0,
        steps=300,
    )


def _model(seed: int) -> Model:
    x, labels = digits()
    model = MLP(_SIZES, activation="sigmoid", seed=seed)
    fit = {"epochs": 300, "batch_size": None, "optimizer": SGD(), "learning_rate": 4.0}
    return model, x, labels, fit


SYSTEMS = (
    System(
        id="S4a",
        title="Digits: a loop variable takes the name of the outputs",
        source=_SOURCE,
        network=_NETWORK,
        symptom="Overflow; it does not learn.",
        claim="none",
        causes=causes("R01 D15"),
        posted=_posted_with(_reused_name, 0.5, 400),
        fixed=_fixed,
        target=("accuracy", 0.97),
        model=_model,
        explanation="The inner loop calls its number y, as the column of outputs is called, so that "
        "-y o_k becomes -k o_k. The factor that should be about .09 is about -4: delta has the wrong "
        "sign and the weights climb until exp overflows. The gradient is a sum over all samples, which "
        "makes it quick.",
    ),
    System(
        id="S4b",
        title="Digits: the row sum of softmax's Jacobian",
        source=_SOURCE + ", first update",
        network=_NETWORK,
        symptom="No overflow any more, and accuracy at most 15 % whatever is changed.",
        claim="accuracy at most .15",
        causes=causes("R10 R22"),
        posted=_posted_with(_row_sum, 0.5, 200),
        fixed=_fixed,
        target=("accuracy", 0.97),
        model=_model,
        explanation="With the name repaired the factor is o_j (1 - o_j) - Σ o_j o_k = o_j (1 - Σ o), "
        "the sum of a row of the Jacobian, and that is 0. Every gradient is rounding noise. The "
        "Jacobian has to be multiplied by the vector o - t before anything is summed.",
    ),
    System(
        id="S4c",
        title="Digits: a scaled cross-entropy in disguise",
        source=_SOURCE + ", second update",
        network=_NETWORK,
        symptom="It works with s (1 - s), s the softmax of the softmax: 'I have no idea why'.",
        claim="works",
        causes=causes("R05 R09 D30"),
        posted=_posted_with(_softmax_again, 5.0, 2000),
        fixed=_fixed,
        target=("accuracy", 0.97),
        model=_model,
        explanation="The softmax of numbers in 0 .. 1 is nearly flat, so s is about .1 and s (1 - s) "
        "about .09 everywhere. What is left is .09 (o - t) / N, the gradient of the cross-entropy times "
        "a constant. It is not the derivative of the squared error that is printed, and it does not have "
        "to be. Without the factor the rate can be ten times smaller.",
    ),
)
