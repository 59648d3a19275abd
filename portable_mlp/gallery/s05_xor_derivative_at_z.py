"""S5: XOR with a derivative that is given z in place of the activation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from portable_mlp.gallery.data import xor
from portable_mlp.gallery.perceptron import Perceptron, accuracy, sigmoid, softmax
from portable_mlp.gallery.system import Array, Model, Params, Program, System, causes
from portable_mlp.model import MLP


def with_ones(a: Array) -> Array:
    """A row of ones below the others, for the biases.

    Args:
        a: (rows, samples).

    Example:
        >>> with_ones(np.zeros((1, 2))).tolist()
        [[0.0, 0.0], [1.0, 1.0]]
    """
    return np.vstack([a, np.ones((1, a.shape[1]))])


def outputs_of(params: Params, x: Array) -> Array:
    """Forward pass of 2-2-2, sigmoid and softmax, with biases as last columns.

    Args:
        params: W1 and W2, (2, 3).
        x: (2, samples).

    Example:
        >>> outputs_of({"W1": np.zeros((2, 3)), "W2": np.zeros((2, 3))}, np.ones((2, 1))).tolist()
        [[0.5], [0.5]]
    """
    return softmax(params["W2"] @ with_ones(sigmoid(params["W1"] @ with_ones(x))), axis=0)


def halved_cross_entropy(params: Params, x: Array, y: Array) -> float:
    """Cross-entropy divided by p.shape[0], which is the number of classes, summed over the samples.

    Args:
        params: W1 and W2, (2, 3).
        x: (2, samples).
        y: one-hot, (2, samples).

    Example:
        >>> zeros = {"W1": np.zeros((2, 3)), "W2": np.zeros((2, 3))}
        >>> round(halved_cross_entropy(zeros, *xor()), 4)  # 4 ln 2 / 2
        1.3863
    """
    p = np.clip(outputs_of(params, x), 1e-12, 1 - 1e-12)
    return float(-np.sum(y * np.log(p)) / p.shape[0])


def gradients_at_z(params: Params, x: Array, y: Array) -> Params:
    """The posted backward pass: z (1 - z) stands where a (1 - a) should be.

    Args:
        params: W1 and W2, (2, 3).
        x: (2, samples).
        y: one-hot, (2, samples).

    Example:
        >>> zeros = {"W1": np.zeros((2, 3)), "W2": np.ones((2, 3))}
        >>> bool(gradients_at_z(zeros, *xor())["W1"].any())  # at z = 0 nothing goes back
        False
    """
    z1 = params["W1"] @ with_ones(x)
    a1 = sigmoid(z1)
    delta = softmax(params["W2"] @ with_ones(a1), axis=0) - y
    d1 = params["W2"][:, :-1].T @ delta * z1 * (1 - z1)
    return {"W1": d1 @ with_ones(x).T, "W2": delta @ with_ones(a1).T}


@np.errstate(all="ignore")
def score(params: Params) -> dict[str, float]:
    """Figures of the posted networks.

    Args:
        params: W1 and W2, (2, 3).

    Example:
        >>> score({"W1": np.zeros((2, 3)), "W2": np.zeros((2, 3))})["largest output"]
        0.5
    """
    x, y = xor()
    p = outputs_of(params, x)
    right = accuracy(p, y, True) if np.isfinite(p).all() else float("nan")
    return {
        "accuracy": right,
        "loss": halved_cross_entropy(params, x, y),
        "largest output": float(p.max()),
    }


def fixed_xor(seed: int) -> Program:
    """Right formulas, means, eight hidden units in place of two, rate 2 and 3000 steps.

    Args:
        seed: of the first weights.

    Example:
        >>> fixed_xor(0).steps
        3000
    """
    net = Perceptron((2, 8, 2), "sigmoid", "softmax", columns=True)
    x, y = xor()
    return net.program(
        net.draw(seed),
        x,
        y,
        lr=2.0,
        steps=3000,
        score=lambda params: {
            "accuracy": net.accuracy(params, x, y),
            "loss": net.loss(params, x, y),
            "largest output": float(net.forward(params, x).max()),
        },
    )


def xor_model(seed: int) -> Model:
    """The same in this library.

    Args:
        seed: of the model.

    Example:
        >>> xor_model(0)[0].parameter_count
        42
    """
    x, y = xor()
    model = MLP([2, 8, 2], activation="sigmoid", seed=seed)
    return model, x.T, y.argmax(axis=0), {"epochs": 600, "batch_size": None, "learning_rate": 0.05}


def _accumulating() -> Callable[[Params, Array, Array], Params]:
    """The posted gradient is added to a total that is never set back to 0."""
    total: Params = {}

    def gradients(params: Params, x: Array, y: Array) -> Params:
        for name, g in gradients_at_z(params, x, y).items():
            total[name] = total.get(name, 0.0) + g
        return dict(total)

    return gradients


def _posted(seed: int) -> Program:
    random = np.random.default_rng(seed)
    x, y = xor()
    signs = np.where(random.random((2, 3)) > 0.5, -1.0, 1.0)
    return Program(
        loss=halved_cross_entropy,
        gradients=_accumulating(),
        params={"W1": random.random((2, 3)), "W2": signs * random.random((2, 3))},
        X=x,
        Y=y,
        lr=0.01 / 4,
        steps=100,
        forward=outputs_of,
        score=score,
        columns=True,
    )


SYSTEMS = (
    System(
        id="S5",
        title="XOR: a derivative at z, and a total that is never reset",
        source="Q&A site on programming, 'How to correctly calculate gradients in neural network'",
        network="2-2-2, sigmoid and softmax, columns, biases inside of the weight matrices",
        symptom="It never converges; numeric and analytic gradients are 'drastically different'.",
        claim="none",
        causes=causes("R07", "R16", "R02 D03 D07"),
        posted=_posted,
        fixed=fixed_xor,
        target=("accuracy", 1.0),
        model=xor_model,
        explanation="The derivative n (1 - n) is written for the activation and is given z: layer 1 "
        "climbs. The total of the gradients is never set back to 0. And the check itself is off by "
        "exactly 2: the loss is divided by p.shape[0], in columns the number of classes. With those "
        "repaired, 100 epochs at .0025 are too few, and two hidden units have local minima. The answers "
        "speak of the softmax, which is right.",
    ),
)
