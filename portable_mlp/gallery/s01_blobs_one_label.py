"""S1: two clouds of points, all of them against the label of one.

The loop goes through the samples, but the forward pass gets the whole matrix X, and ``A2 - y``
spreads the one column y over all of it. Here a step gets all samples in a new order, and the label
it uses is the first one's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from portable_mlp.gallery.data import blobs, one_hot
from portable_mlp.gallery.perceptron import Perceptron, accuracy, sigmoid
from portable_mlp.gallery.system import Array, Model, Params, Program, System, causes
from portable_mlp.model import MLP

_SAMPLES, _TEST_SAMPLES = 1900, 101
_NETWORK = "2-3-2, ReLU and two sigmoids, columns"
_SOURCE = "Q&A site on artificial intelligence, 'gradient explosion/vanishing' of a first network"


def _data(scale: float = 10.0, *, test: bool = False) -> tuple[Array, Array]:
    """X (2, n) in 0 .. scale and one-hot targets (2, n)."""
    x, labels = blobs(_TEST_SAMPLES, draw=1) if test else blobs(_SAMPLES)
    return (scale * x / blobs(_SAMPLES)[0][:, 1].max()).T, one_hot(labels, 2).T


def _first(seed: int) -> Params:
    random = np.random.default_rng(seed)
    shapes = {"W1": (3, 2), "b1": (3, 1), "W2": (2, 3), "b2": (2, 1)}
    return {name: random.random(shape) for name, shape in shapes.items()}


def _sums(params: Params, x: Array) -> tuple[Array, Array, Array]:
    z1 = params["W1"] @ x + params["b1"]
    a1 = np.maximum(0, z1)
    return z1, a1, params["W2"] @ a1 + params["b2"]


def _forward(params: Params, x: Array) -> Array:
    return sigmoid(_sums(params, x)[2])


def _cross_entropy(params: Params, x: Array, y: Array) -> float:
    """Binary cross-entropy, whose derivative by z2 is a2 - y; summed, as the gradients are."""
    z2 = _sums(params, x)[2]
    return float(np.sum(np.logaddexp(0, z2) - y * z2))


def _half_squares(params: Params, x: Array, y: Array) -> float:
    return float(0.5 * np.sum((_forward(params, x) - y) ** 2))


def _back(params: Params, x: Array, delta: Array, z1: Array, a1: Array) -> Params:
    """From delta = dL/dz2. The bias gradients are sums over everything."""
    d1 = params["W2"].T @ delta * (z1 > 0)
    return {
        "W1": d1 @ x.T,
        "b1": np.asarray(d1.sum()),
        "W2": delta @ a1.T,
        "b2": np.asarray(delta.sum()),
    }


def _one_label(params: Params, x: Array, y: Array) -> Params:
    z1, a1, z2 = _sums(params, x)
    return _back(params, x, sigmoid(z2) - y[:, :1], z1, a1)


def _own_labels(params: Params, x: Array, y: Array) -> Params:
    z1, a1, z2 = _sums(params, x)
    return _back(params, x, sigmoid(z2) - y, z1, a1)


def _as_answered(params: Params, x: Array, y: Array) -> Params:
    """The answer's backward pass in the same loop: squares, and a bias gradient for each sample."""
    z1, a1, z2 = _sums(params, x)
    a2 = sigmoid(z2)
    delta = (a2 - y[:, :1]) * a2 * (1 - a2)
    d1 = params["W2"].T @ delta * (z1 > 0)
    return {"W1": d1 @ x.T, "b1": d1, "W2": delta @ a1.T, "b2": delta}


def _score(scale: float = 10.0) -> Callable[[Params], dict[str, float]]:
    @np.errstate(all="ignore")
    def score(params: Params) -> dict[str, float]:
        (x, y), (x_test, y_test) = _data(scale), _data(scale, test=True)
        if params["b1"].size > 3:  # a bias for each training sample: no other ones fit
            x_test, y_test = x, y
        right = _forward(params, x_test).argmax(axis=0) == y_test.argmax(axis=0)
        a1 = _sums(params, x)[1]
        return {
            "accuracy": accuracy(_forward(params, x), y, columns=True),
            "test accuracy": float(right.mean()),
            # it looks at one sample only, and divides by their number
            "test accuracy as posted": float(right[0]) / _TEST_SAMPLES,
            "share of samples with A1 = 0": float(np.mean((a1 == 0).all(axis=0))),
            "largest weight": max(float(np.abs(params[k]).max()) for k in ("W1", "W2")),
        }

    return score


def _program(
    loss: Callable[[Params, Array, Array], float],
    gradients: Callable[[Params, Array, Array], Params],
    params: Params,
    *,
    steps: int,
    batch: int | None,
    lr: float = 0.1,
    scale: float = 10.0,
) -> Program:
    x, y = _data(scale)
    return Program(
        loss=loss,
        gradients=gradients,
        params=params,
        X=x,
        Y=y,
        lr=lr,
        steps=steps,
        batch=batch,
        forward=_forward,
        score=_score(scale),
        columns=True,
    )


def _posted(seed: int) -> Program:
    return _program(_cross_entropy, _one_label, _first(seed), steps=4000, batch=_SAMPLES)


def _posted_by_the_asker(seed: int) -> Program:
    return _program(_cross_entropy, _own_labels, _first(seed), steps=10 * _SAMPLES, batch=1)


def _posted_by_the_answer(seed: int) -> Program:
    return _program(_half_squares, _as_answered, _first(seed), steps=1000, batch=_SAMPLES)


def _fixed(output: str) -> Callable[[int], Program]:
    """Each sample with its own label, means, vectors of biases, He's weights, x in 0 .. 1."""
    net = Perceptron((2, 3, 2), "relu", output, columns=True)

    def fixed(seed: int) -> Program:
        first, lr = net.draw(seed), 1.0
        return _program(net.loss, net.gradients, first, steps=2000, batch=None, lr=lr, scale=1.0)

    return fixed


def _fixed_for_the_asker(seed: int) -> Program:
    """Two changes, and no more: vectors of biases, x in 0 .. 1."""
    net = Perceptron((2, 3, 2), "relu", "sigmoid", columns=True)
    return _program(net.loss, net.gradients, _first(seed), steps=10 * _SAMPLES, batch=1, scale=1.0)


def _model(seed: int) -> Model:
    x, labels = blobs(_SAMPLES)
    model = MLP([2, 3, 2], activation="relu", seed=seed)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    return model, x, labels, {"epochs": 40, "batch_size": 32, "learning_rate": 0.01}


SYSTEMS = (
    System(
        id="S1",
        title="Two clouds of points: all samples against one label",
        source=_SOURCE,
        network=_NETWORK,
        symptom="Accuracy .5189 from the first epoch to the last, overflow in exp, A1 all 0, weights "
        "up to 1e12; test accuracy .0099.",
        claim="accuracy .5189, test accuracy .0099",
        causes=causes("R18 D25", "D02 D10 D01", "R11"),
        posted=_posted,
        fixed=_fixed("sigmoid"),
        target=("accuracy", 0.9),
        model=_model,
        explanation="The forward pass gets all of X and the error is taken against the label of one "
        "sample, so every sample is pulled to that label. The gradient is a sum over 1900 samples at a "
        "rate of .1: the first steps explode, every ReLU dies, and the output is the bias alone. "
        "Both bias gradients are one number. The answer (a derivative of the sigmoid is missing) is "
        "wrong: A2 - Y is right for binary cross-entropy. The test accuracy looks at one sample.",
    ),
    System(
        id="S1F",
        title="Two clouds of points: one sample at a time",
        source=_SOURCE + ", the asker's repair in a comment",
        network=_NETWORK,
        symptom="Accuracy begins to rise, and is never over .95.",
        claim="accuracy below .95",
        causes=causes("R11"),
        posted=_posted_by_the_asker,
        fixed=_fixed_for_the_asker,
        target=("accuracy", 0.89),
        model=_model,
        explanation="The right samples meet the right labels now, and most seeds learn. The bias "
        "gradients are still one number for all units, and with inputs up to 10 a step of rate .1 is "
        "too long, so that with some seeds all ReLUs die: 14 seeds of 20 get over .8. With vectors of "
        "biases and inputs in 0 .. 1 all 20 do, at the same rate and from the same first weights.",
    ),
    System(
        id="S1A",
        title="Two clouds of points: the answer's backward pass",
        source=_SOURCE + ", the answer",
        network=_NETWORK + ", squared error",
        symptom="The answer says that the backward pass does not follow the forward pass, and adds the "
        "derivative of the sigmoid.",
        claim="none",
        causes=causes("R18 D25", "R12 D35", "D02 D10 D01 D07 D12"),
        posted=_posted_by_the_answer,
        fixed=_fixed("sigmoid, squares"),
        target=("accuracy", 0.9),
        model=_model,
        explanation="In the posted loop the answer changes nothing: all samples still meet one label, "
        "the gradient is still a sum over all of them, and its bias gradients are not summed, so that "
        "every sample gets a bias of its own. With those repaired the squared error learns as well as "
        "the cross-entropy.",
    ),
)
